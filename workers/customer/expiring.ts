// When lines of the timeline are to go, as the object keeps it: a bound that no line's end lies before, so an event costs a
// comparison. It is written when it moves by more than a day: somebody new has none, and theirs follows from when they
// came about. What goes: retaining.ts. Which and when: workers/privacy/retention.ts.

import { LIMITS } from '../../schema/limits.ts';
import { type Dated, endOf, lookAt, lowers, type RetentionRules } from '../privacy/retention.ts';
import type { Commit } from './commit.ts';
import type { CustomerState, Expiry } from './state.ts';
import { readPart, writePart } from './storage.ts';

const PART = 'retention';

export function readExpiry(sql: SqlStorage): Expiry | null {
  const body = readPart(sql, PART);
  return body === null ? null : (JSON.parse(body) as Expiry);
}

export const writeExpiry = (sql: SqlStorage, expiry: Expiry): void => writePart(sql, PART, JSON.stringify(expiry));

/** What was worked out by other rules, or not at all, is to be looked at once. */
export const unknownExpiry = ({ key }: RetentionRules): Expiry => ({ key, nextAt: 0 });

/** @param isNew nothing was ever written of this customer */
export function expiryOf(sql: SqlStorage, state: CustomerState, rules: RetentionRules, isNew = false): Expiry {
  state.expiry ??= (isNew ? null : readExpiry(sql)) ?? { key: rules.key, nextAt: state.createdAt + rules.shortestMs };
  return state.expiry.key === rules.key ? state.expiry : unknownExpiry(rules);
}

/** When the object wants to be woken for it: a day after the bound, so at most once a day (PV11). Null: never. */
export function expiryAt(sql: SqlStorage, state: CustomerState, rules: RetentionRules | null): number | null {
  if (rules === null || state.movedTo !== null) return null;
  const { cursor, nextAt } = expiryOf(sql, state, rules);
  const at = cursor ? 0 : lookAt(nextAt);
  // The platform takes no alarm before 1970, by its own clock, and none of a line from a far future.
  return at === null ? null : Math.min(Math.max(at, state.createdAt), state.lastInputAt + LIMITS.delayMsMax);
}

/** A line was added; one that is late, imported or of another customer may have to go before all others. */
export function noteEnd({ sql, state, isNew }: Commit, rules: RetentionRules, line: Dated): boolean {
  const end = endOf(rules, line);
  const expiry = expiryOf(sql, state, rules, isNew);
  if (!lowers(end, expiry.nextAt)) return false;
  state.expiry = { ...expiry, nextAt: end };
  return true;
}
