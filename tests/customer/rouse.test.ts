// A journey with a calendar is published while customers are idle: they hear of it without an input of their own.

import { env } from 'cloudflare:workers';
import { beforeAll, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import type { CustomerNamespace, Rousing } from '../../workers/customer/messages.ts';
import { newestRousing, type RousingEnv, rousePage } from '../../workers/delivery/rousing.ts';
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

it('SG12 a page of which one customer cannot be reached is done again; a full one sends the next; each is counted once', async () => {
  const sent: Rousing[] = [];
  const called: string[] = [];
  const among = (kind: 'done' | 'busy'): RousingEnv => ({
    DB: env.DB,
    CUSTOMER: only<CustomerNamespace>({
      getByName: (id: string) => {
        called.push(id);
        return { rouse: async () => ({ kind, retryAfterMs: 1 }) };
      },
    }),
    PROJECTIONS: { send: async (message) => sent.push(message) },
  });
  // Behind all others of this file.
  const ids = Array.from({ length: LIMITS.rousedPageMax + 50 }, (_, n) => `u:~${1_000 + n}`);
  const values = ids.map((id) => `('${id}', 1, 0, 0)`).join();
  await env.DB.prepare(`INSERT INTO customers (id, revision, created_at, gone) VALUES ${values}`).run();
  const begin = (version: number) =>
    env.DB.prepare('INSERT INTO rousings (version, started_at, customers, cursor) VALUES (?, 0, 250, ?)')
      .bind(version, 'u:~')
      .run();
  const progress = async () => {
    const row = await newestRousing(env.DB);
    return [row?.asked, row?.cursor, row?.done_at];
  };
  await begin(1_000_001);
  const first = { after: 'u:~', version: 1_000_001 };
  await expect(rousePage(first, among('busy'), 5)).rejects.toThrow('could not be reached');
  expect([await progress(), sent]).toEqual([[0, 'u:~', null], []]);
  const noQueue: RousingEnv = { ...among('done'), PROJECTIONS: { send: () => Promise.reject(new Error('no queue')) } };
  await expect(rousePage(first, noQueue, 5)).rejects.toThrow('no queue');
  expect(await progress()).toEqual([0, 'u:~', null]);
  for (let times = 0; times < 2; times++) await rousePage(first, among('done'), 5);
  const next = { after: ids[LIMITS.rousedPageMax - 1] ?? '', version: 1_000_001 };
  expect(sent).toEqual([{ rouse: next }, { rouse: next }]);
  expect(await progress()).toEqual([LIMITS.rousedPageMax, next.after, null]);
  for (let times = 0; times < 2; times++) await rousePage(next, among('done'), 7 + times);
  expect(await progress()).toEqual([ids.length, '', 7]);
  expect(new Set(called)).toEqual(new Set(ids));
  // A newer publish asks everybody by itself.
  await begin(1_000_002);
  called.length = 0;
  await rousePage(first, among('done'), 9);
  expect([called, sent.length]).toEqual([[], 2]);
});
