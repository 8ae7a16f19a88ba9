// A customer's flood: how many events pass, what the object answers past that, and that a clock that jumps neither opens the
// gate nor shuts it for good.

import { beforeAll, describe, expect, it } from 'vitest';
import { CUSTOMER_RATE } from '../../schema/limits.ts';
import { openFlood } from '../../workers/customer/flood.ts';
import {
  catalogVersion,
  describeOf,
  eventOf,
  evict,
  freshName,
  moves,
  objectOf,
  passTime,
  prepare,
  SECOND,
  send,
  setClock,
  timelineOf,
} from './object.ts';

const { eventsPerSecond, burstEvents } = CUSTOMER_RATE;

beforeAll(() =>
  prepare([
    {
      id: 'shop',
      entry: [{ event: 'Start' }],
      initial: 'first',
      stages: {
        first: { after: [{ delay: 'PT1H', to: 'second' }] },
        second: { after: [{ delay: 'PT1H', to: 'third' }] },
        third: {},
      },
    },
  ]),
);

describe('the bucket', () => {
  it('lets twice the 500 events a second of a hot customer through for ever, in any portions', () => {
    for (const portion of [1, 7, 100, 500]) {
      const flood = openFlood();
      for (let at = 0, sent = 0; at < 20_000; at += (portion * 1_000) / eventsPerSecond, sent += portion)
        expect([portion, sent, flood.take(portion, 1_000_000 + at)]).toEqual([portion, sent, 0]);
    }
  });

  it('lets exactly the burst through at once, and says when the next will pass', () => {
    const flood = openFlood();
    for (let left = burstEvents; left > 0; left -= 500) expect(flood.take(500, SECOND)).toBe(0);
    expect(flood.take(1, SECOND)).toBe(1_000 / eventsPerSecond);
    expect(flood.take(500, SECOND)).toBe((500 * 1_000) / eventsPerSecond);
    expect(flood.take(500, SECOND + (500 * 1_000) / eventsPerSecond - 1)).toBe(1);
    expect(flood.take(500, SECOND + (500 * 1_000) / eventsPerSecond)).toBe(0);
    expect(flood.take(1, SECOND + (500 * 1_000) / eventsPerSecond)).toBeGreaterThan(0);
  });

  it('never holds more than the burst, however long nothing came', () => {
    const flood = openFlood();
    expect(flood.take(burstEvents, SECOND)).toBe(0);
    expect(flood.take(burstEvents, 1e12)).toBe(0);
    expect(flood.take(1, 1e12)).toBeGreaterThan(0);
  });

  it('a clock that is set back fills nothing and blocks nothing', () => {
    const flood = openFlood();
    expect(flood.take(burstEvents, 1e12)).toBe(0);
    expect(flood.take(1, 1e9)).toBe(1_000 / eventsPerSecond);
    expect(flood.take(1, 1e9 + 1_000 / eventsPerSecond)).toBe(0);
  });
});

describe('the object', () => {
  const ingest = (id: string, events: number) =>
    objectOf(id).ingest({
      customerId: id,
      catalogVersion: catalogVersion(),
      proven: true,
      decide: null,
      events: Array.from({ length: events }, () => eventOf('Ping')),
    });

  it('past the burst answers flooded with its time and commits nothing; the others are served; later it is again', async () => {
    const [hot, other] = [freshName(), freshName()];
    for (let sent = 0; sent < burstEvents; sent += 500) expect((await ingest(hot, 500)).kind).toBe('done');
    const flooded = await ingest(hot, 500);
    expect(flooded).toEqual({ kind: 'flooded', retryAfterMs: (500 * 1_000) / eventsPerSecond });
    const page = { placements: ['hero'], context: {}, locales: ['en'] };
    const asked = { customerId: hot, catalogVersion: catalogVersion(), proven: true, decide: page };
    expect((await objectOf(hot).decide(asked)).kind).toBe('flooded');
    expect((await describeOf(hot)).events).toBe(burstEvents);
    expect((await ingest(other, 500)).kind).toBe('done');
    passTime((500 * 1_000) / eventsPerSecond);
    expect((await ingest(hot, 500)).kind).toBe('done');
    expect((await describeOf(hot)).events).toBe(burstEvents + 500);
  });
});

describe('a clock that jumps', () => {
  it('back by a day: events are taken, time in the object stands still, timers fire when it is later again', async () => {
    const id = freshName();
    const start = Date.now();
    await send(id, 'Start');
    setClock(start - 86_400_000);
    const { stages } = await send(id, 'Ping');
    expect(stages).toEqual({ shop: 'first' });
    await evict(id);
    await send(id, 'Ping');
    setClock(start + 2 * 3_600_000);
    expect((await send(id, 'Ping')).stages).toEqual({ shop: 'third' });
    const lines = await timelineOf(id);
    expect(moves(lines)).toEqual(['- > first', 'first > second', 'second > third']);
    const applied = lines.map(({ appliedAt }) => appliedAt);
    expect(applied).toEqual([...applied].sort((a, b) => a - b));
  });

  it('forward by ten years: what fell due fires once, in its order, at its own instants', async () => {
    const id = freshName();
    const start = Date.now();
    await send(id, 'Start');
    setClock(start + 3_652 * 86_400_000);
    expect((await send(id, 'Ping')).stages).toEqual({ shop: 'third' });
    const due = (await timelineOf(id)).filter(({ kind }) => kind === 'transition').map(({ at }) => at - start);
    expect(due).toEqual([0, 3_600_000, 7_200_000]);
    setClock(start);
  });
});
