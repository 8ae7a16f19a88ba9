// What a customer has said about consent, and what follows from it. One function, `refusal`, is asked wherever something is
// done for a customer. Pure: kept by the customer's object, built again by the simulator.

import { LIMITS } from '../../schema/limits.ts';
import { CONSENT_PURPOSES } from '../../schema/policies/consent.ts';
import { type ConsentRules, mayEnd, type PurposeRule, ruleFor } from './policy.ts';

/** Instants in milliseconds. */
export interface Statement {
  /** Null: all of them. */
  readonly purpose: string | null;
  readonly channel: string | null;
  readonly granted: boolean;
  readonly at: number;
  /** Where it was made, such as a form, the preference centre, a signal of the browser. */
  readonly source: string | null;
  readonly wording: string | null;
  /** Whether who made it has shown that the address is theirs. Of a no: always. */
  readonly confirmed: boolean;
  /** The first instant at which a yes does not count any more, as it was said (CN14). */
  readonly until?: number;
}

/** Persisted. */
export interface Consents {
  /** The latest statement on each purpose and channel, by `keyOf`. */
  readonly said: Readonly<Record<string, Statement>>;
  /** Since when the browser's privacy control is known. */
  readonly privacyControlAt: number | null;
  readonly pausedUntil: number | null;
  /** How often the customer wants to hear at most, as they chose it. */
  readonly frequency: string | null;
  /** When a confirmation was asked for, the last times, by `keyOf`. */
  readonly requestedAt: Readonly<Record<string, readonly number[]>>;
  /** The last line of the log: its number and hash. */
  readonly logged: { readonly n: number; readonly hash: string } | null;
}

export const NO_CONSENTS: Consents = {
  said: {},
  privacyControlAt: null,
  pausedUntil: null,
  frequency: null,
  requestedAt: {},
  logged: null,
};

export type Refusal =
  | 'no consent'
  | 'consent withdrawn'
  | 'consent expired'
  | 'consent not confirmed'
  | 'paused'
  | 'no unsubscribe link';

export const keyOf = (purpose: string | null, channel: string | null): string => `${purpose ?? '*'}/${channel ?? '*'}`;

/** CN2: a no before a yes, and a later one before both. Negative where `one` counts. */
const order = (one: Statement, other: Statement): number =>
  other.at - one.at || Number(one.granted) - Number(other.granted) || Number(one.confirmed) - Number(other.confirmed);

/** The statement that counts for a purpose and a channel; null for a channel means for whatever channel. */
export function statementOn({ said }: Consents, purpose: string, channel: string | null): Statement | null {
  let found: Statement | null = null;
  for (const key of [keyOf(purpose, channel), keyOf(purpose, null), keyOf(null, channel), keyOf(null, null)]) {
    const candidate = said[key];
    if (candidate && (!found || order(candidate, found) < 0)) found = candidate;
  }
  return found;
}

/** CN5. */
export const needsConfirming = (rule: PurposeRule, channel: string | null, source: string | null): boolean => {
  const { doubleOptIn } = rule;
  if (!doubleOptIn) return false;
  const bySource = doubleOptIn.sources === null || (source !== null && doubleOptIn.sources.includes(source));
  return bySource && (channel === null || doubleOptIn.channels.includes(channel));
};

/** CN4, CN14: of its own end and the policy's the earlier. */
const endOf = ({ at, until = Number.POSITIVE_INFINITY }: Statement, { expiresMs }: PurposeRule): number =>
  expiresMs === null ? until : Math.min(until, at + expiresMs);

/**
 * Why something may not be done for a customer at an instant (milliseconds); null where it may.
 * @param channel null for what goes by no channel: an answer, an event
 */
export function refusal(
  consents: Consents,
  rules: ConsentRules,
  purpose: string,
  channel: string | null,
  at: number,
): Refusal | null {
  const rule = ruleFor(rules, purpose);
  if (rule.basis === 'contract') return null;
  const { pausedUntil } = consents;
  if (channel !== null && pausedUntil !== null && at < pausedUntil) return 'paused';
  const statement = statementOn(consents, purpose, channel);
  if (rule.basis === 'legitimate-interest') return statement && !statement.granted ? 'consent withdrawn' : null;
  if (!statement) return 'no consent';
  if (!statement.granted) return 'consent withdrawn';
  if (at >= endOf(statement, rule)) return 'consent expired';
  if (!statement.confirmed && needsConfirming(rule, channel, statement.source)) return 'consent not confirmed';
  return null;
}

/**
 * From when to when something is permitted, as far as is known now (milliseconds): the instants from `from` on and before
 * `until` at which `refusal` says nothing. Null where there are none. `since`: of the statement; null for ever since.
 */
export function permission(
  consents: Consents,
  rules: ConsentRules,
  purpose: string,
  channel: string,
): { readonly since: number | null; readonly from: number; readonly until: number } | null {
  const rule = ruleFor(rules, purpose);
  const ever = { since: null, from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY };
  if (rule.basis === 'contract') return ever;
  const statement = statementOn(consents, purpose, channel);
  if (refusal({ ...consents, pausedUntil: null }, rules, purpose, channel, statement?.at ?? 0) !== null) return null;
  const until = statement && rule.basis === 'consent' ? endOf(statement, rule) : ever.until;
  return { since: statement?.at ?? null, from: consents.pausedUntil ?? ever.from, until };
}

