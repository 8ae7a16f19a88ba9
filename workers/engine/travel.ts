// How inputs move ONE customer over all journeys: what is due, each at its own instant, then the event offered to live runs,
// then the journeys it may enter (A4, A5, E1, E7, K2); and what one journey does to another: events it makes happen, runs
// it starts, cancels and suspends (N, Q). Pure but for the shell's callbacks: what is stored, sent or recorded is the
// shell's. The customer's object and the simulator run this very code.

import { isObject, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { concerns, earlierEntries, forgettable, keyOf, mayEnter } from './admission.ts';
import { isZone } from './calendar.ts';
import type { Facts } from './facts.ts';
import {
  type CompiledSchedule,
  type DueTimer,
  type Effect,
  type EngineEvent,
  type Input,
  isSystemEvent,
  type Machine,
  type Run,
  SYSTEM_EVENTS,
} from './machine.ts';
import { listens, NO_EVENT, step } from './step.ts';
import { nextTimer } from './timers.ts';

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
  /** The shell changes them; their `timezone` is where a schedule without a zone is read (Z1). */
  readonly traits: JsonObject;
}

/** What a customer may begin. */
export interface Openings {
  /** Machines an event of this name may begin, in the order they are asked (Q4). */
  readonly entries: ReadonlyMap<string, readonly Machine[]>;
  /** Machines that a schedule may begin, in the same order. `since`: when it was published, milliseconds. */
  readonly schedules: readonly { readonly machine: Machine; readonly since: number }[];
}

export const NO_OPENINGS: Openings = Object.freeze({ entries: new Map(), schedules: [] });

/** Q4: the higher priority goes first; equal ones by the id of the journey. */
export function openingsOf(machines: Iterable<Machine>, since: (machine: Machine) => number): Openings {
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
  return { entries, schedules };
}

/** A customer on the move, whatever else the shell carries along. */
export interface Journeying {
  readonly state: Traveller;
  readonly machineOf: MachineOf;
  readonly openings: Openings;
}

