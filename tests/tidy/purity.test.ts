// What a core may not do: read a clock, draw at random, wait, or touch anything outside its arguments. And what nothing
// may do: hand the storage's transaction a function that waits.

import { describe, expect, it } from 'vitest';
import { codeBelow, codeOf, readText } from './source.ts';

const CORES = ['engine', 'decide', 'experiments', 'knowledge', 'export', 'simulate', 'cases', 'check'].flatMap((core) =>
  codeBelow(`workers/${core}`),
);

const IMPURE: readonly [string, RegExp][] = [
  ['reads the clock', /\bDate\.now\b|\bnew Date\(\s*\)|(?<!new )\bDate\(|\bperformance\b|\bTemporal\.Now\b/],
  ['draws at random', /\bMath\.random\b|\bcrypto\b|\brandomUUID\b/],
  ['waits', /\basync\b|\bawait\b|\bPromise\b|\bsetTimeout\b|\bsetInterval\b|\bqueueMicrotask\b|\.then\(/],
  ['reaches out', /\bfetch\b|\bWebSocket\b|\bconsole\b|\bprocess\b|\bglobalThis\b|\bcaches\b/],
  ['runs text as code', /\beval\b|\bnew Function\b/],
  ['has the locale of its machine', /\.toLocale[A-Z]|\bIntl\.DateTimeFormat\(\)|\.getTimezoneOffset\b/],
];

const findings = (files: readonly string[], text: (file: string) => string) =>
  files.flatMap((file) => IMPURE.filter(([, pattern]) => pattern.test(text(file))).map(([what]) => `${file} ${what}`));

describe('the cores', () => {
  it('are there', () => expect(CORES.length).toBeGreaterThan(10));

  it('are pure', () => expect(findings(CORES, (file) => codeOf(readText(file)))).toEqual([]));

  it.each([
    ['const at = Date.now();', 'reads the clock'],
    ['const at = new Date( );', 'reads the clock'],
    ['const id = crypto.randomUUID();', 'draws at random'],
    ['export async function run() {}', 'waits'],
    ["const it = 'async'; fetch(it);", 'reaches out'],
    [`const name = \`\${process.env.HOME}\`;`, 'reaches out'],
  ])('the test sees %s', (code, what) => expect(findings([''], () => codeOf(code))).toContain(` ${what}`));

  it.each([
    '// Nothing async here, no fetch.',
    "const text = 'await crypto';",
    'const at = new Date(now);',
    '/* Date.now() */',
  ])('the test lets %s pass', (code) => expect(findings([''], () => codeOf(code))).toEqual([]));

  it('keep no state between calls but the evaluation under way', () => {
    const stateful = CORES.flatMap((file) =>
      (codeOf(readText(file)).match(/^(?:export )?let \w+/gm) ?? []).map((found) => `${file}: ${found}`),
    );
    expect(stateful).toEqual(['workers/engine/library.ts: let underWay']);
  });
});

/** The argument of each call of a function, to its closing parenthesis. */
function argumentsOf(code: string, called: string): string[] {
  return [...code.matchAll(new RegExp(`\\b${called}\\(`, 'g'))].map(({ index }) => {
    const start = index + called.length;
    let depth = 0;
    let end = start;
    do {
      if (code[end] === '(') depth++;
      if (code[end] === ')') depth--;
      end++;
    } while (depth > 0 && end < code.length);
    return code.slice(start, end);
  });
}

describe('transactions', () => {
  const files = codeBelow('workers');
  const waiting = (code: string) =>
    argumentsOf(codeOf(code), 'transactionSync').filter((argument) => /\basync\b|\bawait\b|\.then\(/.test(argument));

  it('are given functions that do not wait: the storage would commit before they end', () => {
    for (const file of files) expect([file, waiting(readText(file))]).toEqual([file, []]);
    expect(files.some((file) => argumentsOf(codeOf(readText(file)), 'transactionSync').length > 0)).toBe(true);
  });

  it('the test sees a function that waits', () => {
    expect(waiting('storage.transactionSync(async () => { a(); });')).toHaveLength(1);
    expect(waiting('storage.transactionSync(() => { b().then(c); });')).toHaveLength(1);
    expect(waiting('await f(); storage.transactionSync(() => { b((1)); }); await d();')).toEqual([]);
  });

  it('are not those of drizzle: on D1 they fail, on an object they do not roll back', () => {
    for (const file of files) expect([file, /\.transaction\(/.test(codeOf(readText(file)))]).toEqual([file, false]);
  });
});
