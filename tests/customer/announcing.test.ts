// An event for everybody in a segment: each member has it once, whatever is repeated, fails or is cut short on the way.

import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import type { Announcing, CustomerNamespace, IngestRequest, Reply } from '../../workers/customer/messages.ts';
import { type AnnouncingEnv, announce, announcementOf } from '../../workers/delivery/announcing.ts';
import { only } from '../only.ts';
import { often } from '../prove.ts';
import {
  catalogVersion,
  deliver,
  deliverWord,
  describeOf,
  eventOf,
  evict,
  freshName,
  ingest,
  objectOf,
  passTime,
  prepare,
  publishDrafts,
  send,
} from './object.ts';

const MEMBERS = 2 * LIMITS.announcedPageMax + 30;
const members = Array.from({ length: MEMBERS }, (_, n) => `u:~${1_000 + n}`);

beforeAll(async () => {
  await prepare([
    { id: 'told', entry: [{ event: 'Sale' }], initial: 'only', stages: { only: {} } },
    {
      id: 'often-told',
      entry: [{ event: 'Sale' }],
      reentry: 'after_exit',
      initial: 'over',
      stages: { over: { final: true } },
    },
  ]);
  await publishDrafts([
    { kind: 'events', id: 'events', document: { events: { Order: {}, Sale: {} } } },
    { kind: 'segment', id: 'buyers', document: { id: 'buyers', if: "count('Order') >= 1" } },
  ]);
  const values = members.map((id) => `('${id}', 'crowd', 0)`).join();
  await env.DB.prepare(
    `INSERT INTO customer_segments (customer_id, segment, since) VALUES ${values}, ('u:~2000', 'crowd', 50)`,
  ).run();
});

let made = 0;
async function begin(segment: string, startedAt: number): Promise<Announcing['announce']> {
  const id = `call-${++made}`;
  await env.DB.prepare(
    `INSERT INTO announcements (segment, id, event, properties, message_id, started_at, customers)
     VALUES (?, ?, 'Sale', '{"code":"X"}', ?, ?, 0)`,
  )
    .bind(segment, id, `m-${id}`, startedAt)
    .run();
  return { segment, id, version: catalogVersion() };
}

it('SG14 each member has it once: pages repeated, at the same time, cut short at any step, customers away', async () => {
  let repeated = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ pick: fc.nat(), twice: fc.boolean(), fails: fc.option(fc.nat({ max: 240 })) }), {
        maxLength: 8,
      }),
      async (rounds) => {
        const word = await begin('crowd', 10);
        const queue: Announcing[] = [{ announce: word }];
        const told = new Map<string, string[]>();
        let calls = 0;
        // How many steps are left until one fails: each question, answer and word.
        let steps = Number.POSITIVE_INFINITY;
        const step = (): void => {
          if (--steps === 0) throw new Error('cut short');
        };
        const setting: AnnouncingEnv = {
          DB: only<D1Database>({
            prepare: (sql: string) => {
              step();
              return env.DB.prepare(sql);
            },
          }),
          CUSTOMER: only<CustomerNamespace>({
            getByName: (name: string) => ({
              ingest: async ({ events }: IngestRequest): Promise<Reply<never>> => {
                step();
                if (++calls % 37 === 0) return { kind: 'flooded', retryAfterMs: 1 };
                const heard = told.get(name) ?? [];
                told.set(name, [...heard, ...events.map(({ messageId }) => messageId)]);
                step();
                return only<Reply<never>>({ kind: 'done' });
              },
            }),
          }),
          PROJECTIONS: {
            send: async (message) => {
              step();
              queue.push(message);
              step();
            },
          },
        };
        const work = async (message: Announcing): Promise<void> => {
          try {
            await announce(message, setting, 20);
          } catch {
            queue.push(message);
          }
        };
        for (const { pick, twice, fails } of rounds) {
          const [message] = queue.splice(pick % Math.max(1, queue.length), 1);
          if (!message) break;
          steps = fails ?? Number.POSITIVE_INFINITY;
          await Promise.all(twice ? [work(message), work(message)] : [work(message)]);
        }
        steps = Number.POSITIVE_INFINITY;
        for (let next = queue.shift(); next; next = queue.shift()) await work(next);
        // Who joined after it began is not in it; each of the others has one event, however often it came.
        expect([...told.keys()].sort()).toEqual(members);
        repeated += [...told.values()].filter(({ length }) => length > 1).length;
        expect(new Set([...told.values()].flat())).toEqual(new Set([`m-${word.id}`]));
        expect(await announcementOf(env.DB, 'crowd', word.id)).toMatchObject({
          asked: MEMBERS,
          cursor: '',
          done_at: 20,
        });
      },
    ),
    { numRuns: often(12, 300) },
  );
  expect(repeated).toBeGreaterThan(0);
});

async function salesOf(id: string) {
  const entries = (await objectOf(id).timeline(Number.MAX_SAFE_INTEGER, 200)) ?? [];
  return entries.filter(({ kind, body }) => kind === 'event' && JSON.stringify(body).includes('Sale'));
}

it('SG14 objects have the event once, evicted in between or not, and journeys go by it', async () => {
  const [one, two, stranger] = [freshName(), freshName(), freshName()];
  for (const id of [one, two]) {
    await ingest(id, [eventOf('Order')]);
    const pending = await objectOf(id).pendingProjection();
    if (pending) await deliver([pending]);
  }
  await send(stranger, 'Hello');
  passTime(1_000);
  const word = await begin('buyers', Date.now());
  expect(await deliverWord({ announce: word })).toBe(false);
  await evict(one);
  for (const customerId of [one, two]) expect(await deliverWord({ announce: { ...word, customerId } })).toBe(false);
  for (const id of [one, two]) {
    expect((await describeOf(id)).stages).toEqual({ told: 'only' });
    const sales = await salesOf(id);
    expect(sales).toHaveLength(1);
    expect(JSON.stringify(sales)).toContain(word.id);
  }
  expect((await describeOf(stranger)).stages).toEqual({});
  // A word of what was never asked for, or of what is done, is no more than that.
  expect(await deliverWord({ announce: { ...word, id: 'nothing' } })).toBe(false);
  expect(await deliverWord({ announce: word })).toBe(false);
});

it('SG14 members who become one customer have it once, whether they become one before their page, between or after', async () => {
  for (const at of ['before', 'between', 'after']) {
    const [visitor, user] = [freshName().replace(/^u:/u, 'a:'), freshName()];
    const merge = () => ingest(user, [eventOf('', { type: 'identify', merges: visitor })]);
    for (const id of [visitor, user]) await ingest(id, [eventOf('Order')]);
    passTime(1_000);
    const word = await begin('buyers', Date.now());
    if (at === 'before') await merge();
    for (const customerId of [visitor, user]) {
      expect(await deliverWord({ announce: { ...word, customerId } })).toBe(false);
      if (at === 'between' && customerId === visitor) await merge();
    }
    if (at === 'after') await merge();
    expect([at, (await salesOf(user)).length]).toEqual([at, 1]);
  }
});
