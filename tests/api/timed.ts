// Many customers whose timers fall due at instants a test chooses, and fire by their real alarms: imported with timestamps of
// the past, because a live timer counts from the moment of receipt. Who fired, how late and how often is told by the worker.

import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Deployed } from './deployed.ts';
import type { Firing, Note } from './faulty-worker.ts';

const PER_CALL = 500;

/** The journey of the customers: from `waiting` to `fired`, `delayS` after the event Begin. */
export const timedJourney = (id: string, delayS: number) => ({
  id,
  entry: [{ event: `Begin ${id}` }],
  initial: 'waiting',
  stages: { waiting: { after: [{ delay: `PT${delayS}S`, to: 'fired' }] }, fired: {} },
});

/** Imports customers whose timers fall due at `beganAt(index)` and the journey's delay. Milliseconds. */
export async function importTimed(
  system: Deployed,
  journey: string,
  customers: number,
  beganAt: (index: number) => number,
): Promise<void> {
  for (let from = 0; from < customers; from += PER_CALL) {
    const lines = Array.from({ length: Math.min(PER_CALL, customers - from) }, (_, at) =>
      JSON.stringify({
        type: 'track',
        event: `Begin ${journey}`,
        messageId: 'begin',
        userId: `${journey}-${from + at}`,
        timestamp: new Date(beganAt(from + at)).toISOString(),
      }),
    );
    const answer = await system.call('POST', '/admin/import', { key: 'admin', body: lines.join('\n') });
    expect(answer.body, answer.text).toEqual({ accepted: lines.length, duplicates: 0, rejected: [] });
  }
  await finish(system);
}

/** As the answers ask for it: 503 says when to call again, `remaining` that it is to be called again. */
async function finish(system: Deployed): Promise<void> {
  for (let calls = 0; calls < FINISH_CALLS_MAX; calls++) {
    const { status, headers, body, text } = await system.call<Finished>('POST', '/admin/import/finish', {
      key: 'admin',
    });
    if (status === 200) expect(body.timersFired, 'the import took longer than the timers').toBe(0);
    if (status === 200 && body.remaining === undefined) return;
    if (status !== 200) expect(status, text).toBe(503);
    await delay(Number(headers.get('retry-after') ?? 0) * 1_000);
  }
  throw new Error(`the import was not finished by ${FINISH_CALLS_MAX} calls`);
}

interface Finished {
  readonly timersFired: number;
  readonly remaining?: number;
}

const FINISH_CALLS_MAX = 30;

const isFired = (note: Note): note is Extract<Note, { kind: 'fired' }> => note.kind === 'fired';

/** To be called before the first is due. @returns every customer's firing once `customers` of them have fired */
export async function firings(system: Deployed, customers: number): Promise<() => Promise<readonly Firing[]>> {
  const told = system.noted(isFired);
  await system.turn({ firedMax: customers });
  return async () => (await told).firings;
}

/** All of them, once each, none early, none later than that. */
export function expectOnTime(fired: readonly Firing[], customers: number, lateMsMax: number): void {
  expect(new Set(fired.map(({ customer }) => customer)).size).toBe(customers);
  expect(fired.filter(({ times }) => times !== 1)).toEqual([]);
  const late = fired.map(({ lateMs }) => lateMs).sort((a, b) => a - b);
  expect(late[0]).toBeGreaterThanOrEqual(0);
  expect(late.at(-1)).toBeLessThan(lateMsMax);
}
