// Which runs of a customer an event concerns, and which journeys it may begin: keys and re-entry (K, E1, E6 to E8). Pure;
// every shell asks here: the customer's object, the simulator, the tests.

import type { Facts } from './facts.ts';
import type { EngineEvent, Machine, Run } from './machine.ts';
import { scopeOf } from './scope.ts';

/** K1: the key this event carries for a journey; null where it carries none, or the journey has no keys. */
export function keyOf(machine: Machine, event: EngineEvent, facts: Facts, now: number): string | null {
  if (machine.key === null) return null;
  const result = machine.key.evaluate(scopeOf(event, facts, now));
  if (!result.ok) return null;
  const { value } = result;
  if (typeof value === 'string') return value === '' || value.length > KEY_CHARS_MAX ? null : value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : null;
}

const KEY_CHARS_MAX = 256;

/** K2: whether an event with this key is offered to a run. */
export const concerns = (machine: Machine, run: Run, key: string | null): boolean =>
  machine.key === null || key === null || run.key === key;

export interface Admission {
  readonly key: string | null;
  /** Ids of runs that this very event has ended (E7). */
  readonly endedNow: ReadonlySet<string>;
  readonly now: number;
}

/** E1, E6, E7, K3, N5, N6: whether the customer may begin a run, as far as the runs there are decide it; `entry` is asked later. */
export function mayEnter(machine: Machine, runs: Iterable<Run>, { key, endedNow, now }: Admission): boolean {
  if (machine.key !== null && key === null) return false;
  const { entries, concurrent } = machine.caps;
  let live = 0;
  let begun = 0;
  for (const run of runs) {
    if (run.journey !== machine.id) continue;
    if (run.endedAt === undefined) live++;
    if (entries) for (const at of [run.startedAt, ...(run.past ?? [])]) if (now - at < entries.withinMs) begun++;
    if (run.key !== key) continue;
    if (run.endedAt === undefined || machine.reentry === 'never' || endedNow.has(run.id)) return false;
    if (machine.reentry !== 'after_exit' && now - run.endedAt < machine.reentry.afterMs) return false;
  }
  return live < concurrent && (entries === null || begun < entries.max);
}

/** N6: when runs began that a new one of this key replaces (E8), as far as the cap counts them. Instants in milliseconds. */
export function earlierEntries(machine: Machine, runs: Iterable<Run>, key: string | null, now: number): number[] {
  const { entries } = machine.caps;
  if (!entries) return [];
  const begun: number[] = [];
  for (const run of runs)
    if (run.journey === machine.id && run.key === key)
      for (const at of [...(run.past ?? []), run.startedAt]) if (now - at < entries.withinMs) begun.push(at);
  return begun.slice(-entries.max);
}

/**
 * E8: the runs that need no longer be remembered: those over of the same journey and key as `started`, and of all keyed
 * runs that are over the ones before the last `remembered`.
 */
export function forgettable(runs: Iterable<Run>, started: Run | null, remembered: number): string[] {
  const forgotten: string[] = [];
  const over: Run[] = [];
  for (const run of runs) {
    if (run.endedAt === undefined) continue;
    if (started && run.journey === started.journey && run.key === started.key) forgotten.push(run.id);
    else if (run.key !== null) over.push(run);
  }
  if (over.length > remembered) {
    over.sort((one, other) => (other.endedAt ?? 0) - (one.endedAt ?? 0));
    forgotten.push(...over.slice(remembered).map((run) => run.id));
  }
  return forgotten;
}
