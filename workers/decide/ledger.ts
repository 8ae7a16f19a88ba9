// What is counted of an item with caps, for one customer (H): the last instants of each kind and placement, and the last
// decisions, so that every cap is answered exactly, whatever it will be. Pure; kept by the customer's object.

import { LIMITS } from '../../schema/limits.ts';
import { calendarStart } from '../engine/calendar.ts';

export type Counted = 'decision' | 'impression' | 'click' | 'redemption';

export interface CompiledCap {
  readonly event: Counted;
  readonly most: number;
  readonly placement: string | null;
  readonly within: { readonly ms: number } | { readonly calendar: 'day' | 'week' | 'month' } | null;
}

interface Decided {
  readonly id: string;
  readonly placement: string;
  readonly at: number;
  /** Kinds that came of it. */
  readonly seen: readonly Counted[];
}

/** Instants in milliseconds, ascending. Persisted, so members are only added. */
export interface ItemLedger {
  readonly decisions: readonly Decided[];
  readonly counts: { readonly [kind in Counted]?: { readonly [placement: string]: readonly number[] } };
}

export const NO_LEDGER: ItemLedger = Object.freeze({ decisions: [], counts: {} });

/** Events that report what came of a decision, by their declared names (H1). */
export const OUTCOMES: ReadonlyMap<string, Counted> = new Map([
  ['Offer Viewed', 'impression'],
  ['Content Viewed', 'impression'],
  ['Offer Clicked', 'click'],
  ['Content Clicked', 'click'],
  ['Offer Redeemed', 'redemption'],
  ['Coupon Applied', 'redemption'],
  ['Order Completed', 'redemption'],
]);

const latest = <T>(list: readonly T[]): readonly T[] => list.slice(-LIMITS.capMostMax);

export function withDecision(ledger: ItemLedger, id: string, placement: string, at: number): ItemLedger {
  const decisions = latest([...ledger.decisions, { id, placement, at, seen: [] }]);
  return { decisions, counts: counted(ledger, 'decision', placement, at) };
}

/** @returns null where the decision is not known, is too old, or counts so already (H1, H2) */
export function withOutcome(ledger: ItemLedger, decisionId: string, kind: Counted, at: number): ItemLedger | null {
  const index = ledger.decisions.findLastIndex(({ id }) => id === decisionId);
  const decided = ledger.decisions[index];
  if (!decided || decided.seen.includes(kind) || at < decided.at || at - decided.at > LIMITS.attributionMs) return null;
  const decisions = ledger.decisions.with(index, { ...decided, seen: [...decided.seen, kind] });
  return { decisions, counts: counted(ledger, kind, decided.placement, at) };
}

function counted({ counts }: ItemLedger, kind: Counted, placement: string, at: number): ItemLedger['counts'] {
  const instants = latest(sorted([...instantsIn(counts[kind], placement), at]));
  return { ...counts, [kind]: { ...counts[kind], [placement]: instants } };
}

const instantsIn = (
  places: { readonly [placement: string]: readonly number[] } = {},
  placement: string,
): readonly number[] => (Object.hasOwn(places, placement) ? places[placement] : null) ?? [];

const sorted = (instants: number[]): number[] => instants.sort((one, other) => one - other);

/** How often a cap's event has counted so far, no further than the cap asks. `zone` is the customer's. */
export function countOf(ledger: ItemLedger, cap: CompiledCap, now: number, zone: string): number {
  const after = startOf(cap, now, zone);
  const { [cap.event]: places = {} } = ledger.counts;
  const lists = cap.placement === null ? Object.values(places) : [instantsIn(places, cap.placement)];
  let count = 0;
  for (const list of lists) for (const at of list) if (at > after && at <= now) count++;
  return Math.min(count, cap.most);
}

/** The instant before the first that counts. */
function startOf({ within }: CompiledCap, now: number, zone: string): number {
  if (within === null) return -Infinity;
  return 'ms' in within ? now - within.ms : calendarStart(now, within.calendar, zone) - 1;
}

/** H3: the first cap that is reached. */
export function capReached(
  caps: readonly CompiledCap[],
  ledger: ItemLedger,
  now: number,
  zone: string,
): { readonly cap: number; readonly counted: number } | null {
  for (const [index, cap] of caps.entries()) {
    const count = countOf(ledger, cap, now, zone);
    if (count >= cap.most) return { cap: index, counted: count };
  }
  return null;
}

/** H5: of two customers who are one. A ledger is handed over once, so what both have is twice. */
export function mergeLedgers(one: ItemLedger, other: ItemLedger): ItemLedger {
  const counts: { [kind in Counted]?: { [placement: string]: readonly number[] } } = {};
  for (const kind of ['decision', 'impression', 'click', 'redemption'] as const) {
    const places = new Set([...Object.keys(one.counts[kind] ?? {}), ...Object.keys(other.counts[kind] ?? {})]);
    if (places.size === 0) continue;
    counts[kind] = Object.fromEntries(
      [...places].map((place) => [
        place,
        latest(sorted([...instantsIn(one.counts[kind], place), ...instantsIn(other.counts[kind], place)])),
      ]),
    );
  }
  const decisions = latest([...one.decisions, ...other.decisions].sort((a, b) => a.at - b.at));
  return { decisions, counts };
}
