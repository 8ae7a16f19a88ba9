// Real purchases over HTTP against a script that knows only the file and the table of the lifecycle.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { often } from '../prove.ts';
import { type Funnel, useServer } from './server.ts';

const server = useServer();
const FILE = join(import.meta.dirname, '../fixtures/CDNOW_sample.txt');
const COMMAND = join(import.meta.dirname, '../../workers/cli/import.ts');
const run = promisify(execFile);
const CLOCK = '1998-07-01T00:00:00Z';
const DAY = 86_400_000;
const LINES_A_CALL = 500;
const CUSTOMERS_LOOKED_AT = 100;
/** Of the second import. */
const LINES_AGAIN = often(1_000, 6_919);
/** 13,838 lines, on a machine that does other things as well. */
const CDNOW_MS_MAX = 400_000;

interface Imported {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly object[];
}

const importLines = (lines: readonly object[]) =>
  server.admin<Imported>('POST', '/admin/import', lines.map((line) => JSON.stringify(line)).join('\n'));

const finish = () => server.admin<{ customers: number; timersFired: number }>('POST', '/admin/import/finish');

async function importAll(lines: readonly object[]): Promise<{ accepted: number; duplicates: number }> {
  const sum = { accepted: 0, duplicates: 0 };
  for (let from = 0; from < lines.length; from += LINES_A_CALL) {
    const { status, body, text } = await importLines(lines.slice(from, from + LINES_A_CALL));
    expect(status, text).toBe(200);
    expect(body.rejected).toEqual([]);
    sum.accepted += body.accepted;
    sum.duplicates += body.duplicates;
  }
  return sum;
}

/** The file's rows, as written down in its description; nothing of the system's own reading of it is used. */
const rows = readFileSync(FILE, 'utf8')
  .split('\n')
  .map((line) => line.trim().split(/\s+/))
  .filter((columns) => columns.length === 5)
  .map(([customer = '', , date = '', , value = ''], index) => ({
    customer,
    at: Date.UTC(Number(date.slice(0, 4)), Number(date.slice(4, 6)) - 1, Number(date.slice(6, 8)), 12),
    value: Number(value),
    line: index + 1,
  }));

const cdnow = rows.map(({ customer, at, value, line }) => ({
  messageId: `cdnow-${line}`,
  type: 'track',
  event: 'Order Completed',
  userId: customer,
  timestamp: new Date(at).toISOString(),
  properties: { revenue: value },
}));

const ordersOf = new Map<string, number[]>();
for (const { customer, at } of rows) ordersOf.set(customer, [...(ordersOf.get(customer) ?? []), at]);

const STAYS = [
  { stage: 'purchase', days: 14 },
  { stage: 'usage', days: 60 },
  { stage: 'repurchase', days: 180 },
];

/** The table read by hand: an order leads to purchase from everywhere, then only time passes until the next one. */
function expectedStages(orders: readonly number[], now: number): { stage: string; at: number }[] {
  const stages = [{ stage: 'awareness', at: orders[0] ?? now }];
  for (const [index, ordered] of orders.entries()) {
    const until = orders[index + 1] ?? now;
    let enteredAt = ordered;
    for (const { stage, days } of STAYS) {
      stages.push({ stage, at: enteredAt });
      enteredAt += days * DAY;
      if (enteredAt > until) break;
      if (stage === 'repurchase') stages.push({ stage: 'dormant', at: enteredAt });
    }
  }
  return stages;
}

function expectedFunnel(now: number): Record<string, number> {
  const funnel: Record<string, number> = {};
  for (const orders of ordersOf.values()) {
    const { stage } = expectedStages(orders, now).at(-1) ?? { stage: '' };
    funnel[stage] = (funnel[stage] ?? 0) + 1;
  }
  return funnel;
}

const funnelNow = async (): Promise<Funnel> =>
  (await server.admin<{ journeys: Funnel }>('GET', '/admin/funnel')).body.journeys;

test('L3 the purchases of CDNOW: the funnel is the one counted by hand, and a second import changes nothing', {
  timeout: CDNOW_MS_MAX,
}, async () => {
  expect((await server.admin('POST', '/admin/clock', { set: CLOCK })).status).toBe(200);
  const expected = expectedFunnel(Date.parse(CLOCK));
  expect([rows.length, ordersOf.size]).toEqual([6919, 2357]);
  expect(await importAll(cdnow)).toEqual({ accepted: 6919, duplicates: 0 });
  expect((await finish()).body).toMatchObject({ customers: 2357 });
  expect((await funnelNow()).lifecycle).toEqual(expected);

  // The second time by the command, which reads the file its own way.
  const file = join(server.state, 'purchases.txt');
  const again = rows.slice(0, LINES_AGAIN);
  writeFileSync(
    file,
    `${readFileSync(FILE, 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(0, LINES_AGAIN)
      .join('\n')}\n`,
  );
  const { stdout } = await run(process.execPath, [COMMAND, file, '--format', 'cdnow'], {
    env: { ...process.env, WAYMARK_URL: server.address() },
  });
  const customers = new Set(again.map(({ customer }) => customer)).size;
  expect(stdout).toContain(
    `0 accepted, ${again.length} duplicates, 0 rejected; ${customers} customers, 0 timers fired`,
  );
  expect((await funnelNow()).lifecycle).toEqual(expected);

  for (const [customer, orders] of [...ordersOf].slice(0, CUSTOMERS_LOOKED_AT)) {
    const entries = await server.timeline(`u:${customer}`);
    expect(entries.filter(({ kind }) => kind === 'event').map(({ at }) => Date.parse(at))).toEqual(orders);
    expect(
      entries
        .filter(({ kind, journey }) => kind === 'transition' && journey === 'lifecycle')
        .map(({ to, at }) => ({ stage: to, at: Date.parse(at) })),
    ).toEqual(expectedStages(orders, Date.parse(CLOCK)));
  }
  const refused = await server.admin('POST', '/admin/clock', { set: CLOCK });
  expect(refused.status).toBe(409);
});
