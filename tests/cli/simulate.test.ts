// `waymark simulate` and `waymark replay` as a shell calls them: what they print, and the codes they end with.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Misuse } from '../../workers/cli/command.ts';
import { command as replay } from '../../workers/cli/commands/replay.ts';
import { command as simulate } from '../../workers/cli/commands/simulate.ts';
import { readHistories } from '../histories/kept.ts';
import { runCommand } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'waymark-simulate-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe('waymark simulate', () => {
  it('prints the same for the same seed: as text and as JSON', async () => {
    const args = ['simulate', '--customers', '30', '--days', '40', '--seed', 'x'];
    const [one, again, json] = await Promise.all([
      runCommand(args),
      runCommand(args),
      runCommand([...args, '--json', '--journey', 'journeys/lifecycle.json']),
    ]);
    expect([one.code, one.output]).toEqual([again.code, again.output]);
    expect(one.output).toContain('30 customers');
    expect(one.output).toContain('lifecycle:');
    const report: { customers: number; journeys: { journey: string }[] } = JSON.parse(json.output);
    expect(json.code).toBe(0);
    expect([report.customers, report.journeys.map(({ journey }) => journey)]).toEqual([30, ['lifecycle']]);
  });

  it('takes recorded events, and names the line that is none', async () => {
    const order = { type: 'track', event: 'Order Completed', userId: 'a', timestamp: '2026-01-01T00:00:00Z' };
    const good = file('good.ndjson', `${JSON.stringify(order)}\n`);
    const bad = file('bad.ndjson', `${JSON.stringify(order)}\n{"type":"track"}\n`);
    const ran = await runCommand(['simulate', '--events', good, '--days', '20', '--json']);
    expect([ran.code, JSON.parse(ran.output).until]).toEqual([0, '2026-01-21T00:00:00.000Z']);
    const refused = await runCommand(['simulate', '--events', bad]);
    expect(refused.code).toBe(1);
    expect(refused.errors).toContain(`${bad}:2 /`);
  });

  it.each([
    [['--customers', 'many']],
    [['--days', '-1']],
    [['--stuck', 'P1Y']],
    [['--from', 'tomorrow']],
    [['--journey', 'none.json']],
    [['--nothing']],
  ])('called wrongly (%j) it does not begin', async (args) => {
    await expect(simulate.run(args)).rejects.toThrow(Misuse);
  });
});

describe('waymark replay', () => {
  it('ends with 0 where a saved history comes out identical, with 1 and the places where it does not', async () => {
    const [kept] = readHistories();
    if (!kept) throw new Error('no history');
    const same = await runCommand(['replay', '--file', file('same.json', JSON.stringify(kept.history))]);
    expect([same.code, same.output]).toEqual([0, expect.stringContaining('byte for byte')]);
    const [run, ...runs] = kept.history.runs;
    const changed = { ...kept.history, runs: [{ ...run, enteredAt: 1 }, ...runs] };
    const other = await runCommand(['replay', '--file', file('other.json', JSON.stringify(changed))]);
    expect([other.code, other.output]).toEqual([1, expect.stringContaining(`run ${run?.id}`)]);
    const none = await runCommand(['replay', '--file', file('none.json', '{}')]);
    expect([none.code, none.errors]).toEqual([1, expect.stringContaining('is no recorded history')]);
  });

  it.each([[[]], [['u:a', 'u:b']], [['u:a', '--file', 'x']]])('called wrongly (%j) it does not begin', async (args) => {
    await expect(replay.run(args)).rejects.toThrow(Misuse);
  });

  it('called wrongly it says how to call it', async () => {
    const { code, errors } = await runCommand(['replay']);
    expect([code, errors]).toEqual([2, expect.stringContaining('waymark replay CUSTOMER')]);
  });
});
