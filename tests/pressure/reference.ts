// Contact pressure once more, as naively as can be: whether one instant is allowed, by the clock that Intl shows in a zone,
// which the engine does not use. And random rules to ask it about.

import fc from 'fast-check';
import { compilePressure, type PressureRules } from '../../workers/pressure/policy.ts';
import type { Contact } from '../../workers/pressure/room.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export type Policy = Parameters<typeof compilePressure>[0];
export function rulesOf(policy: Policy): PressureRules {
  const compiled = compilePressure(policy);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  return compiled.rules;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const clocks = new Map<string, { date: string; time: string; weekday: number }>();
/** What the clock of a zone shows, by Intl: date, hours and minutes, days since Monday. */
export function clockOf(instant: number, zone: string): { date: string; time: string; weekday: number } {
  const key = `${zone} ${instant}`;
  const known = clocks.get(key);
  if (known) return known;
  const format =
    formats.get(zone) ??
    new Intl.DateTimeFormat('en-CA', {
      ...{ timeZone: zone, hourCycle: 'h23', weekday: 'short' },
      ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
    });
  formats.set(zone, format);
  const parts = format.formatToParts(instant);
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? '';
  const weekday = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(part('weekday'));
  const clock = {
    date: `${part('year')}-${part('month')}-${part('day')}`,
    time: `${part('hour')}:${part('minute')}`,
    weekday,
  };
  clocks.set(key, clock);
  return clock;
}

/** Names the day, week or month an instant lies in. */
export function periodOf(instant: number, unit: string, zone: string): string {
  const { date, weekday } = clockOf(instant, zone);
  if (unit === 'month') return date.slice(0, 7);
  if (unit === 'day') return date;
  return new Date(Date.parse(`${date}T00:00:00Z`) - weekday * DAY).toISOString().slice(0, 10);
}

/** Whether no rule forbids an instant. */
export function allowed(policy: Policy, contacts: readonly Contact[], zone: string, instant: number): boolean {
  const { date, time } = clockOf(instant, zone);
  return policy.rules.every(({ most, distance, quiet, holidays }) => {
    if (most?.per) {
      const inside = contacts.filter(
        (each) => periodOf(each.at, most.per ?? '', zone) === periodOf(instant, most.per ?? '', zone),
      );
      if (inside.length >= most.count) return false;
    }
    const days = Number(/P(\d+)D/.exec(most?.within ?? '')?.[1] ?? 0);
    if (days > 0 && contacts.filter((each) => instant - each.at < days * DAY).length >= (most?.count ?? 0))
      return false;
    const hours = Number(/PT(\d+)H/.exec(distance ?? '')?.[1] ?? 0);
    if (contacts.some((each) => instant - each.at < hours * HOUR)) return false;
    if (
      quiet &&
      (quiet.from < quiet.to ? time >= quiet.from && time < quiet.to : time >= quiet.from || time < quiet.to)
    )
      return false;
    return !holidays?.includes(date);
  });
}

const time = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom('00', '15', '30', '45'))
  .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${minute}`);
/** One rule without its id. */
export const pressureRule = fc.oneof(
  fc.record({
    most: fc.record({
      count: fc.integer({ min: 1, max: 3 }),
      per: fc.constantFrom('day' as const, 'week' as const, 'month' as const),
    }),
  }),
  fc.record({
    most: fc.record({ count: fc.integer({ min: 1, max: 3 }), within: fc.constantFrom('P1D', 'P3D', 'P9D') }),
  }),
  fc.record({ distance: fc.constantFrom('PT1H', 'PT25H', 'PT60H') }),
  // Hours at which clocks are changed are left to the examples: what 02:30 means twice, or never, is a choice.
  fc.record({
    quiet: fc
      .record({ from: time, to: time })
      .filter(({ from, to }) => from !== to && [from, to].every((each) => each < '00:00' || each > '03:30')),
  }),
  fc.record({
    holidays: fc.uniqueArray(
      fc.constantFrom('2026-03-28', '2026-03-29', '2026-03-30', '2026-04-05', '2026-10-25', '2026-11-01'),
      { minLength: 1 },
    ),
  }),
);
/** Shortly before something happens to the clocks, a month or a holiday. */
export const begins = fc.constantFrom(
  '2026-03-06T00:00:00Z',
  '2026-03-26T00:00:00Z',
  '2026-04-02T00:00:00Z',
  '2026-10-01T00:00:00Z',
  '2026-10-23T00:00:00Z',
  '2026-10-30T00:00:00Z',
);

export const zones = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe');
