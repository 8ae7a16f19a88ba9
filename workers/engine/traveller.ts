// A customer on the move: what moving changes of them, what they may begin, what the shell does for the moves. Owns the
// types and what is asked of runs as they stand; the moves are in travel.ts, their instants in due.ts.

import type { JsonObject } from '../../schema/json.ts';
import type { Chronicle, Facts } from './facts.ts';
import { type Known, type Learner, NO_LEARNER } from './learner.ts';
import type { Effect, EngineEvent, Input, Machine, Run } from './machine.ts';

/** The machine of a run's version. */
export type MachineOf = (run: Run) => Machine;

/** What moving changes of a customer; the shell keeps more beside it. Instants in milliseconds. */
export interface Traveller {
  /** The customer: an event a run makes happen carries it in its message id, so that it is one of all customers. */
  readonly id: string;
  readonly runs: Map<string, Run>;
  /** Of the last event; null before the first. */
  lastActivityAt: number | null;
  /** The latest instant anything was applied at: time does not run backwards (L1). */
  lastInputAt: number;
  runsStarted: number;
  /** Their `timezone` is where a schedule without a zone is read (Z1). */
  traits: JsonObject;
  /** What was worked out of the history; null: nothing was, so far. */
  known: Known | null;
}

/** What a customer may begin. */
export interface Openings {
  /** Machines an event of this name may begin, in the order they are asked (Q4). */
  readonly entries: ReadonlyMap<string, readonly Machine[]>;
  /** Machines that a schedule may begin, in the same order. `since`: when it was published, milliseconds. */
  readonly schedules: readonly { readonly machine: Machine; readonly since: number }[];
  /** Works out computed traits and segments, which move runs and begin them. */
  readonly learner: Learner;
}

export const NO_OPENINGS: Openings = Object.freeze({ entries: new Map(), schedules: [], learner: NO_LEARNER });

/** Q4: the higher priority goes first; equal ones by the id of the journey. */
export function openingsOf(
  machines: Iterable<Machine>,
  since: (machine: Machine) => number,
  learner: Learner = NO_LEARNER,
): Openings {
  const ordered = [...machines].sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
  const entries = new Map<string, Machine[]>();
  for (const machine of ordered)
    for (const event of machine.entry.keys()) {
      const list = entries.get(event);
      if (list) list.push(machine);
      else entries.set(event, [machine]);
    }
  const schedules = ordered
    .filter(({ schedules }) => schedules.length > 0)
    .map((machine) => ({ machine, since: since(machine) }));
  return { entries, schedules, learner };
}

/** A customer on the move, whatever else the shell carries along. */
export interface Journeying {
  readonly state: Traveller;
  readonly machineOf: MachineOf;
  readonly openings: Openings;
}

/** Beside `known` itself. */
export interface Changed {
  readonly traits: boolean;
  /** The segments and audiences the customer is in. */
  readonly members: boolean;
}

/** What a shell does for the moves. One constant for all its customers, so that an event makes no object more. */
export interface World<J extends Journeying> {
  /** History and traits as they are now, the current event included (C6). Asked only when somebody listens. */
  readonly facts: (of: J) => Chronicle;
  /** Takes over a run's next state (`after` goes into `runs`) and what came of the step. */
  readonly apply: (of: J, before: Run | null, after: Run | null, effects: readonly Effect[], at: number) => void;
  /** Takes a run that is over out of `runs` (E8). */
  readonly forget: (of: J, run: string) => void;
  /** Adds an event that a run made happen to the history (N9). @returns false where its message id is there already */
  readonly append: (of: J, event: EngineEvent, at: number) => boolean;
  /** What is known of the customer has changed: the shell writes it. */
  readonly learned: (of: J, changed: Changed) => void;
  /** Hears of every step before it is made: for whoever measures or proves. */
  readonly watch?: (of: J, run: Run | null, input: Input, facts: Facts, now: number) => void;
}

/** Runs that are not over, in the order of their ids. */
export function liveRuns({ runs }: { readonly runs: ReadonlyMap<string, Run> }): Run[] {
  const live: Run[] = [];
  for (const run of runs.values()) if (run.endedAt === undefined) live.push(run);
  return live.length > 1 ? live.sort((a, b) => (a.id < b.id ? -1 : 1)) : live;
}

/** Runs that are not over, in the order they are asked (Q4). */
export function runsInOrder(state: Pick<Traveller, 'runs'>, machineOf: MachineOf): Run[] {
  const runs = liveRuns(state);
  return runs.some((run) => machineOf(run).priority !== 0)
    ? runs.sort((a, b) => machineOf(b).priority - machineOf(a).priority)
    : runs;
}

/** Q1: whether a live run of another journey suspends this machine's runs. */
export function isSuspended(machine: Machine, state: Pick<Traveller, 'runs'>, machineOf: MachineOf): boolean {
  if (machine.tags.length === 0) return false;
  for (const run of state.runs.values()) {
    if (run.endedAt !== undefined || run.journey === machine.id) continue;
    if (machineOf(run).suspends?.some((tag) => machine.tags.includes(tag))) return true;
  }
  return false;
}
