// Memory is a cache of rows: an object that is thrown out of memory between any two inputs is the same customer.

import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../schema/json.ts';
import {
  alarmOf,
  DAY,
  decide,
  deliver,
  describeOf,
  eventOf,
  evict,
  fireAlarm,
  forgetSent,
  freshName,
  HOUR,
  ingest,
  moves,
  objectOf,
  passTime,
  prepare,
  publishDrafts,
  SECOND,
  START,
  send,
  sent,
  setClock,
  timelineOf,
} from './object.ts';

const RUNS = 30;

beforeAll(async () => {
  await prepare([
    {
      id: 'shop',
      entry: [{ event: 'Start' }],
      exit: [{ event: 'Leave' }],
      initial: 'first',
      stages: {
        first: {
          steps: [{ wait: 'PT10M' }, { set: 'seen', value: "count('Go')" }, { wait: 'P1D' }, { set: 'b', value: '1' }],
          on: [{ event: 'Go', if: "traits.city == 'Bonn'", to: 'second' }],
          after: [{ delay: 'P2D', since: 'activity', to: 'quiet' }],
        },
        second: { on: [{ event: 'Go', to: 'second' }], after: [{ delay: 'PT1H', to: 'quiet' }] },
        quiet: { on: [{ event: 'Start', to: 'first' }], after: [{ delay: 'P30D', to: 'over' }] },
        over: { final: true },
      },
    },
    {
      id: 'buyer',
      entry: [{ event: 'Go', if: "sum('Go', 'price') > 25.0" }],
      initial: 'bought',
      stages: { bought: { after: [{ delay: 'P1D', if: "daysSince('Go') > 1.0", to: 'slow' }] }, slow: {} },
    },
  ]);
  await publishDrafts([
    {
      kind: 'content',
      id: 'hello',
      document: {
        id: 'hello',
        kind: 'banner',
        placements: ['home'],
        stages: ['shop.first', 'buyer.slow'],
        audience: "count('Start') > 0.0",
        locales: { en: { title: 'Hello {{ traits.city }}' } },
      },
    },
  ]);
});

const PARTS = ['before', 'after'] as const;
const event = fc.record({
  kind: fc.constant('event' as const),
  name: fc.constantFrom('Start', 'Start', 'Go', 'Go', 'Go', 'Nothing', 'Leave'),
  price: fc.integer({ min: 0, max: 20 }),
});
const input = fc.oneof(
  { arbitrary: event, weight: 4 },
  fc.record({ kind: fc.constant('identify' as const), city: fc.constantFrom('Bonn', 'Kiel') }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(SECOND, HOUR, DAY, 3 * DAY) }),
  fc.record({ kind: fc.constantFrom('alarm' as const, 'decide' as const, 'repeat' as const, 'index' as const) }),
);

describe('eviction', () => {
  it('between any two inputs changes nothing', async () => {
    let evictions = 0;
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(input, { minLength: 6, maxLength: 20 }), async (inputs) => {
        setClock(START);
        forgetSent();
        const ids = { evicted: freshName(), kept: freshName() };
        const both = Object.values(ids);
        let at = START;
        for (const [index, step] of inputs.entries()) {
          // The clock stands still while both get the same input.
          setClock(at);
          for (const id of both) {
            const messageId = `m${index}`;
            if (step.kind === 'event') await send(id, step.name, { messageId, properties: { price: step.price } });
            else if (step.kind === 'identify')
              await send(id, 'identify', { messageId, type: 'identify', traits: { city: step.city } });
            else if (step.kind === 'decide') await decide(id, ['home']);
            else if (step.kind === 'repeat') await send(id, 'Go', { messageId: 'm0' });
            else if (step.kind === 'alarm') await objectOf(id).fireDue(0, at);
          }
          if (step.kind === 'pass') at += step.ms;
          if (step.kind === 'index') await deliver(sent);
          await evict(ids.evicted);
          evictions++;
        }
        if (!(await objectOf(ids.kept).describe())) return;
        const [evicted, kept] = [await stateOf(ids.evicted), await stateOf(ids.kept)];
        expect(evicted).toEqual(kept);
        for (const move of moves(evicted.timeline)) seen.add(move);
      }),
      { numRuns: RUNS, seed: 11 },
    );
    // It was worth something: plenty happened in between.
    expect(evictions).toBeGreaterThan(RUNS * 6);
    expect([...seen].sort()).toEqual(expect.arrayContaining(['- > bought', '- > first', 'first > quiet', 'first > -']));
    expect(seen.size).toBeGreaterThanOrEqual(8);
  });

  it.each(PARTS)('under import, %s finish, changes nothing', async (when) => {
    const ids = { evicted: freshName(), kept: freshName() };
    const past = START - 100 * DAY;
    setClock(START);
    for (const id of Object.values(ids)) {
      for (const [day, name] of ['Start', 'Go', 'Nothing', 'Go', 'Start'].entries()) {
        const event = eventOf(name, { messageId: `d${day}`, at: past + day * 3 * DAY, properties: { price: 14 } });
        await objectOf(id).importEvents(0, [event]);
        if (id === ids.evicted && when === 'before') await evict(id);
      }
      if (id === ids.evicted) await evict(id);
      await objectOf(id).finishImport(0);
      if (id === ids.evicted && when === 'after') await evict(id);
    }
    expect(await stateOf(ids.evicted)).toEqual(await stateOf(ids.kept));
    expect(await alarmOf(ids.evicted)).toBe(await alarmOf(ids.kept));
  });

  it('does not change the order in which runs are described', async () => {
    const id = freshName();
    await ingest(id, [eventOf('Start'), eventOf('Go', { properties: { price: 30 } })]);
    const { runs } = await describeOf(id);
    expect(runs).toHaveLength(2);
    await evict(id);
    expect((await describeOf(id)).runs).toEqual(runs);
  });

  it('an object asked while unknown is known after eviction and its first event', async () => {
    const id = freshName();
    expect(await objectOf(id).describe()).toBeNull();
    await send(id, 'Start');
    await evict(id);
    expect((await describeOf(id)).stages).toEqual({ shop: 'first' });
    await evict(id);
    passTime(HOUR);
    await fireAlarm(id);
    await evict(id);
    expect((await ingest(id, [])).stages).toEqual({ shop: 'first' });
  });
});

/** What can be seen of a customer, without what differs between any two: the name and the ids of decisions. */
async function stateOf(id: string) {
  const described = await describeOf(id);
  const timeline = await timelineOf(id);
  return {
    described: { ...described, id: '', identifiers: {} },
    timeline: timeline.map((line) => ({ ...line, body: withoutDecisionIds(line.body) })),
  };
}

const withoutDecisionIds = (body: Json): Json =>
  JSON.parse(JSON.stringify(body, (name, value: unknown) => (name === 'decisionId' ? 'one' : value)));
