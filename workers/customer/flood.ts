// How many events of one customer are let through: a bucket of tokens in the object's memory, one an event, so that one
// customer's flood does not take the time of all others in the isolate. Memory only: an object that was evicted begins with
// a full bucket, because nobody was flooding it. Counts on the platform's clock, never on one that was moved.

import { CUSTOMER_RATE } from '../../schema/limits.ts';

export interface Flood {
  /** Takes tokens for so many events. @returns 0, or the milliseconds until there will be enough; then none is taken */
  take(events: number, atMs: number): number;
}

const PER_MS = CUSTOMER_RATE.eventsPerSecond / 1_000;

let lifted = false;

/** Local mode only (workers/local): nobody is limited there. */
export function liftFloodLimit(): void {
  lifted = true;
}

export function openFlood(): Flood {
  let tokens: number = CUSTOMER_RATE.burstEvents;
  let filledAtMs = 0;
  return {
    take: (events, atMs) => {
      if (lifted) return 0;
      // A clock that was set back fills nothing, and counts on from where it stands now.
      tokens = Math.min(CUSTOMER_RATE.burstEvents, tokens + Math.max(0, atMs - filledAtMs) * PER_MS);
      filledAtMs = atMs;
      const missing = events - tokens;
      if (missing > 0) return Math.ceil(missing / PER_MS);
      tokens -= events;
      return 0;
    },
  };
}
