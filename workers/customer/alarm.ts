// When the object wants to be woken: derived from its rows and nothing else (I7). Pure.

import { PROJECT_AFTER_MS, RESEND_AFTER_MAX_MS, RESEND_AFTER_MS } from '../../schema/limits.ts';

export interface AlarmRows {
  /** The earliest timer of the live runs. */
  readonly nextDueAt: number | null;
  /** Since when the index is behind. */
  readonly dirtySince: number | null;
  /** When this revision was last sent to the index without an answer yet; null if it was not. */
  readonly sentAt: number | null;
  /** The earliest effect that is to be tried. */
  readonly outboxAt: number | null;
  /** Under import nothing wakes the object: finish does what is due. */
  readonly importing: boolean;
  /** Merged into another customer, whose object has not yet confirmed everything. */
  readonly movingSince: number | null;
}

/** The earliest instant something is due, milliseconds; null when nothing ever will be. */
export function alarmAt(rows: AlarmRows): number | null {
  const candidates = [rows.outboxAt, rows.movingSince === null ? null : rows.movingSince + RESEND_AFTER_MS];
  if (!rows.importing) candidates.push(rows.nextDueAt, flushAt(rows.dirtySince, rows.sentAt));
  let earliest: number | null = null;
  for (const candidate of candidates)
    if (candidate !== null && (earliest === null || candidate < earliest)) earliest = candidate;
  return earliest;
}

/** When the index is to hear of the changes: soon after the first, and again if no answer came. */
export function flushAt(dirtySince: number | null, sentAt: number | null): number | null {
  if (dirtySince === null) return null;
  return sentAt === null ? dirtySince + PROJECT_AFTER_MS : sentAt + RESEND_AFTER_MS;
}

/** Exponential: 10 s, 20 s, 40 s … up to an hour. `attempts` counts failures so far. */
export function retryAt(now: number, attempts: number): number {
  return now + Math.min(RESEND_AFTER_MS * 2 ** Math.min(attempts, 20), RESEND_AFTER_MAX_MS);
}
