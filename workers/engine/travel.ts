// How inputs move ONE customer over all journeys: timers that are due, each at its own instant, then the event offered to
// live runs, then the journeys it may enter (A4, A5, E1, E7, K2). Pure but for the shell's callbacks: what is stored, sent
// or recorded is the shell's. The customer's object and the simulator run this very code.

import { LIMITS } from '../../schema/limits.ts';
import { concerns, forgettable, keyOf, mayEnter } from './admission.ts';
import type { Facts } from './facts.ts';
import type { DueTimer, Effect, EngineEvent, Machine, Run } from './machine.ts';
import { listens, step } from './step.ts';
import { nextTimer } from './timers.ts';

/** The machine of a run's version. */
export type MachineOf = (run: Run) => Machine;

/** What moving changes of a customer; the shell keeps more beside it. Instants in milliseconds. */
export interface Traveller {
  readonly runs: Map<string, Run>;
  /** Of the last event; null before the first. */
  lastActivityAt: number | null;
  /** The latest instant anything was applied at: time does not run backwards (L1). */
  lastInputAt: number;
  runsStarted: number;
}

/** A customer on the move, whatever else the shell carries along. */
export interface Journeying {
  readonly state: Traveller;
  readonly machineOf: MachineOf;
}

/** What a shell does for the moves. One constant for all its customers, so that an event makes no object more. */
export interface World<J extends Journeying> {
  /** History and traits as they are now, the current event included (C6). Asked only when somebody listens. */
  readonly facts: (of: J) => Facts;
  /** Takes over a run's next state (`after` goes into `runs`) and what came of the step. */
  readonly apply: (of: J, before: Run | null, after: Run | null, effects: readonly Effect[], at: number) => void;
  /** Takes a run that is over out of `runs` (E8). */
  readonly forget: (of: J, run: string) => void;
}

/** Runs that are not over, in the order of their ids (A4). */
export function liveRuns({ runs }: { readonly runs: ReadonlyMap<string, Run> }): Run[] {
  return [...runs.values()].filter((run) => run.endedAt === undefined).sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The earliest timer of all live runs: by instant, then by run (A4); null when there is none. */
export function nextDue(
  state: Pick<Traveller, 'runs' | 'lastActivityAt'>,
  machineOf: MachineOf,
): { readonly run: Run; readonly timer: DueTimer } | null {
  let first: { run: Run; timer: DueTimer } | null = null;
  for (const run of liveRuns(state)) {
    const timer = nextTimer(machineOf(run), run, state.lastActivityAt ?? -Infinity);
    if (timer && (!first || timer.dueAt < first.timer.dueAt)) first = { run, timer };
  }
  return first;
}

/**
 * Fires what is due up to and including `until`, each timer at its own instant, at most `most` of them.
 * @returns how many, and whether more is due
 */
export function fireTimers<J extends Journeying>(
  world: World<J>,
  of: J,
  until: number,
  most: number,
): { readonly fired: number; readonly more: boolean } {
  const { state, machineOf } = of;
  for (let fired = 0; ; fired++) {
    const due = nextDue(state, machineOf);
    if (!due || due.timer.dueAt > until) return { fired, more: false };
    if (fired >= most) return { fired, more: true };
    const { run, timer } = due;
    state.lastInputAt = Math.max(state.lastInputAt, timer.dueAt);
    const outcome = step(machineOf(run), run, { kind: 'timer', timer }, world.facts(of), timer.dueAt);
    world.apply(of, run, outcome.run, outcome.effects, timer.dueAt);
  }
}

/** Notes that an event has come, for the timers that count from the last activity (A2). `now` is L1's instant. */
export function noteEvent(state: Traveller, now: number): void {
  state.lastInputAt = now;
  state.lastActivityAt = Math.max(state.lastActivityAt ?? now, now);
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Offers an event that is in the history already to every live run that listens, then to the journeys it may begin.
 * @param name the declared name, aliases resolved (T5)
 * @param event the event in full; asked only when somebody listens, because most events of a shop concern no journey
 * @param entries the machines that this name may begin, in the order of their ids
 */
export function offerEvent<J extends Journeying>(
  world: World<J>,
  of: J,
  name: string,
  event: () => EngineEvent,
  entries: readonly Machine[],
  now: number,
): void {
  const { state, machineOf } = of;
  let endedNow: Set<string> | null = null;
  for (const run of liveRuns(state)) {
    const machine = machineOf(run);
    if (!listens(machine, run, name)) continue;
    if (machine.key !== null && !concerns(machine, run, keyOf(machine, event(), world.facts(of), now))) continue;
    const outcome = step(machine, run, { kind: 'event', event: event() }, world.facts(of), now);
    world.apply(of, run, outcome.run, outcome.effects, now);
    if (outcome.run?.endedAt !== undefined) {
      endedNow ??= new Set();
      endedNow.add(run.id);
    }
  }
  for (const machine of entries) {
    const key = machine.key === null ? null : keyOf(machine, event(), world.facts(of), now);
    if (mayEnter(machine, state.runs.values(), { key, endedNow: endedNow ?? NONE, now }))
      startRun(world, of, machine, key, event(), now);
  }
}

function startRun<J extends Journeying>(
  world: World<J>,
  of: J,
  machine: Machine,
  key: string | null,
  event: EngineEvent,
  now: number,
): void {
  const { state } = of;
  if (liveRuns(state).length >= LIMITS.runsPerCustomerMax) {
    const detail = `not entered: the customer is in ${LIMITS.runsPerCustomerMax} journeys already`;
    world.apply(of, null, null, [{ kind: 'error', journey: machine.id, pointer: '', detail }], now);
    return;
  }
  const id = `${machine.id}.${state.runsStarted + 1}`;
  const outcome = step(machine, null, { kind: 'start', id, key, event }, world.facts(of), now);
  if (outcome.run) {
    state.runsStarted++;
    for (const past of forgettable(state.runs.values(), outcome.run, LIMITS.endedRunsMax)) world.forget(of, past);
  }
  world.apply(of, null, outcome.run, outcome.effects, now);
}
