// What the Worker may write to its log: names of errors, counts, patterns of routes. Never what an error says or an object
// holds, because both may quote a customer (PV16).

import { describe, expect, it } from 'vitest';
import { codeBelow, readText } from './source.ts';

/** What runs in production; the command line speaks to who started it, the snippet to nobody. */
const WORKER = codeBelow('workers').filter((file) => !/^workers\/(cli|browser|local)\//.test(file));

/** Each call of the console with its arguments, up to the end of the statement. */
const callsIn = (text: string): string[] => text.match(/\bconsole\b[\s\S]*?;\n/g) ?? [];

const FORBIDDEN = [
  /\.(message|stack|body|text|traits|properties|userId|anonymousId|customerId|url|headers|to|subject)\b/,
  /\b(JSON\.stringify|String)\((error|reason|event|message|request|state|row|commit)\)/,
  /\bconsole\.\w+\(([^;]*[(,])?\s*(error|reason|event)\s*[,)]/,
  /\$\{\s*(error|reason|id|event|customer|message)\s*\}/,
];

const faults = (file: string, text: string): string[] =>
  callsIn(text).flatMap((call) => (FORBIDDEN.some((pattern) => pattern.test(call)) ? [`${file}: ${call.trim()}`] : []));

describe('PV16 the log of the Worker', () => {
  it('is written in few places', () => {
    const writing = WORKER.filter((file) => callsIn(readText(file)).length > 0);
    expect(writing.length).toBeGreaterThan(4);
    expect(writing.length).toBeLessThan(15);
  });

  it('holds nothing that could quote a customer', () => {
    expect(WORKER.flatMap((file) => faults(file, readText(file)))).toEqual([]);
  });

  it.each([
    'console.error(error);\n',
    "console.error('failed', error);\n",
    'console.error(JSON.stringify({ at: 1, what: error.message }));\n',
    'console.warn(JSON.stringify(event));\n',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a program
    'console.log(`lost ${id}`);\n',
    'console.log(JSON.stringify({ who: state.customerId }));\n',
  ])('the test sees %j', (code) => expect(faults('', code)).toHaveLength(1));
});
