// How long lines of the timeline stay (PV9 to PV13). Pure: what may go of some lines at an instant, and when the next of
// them may. Not what deletes them: workers/customer/retaining.ts. Times in milliseconds.

import type { Retention } from '../../schema/policies/privacy.ts';
import { ACCOUNT_EVENTS } from '../accounts/state.ts';
import { SAYS_CONSENT } from '../consent/statements.ts';
import { durationMs } from '../engine/durations.ts';

export interface RetentionRules {
  /** Tells these rules from others: what was worked out by others counts for nothing. */
  readonly key: string;
  /** Null: as long as the customer. */
  readonly defaultMs: number | null;
  readonly events: ReadonlyMap<string, number>;
  readonly shortestMs: number;
}

/** What of a line its retention depends on. */
export interface Dated {
  /** Of an event its own time. */
  readonly at: number;
  readonly kind: string;
  readonly name: string | null;
}

export interface Numbered extends Dated {
  readonly seq: number;
}

export const DAY_MS = 24 * 3_600_000;

/** PV10: what proves a consent, and the accounts a person acted for: erasing them goes by it. */
const isProof = ({ kind, name }: Dated): boolean =>
  kind === 'consent' || (name !== null && (SAYS_CONSENT.has(name) || name === ACCOUNT_EVENTS.joined));

/** Null: as long as the customer. */
export function keptMs({ defaultMs, events }: RetentionRules, line: Dated): number | null {
  if (isProof(line)) return null;
  const ofName = line.name === null ? undefined : events.get(line.name);
  return ofName ?? defaultMs;
}

/** When a line may go; null: never. */
export function endOf(rules: RetentionRules, line: Dated): number | null {
  const ms = keptMs(rules, line);
  return ms === null ? null : line.at + ms;
}

export interface Sifted {
  /** Numbers of the lines whose time is over, as ranges: no other of these lines lies within one. */
  readonly ranges: readonly (readonly [number, number])[];
  readonly gone: number;
  /** How many of them are events. */
  readonly goneEvents: number;
  /** When the next of the others may go; null: never. */
  readonly nextAt: number | null;
}

/** @param lines in order of their numbers */
export function sift(rules: RetentionRules, lines: readonly Numbered[], now: number): Sifted {
  const ranges: [number, number][] = [];
  let [gone, goneEvents] = [0, 0];
  let nextAt: number | null = null;
  let open: [number, number] | null = null;
  for (const line of lines) {
    const end = endOf(rules, line);
    if (end === null || end > now) {
      nextAt = earlier(nextAt, end);
      open = null;
      continue;
    }
    gone++;
    if (line.kind === 'event') goneEvents++;
    if (open) open[1] = line.seq;
    else {
      open = [line.seq, line.seq];
      ranges.push(open);
    }
  }
  return { ranges, gone, goneEvents, nextAt };
}

/**
 * Whether a line that is added moves the instant before which no line may go (null: none ever). Less than a day does not: so
 * an object keeps that instant, and rarely writes it.
 */
export const lowers = (end: number | null, nextAt: number | null): end is number =>
  end !== null && (nextAt === null || end + DAY_MS < nextAt);

/** PV11: when to look for lines that may go, so at most once a day; null: never. */
export const lookAt = (nextAt: number | null): number | null => (nextAt === null ? null : nextAt + DAY_MS);

/** The earlier of two instants; null is never. */
export const earlier = (one: number | null, other: number | null): number | null =>
  one === null ? other : other === null ? one : Math.min(one, other);

/**
 * Null where nothing was declared that ever ends. Durations are valid here.
 * @param resolve the declared name of an event
 */
export function retentionRules(written: Retention, resolve: (name: string) => string): RetentionRules | null {
  const events = new Map<string, number>();
  // Of two names of one event the shorter time holds.
  for (const [name, duration] of Object.entries(written.events ?? {}))
    events.set(resolve(name), Math.min(durationMs(duration) ?? Infinity, events.get(resolve(name)) ?? Infinity));
  const defaultMs = written.default === undefined ? null : durationMs(written.default);
  const shortestMs = Math.min(defaultMs ?? Infinity, ...events.values());
  if (shortestMs === Infinity) return null;
  const key = JSON.stringify([defaultMs, [...events].sort(([one], [other]) => (one < other ? -1 : 1))]);
  return { key, defaultMs, events, shortestMs };
}
