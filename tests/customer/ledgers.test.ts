// What the object counts of items with caps: exactly, through evictions, repeats, failures and merges.

import { beforeAll, expect, it } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import {
  catalogVersion,
  DAY,
  eventOf,
  evict,
  freshName,
  HOUR,
  ingest,
  objectOf,
  passTime,
  prepare,
  publishDrafts,
} from './object.ts';

const offer = (id: string, members: JsonObject) => ({
  kind: 'offer' as const,
  id,
  document: {
    ...{ id, stages: [], benefit: { kind: 'gift' }, locales: { en: { title: id } }, placements: ['top'] },
    ...members,
  },
});

beforeAll(async () => {
  await prepare([]);
  await publishDrafts([
    offer('twice', { priority: 9, caps: [{ event: 'decision', most: 2, within: 'P7D' }], fallback: 'instead' }),
    offer('instead', { placements: ['nowhere'] }),
    offer('seen', {
      placements: ['side'],
      priority: 5,
      caps: [{ event: 'impression', most: 1, within: { calendar: 'day' } }],
    }),
    offer('rest', { placements: ['side'] }),
    {
      kind: 'placements',
      id: 'placements',
      document: { placements: { many: { slots: 2 } } },
    },
    offer('one', { placements: ['many'] }),
    offer('two', { placements: ['many'] }),
    offer('three', { placements: ['many'] }),
  ]);
});

async function shown(id: string, ...placements: string[]): Promise<{ id: string; decisionId: string }[]> {
  return shownBy({}, id, ...placements);
}

async function shownBy(
  how: { record?: 'impression' | 'nothing' },
  id: string,
  ...placements: string[]
): Promise<{ id: string; decisionId: string }[]> {
  const reply = await objectOf(id).decide({
    customerId: id,
    catalogVersion: catalogVersion(),
    proven: true,
    decide: { placements, context: {}, locales: ['en'], ...how },
  });
  if (reply.kind !== 'done') throw new Error(JSON.stringify(reply));
  return placements.flatMap((placement) => reply.decisions[placement] ?? []);
}

const idsOf = async (id: string, placement: string): Promise<string[]> =>
  (await shown(id, placement)).map((each) => each.id);

it('H1 decisions count, also when the object is evicted in between; the fallback stands in until the window is over', async () => {
  const id = freshName();
  expect(await idsOf(id, 'top')).toEqual(['twice']);
  await evict(id);
  passTime(HOUR);
  expect(await idsOf(id, 'top')).toEqual(['twice']);
  await evict(id);
  expect(await idsOf(id, 'top')).toEqual(['instead']);
  passTime(7 * DAY);
  expect(await idsOf(id, 'top')).toEqual(['twice']);
});

it('H1 H2 an impression counts by the decision it names, once, and by the customer’s calendar', async () => {
  const id = freshName();
  await ingest(id, [eventOf('', { type: 'identify', traits: { timezone: 'Asia/Tokyo' } })]);
  const [first] = await shown(id, 'side');
  expect(first?.id).toBe('seen');
  expect(await idsOf(id, 'side')).toEqual(['seen']);
  const viewed = (decision_id: string) => eventOf('Offer Viewed', { properties: { decision_id } });
  await ingest(id, [viewed('somebody else’s')]);
  expect(await idsOf(id, 'side')).toEqual(['seen']);
  await ingest(id, [viewed(first?.decisionId ?? ''), viewed(first?.decisionId ?? '')]);
  expect(await idsOf(id, 'side')).toEqual(['rest']);
  passTime(DAY);
  expect(await idsOf(id, 'side')).toEqual(['seen']);
});

it('H5 what a visitor was shown counts for who the visitor becomes', async () => {
  const [visitor, known] = [freshName('a'), freshName()];
  expect(await idsOf(visitor, 'top')).toEqual(['twice']);
  expect(await idsOf(known, 'top')).toEqual(['twice']);
  await ingest(known, [eventOf('', { type: 'identify', merges: visitor })]);
  expect(await idsOf(known, 'top')).toEqual(['instead']);
});

it('a placement that is declared shows as many as it has slots', async () => {
  expect(await idsOf(freshName(), 'many')).toEqual(['one', 'three']);
});

it('H6 a page that shows what it gets has it counted as seen; one that only asks leaves no trace', async () => {
  const id = freshName();
  const idsBy = async (record: 'impression' | 'nothing') =>
    (await shownBy({ record }, id, 'side')).map((one) => one.id);
  expect(await idsBy('nothing')).toEqual(['seen']);
  expect(await objectOf(id).describe()).toBeNull();
  await ingest(id, [eventOf('page')]);
  const before = await objectOf(id).timeline(Number.MAX_SAFE_INTEGER, 100);
  expect([await idsBy('nothing'), await idsBy('nothing')]).toEqual([['seen'], ['seen']]);
  expect(await objectOf(id).timeline(Number.MAX_SAFE_INTEGER, 100)).toEqual(before);
  expect([await idsBy('impression'), await idsBy('impression')]).toEqual([['seen'], ['rest']]);
  expect(await idsBy('nothing')).toEqual(['rest']);
});
