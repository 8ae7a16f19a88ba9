// When the object wants to be woken: derived from its rows and nothing else (I7). Pure.

import { CHECK_INDEX_AFTER_MS, RESEND_AFTER_MAX_MS, RESEND_AFTER_MS } from '../../schema/limits.ts';

export interface AlarmRows {
  /** The earliest timer of the live runs. */
  readonly nextDueAt: number | null;
  /** Since when the index is behind. */
  readonly dirtySince: number | null;
  /** What the index was last told, and when; null when this memory has told it nothing. */
  readonly told: Told | null;
  /** The earliest effect that is to be tried. */
  readonly outboxAt: number | null;
  /** When a visitor nobody knows is removed, if nothing happens before (PV7). */
  readonly idleAt: number | null;
  /** When lines of the timeline are to go (PV11). */
  readonly expiryAt: number | null;
  /** Under import nothing wakes the object: finish does what is due. */
  readonly importing: boolean;
  /** Merged into another customer, whose object has not yet confirmed everything. */
  readonly movingSince: number | null;
  /** When what it has handed over is to be forgotten. */
  readonly keptUntil: number | null;
}

export interface Told {
  readonly revision: number;
  readonly at: number;
}

/** The earliest instant something is due, milliseconds; null when nothing ever will be. */
export function alarmAt(rows: AlarmRows): number | null {
  const candidates = [
    rows.outboxAt,
    rows.keptUntil,
    rows.movingSince === null ? null : rows.movingSince + RESEND_AFTER_MS,
  ];
  if (!rows.importing) candidates.push(rows.nextDueAt, checkIndexAt(rows), rows.idleAt, rows.expiryAt);
  let earliest: number | null = null;
  for (const candidate of candidates)
    if (candidate !== null && (earliest === null || candidate < earliest)) earliest = candidate;
  return earliest;
}

/** When to see whether the index has what it was told right after the commit; if not, it is told again. */
export function checkIndexAt({ dirtySince, told }: Pick<AlarmRows, 'dirtySince' | 'told'>): number | null {
  return dirtySince === null ? null : (told?.at ?? dirtySince) + CHECK_INDEX_AFTER_MS;
}

/** Exponential: 10 s, 20 s, 40 s … up to an hour. `attempts` counts failures so far. */
export function retryAt(now: number, attempts: number): number {
  return now + Math.min(RESEND_AFTER_MS * 2 ** Math.min(attempts, 20), RESEND_AFTER_MAX_MS);
}
