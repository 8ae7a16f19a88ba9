// What is counted (H): examples, and random policies over random orders of decisions and what came of them, against a
// reference that keeps everything and counts anew each time.

import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import {
  type CompiledCap,
  type Counted,
  capReached,
  countOf,
  type ItemLedger,
  mergeLedgers,
  NO_LEDGER,
  OUTCOMES,
  withDecision,
  withOutcome,
} from '../../workers/decide/ledger.ts';
import { often } from '../prove.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Around the changes of clocks of 2026 in the zones below. */
const BEGIN = Date.parse('2026-03-01T00:00:00Z');
const cap = (members: Partial<CompiledCap> = {}): CompiledCap => ({
  ...{ event: 'decision', most: 1, placement: null, within: null },
  ...members,
});

describe('what counts', () => {
  it('H1 events count by the decision they name, and within a month of it', () => {
    expect([...new Set(OUTCOMES.values())]).toEqual(['impression', 'click', 'redemption']);
    const decided = withDecision(NO_LEDGER, 'd', 'home', BEGIN);
    expect(withOutcome(decided, 'other', 'click', BEGIN + 1)).toBeNull();
    expect(withOutcome(decided, 'd', 'click', BEGIN - 1)).toBeNull();
    expect(withOutcome(decided, 'd', 'click', BEGIN + LIMITS.attributionMs)).not.toBeNull();
    expect(withOutcome(decided, 'd', 'click', BEGIN + LIMITS.attributionMs + 1)).toBeNull();
  });

  it('H2 of one decision each kind counts once', () => {
    const clicked = withOutcome(withDecision(NO_LEDGER, 'd', 'home', BEGIN), 'd', 'click', BEGIN + 1) ?? NO_LEDGER;
    expect(withOutcome(clicked, 'd', 'click', BEGIN + 2)).toBeNull();
    expect(withOutcome(clicked, 'd', 'redemption', BEGIN + 2)).not.toBeNull();
  });

  it('H5 what two customers have counts together', () => {
    const one = withDecision(NO_LEDGER, 'a', 'home', BEGIN);
    const other = withDecision(withDecision(NO_LEDGER, 'b', 'home', BEGIN + 1), 'c', 'side', BEGIN + 2);
    const merged = mergeLedgers(one, other);
    const count = (members: Partial<CompiledCap>) => countOf(merged, cap({ most: 9, ...members }), BEGIN + DAY, 'UTC');
    expect([count({}), count({ placement: 'home' }), count({ placement: 'side' })]).toEqual([3, 2, 1]);
    expect(withOutcome(merged, 'c', 'click', BEGIN + 3)).not.toBeNull();
  });
});

interface Move {
  readonly ms: number;
  readonly placement: string;
  readonly outcome: { readonly kind: Exclude<Counted, 'decision'>; readonly back: number } | null;
}

const ZONES = ['Europe/Vienna', 'America/New_York', 'Australia/Lord_Howe'];
const moves = fc.array(
  fc.record({
    ms: fc.constantFrom(0, 1, HOUR, 5 * HOUR, DAY, 3 * DAY, 40 * DAY),
    placement: fc.constantFrom('home', 'side', 'constructor'),
    outcome: fc.option(
      fc.record({
        kind: fc.constantFrom<Exclude<Counted, 'decision'>>('impression', 'click', 'redemption'),
        back: fc.integer({ min: 0, max: 5 }),
      }),
    ),
  }),
  { maxLength: 150, size: 'max' },
);
const caps = fc.record({
  event: fc.constantFrom<Counted>('decision', 'impression', 'click', 'redemption'),
  most: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: LIMITS.capMostMax })),
  placement: fc.constantFrom(null, 'home', 'side', 'constructor', 'toString'),
  within: fc.constantFrom<CompiledCap['within']>(
    ...[null, { ms: HOUR }, { ms: 7 * DAY }, { calendar: 'day' as const }, { calendar: 'week' as const }],
    { calendar: 'month' },
  ),
});

interface Counts {
  readonly kind: Counted;
  readonly placement: string;
  readonly at: number;
}

/** Looks through everything that ever counted. */
function naive(
  all: readonly Counts[],
  { event, placement, within, most }: CompiledCap,
  now: number,
  zone: string,
): boolean {
  const local = (at: number) => Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone);
  const today = local(now);
  const counts = all.filter(({ kind, placement: place, at }) => {
    if (kind !== event || (placement !== null && place !== placement) || at > now) return false;
    if (within === null) return true;
    if ('ms' in within) return at > now - within.ms;
    const day = local(at);
    if (within.calendar === 'day') return day.toPlainDate().equals(today.toPlainDate());
    if (within.calendar === 'month') return day.year === today.year && day.month === today.month;
    return day.yearOfWeek === today.yearOfWeek && day.weekOfYear === today.weekOfYear;
  });
  return counts.length >= most;
}

describe('caps against a reference that keeps everything', () => {
  it(`H3 H4 are exact in ${often(100, 5_000)} random histories, with every policy there may be`, () => {
    let reached = 0;
    fc.assert(
      fc.property(
        moves,
        fc.array(caps, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(...ZONES),
        (list, policies, zone) => {
          let ledger: ItemLedger = NO_LEDGER;
          const all: Counts[] = [];
          const decided: { id: string; placement: string; at: number; seen: Set<Counted> }[] = [];
          let now = BEGIN;
          for (const { ms, placement, outcome } of list as Move[]) {
            now += ms;
            if (outcome) {
              const known = decided.slice(-LIMITS.capMostMax).at(-1 - outcome.back);
              const next = known ? withOutcome(ledger, known.id, outcome.kind, now) : null;
              const counts = known && !known.seen.has(outcome.kind) && now - known.at <= LIMITS.attributionMs;
              expect(next !== null).toBe(Boolean(counts));
              if (next && known) {
                ledger = next;
                known.seen.add(outcome.kind);
                all.push({ kind: outcome.kind, placement: known.placement, at: now });
              }
            } else {
              const id = `d${decided.length}`;
              ledger = withDecision(JSON.parse(JSON.stringify(ledger)), id, placement, now);
              decided.push({ id, placement, at: now, seen: new Set() });
              all.push({ kind: 'decision', placement, at: now });
            }
            for (const policy of policies) {
              const expected = naive(all, policy, now, zone);
              expect(capReached([policy], ledger, now, zone) !== null).toBe(expected);
              if (expected) reached++;
            }
          }
        },
      ),
      { numRuns: often(100, 5_000), seed: 7 },
    );
    expect(reached).toBeGreaterThan(300);
  });
});
