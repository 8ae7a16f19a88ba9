// How files look: a header that says what each owns, no notes to self, a length that one can read.

import { describe, expect, it } from 'vitest';
import { codeBelow, filesBelow, readText } from './source.ts';

const LINES_WARN = 350;
const LINES_MAX = 650;

const code = codeBelow('workers', 'schema', 'tests').filter((file) => !file.endsWith('.d.ts'));
const words = filesBelow('.').filter(
  (file) => file !== 'package-lock.json' && /\.(tsx?|md|toml|sh|ya?ml|jsonc?|css|html|sql)$/.test(file),
);

const headerOf = (file: string): string[] => {
  const lines = readText(file)
    .replace(/^#!.*\n/, '')
    .split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines.slice(0, end);
};

describe('files', () => {
  it.each(code)('%s begins with a header that says what it owns', (file) => {
    const header = headerOf(file);
    expect(header.length).toBeGreaterThanOrEqual(1);
    expect(header.length).toBeLessThanOrEqual(8);
    expect(header.join(' ').split(/\s+/).length).toBeGreaterThan(6);
  });

  it('hold no notes to self', () => {
    const note = new RegExp(
      `\\b(${['TO', 'FIX', 'XX'].map((start, index) => start + ['DO', 'ME', 'X'][index]).join('|')})\\b`,
    );
    expect(words.filter((file) => note.test(readText(file)))).toEqual([]);
  });

  it('end with one line break and have no blanks at the ends of lines', () => {
    for (const file of code)
      expect([file, /[^\n]\n$/.test(readText(file)), /[ \t]\n/.test(readText(file))]).toEqual([file, true, false]);
  });

  it('are not too long', () => {
    const lengths = code.map((file) => ({ file, lines: readText(file).split('\n').length - 1 }));
    const long = lengths.filter(({ lines }) => lines > LINES_WARN).sort((a, b) => b.lines - a.lines);
    if (long.length > 0)
      console.warn(
        `longer than ${LINES_WARN} lines:\n${long.map(({ file, lines }) => `  ${lines} ${file}`).join('\n')}`,
      );
    expect(lengths.filter(({ lines }) => lines > LINES_MAX)).toEqual([]);
  });

  it('name no class that is not a Durable Object, an entry point or an error', () => {
    const classes = codeBelow('workers', 'schema').flatMap((file) =>
      [...readText(file).matchAll(/^(?:export )?class (\w+)(?: extends (\w+))?/gm)].map(
        ([, name, parent]) => `${name} extends ${parent ?? 'nothing'}`,
      ),
    );
    const allowed = /extends (DurableObject|WorkerEntrypoint|Error)$|^Fault extends nothing$/;
    expect(classes.filter((found) => !allowed.test(found))).toEqual([]);
  });
});
