// What a customer's object has of totals: its open claims, and those that became final, so that a return gives back. Pure;
// the shards that granted them are workers/totals. Instants in milliseconds.

import { LIMITS } from '../../schema/limits.ts';
import { calendarStart } from '../engine/calendar.ts';
import type { Counted } from './ledger.ts';
import type { Total } from './totals.ts';

/** A claim that was granted and waits for its event. Persisted, so members are only added. */
export interface OpenClaim {
  readonly key: string;
  /** The object that granted it. */
  readonly shard: string;
  readonly pot: string;
  readonly unit: Total['unit'];
  readonly event: Counted;
  readonly amount: number;
  readonly until: number;
  readonly code: string | null;
  /** The decisions it was shown by, the last ones. */
  readonly decisions: readonly string[];
}

export interface SettledClaim {
  readonly key: string;
  readonly shard: string;
  readonly unit: Total['unit'];
  /** Units that were spent. */
  readonly amount: number;
  readonly order: string | null;
  /** Of the order, and of what came back of it. */
  readonly total: number | null;
  readonly refunded: number;
}

export interface ItemClaims {
  readonly open: readonly OpenClaim[];
  readonly settled: readonly SettledClaim[];
}

export const NO_CLAIMS: ItemClaims = { open: [], settled: [] };

/** What a shard is to be told. */
export interface Settlement {
  readonly shard: string;
  readonly key: string;
  readonly what: 'confirm' | 'release' | 'return';
  /** Spent, or returned in all. */
  readonly amount: number;
  /** Of a return: what was spent, in case it is told first. */
  readonly spent?: number;
}

const DECISIONS_MAX = 20;

/** The totals an item takes from in a placement, each with the name its pot has now. */
export const potsIn = (totals: readonly Total[], placement: string, now: number): readonly Total[] =>
  totals
    .filter((total) => total.placement === null || total.placement === placement)
    .map((total) =>
      total.calendar === null ? total : { ...total, pot: `${total.pot}@${dayOf(now, total.calendar)}` },
    );

const dayOf = (now: number, calendar: NonNullable<Total['calendar']>): string =>
  new Date(calendarStart(now, calendar, 'UTC')).toISOString().slice(0, 10);

/** The claim that still holds (B2); a total of decisions is claimed anew each time. */
export const heldOf = ({ open }: ItemClaims, { pot, event }: Total, now: number): OpenClaim | null =>
  event === 'decision' ? null : (open.findLast((claim) => claim.pot === pot && claim.until > now) ?? null);

/** The item was shown by this claim. */
export function withShown(claims: ItemClaims, claim: OpenClaim, decisionId: string): ItemClaims {
  const shown = { ...claim, decisions: [...claim.decisions, decisionId].slice(-DECISIONS_MAX) };
  const others = claims.open.filter(({ key }) => key !== claim.key);
  return { ...claims, open: [...others, shown].slice(-LIMITS.settledMax) };
}

/** The claim is final, or gone. */
export const without = (claims: ItemClaims, { key }: OpenClaim): ItemClaims => ({
  ...claims,
  open: claims.open.filter((claim) => claim.key !== key),
});

/** What an event says of a claim. */
export interface Said {
  readonly event: Counted;
  readonly decisionId: string | null;
  readonly coupon: string | null;
  readonly order: string | null;
  readonly total: number | null;
  /** What was spent, in the currency. */
  readonly discount: number | null;
}

/** The decision that an event means: the one it names, or the one that showed the code it names (B4). */
export const decisionMeant = ({ open }: ItemClaims, { decisionId, coupon }: Said): string | null =>
  decisionId ?? (coupon === null ? null : (open.findLast(({ code }) => code === coupon)?.decisions.at(-1) ?? null));

/** B4: the claims that this event makes final. */
export function settled(
  claims: ItemClaims,
  said: Said,
): { readonly claims: ItemClaims; readonly tell: readonly Settlement[] } | null {
  const decision = decisionMeant(claims, said);
  const over = claims.open.filter(({ event, decisions }) => event === said.event && decisions.includes(decision ?? ''));
  if (over.length === 0) return null;
  const final = over.map(
    ({ key, shard, unit, amount }): SettledClaim => ({
      ...{ key, shard, unit },
      amount: unit === 'money' && said.discount !== null ? Math.round(said.discount * 100) : amount,
      ...{ order: said.order, total: said.total, refunded: 0 },
    }),
  );
  return {
    claims: {
      open: claims.open.filter((claim) => !over.includes(claim)),
      settled: [...claims.settled, ...final].slice(-LIMITS.settledMax),
    },
    tell: final.map(({ key, shard, amount }) => ({ key, shard, what: 'confirm', amount })),
  };
}

/** B5: so much of an order came back; null says all of it. */
export function refunded(
  claims: ItemClaims,
  order: string,
  total: number | null,
): { readonly claims: ItemClaims; readonly tell: readonly Settlement[] } | null {
  const tell: Settlement[] = [];
  const next = claims.settled.map((claim): SettledClaim => {
    if (claim.order !== order) return claim;
    const whole = claim.total === null || total === null;
    const back = whole ? (claim.total ?? 1) : claim.refunded + total;
    const share = claim.total === null || claim.total <= 0 ? 1 : Math.min(1, back / claim.total);
    const returned = claim.unit === 'money' ? Math.floor(claim.amount * share + 1e-9) : share >= 1 ? claim.amount : 0;
    if (returned > 0) {
      const { key, shard, amount } = claim;
      tell.push({ key, shard, what: 'return', amount: returned, spent: amount });
    }
    return { ...claim, refunded: back };
  });
  return next.some((claim, index) => claim !== claims.settled[index])
    ? { claims: { ...claims, settled: next }, tell }
    : null;
}

/** B6: of two customers who are one; what the other held of the same pot is released. */
export function mergeClaims(
  own: ItemClaims,
  other: ItemClaims,
): { readonly claims: ItemClaims; readonly tell: readonly Settlement[] } {
  const both = new Set(own.open.map(({ pot }) => pot));
  const known = new Set([...own.open, ...own.settled].map(({ key }) => key));
  const news = other.open.filter(({ key }) => !known.has(key));
  return {
    claims: {
      open: [...own.open, ...news.filter(({ pot }) => !both.has(pot))].slice(-LIMITS.settledMax),
      settled: [...other.settled.filter(({ key }) => !known.has(key)), ...own.settled].slice(-LIMITS.settledMax),
    },
    tell: news
      .filter(({ pot }) => both.has(pot))
      .map(({ key, shard, amount }) => ({ key, shard, what: 'release', amount })),
  };
}
