// Who is in which segment, in D1: projections in any order and any number come to what the newest said; and what an estimate
// asks of objects is what their conditions say.

import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import type { Projection } from '../../workers/customer/messages.ts';
import { often } from '../prove.ts';
import {
  catalogVersion,
  d1,
  deliver,
  eventOf,
  evict,
  freshName,
  ingest,
  objectOf,
  prepare,
  publishDrafts,
  send,
} from './object.ts';

beforeAll(async () => {
  await prepare([]);
  await publishDrafts([
    { kind: 'events', id: 'events', document: { events: { Order: { properties: { total: { type: 'number' } } } } } },
    { kind: 'segment', id: 'often', document: { id: 'often', if: "count('Order') >= 2" } },
  ]);
});

const indexed = async (id: string): Promise<Record<string, number>> =>
  Object.fromEntries(
    (await d1('SELECT segment, since FROM customer_segments WHERE customer_id = ?', id)).map((row) => [
      String(row['segment']),
      Number(row['since']),
    ]),
  );

const memberships = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.nat({ max: 9 }), { maxKeys: 3 });

it('SG10 projections repeated and in any order come to what the newest said', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ segments: fc.option(memberships), gone: fc.boolean() }), { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat(), { maxLength: 8 }),
      async (words, order) => {
        const id = freshName();
        const projections = words.map(({ segments, gone }, index): Projection => {
          const told = Object.entries(gone ? {} : (segments ?? {})).map(([segment, since]) => ({ segment, since }));
          return {
            ...{ customerId: id, revision: index + 1, createdAt: 0, nextDueAt: null, stages: [], gone },
            // What is not known of anybody is not told; nobody forgets what was known.
            ...(segments === null ? {} : { segments: told }),
          };
        });
        const sequence = [...order.map((pick) => pick % words.length), ...words.keys()];
        for (const index of sequence) {
          const projection = projections[index];
          if (projection) await deliver([projection]);
        }
        const last = projections.at(-1);
        if (!last?.segments && !last?.gone) return;
        const wanted = Object.fromEntries((last.segments ?? []).map(({ segment, since }) => [segment, since]));
        expect(await indexed(id)).toEqual(last.gone ? {} : wanted);
      },
    ),
    { numRuns: often(25, 500) },
  );
});

it('SG10 the object tells joining and leaving, and nothing of who was never in any', async () => {
  const [id, other] = [freshName(), freshName()];
  const at = Date.now();
  await ingest(id, [eventOf('Order'), eventOf('Order')]);
  await send(other, 'Hello');
  for (const each of [id, other]) {
    const pending = await objectOf(each).pendingProjection();
    if (pending) await deliver([pending]);
  }
  expect([await indexed(id), await indexed(other)]).toEqual([{ often: at }, {}]);
  expect((await objectOf(other).pendingProjection())?.segments).toBeUndefined();
});

it('SG11 a condition is asked of an object as it is, and nothing is written', async () => {
  const [one, none] = [freshName(), freshName()];
  await ingest(one, [eventOf('Order', { properties: { total: 7 } })]);
  await evict(one);
  const ask = (id: string, condition: string) => objectOf(id).asks(condition, catalogVersion());
  expect(await ask(one, "count('Order') == 1")).toBe(true);
  expect(await ask(one, "sum('Order', 'total') > 7.0")).toBe(false);
  expect(await ask(one, 'event.name')).toBeNull();
  expect(await ask(none, "count('Order') == 0")).toBeNull();
});
