// How many events one customer may send: a bucket of tokens in the object's memory, refilled with time. It protects the
// others in the same process from one customer's flood; memory is enough, because an object that was evicted was idle.

import { LIMITS } from '../../schema/limits.ts';

export interface Bucket {
  tokens: number;
  /** Milliseconds. */
  at: number;
}

export const fullBucket = (): Bucket => ({ tokens: LIMITS.customerBurstEvents, at: 0 });

/**
 * Takes a token for each event, or none.
 * @returns 0, or the milliseconds until there are enough
 */
export function takeTokens(bucket: Bucket, events: number, now: number): number {
  const passed = Math.max(0, now - bucket.at);
  const filled = Math.min(
    LIMITS.customerBurstEvents,
    bucket.tokens + (passed * LIMITS.customerEventsPerSecond) / 1_000,
  );
  bucket.at = Math.max(bucket.at, now);
  bucket.tokens = filled;
  if (filled < events) return Math.ceil(((events - filled) * 1_000) / LIMITS.customerEventsPerSecond);
  bucket.tokens = filled - events;
  return 0;
}
