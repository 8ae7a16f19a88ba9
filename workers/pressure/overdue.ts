// Contacts that are overdue (CP11 to CP14): when the next one will be, and how it comes between timers. Pure; instants in
// milliseconds. The customer's object and the simulator move their customers by this very code.

import { nextWakeAt } from '../engine/due.ts';
import { fireTimers } from '../engine/travel.ts';
import type { Journeying, World } from '../engine/traveller.ts';
import type { LeastRule, PressureRules } from './policy.ts';
import type { Contact, Kind } from './room.ts';

/** From when to when something is permitted, as far as is known now. */
export interface Permission {
  /** Since when; null: ever since. */
  readonly since: number | null;
  /** Not before this instant. */
  readonly from: number;
  /** The first instant at which it is not permitted any more. */
  readonly until: number;
}

/** Persisted: by rule, the beginning of the gap that was told last (CP12). */
export type Told = Readonly<Record<string, number>>;

/** What is known of a customer. */
export interface Known {
  /** When the customer became known. */
  readonly createdAt: number;
  readonly contacts: readonly Contact[];
  readonly told: Told;
  readonly permission: (purpose: string, channel: string) => Permission | null;
}

/** A time without a contact that becomes too long. */
export interface Gap {
  readonly rule: LeastRule;
  readonly since: number;
  readonly at: number;
}

const isOf = (rule: LeastRule, { purpose, channel }: Kind): boolean =>
  rule.purpose === purpose && rule.channel === channel;

/** Whether a rule waits for contacts of this kind. */
export const awaited = ({ least }: PressureRules, kind: Kind): boolean => least.some((rule) => isOf(rule, kind));

/** The gap of one rule; null where it will not become too long, or was told. */
function gapOf(rule: LeastRule, published: number, known: Known): Gap | null {
  const permitted = known.permission(rule.purpose, rule.channel);
  if (!permitted) return null;
  let since = Math.max(known.createdAt, permitted.since ?? known.createdAt);
  for (const contact of known.contacts) if (isOf(rule, contact) && contact.at > since) since = contact.at;
  if ((known.told[rule.id] ?? Number.NEGATIVE_INFINITY) >= since) return null;
  const at = Math.max(since + rule.withinMs, permitted.from, published);
  return at < permitted.until ? { rule, since, at } : null;
}

/** In the order of the rules. */
export const gapsOf = ({ least, since }: PressureRules, known: Known): Gap[] =>
  least.flatMap((rule) => gapOf(rule, since, known) ?? []);

/** The gap that is too long first; of one instant the first in the order given. */
export function firstOf(gaps: readonly Gap[]): Gap | null {
  let first: Gap | null = null;
  for (const gap of gaps) if (!first || gap.at < first.at) first = gap;
  return first;
}

export const nextGap = (rules: PressureRules, known: Known): Gap | null => firstOf(gapsOf(rules, known));

/** What was told, once this gap is; what rules that are gone had told is forgotten. */
export const toldOf = ({ least }: PressureRules, told: Told, { rule, since }: Gap): Told =>
  Object.fromEntries([
    ...Object.entries(told).filter(([id]) => least.some((each) => each.id === id)),
    [rule.id, since],
  ]);

/** CP12: of two customers who become one, what either was told. */
export function joinedTold(one: Told, other: Told): Told {
  const both: Record<string, number> = { ...one };
  for (const [id, since] of Object.entries(other)) both[id] = Math.max(since, both[id] ?? since);
  return both;
}

/** The message id of the event, one of all customers; and what it says. */
export const overdueEvent = (customerId: string, { rule, since }: Gap) => ({
  messageId: `${customerId}/overdue/${rule.id}/${since}`,
  properties: {
    rule: rule.id,
    purpose: rule.purpose,
    channel: rule.channel,
    since: new Date(since).toISOString(),
  },
});

/** What a shell does when a contact is overdue. One constant for all its customers. */
export interface Missing<J> {
  readonly rules: (of: J) => PressureRules;
  readonly next: (of: J) => Gap | null;
  /** Notes that it was told, and applies the event at `at`. */
  readonly happen: (of: J, gap: Gap, at: number) => void;
}

/**
 * `fireTimers` of travel.ts, with what becomes overdue in between; at one instant timers go first (CP14). Both count.
 * @returns how many, and whether more is due
 */
export function fireDue<J extends Journeying>(
  world: World<J>,
  missing: Missing<J>,
  of: J,
  until: number,
  most: number,
): { readonly fired: number; readonly more: boolean } {
  if (missing.rules(of).least.length === 0) return fireTimers(world, of, until, most);
  for (let fired = 0; ; ) {
    const gap = missing.next(of);
    const gapAt = gap && Math.max(gap.at, of.state.lastInputAt);
    const timerAt = nextWakeAt(of.state, of.machineOf, of.openings);
    const isGap = gapAt !== null && (timerAt === null || gapAt < timerAt);
    const at = isGap ? gapAt : timerAt;
    if (at === null || at > until) return { fired, more: false };
    if (fired >= most) return { fired, more: true };
    if (gap && isGap) {
      missing.happen(of, gap, at);
      fired++;
    } else fired += fireTimers(world, of, at, most - fired).fired;
  }
}
