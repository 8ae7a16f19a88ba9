// Computed traits and segments of real objects: written with the commit, woken by the alarm, worked out anew after a publish,
// a merge and its undoing.

import { beforeAll, expect, it } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { known, settle } from './merging.ts';
import {
  alarmOf,
  catalogVersion,
  DAY,
  decide,
  deliverRousing,
  describeOf,
  dump,
  eventOf,
  evict,
  fireAlarm,
  freshName,
  HOUR,
  ingest,
  objectOf,
  passTime,
  prepare,
  publishDrafts,
  send,
  timelineOf,
} from './object.ts';

const computed = {
  orders: { type: 'integer', computed: { count: 'Order', window: 'P30D' } },
  spent: { type: 'number', computed: { sum: 'Order', of: 'total' } },
  favourite: { type: 'string', computed: { mostFrequent: 'Order', of: 'products.category' } },
};
const product = { type: 'map', fields: { category: { type: 'string' } } };
const declarations = (traits: JsonObject) => ({
  events: { Order: { properties: { total: { type: 'number' }, products: { type: 'list', items: product } } } },
  traits: { city: { type: 'string' }, ...traits },
});
const content = {
  ...{ id: 'thanks', kind: 'banner', placements: ['hero'], stages: [], priority: 1 },
  audience: "'regulars' in segments && traits.favourite == 'saws'",
  locales: { en: { title: 'Thank you, {{ traits.orders }} orders' } },
};

beforeAll(async () => {
  await prepare([
    {
      id: 'care',
      entry: [{ audience: 'regulars' }],
      exit: [{ event: 'Audience Left', if: "event.properties.audience == 'regulars'" }],
      initial: 'kept',
      stages: { kept: {} },
    },
  ]);
  await publishDrafts([
    { kind: 'events', id: 'events', document: declarations(computed) },
    { kind: 'segment', id: 'regulars', document: { id: 'regulars', if: 'traits.orders >= 2' } },
    { kind: 'segment', id: 'quiet', document: { id: 'quiet', if: "daysSince('Order') >= 10" } },
    { kind: 'content', id: 'thanks', document: content },
  ]);
});

const order = (total: number, category = 'saws', at?: number) =>
  eventOf('Order', { properties: { total, products: [{ category }] }, ...(at === undefined ? {} : { at }) });

const memberships = async (id: string): Promise<string[]> => Object.keys((await describeOf(id)).segments).sort();
const joined = async (id: string): Promise<string[]> =>
  (await timelineOf(id)).flatMap(({ kind, name, body }) =>
    kind === 'emitted' && name?.startsWith('Audience')
      ? [`${name} ${String(Reflect.get(Object(Reflect.get(Object(body), 'properties')), 'audience'))}`]
      : [],
  );

it('CT5 SG2 SG4 what an event makes of traits and segments is there in its commit, and stays through an eviction', async () => {
  const id = freshName();
  await ingest(id, [order(10.1), order(20.2, 'hoses')]);
  await evict(id);
  await ingest(id, [order(0.1)]);
  const { traits, stages } = await describeOf(id);
  expect(traits).toEqual({ orders: 3, spent: 30.4, favourite: 'saws' });
  expect([await memberships(id), stages]).toEqual([['regulars'], { care: 'kept' }]);
  expect(await decide(id, ['hero'])).toMatchObject({
    decisions: { hero: [{ id: 'thanks', fields: { title: 'Thank you, 3 orders' } }] },
  });
  expect(await joined(id)).toEqual(['Audience Joined regulars']);
});

it('CT6 SG3 time alone wakes the object, at the instant', async () => {
  const id = freshName();
  const at = Date.now();
  await ingest(id, [order(1), order(1)]);
  expect(await alarmOf(id)).toBeLessThanOrEqual(at + 10 * DAY);
  passTime(10 * DAY);
  await evict(id);
  await fireAlarm(id);
  expect(await memberships(id)).toEqual(['quiet', 'regulars']);
  passTime(20 * DAY);
  await fireAlarm(id);
  expect(await describeOf(id)).toMatchObject({ traits: { orders: 0, spent: 2 }, stages: {} });
  expect(await joined(id)).toEqual(['Audience Joined regulars', 'Audience Joined quiet', 'Audience Left regulars']);
  const [left] = (await timelineOf(id)).filter(({ name }) => name === 'Audience Left');
  expect(left?.at).toBe(at + 30 * DAY);
});