/** What a shell does for the moves. One constant for all its customers, so that an event makes no object more. */
export interface World<J extends Journeying> {
  /** History and traits as they are now, the current event included (C6). Asked only when somebody listens. */
  readonly facts: (of: J) => Facts;
  /** Takes over a run's next state (`after` goes into `runs`) and what came of the step. */
  readonly apply: (of: J, before: Run | null, after: Run | null, effects: readonly Effect[], at: number) => void;
  /** Takes a run that is over out of `runs` (E8). */
  readonly forget: (of: J, run: string) => void;
  /** Adds an event that a run made happen to the history (N9). @returns false where its message id is there already */
  readonly append: (of: J, event: EngineEvent, at: number) => boolean;
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
function runsInOrder(state: Pick<Traveller, 'runs'>, machineOf: MachineOf): Run[] {
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
function nextScheduledAt(state: Traveller, { schedules }: Openings): number | null {
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

function occurrenceAfter(
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
  return due === null || (scheduled !== null && scheduled < due) ? scheduled : due;
}

/**
 * Fires what is due up to and including `until`, each timer at its own instant, at most `most` of them. At one instant
 * schedules come before timers (N4).
 * @returns how many, and whether more is due
 */
export function fireTimers<J extends Journeying>(
  world: World<J>,
  of: J,
  until: number,
  most: number,
): { readonly fired: number; readonly more: boolean } {
  const { state, machineOf, openings } = of;
  for (let fired = 0; ; fired++) {
    const due = nextDue(state, machineOf);
    const scheduledAt = nextScheduledAt(state, openings);
    const at = scheduledAt !== null && (!due || scheduledAt <= due.at) ? scheduledAt : (due?.at ?? null);
    if (at === null || at > until) return { fired, more: false };
    if (fired >= most) return { fired, more: true };
    const flow = newFlow();
    if (at === scheduledAt) beginScheduled(world, of, flow, at);
    else if (due) {
      state.lastInputAt = Math.max(state.lastInputAt, at);
      take(world, of, flow, due.run, { kind: 'timer', timer: due.timer }, at);
    }
    follow(world, of, flow, at);
  }
}

/** N4: every schedule whose instant this is; the instant is over afterwards, whether a run began or not. */
function beginScheduled<J extends Journeying>(world: World<J>, of: J, flow: Flow, at: number): void {
  const { state } = of;
  const due = of.openings.schedules.flatMap(({ machine, since }) =>
    machine.schedules
      .filter((schedule) => occurrenceAfter(state, machine, schedule, Math.max(state.lastInputAt, since)) === at)
      .map((schedule) => ({ machine, schedule })),
  );
  state.lastInputAt = at;
  for (const { machine, schedule } of due) {
    const messageId = `${machine.id}@${at}`;
    const event: EngineEvent = { ...NO_EVENT, name: SYSTEM_EVENTS.scheduled, type: 'track', messageId };
    enter(world, of, flow, machine, event, NONE, at, schedule.index);
  }
}

/** Notes that an event has come, for the timers that count from the last activity (A2). `now` is L1's instant. */
export function noteEvent(state: Traveller, name: string, now: number): void {
  state.lastInputAt = now;
  if (!isSystemEvent(name)) state.lastActivityAt = Math.max(state.lastActivityAt ?? now, now);
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Offers an event that is in the history already to every live run that listens, then to the journeys it may begin.
 * @param name the declared name, aliases resolved (T5)
 * @param event the event in full; asked only when somebody listens, because most events of a shop concern no journey
 */
export function offerEvent<J extends Journeying>(
  world: World<J>,
  of: J,
  name: string,
  event: () => EngineEvent,
  now: number,
): void {
  if (!concernsAnyone(of, name)) return;
  const flow = newFlow();
  offer(world, of, flow, name, event, now);
  follow(world, of, flow, now);
}

/** Most events of a shop concern no journey: they are told apart without making anything. */
function concernsAnyone({ state, machineOf, openings }: Journeying, name: string): boolean {
  if (openings.entries.has(name) || isSystemEvent(name)) return true;
  for (const run of state.runs.values())
    if (run.endedAt === undefined && listens(machineOf(run), run, name)) return true;
  return false;
}

/** T7, D3: the customer's traits have changed, by something other than a run; ask before the event that says so is offered. */
export function noteTraits<J extends Journeying>(world: World<J>, of: J, now: number): void {
  const flow = newFlow();
  tellTraits(world, of, flow, null, now);
  follow(world, of, flow, now);
}

/** What an input leads to beyond the run it was given: events that happen, traits that changed. In order. */
interface Flow {
  queue: Consequence[] | null;
  /** How deep the input being applied follows from the first one; how many consequences there were. */
  depth: number;
  count: number;
}

type Consequence =
  | { readonly kind: 'event'; readonly event: EngineEvent; readonly journey: string; readonly depth: number }
  | { readonly kind: 'traits'; readonly by: string; readonly depth: number };

const newFlow = (): Flow => ({ queue: null, depth: 0, count: 0 });

function offer<J extends Journeying>(
  world: World<J>,
  of: J,
  flow: Flow,
  name: string,
  event: () => EngineEvent,
  now: number,
): void {
  const { state, machineOf, openings } = of;
  let endedNow: Set<string> | null = null;
  const ended = (run: Run): void => {
    if (state.runs.get(run.id)?.endedAt === undefined) return;
    endedNow ??= new Set();
    endedNow.add(run.id);
  };
  if (isSystemEvent(name)) for (const run of command(world, of, flow, event(), now)) ended(run);
  for (const { id } of runsInOrder(state, machineOf)) {
    const run = state.runs.get(id);
    if (!run || run.endedAt !== undefined) continue;
    const machine = machineOf(run);
    if (!listens(machine, run, name)) continue;
    if (machine.key !== null && !concerns(machine, run, keyOf(machine, event(), world.facts(of), now))) continue;
    take(world, of, flow, run, { kind: 'event', event: event() }, now);
    ended(run);
  }
  const entries = openings.entries.get(name);
  if (entries) for (const machine of entries) enter(world, of, flow, machine, event(), endedNow ?? NONE, now);
}

/** N8, S16: what events of the system say to runs. @returns the runs it was said to */
function command<J extends Journeying>(world: World<J>, of: J, flow: Flow, event: EngineEvent, now: number): Run[] {
  const { properties } = event;
  const told: Run[] = [];
  for (const run of liveRuns(of.state)) {
    if (event.name === SYSTEM_EVENTS.cancelled) {
      if (run.journey !== properties['journey']) continue;
      const key = properties['key'] ?? null;
      if (key !== null && String(key) !== run.key) continue;
      take(world, of, flow, run, { kind: 'cancel', event }, now);
    } else if (event.name === SYSTEM_EVENTS.answered) {
      const { webhook, status, body = null } = properties;
      if (run.id !== properties['run'] || typeof webhook !== 'string') continue;
      const answer = { status: typeof status === 'number' ? status : 0, body };
      take(world, of, flow, run, { kind: 'answer', webhook, answer }, now);
    } else break;
    told.push(run);
  }
  return told;
}

/** One input into one run, and what the shell is told of it. */
function take<J extends Journeying>(world: World<J>, of: J, flow: Flow, run: Run, input: Input, now: number): void {
  const machine = of.machineOf(run);
  const suspended = isSuspended(machine, of.state, of.machineOf);
  const facts = world.facts(of);
  world.watch?.(of, run, input, facts, now);
  const outcome = step(machine, run, input, facts, now, suspended);
  world.apply(of, run, outcome.run, outcome.effects, now);
  if (outcome.effects.length > 0) note(flow, of.state.id, run.id, outcome.effects);
}

/** E1, N5, N6. */
function enter<J extends Journeying>(
  world: World<J>,
  of: J,
  flow: Flow,
  machine: Machine,
  event: EngineEvent,
  endedNow: ReadonlySet<string>,
  now: number,
  schedule?: number,
): void {
  const { state, machineOf } = of;
  const key = machine.key === null ? null : keyOf(machine, event, world.facts(of), now);
  if (!mayEnter(machine, state.runs.values(), { key, endedNow, now })) return;
  if (liveRuns(state).length >= LIMITS.runsPerCustomerMax) {
    const detail = `not entered: the customer is in ${LIMITS.runsPerCustomerMax} journeys already`;
    world.apply(of, null, null, [{ kind: 'error', journey: machine.id, pointer: '', detail }], now);
    return;
  }
  const id = `${machine.id}.${state.runsStarted + 1}`;
  const past = earlierEntries(machine, state.runs.values(), key, now);
  const input: Input = {
    ...{ kind: 'start', id, key, event },
    ...(past.length > 0 ? { past } : {}),
    ...(schedule === undefined ? {} : { schedule }),
  };
  const suspended = isSuspended(machine, state, machineOf);
  const facts = world.facts(of);
  world.watch?.(of, null, input, facts, now);
  const outcome = step(machine, null, input, facts, now, suspended);
  if (outcome.run) {
    state.runsStarted++;
    for (const gone of forgettable(state.runs.values(), outcome.run, LIMITS.endedRunsMax)) world.forget(of, gone);
  }
  world.apply(of, null, outcome.run, outcome.effects, now);
  if (outcome.effects.length > 0) note(flow, state.id, id, outcome.effects);
}

/** N9: what the effects of a step make happen, to be followed once the input has been offered everywhere. */
function note(flow: Flow, customerId: string, run: string, effects: readonly Effect[]): void {
  let traits = false;
  for (const effect of effects) {
    if (effect.kind === 'set') traits = true;
    if (effect.kind !== 'emit' && effect.kind !== 'audience') continue;
    const name =
      effect.kind === 'emit' ? effect.event : effect.change === 'add' ? SYSTEM_EVENTS.joined : SYSTEM_EVENTS.left;
    const properties = effect.kind === 'emit' ? effect.properties : { audience: effect.audience };
    const event: EngineEvent = {
      ...NO_EVENT,
      name,
      type: 'track',
      messageId: `${customerId}/${effect.key}`,
      properties,
    };
    flow.queue ??= [];
    flow.queue.push({ kind: 'event', event, journey: effect.journey, depth: flow.depth + 1 });
  }
  if (!traits) return;
  flow.queue ??= [];
  flow.queue.push({ kind: 'traits', by: run, depth: flow.depth + 1 });
}

/** N9, N10. Past the limit nothing more follows, and that is recorded once: the rest of the queue may be long. */
function follow<J extends Journeying>(world: World<J>, of: J, flow: Flow, now: number): void {
  for (let next = flow.queue?.shift(); next; next = flow.queue?.shift()) {
    flow.depth = next.depth;
    flow.count++;
    const refuse = ({ event, journey }: Extract<Consequence, { kind: 'event' }>, why: string): void => {
      const detail = `${event.name} did not happen: ${why}`;
      world.apply(of, null, null, [{ kind: 'error', journey, pointer: '', detail }], now);
    };
    if (flow.count > LIMITS.emitsPerInputMax) {
      const dropped = [next, ...(flow.queue ?? [])].find((consequence) => consequence.kind === 'event');
      if (dropped) refuse(dropped, `one input made more than ${LIMITS.emitsPerInputMax} events happen`);
      return;
    }
    const tooDeep = next.depth > LIMITS.emitDepthMax;
    if (next.kind === 'traits') {
      if (!tooDeep) tellTraits(world, of, flow, next.by, now);
    } else if (tooDeep) refuse(next, `more than ${LIMITS.emitDepthMax} events follow from each other`);
    else if (world.append(of, next.event, now)) {
      const { event } = next;
      offer(world, of, flow, event.name, () => event, now);
    }
  }
}

/** T7, D3: runs other than the one that did it, where traits may move them. */
function tellTraits<J extends Journeying>(world: World<J>, of: J, flow: Flow, by: string | null, now: number): void {
  const { state, machineOf } = of;
  for (const { id } of runsInOrder(state, machineOf)) {
    const run = state.runs.get(id);
    if (!run || run.endedAt !== undefined || id === by) continue;
    if (machineOf(run).stages.get(run.stage)?.hearsTraits) take(world, of, flow, run, { kind: 'traits' }, now);
  }
}

/** An event a run made happen, as the history keeps it: a track call of this customer. */
export const messageOf = ({ name, messageId, properties }: EngineEvent): JsonObject => ({
  type: 'track',
  event: name,
  messageId,
  properties: isObject(properties) ? { ...properties } : {},
});
