// Dates and times of day in a time zone, and recurrence: when a wall clock somewhere shows what a journey says. Pure, by
// Temporal and RFC 5545; never by adding milliseconds, so that a day on which the clocks change is right. A time that a
// change of clocks skips is the instant as much later; one that comes twice is the first (RFC 5545 section 3.3.5).

import { RRuleTemporal } from 'rrule-temporal';
import { Temporal } from 'temporal-polyfill';
import type { Schedule, Weekday } from '../../schema/journey.ts';
import { WEEKDAYS } from '../../schema/journey.ts';
import type { Json } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';

/** Whether this names an IANA zone. A bare offset such as +02:00 is none: it knows no change of clocks. */
export function isZone(zone: unknown): zone is string {
  if (typeof zone !== 'string') return false;
  const known = KNOWN.get(zone);
  if (known !== undefined) return known;
  if (!/^[A-Za-z]/.test(zone) || zone.length > 64) return false;
  let valid = true;
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone);
  } catch {
    valid = false;
  }
  if (KNOWN.size >= KNOWN_MAX) KNOWN.clear();
  KNOWN.set(zone, valid);
  return valid;
}

/** Answers given before, because asking costs 20 microseconds and more where the zone is none. */
const KNOWN = new Map<string, boolean>();
const KNOWN_MAX = 1_000;

export interface CalendarDate {
  /** ISO duration with sign, added in the zone; null: none. */
  readonly offset: string | null;
  /** Of that day; null: as the value says, or its first instant. */
  readonly time: string | null;
  readonly zone: string;
}

/**
 * The instant a value from data stands for: a date, a date and time (with or without an offset), or milliseconds.
 * @returns milliseconds, or null where it stands for none
 */
export function instantOf(value: Json, date: CalendarDate): number | null {
  if (typeof value !== 'string' || value.length > 40) return computeInstant(value, date);
  const asked = `${value} ${date.offset} ${date.time} ${date.zone}`;
  let instant = INSTANTS.get(asked);
  if (instant === undefined) {
    instant = computeInstant(value, date);
    if (INSTANTS.size >= KNOWN_MAX) INSTANTS.clear();
    INSTANTS.set(asked, instant);
  }
  return instant;
}

/** Given before: a run asks for its dates again after every input (D3), and reading one costs tens of microseconds. */
const INSTANTS = new Map<string, number | null>();

function computeInstant(value: Json, date: CalendarDate): number | null {
  try {
    const moment = zonedOf(value, date);
    return moment === null ? null : shifted(moment, date.offset);
  } catch {
    return null;
  }
}

/** The first instant strictly after `now` on which this date comes round again, its offset counted; 29 February is the 28th in other years. */
export function nextYearly(value: Json, date: CalendarDate, now: number): number | null {
  try {
    const first = zonedOf(value, date);
    if (first === null) return null;
    const year = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(date.zone).year;
    const {
      years = 0,
      months = 0,
      weeks = 0,
      days = 0,
    } = date.offset === null ? {} : Temporal.Duration.from(date.offset);
    const reach = Math.ceil(Math.abs(years) + Math.abs(months) / 12 + (Math.abs(weeks) * 7 + Math.abs(days)) / 365) + 1;
    for (let at = year - reach; at <= year + reach; at++) {
      const turn = shifted(first.add({ years: at - first.year }), date.offset);
      if (turn > now) return turn;
    }
    return null;
  } catch {
    return null;
  }
}

const shifted = (moment: Temporal.ZonedDateTime, offset: string | null): number =>
  (offset === null ? moment : moment.add(offset)).epochMilliseconds;

function zonedOf(value: Json, { time, zone }: CalendarDate): Temporal.ZonedDateTime | null {
  const moment = momentOf(value, zone);
  if (moment === null || time === null) return moment;
  return moment.toPlainDate().toZonedDateTime({ timeZone: zone, plainTime: Temporal.PlainTime.from(time) });
}

function momentOf(value: Json, zone: string): Temporal.ZonedDateTime | null {
  if (typeof value === 'number')
    return Number.isInteger(value) ? Temporal.Instant.fromEpochMilliseconds(value).toZonedDateTimeISO(zone) : null;
  if (typeof value !== 'string' || value.length > 40) return null;
  if (!value.includes('T') && !value.includes(' ')) return Temporal.PlainDate.from(value).toZonedDateTime(zone);
  return /[zZ]$|[+-]\d\d(:?\d\d)?$/.test(value)
    ? Temporal.Instant.from(value).toZonedDateTimeISO(zone)
    : Temporal.PlainDateTime.from(value).toZonedDateTime(zone);
}

export interface Window {
  readonly from: string;
  readonly to: string;
  readonly days: readonly Weekday[];
  readonly zone: string;
}