/** The customer after a statement (CN3), and whether a yes of it is still to be confirmed. */
export function withStatement(
  before: Consents,
  rules: ConsentRules,
  statement: Statement,
): { readonly consents: Consents; readonly counts: boolean; readonly pending: boolean } {
  const { purpose, channel, granted, at, source } = statement;
  const key = keyOf(purpose, channel);
  const known = before.said[key];
  const rule = ruleFor(rules, purpose ?? 'marketing');
  const needed = granted && !statement.confirmed && needsConfirming(rule, channel, source);
  // A yes to what is agreed on already, and confirmed, is no new one.
  const renewed = needed && purpose !== null && statementOn(before, purpose, channel)?.confirmed === true;
  const renews = renewed && refusal({ ...before, pausedUntil: null }, rules, purpose, channel, at) === null;
  const next: Statement = { ...statement, confirmed: !granted || statement.confirmed || renews };
  const counts = !known || order(next, known) < 0;
  const consents = counts ? { ...before, said: { ...before.said, [key]: next } } : before;
  return { consents, counts, pending: counts && needed && !renews };
}

const DAY_MS = 24 * 3_600_000;

/** CN12: what was said last, said again before long. Where anything else was said since, it is no repetition. */
export function isRepeated({ said }: Consents, { purpose, channel, at, ...more }: Statement): boolean {
  const known = said[keyOf(purpose, channel)];
  if (!known || Math.abs(at - known.at) >= DAY_MS) return false;
  if (Object.values(said).some((other) => other !== known && other.at >= known.at)) return false;
  const { granted, source, wording, confirmed, until } = known;
  const isSame = granted === more.granted && source === more.source && wording === more.wording && until === more.until;
  return isSame && (confirmed || !more.confirmed);
}

/** CN11: what nobody has named is kept as far as there is room; what the policy or a message can ask about always is. */
export function hasPlace({ said }: Consents, rules: ConsentRules, { purpose, channel }: Statement): boolean {
  if (said[keyOf(purpose, channel)]) return true;
  const isNamed = (of: string | null, by: string | null): boolean =>
    (of === null || rules.purposes.has(of) || NAMED.has(of)) &&
    (by === null || CHANNELS.has(by) || (of !== null && ruleFor(rules, of).channels.includes(by)));
  if (isNamed(purpose, channel)) return true;
  const unnamed = Object.values(said).filter((statement) => !isNamed(statement.purpose, statement.channel));
  return unnamed.length < LIMITS.consentUnnamedMax;
}

const NAMED: ReadonlySet<string> = new Set(CONSENT_PURPOSES);
const CHANNELS: ReadonlySet<string> = new Set(['email', 'sms', 'push', 'letter', 'site']);

/** CN13. `now` in milliseconds. @returns the customer with one more request; null where there were enough of late */
export function withRequest(consents: Consents, { purpose, channel }: Statement, now: number): Consents | null {
  const key = keyOf(purpose, channel);
  const recent = (consents.requestedAt[key] ?? []).filter((at) => at > now - DAY_MS);
  if (recent.length >= LIMITS.confirmationsMax) return null;
  return { ...consents, requestedAt: { ...consents.requestedAt, [key]: [...recent, now] } };
}

/** CN9: of what both have said on the same the stricter. */
export function joined(own: Consents, other: Consents): Consents {
  const said: Record<string, Statement> = { ...own.said };
  for (const [key, theirs] of Object.entries(other.said)) {
    const ours = said[key];
    said[key] = ours ? stricter(ours, theirs) : theirs;
  }
  const earliest = [own.privacyControlAt, other.privacyControlAt].filter((at) => at !== null);
  const paused = [own.pausedUntil, other.pausedUntil].filter((at) => at !== null);
  return {
    said,
    privacyControlAt: earliest.length > 0 ? Math.min(...earliest) : null,
    pausedUntil: paused.length > 0 ? Math.max(...paused) : null,
    frequency: own.frequency ?? other.frequency,
    requestedAt: { ...other.requestedAt, ...own.requestedAt },
    logged: own.logged,
  };
}

function stricter(one: Statement, other: Statement): Statement {
  if (one.granted !== other.granted) {
    const no = one.granted ? other : one;
    return { ...no, at: Math.max(one.at, other.at) };
  }
  if (one.confirmed !== other.confirmed) return one.confirmed ? other : one;
  const [end, otherEnd] = [one.until ?? Number.POSITIVE_INFINITY, other.until ?? Number.POSITIVE_INFINITY];
  if (end !== otherEnd) return end < otherEnd ? one : other;
  if (one.at !== other.at) return one.at < other.at === one.granted ? one : other;
  return JSON.stringify(one) <= JSON.stringify(other) ? one : other;
}

/** How it stands with everything a customer may end, for operators and for the customer: by purpose and channel. */
export function standing(
  consents: Consents,
  rules: ConsentRules,
  at: number,
): {
  readonly purpose: string;
  readonly channel: string;
  readonly refusal: Refusal | null;
  readonly statement: Statement | null;
}[] {
  const purposes = new Set([...rules.purposes.keys(), 'marketing', 'newsletter']);
  for (const { purpose } of Object.values(consents.said)) if (purpose !== null) purposes.add(purpose);
  return [...purposes].sort().flatMap((purpose) => {
    if (!mayEnd(rules, purpose)) return [];
    const channels = new Set(ruleFor(rules, purpose).channels);
    for (const statement of Object.values(consents.said))
      if (statement.channel !== null && (statement.purpose ?? purpose) === purpose) channels.add(statement.channel);
    return [...channels].sort().map((channel) => ({
      purpose,
      channel,
      refusal: refusal(consents, rules, purpose, channel, at),
      statement: statementOn(consents, purpose, channel),
    }));
  });
}
