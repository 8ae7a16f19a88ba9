// `waymark test` as a designer calls it: exit codes, the place of what fails, files it writes and files it leaves alone.

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Cases } from '../../schema/cases.ts';
import { readSources } from '../../workers/cli/files.ts';
import { runCommand } from './command.ts';

const JOURNEYS = join(import.meta.dirname, '../../journeys');
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A folder of its own with the shipped cart recovery and what belongs to it. */
function folderWith(cases: string | null): { folder: string; file: string; casesFile: string } {
  const folder = mkdtempSync(join(tmpdir(), 'waymark-cases-'));
  folders.push(folder);
  for (const name of ['cart-recovery.json', 'events.json', 'messages'])
    cpSync(join(JOURNEYS, name), join(folder, name), { recursive: true });
  const casesFile = join(folder, 'cart-recovery.cases.json');
  if (cases !== null) writeFileSync(casesFile, cases);
  return { folder, file: join(folder, 'cart-recovery.json'), casesFile };
}

const WRONG = `{
  // what a designer noted
  "journey": "cart-recovery",
  "cases": [
    {
      "name": "begins",
      "steps": [
        { "event": "Product Added", "properties": { "cart_id": "c1" },
          "expect": { "stage": "reminded" } }
      ]
    }
  ]
}
`;

describe('waymark test', () => {
  it('passes for the shipped journeys', async () => {
    const { code, output } = await runCommand(['test']);
    expect(code).toBe(0);
    expect(output).toMatch(/^lifecycle: \d+ cases passed; (\d+) of \1 parts covered$/m);
  });

  it('exits with 1 where a case fails, and names the line, what was expected and what was', async () => {
    const { file, casesFile } = folderWith(WRONG);
    const [said, json] = await Promise.all([runCommand(['test', file]), runCommand(['test', casesFile, '--json'])]);
    expect([said.code, json.code]).toEqual([1, 1]);
    expect(said.output).toMatch(
      /cart-recovery: 1 of 1 case failed; \d+ of \d+ parts covered\n.*cart-recovery\.cases\.json:9 \/cases\/0\/steps\/0\/expect\/stage\n {4}"begins": the stage: expected "reminded", was "filling"/,
    );
    expect(said.output).toContain('Not covered: /stages/reminded/after/0 (reminded, after P7D: to given-up)');
    expect(JSON.parse(json.output)[0].failures).toMatchObject([{ expected: 'reminded', actual: 'filling' }]);
  });

  it('says what is wrong with a file of cases, with its line and the remedy', async () => {
    const { file } = folderWith(WRONG.replace('"event":', '"evnt":').replace('"cart-recovery"', '"cart"'));
    const { file: other } = folderWith(WRONG.replace('"cart-recovery"', '"cart"'));
    const [unknown, stranger] = await Promise.all([runCommand(['test', file]), runCommand(['test', other])]);
    expect([unknown.code, stranger.code]).toEqual([1, 1]);
    expect(unknown.output).toMatch(/cases\.json:8 \/cases\/0\/steps\/0/);
    expect(stranger.output).toMatch(/cases\.json:3 \/journey\n {4}the journey beside it is cart-recovery/);
  });

  it('--generate adds the missing cases and keeps what stands there; --print writes nothing', async () => {
    const sound = WRONG.replace('"reminded"', '"filling"');
    const { folder, file, casesFile } = folderWith(sound);
    const printed = await runCommand(['test', file, '--generate', '--print']);
    expect(printed.code).toBe(0);
    expect(readFileSync(casesFile, 'utf8')).toBe(sound);
    const { code, output } = await runCommand(['test', file, '--generate']);
    expect(code).toBe(0);
    expect(output).toMatch(/cases passed; (\d+) of \1 parts covered/);
    const text = readFileSync(casesFile, 'utf8');
    expect(text).toBe(printed.output);
    expect(text).toContain('// what a designer noted');
    expect(text).toContain('"name": "begins"');
    expect(readSources(folder).sources.map(({ path }) => path)).not.toContain('cart-recovery.cases.json');
  });

  it('--generate writes the file where there is none', async () => {
    const { folder, file, casesFile } = folderWith(null);
    expect((await runCommand(['test', folder])).output).toContain('cart-recovery: no cases');
    expect(existsSync(casesFile)).toBe(false);
    expect((await runCommand(['test', file, '--generate'])).code).toBe(0);
    expect(() => Cases.parse(JSON.parse(readFileSync(casesFile, 'utf8')))).not.toThrow();
    const again = await runCommand(['test', file, '--generate']);
    expect(again.output).not.toContain('Added');
  });
});
