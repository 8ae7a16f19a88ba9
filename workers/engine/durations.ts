// ISO 8601 durations of fixed length, in milliseconds. Months and years have no fixed length and are refused (A7).

import { Temporal } from 'temporal-polyfill';

/** Milliseconds of an ISO 8601 duration of weeks, days, hours, minutes and seconds; null if it is not one. */
export function durationMs(source: string): number | null {
  try {
    const duration = Temporal.Duration.from(source);
    if (duration.years !== 0 || duration.months !== 0 || duration.sign < 0) return null;
    const days = duration.weeks * 7 + duration.days;
    return (
      days * 86_400_000 +
      Temporal.Duration.from({
        hours: duration.hours,
        minutes: duration.minutes,
        seconds: duration.seconds,
        milliseconds: duration.milliseconds,
      }).total('milliseconds')
    );
  } catch {
    return null;
  }
}
