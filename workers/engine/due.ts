// When a customer has to be looked at next without an event: timers, schedules, and what follows from the history by time
// alone. Derived from the state each time (I7).

import { isZone } from './calendar.ts';
import { dueAt } from './learner.ts';
import type { CompiledSchedule, DueTimer, Machine, Run } from './machine.ts';
import { nextTimer } from './timers.ts';
import { isSuspended, type MachineOf, type Openings, runsInOrder, type Traveller } from './traveller.ts';

type Waiting = Pick<Traveller, 'runs' | 'lastActivityAt' | 'lastInputAt'>;

/**
 * The timer of all live runs that fires next: by instant, then by run (A4); null when there is none. What a suspension
 * holds is not due; what it held is, at the instant the suspension ended (Q2).
 */
export function nextDue(
  state: Waiting,
  machineOf: MachineOf,
): { readonly run: Run; readonly timer: DueTimer; readonly at: number } | null {
  let first: { run: Run; timer: DueTimer; at: number } | null = null;
  for (const run of runsInOrder(state, machineOf)) {
    const machine = machineOf(run);
    const timer = nextTimer(machine, run, state.lastActivityAt ?? -Infinity);
    if (!timer || (first && timer.dueAt >= first.timer.dueAt) || isSuspended(machine, state, machineOf)) continue;
    const at = machine.tags.length > 0 ? Math.max(timer.dueAt, state.lastInputAt) : timer.dueAt;
    first = { run, timer, at };
  }
  return first;
}

/** N4: the next instant of a schedule that may begin a run, milliseconds; null when there is none. */
export function nextScheduledAt(state: Traveller, { schedules }: Openings): number | null {
  let first: number | null = null;
  for (const { machine, since } of schedules) {
    if (machine.reentry === 'never' && [...state.runs.values()].some(({ journey }) => journey === machine.id)) continue;
    for (const schedule of machine.schedules) {
      const at = occurrenceAfter(state, machine, schedule, Math.max(state.lastInputAt, since));
      if (at !== null && (first === null || at < first)) first = at;
    }
  }
  return first;
}

export function occurrenceAfter(
  { traits }: Traveller,
  machine: Machine,
  schedule: CompiledSchedule,
  after: number,
): number | null {
  const own = traits['timezone'];
  return schedule.next(after, schedule.zone ?? (isZone(own) ? own : machine.zone));
}

/** When the customer has to be looked at next without an event, milliseconds; null: never. */
export function nextWakeAt(state: Traveller, machineOf: MachineOf, openings: Openings): number | null {
  const due = nextDue(state, machineOf)?.at ?? null;
  const scheduled = nextScheduledAt(state, openings);
  const wake = due === null || (scheduled !== null && scheduled < due) ? scheduled : due;
  const learning = nextLearnedAt(state, openings);
  return wake === null || (learning !== null && learning < wake) ? learning : wake;
}

/** CT6, CT8, SG3: when computed traits or segments change by time alone, or are to be worked out anew; null: never. */
export function nextLearnedAt({ known, lastInputAt }: Traveller, { learner }: Openings): number | null {
  if (known === null) return null;
  if (known.key !== learner.key) return Math.max(lastInputAt, learner.since);
  const due = dueAt(known);
  return due === null ? null : Math.max(lastInputAt, due);
}