it('CT7 what identify says of a computed trait is passed over; the rest is kept', async () => {
  const id = freshName();
  await send(id, 'identify', { type: 'identify', traits: { orders: 99, city: 'Bonn' } });
  expect((await describeOf(id)).traits).toEqual({ city: 'Bonn' });
});

it('CT9 of somebody of whom nothing is asked for nothing is written', async () => {
  const id = freshName();
  await send(id, 'Hello');
  expect((await dump(id))['parts']?.map(({ name }) => name)).toEqual(['migration:0000']);
  const alarm = await alarmOf(id);
  await evict(id);
  await send(id, 'Hello');
  expect((await dump(id))['parts']?.map(({ name }) => name)).toEqual(['migration:0000']);
  expect(await alarmOf(id)).toBe(alarm);
});

it('CT10 SG9 of two who become one everything is worked out of both histories, and parted again when that is undone', async () => {
  const [one, two] = [freshName(), freshName()];
  const at = Date.now();
  await ingest(one, [order(1, 'hoses', at - DAY), eventOf('Audience Joined', { properties: { audience: 'list' } })]);
  await ingest(two, [order(2)]);
  expect([await memberships(one), await memberships(two)]).toEqual([['list'], []]);
  await ingest(two, [eventOf('alias', { type: 'alias', merges: one })]);
  await settle(two);
  await fireAlarm(two);
  expect((await describeOf(two)).traits).toEqual({ orders: 2, spent: 3, favourite: 'saws' });
  expect(await memberships(two)).toEqual(['list', 'regulars']);
  expect(await objectOf(two).undoMerge(one)).toEqual({ kind: 'done' });
  await settle(two);
  for (const id of [one, two]) await fireAlarm(id);
  expect((await describeOf(two)).traits).toEqual({ orders: 1, spent: 2, favourite: 'saws' });
  expect((await describeOf(one)).traits).toEqual({ orders: 1, spent: 1, favourite: 'hoses' });
  expect([await memberships(one), await memberships(two)]).toEqual([['list'], []]);
});

it('CT10 a visitor who becomes known brings what was worked out', async () => {
  const [visitor, customer] = [freshName('a'), freshName()];
  await ingest(visitor, [order(5)]);
  await ingest(customer, [order(6), known(visitor)]);
  await fireAlarm(customer);
  expect((await describeOf(customer)).traits).toMatchObject({ orders: 2, spent: 11 });
  expect(await memberships(customer)).toEqual(['regulars']);
});

it('CT8 SG8 what is published later is worked out when the customer is roused, from all there was', async () => {
  const id = freshName();
  await ingest(id, [order(5), order(7)]);
  const [idle] = [freshName()];
  await send(idle, 'Hello');
  await publishDrafts([
    {
      ...{ kind: 'events', id: 'events' },
      document: declarations({ ...computed, mean: { type: 'number', computed: { average: 'Order', of: 'total' } } }),
    },
    { kind: 'segment', id: 'spenders', document: { id: 'spenders', if: 'traits.mean > 5' } },
    { kind: 'segment', id: 'regulars', document: null },
  ]);
  await evict(id);
  await objectOf(id).rouse(catalogVersion());
  await fireAlarm(id);
  expect((await describeOf(id)).traits).toMatchObject({ orders: 2, mean: 6 });
  expect([await memberships(id), (await describeOf(id)).stages]).toEqual([['spenders'], {}]);
  await objectOf(idle).rouse(catalogVersion());
  await fireAlarm(idle);
  expect((await describeOf(idle)).traits).toEqual({});
  expect(await deliverRousing('')).toBe(false);
  passTime(HOUR);
});
