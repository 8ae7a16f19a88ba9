// When there is room for a message (CP1 to CP6). Instants in milliseconds.

import { WEEKDAYS } from '../../schema/journey.ts';
import { calendarStart, isZone, nextInWindow } from '../engine/calendar.ts';
import { dateIn } from './dates.ts';
import type { PressureRule, PressureRules, Unit } from './policy.ts';

/** What is asked of a message, and what is known of a contact. */
export interface Kind {
  readonly channel: string;
  readonly purpose: string;
  /** Of the journey it comes from. */
  readonly tags: readonly string[];
}

export interface Contact extends Kind {
  /** Of the message. */
  readonly key: string;
  readonly at: number;
}

export type Room =
  | { readonly kind: 'now' }
  | { readonly kind: 'later'; readonly at: number; readonly rule: string }
  | { readonly kind: 'never'; readonly rule: string };

const HOUR_MS = 3_600_000;
/** Surely in the next one, from the first instant of this one; days have 23 to 25 hours. */
const NEXT_MS: Readonly<Record<Unit, number>> = {
  day: 36 * HOUR_MS,
  week: 10 * 24 * HOUR_MS,
  month: 45 * 24 * HOUR_MS,
};
/** Each round moves on to the end of what one rule forbids; more are not needed by rules that leave room at all. */
const ROUNDS_MAX = 1_000;

const concerns = ({ channels, purposes, tags }: PressureRule, { channel, purpose, tags: of }: Kind): boolean =>
  purposes.has(purpose) && (channels?.has(channel) ?? true) && (tags === null || of.some((tag) => tags.has(tag)));

/** Whether any rule has a say. */
export const concernsAny = ({ rules }: PressureRules, wish: PressureRule | null, wanted: Kind): boolean =>
  (wish !== null && concerns(wish, wanted)) || rules.some((rule) => concerns(rule, wanted));

/** The customer's own zone, else that of the policy. */
export const zoneFor = ({ zone }: PressureRules, own: unknown): string => (isZone(own) ? own : zone);

/**
 * @param contacts those there were, in whatever order
 * @param wish the customer's own rule (CP6)
 */
export function roomFor(
  policy: PressureRules,
  wish: PressureRule | null,
  contacts: readonly Contact[],
  wanted: Kind,
  zone: string,
  now: number,
): Room {
  const rules = [...policy.rules, ...(wish ? [wish] : [])].filter((rule) => concerns(rule, wanted));
  const { at, held } = firstFree(rules, contacts, zone, now);
  if (held === null) return { kind: 'now' };
  if (policy.drops || at - now > policy.waitAtMostMs) return { kind: 'never', rule: held };
  return { kind: 'later', at, rule: held };
}

/** The first instant from `now` on that none of the rules forbids, and the first rule that forbids `now`. */
export function firstFree(
  rules: readonly PressureRule[],
  contacts: readonly Contact[],
  zone: string,
  now: number,
): { readonly at: number; readonly held: string | null } {
  let at = now;
  let held: string | null = null;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    let next = at;
    for (const rule of rules) {
      const free = freeBy(rule, contacts, zone, next);
      if (free <= next) continue;
      next = free;
      held ??= rule.id;
    }
    if (next === at) break;
    at = next;
  }
  return { at, held };
}

/** The day, week or month an instant lies in: its first instant, and the first after it. */
export function calendarWindow(at: number, per: Unit, zone: string): { readonly from: number; readonly to: number } {
  const from = calendarStart(at, per, zone);
  return { from, to: calendarStart(from + NEXT_MS[per], per, zone) };
}

/** The contacts a rule counts. */
export const contactsOf = (rule: PressureRule, contacts: readonly Contact[]): readonly Contact[] =>
  contacts.filter((contact) => concerns(rule, contact));

/** The first instant from `at` on that one rule does not forbid. */
function freeBy(rule: PressureRule, contacts: readonly Contact[], zone: string, at: number): number {
  const { calendar, rolling, distanceMs, quiet, holidays } = rule;
  const own = contactsOf(rule, contacts).map((contact) => contact.at);
  let free = at;
  if (calendar) {
    const { from, to } = calendarWindow(free, calendar.per, zone);
    if (own.filter((contact) => contact >= from && contact < to).length >= calendar.count) free = to;
  }
  if (rolling) {
    const { count, withinMs } = rolling;
    const inside = own.filter((contact) => contact > free - withinMs).sort((one, other) => other - one);
    const oldest = inside[count - 1];
    if (oldest !== undefined) free = Math.max(free, oldest + withinMs);
  }
  if (distanceMs !== null) {
    const near = own.filter((contact) => contact > free - distanceMs);
    if (near.length > 0) free = Math.max(free, Math.max(...near) + distanceMs);
  }
  if (quiet) free = nextInWindow(free, { from: quiet.to, to: quiet.from, days: WEEKDAYS, zone });
  while (holidays.has(dateIn(free, zone)))
    free = calendarStart(calendarStart(free, 'day', zone) + NEXT_MS.day, 'day', zone);
  return free;
}

/** Contacts that can still matter. */
export const remembered = (contacts: readonly Contact[], { memoryMs }: PressureRules, now: number): Contact[] =>
  contacts.filter(({ at }) => at > now - memoryMs);
