// One customer's flood: what passes, what is turned away, and when it may come back.

import { beforeAll, describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { fullBucket, takeTokens } from '../../workers/customer/flood.ts';
import { catalogVersion, describeOf, eventOf, freshName, ingest, objectOf, passTime, prepare, send } from './object.ts';

beforeAll(() => prepare([]));

const CALL = LIMITS.eventsPerCallMax;
const flood = (id: string, events: number) =>
  objectOf(id).ingest({
    customerId: id,
    catalogVersion: catalogVersion(),
    proven: true,
    decide: null,
    events: Array.from({ length: events }, () => eventOf('Nothing')),
  });

describe('the bucket', () => {
  it('lets a burst pass, and then so many a second', () => {
    const bucket = fullBucket();
    expect(takeTokens(bucket, LIMITS.customerBurstEvents, 1_000)).toBe(0);
    expect(takeTokens(bucket, 1, 1_000)).toBe(1_000 / LIMITS.customerEventsPerSecond);
    expect(takeTokens(bucket, LIMITS.customerEventsPerSecond, 2_000)).toBe(0);
    expect(takeTokens(bucket, 1, 2_000)).toBeGreaterThan(0);
  });

  it('what is turned away takes nothing, and a clock that goes back fills nothing', () => {
    const bucket = fullBucket();
    takeTokens(bucket, LIMITS.customerBurstEvents - 1, 5_000);
    expect(takeTokens(bucket, 2, 5_000)).toBeGreaterThan(0);
    expect(takeTokens(bucket, 1, 4_000)).toBe(0);
    expect(takeTokens(bucket, 1, 4_000)).toBeGreaterThan(0);
  });

  it('always has room for one call of the largest size, sooner or later', () => {
    expect(LIMITS.customerBurstEvents).toBeGreaterThanOrEqual(CALL);
  });
});

describe('a customer', () => {
  it('is turned away whole past the limit, told when to come back, and comes back', async () => {
    const id = freshName();
    const calls = LIMITS.customerBurstEvents / CALL;
    for (let n = 0; n < calls; n++) expect((await flood(id, CALL)).kind).toBe('done');
    const turnedAway = await flood(id, CALL);
    expect(turnedAway).toMatchObject({ kind: 'flooded' });
    expect((await describeOf(id)).events).toBe(LIMITS.customerBurstEvents);
    passTime(turnedAway.kind === 'flooded' ? turnedAway.retryAfterMs : 0);
    expect((await flood(id, CALL)).kind).toBe('done');
  });

  it('does not hold up another one', async () => {
    const [loud, quiet] = [freshName(), freshName()];
    for (let n = 0; n <= LIMITS.customerBurstEvents / CALL; n++) await flood(loud, CALL);
    expect((await flood(loud, 1)).kind).toBe('flooded');
    await send(quiet, 'Nothing');
    expect((await ingest(quiet, [eventOf('Nothing')])).statuses).toEqual(['accepted']);
  });
});
