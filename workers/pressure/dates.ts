// Days of a zone, as the calendar writes them.

import { Temporal } from 'temporal-polyfill';

/** The date an instant (milliseconds) has in a zone, such as 2026-12-24. */
export const dateIn = (at: number, zone: string): string =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).toPlainDate().toString();
