// How it stands with each rule of contact pressure for one customer, for operators (CP15): what is used, what is left, and
// when there is room again. Pure; instants in milliseconds.

import type { PressureRule, PressureRules } from './policy.ts';
import { type Contact, calendarWindow, contactsOf, firstFree } from './room.ts';

export interface RuleStanding {
  readonly rule: string;
  /** What it counts in at this instant; null for a rule that counts nothing. `to` is exclusive. */
  readonly window: { readonly from: number; readonly to: number } | null;
  readonly most: number | null;
  /** Contacts in the window. */
  readonly used: number | null;
  readonly room: number | null;
  readonly distanceMs: number | null;
  /** Hours of the customer's zone. */
  readonly quiet: { readonly from: string; readonly to: string } | null;
  /** The first instant from now on that this rule does not forbid. */
  readonly freeAt: number;
}

export function standingOf(
  policy: PressureRules,
  wish: PressureRule | null,
  contacts: readonly Contact[],
  zone: string,
  now: number,
): RuleStanding[] {
  return [...policy.rules, ...(wish ? [wish] : [])].map((rule) => {
    const { calendar, rolling, distanceMs, quiet } = rule;
    const window = calendar
      ? calendarWindow(now, calendar.per, zone)
      : // CP3: a contact that is just that old does not count any more.
        rolling && { from: now - rolling.withinMs + 1, to: now + 1 };
    const most = calendar?.count ?? rolling?.count ?? null;
    const own = contactsOf(rule, contacts);
    const used = window && own.filter(({ at }) => at >= window.from && at < window.to).length;
    const { at: freeAt } = firstFree([rule], contacts, zone, now);
    const room = most === null || used === null ? null : Math.max(0, most - used);
    return { rule: rule.id, window, most, used, room, distanceMs, quiet, freeAt };
  });
}