/** The first instant at or after `now` inside the window: `now` itself while it is open. Milliseconds. */
export function nextInWindow(now: number, window: Window): number {
  const key = `${Math.floor(now / DAY_MS)} ${window.from} ${window.to} ${window.zone} ${window.days.join()}`;
  let turn = TURNS.get(key);
  if (!turn || now < turn.after || now >= turn.closes) {
    turn = turnAt(now, window);
    if (TURNS.size >= KNOWN_MAX) TURNS.clear();
    TURNS.set(key, turn);
  }
  return Math.max(now, turn.opens);
}

const DAY_MS = 86_400_000;

/** A time the window is open. It is the next one for every instant from `after` until it closes. */
interface Turn {
  readonly after: number;
  readonly opens: number;
  readonly closes: number;
}

/** Found before, by the day in UTC it was asked on: reading a wall clock costs tens of microseconds. */
const TURNS = new Map<string, Turn>();

function turnAt(now: number, window: Window): Turn {
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(window.zone).toPlainDate();
  // Yesterday too: a window over midnight belongs to the day it began on.
  for (let day = -1; day <= 8; day++) {
    const date = today.add({ days: day });
    const weekday = WEEKDAYS[date.dayOfWeek - 1];
    if (!weekday || !window.days.includes(weekday)) continue;
    const opens = instantAt(date, window.from, window.zone);
    const closes = instantAt(window.to > window.from ? date : date.add({ days: 1 }), window.to, window.zone);
    if (now < closes && opens < closes) return { after: now, opens, closes };
  }
  return { after: now, opens: now, closes: now };
}

const instantAt = (date: Temporal.PlainDate, time: string, timeZone: string): number =>
  date.toZonedDateTime({ timeZone, plainTime: Temporal.PlainTime.from(time) }).epochMilliseconds;

/** The next occurrence of a rule strictly after an instant, in a zone. Milliseconds; null when there is none left. */
export type Occurrences = (after: number, zone: string) => number | null;

/** Zones an isolate keeps the last occurrence of one rule for. */
const ZONES_MAX = 500;

/** @returns what finds the occurrences, or why the rule cannot be used */
export function compileSchedule(schedule: Schedule): { readonly next: Occurrences } | { readonly fault: string } {
  const stated = /(^|;)\s*(DTSTART|TZID|RSCALE|SKIP|COUNT)\s*[=:]/i.exec(schedule.rrule)?.[2];
  if (stated !== undefined)
    return {
      fault:
        stated.toUpperCase() === 'COUNT'
          ? 'COUNT counts what nobody sees; UNTIL says when it ends'
          : `${stated} does not belong into the rule`,
    };
  if (/FREQ=(SECONDLY|MINUTELY)/i.test(schedule.rrule)) return { fault: 'it comes more often than once an hour' };
  const ruleIn = (zone: string): RRuleTemporal =>
    new RRuleTemporal({
      rruleString: `DTSTART;TZID=${zone}:${basic(schedule.start)}\nRRULE:${schedule.rrule}`,
      strict: true,
      maxIterations: 10_000,
    });
  try {
    const rule = ruleIn('UTC');
    let at = firstAfter(rule, Temporal.PlainDateTime.from(schedule.start).toZonedDateTime('UTC').epochMilliseconds - 1);
    if (at === null) return { fault: 'it never comes' };
    for (let count = 0; count < 50; count++) {
      const next = firstAfter(rule, at);
      if (next === null) break;
      if (next - at < LIMITS.scheduleMsMin) return { fault: 'it comes more often than once an hour' };
      at = next;
    }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : 'it is no rule' };
  }
  const known = new Map<string, { rule: RRuleTemporal; after: number; next: number | null }>();
  const next: Occurrences = (after, zone) => {
    const last = known.get(zone);
    if (last && after >= last.after && (last.next === null || after < last.next)) return last.next;
    const rule = last?.rule ?? ruleIn(zone);
    const found = firstAfter(rule, after);
    if (known.size >= ZONES_MAX) known.clear();
    known.set(zone, { rule, after, next: found });
    return found;
  };
  return { next };
}

const basic = (local: string): string => `${local.replaceAll(/[-:]/g, '')}${local.length === 16 ? '00' : ''}`;

const firstAfter = (rule: RRuleTemporal, after: number): number | null =>
  rule.next(new Date(after), false)?.epochMilliseconds ?? null;

/** What the clocks of a zone show, as 08:30; of UTC where the zone is none. */
export function wallClock(now: number, zone: string): string {
  const local = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(isZone(zone) ? zone : 'UTC');
  return local.toPlainTime().toString({ smallestUnit: 'minute' });
}

/** The first instant of the day, the week (from Monday) or the month of a zone, milliseconds. */
export function calendarStart(now: number, unit: 'day' | 'week' | 'month', zone: string): number {
  const today = Temporal.Instant.fromEpochMilliseconds(now)
    .toZonedDateTimeISO(isZone(zone) ? zone : 'UTC')
    .toPlainDate();
  const first =
    unit === 'day' ? today : unit === 'week' ? today.subtract({ days: today.dayOfWeek - 1 }) : today.with({ day: 1 });
  return first.toZonedDateTime(isZone(zone) ? zone : 'UTC').epochMilliseconds;
}
