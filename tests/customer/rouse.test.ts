// A journey with a calendar is published while customers are idle: they hear of it without an input of their own.

import { beforeAll, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import type { CustomerNamespace, Rousing } from '../../workers/customer/messages.ts';
import { type RousingEnv, rousePage } from '../../workers/delivery/rousing.ts';
import { only } from '../only.ts';
import {
  alarmOf,
  DAY,
  deliver,
  deliverRousing,
  describeOf,
  evict,
  fireAlarm,
  freshName,
  objectOf,
  passTime,
  prepare,
  publishDrafts,
  send,
} from './object.ts';

const journey = (id: string, start: string) => ({
  id,
  entry: [{ schedule: { rrule: 'FREQ=DAILY', start } }],
  initial: 'only',
  stages: { only: { after: [{ delay: 'P300D', to: 'over' }] }, over: { final: true } },
});

beforeAll(() =>
  prepare([
    {
      id: 'first',
      entry: [{ event: 'Hello' }],
      initial: 'only',
      stages: { only: {} },
    },
  ]),
);

it('N4 a schedule published meanwhile begins for who has been idle, evicted or not; told twice, it begins once', async () => {
  const ids = [freshName(), freshName()];
  for (const id of ids) {
    await send(id, 'Hello');
    const pending = await objectOf(id).pendingProjection();
    if (pending) await deliver([pending]);
  }
  passTime(3 * DAY);
  for (const id of ids) {
    await fireAlarm(id);
    expect(await alarmOf(id)).toBeNull();
  }
  await evict(ids[0] ?? '');
  const start = new Date(Date.now() + DAY).toISOString().slice(0, 16);
  await publishDrafts([{ kind: 'journey', id: 'daily', document: journey('daily', start) }]);
  expect(await deliverRousing('')).toBe(false);
  expect(await deliverRousing('')).toBe(false);
  for (const id of ids) {
    expect(await alarmOf(id)).not.toBeNull();
    expect((await describeOf(id)).stages).toEqual({ first: 'only' });
  }
  passTime(2 * DAY);
  for (const id of ids) {
    await fireAlarm(id);
    expect((await describeOf(id)).stages).toEqual({ first: 'only', daily: 'only' });
  }
});

it('a page of which one customer cannot be reached is done again, and a full one sends the next', async () => {
  const sent: Rousing[] = [];
  const env = (kind: 'done' | 'busy', ids: readonly string[]): RousingEnv => ({
    DB: only<D1Database>({
      prepare: () => ({ bind: () => ({ all: async () => ({ results: ids.map((id) => ({ id })) }) }) }),
    }),
    CUSTOMER: only<CustomerNamespace>({ getByName: () => ({ rouse: async () => ({ kind, retryAfterMs: 1 }) }) }),
    PROJECTIONS: { send: async (message) => sent.push(message) },
  });
  await expect(rousePage({ after: '', version: 1 }, env('busy', ['u:1']))).rejects.toThrow('could not be reached');
  await rousePage({ after: '', version: 1 }, env('done', ['u:1', 'u:2']));
  expect(sent).toEqual([]);
  const full = Array.from({ length: LIMITS.rousedPageMax }, (_, n) => `u:${1_000 + n}`);
  await rousePage({ after: '', version: 7 }, env('done', full));
  expect(sent).toEqual([{ rouse: { after: full.at(-1), version: 7 } }]);
});
