// How inputs move ONE customer over all journeys: what is due, each at its own instant, then the event offered to live runs,
// then the journeys it may enter (A4, A5, E1, E7, K2); and what one journey does to another: events it makes happen, runs
// it starts, cancels and suspends (N, Q). Pure but for the shell's callbacks: what is stored, sent or recorded is the
// shell's. The customer's object and the simulator run this very code.

import { isObject, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { concerns, earlierEntries, forgettable, keyOf, mayEnter } from './admission.ts';
import { nextDue, nextLearnedAt, nextScheduledAt, occurrenceAfter } from './due.ts';
import { type Consequence, enlist, type Flow, hear, learnByTime, newFlow, settle } from './learning.ts';
import {
  type Effect,
  type EngineEvent,
  type Input,
  isSystemEvent,
  type Machine,
  type Run,
  SYSTEM_EVENTS,
} from './machine.ts';
import { listens, NO_EVENT, step } from './step.ts';
import { isSuspended, type Journeying, liveRuns, runsInOrder, type Traveller, type World } from './traveller.ts';

/**
 * Fires what is due up to and including `until`, each timer at its own instant, at most `most` of them. At one instant
 * what follows from the history comes first (CT6), then schedules, then timers (N4).
 * @returns how many timers and schedules, and whether more is due
 */
export function fireTimers<J extends Journeying>(
  world: World<J>,
  of: J,
  until: number,
  most: number,
): { readonly fired: number; readonly more: boolean } {
  const { state, machineOf, openings } = of;
  let fired = 0;
  for (let steps = 0; ; steps++) {
    const due = nextDue(state, machineOf);
    const scheduledAt = nextScheduledAt(state, openings);
    const learnedAt = nextLearnedAt(state, openings);
    const given = scheduledAt !== null && (!due || scheduledAt <= due.at) ? scheduledAt : (due?.at ?? null);
    const at = learnedAt !== null && (given === null || learnedAt <= given) ? learnedAt : given;
    if (at === null || at > until) return { fired, more: false };
    if (steps >= most) return { fired, more: true };
    const flow = newFlow();
    if (at !== learnedAt) fired++;
    if (at === learnedAt) learnByTime(world, of, flow, at);
    else if (at === scheduledAt) beginScheduled(world, of, flow, at);
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
 * @param at the event's own time, `now` the instant it is applied at; milliseconds
 */
export function offerEvent<J extends Journeying>(
  world: World<J>,
  of: J,
  name: string,
  event: () => EngineEvent,
  at: number,
  now: number,
): void {
  if (!concernsAnyone(of, name) || contradicts(world, of, name, event, now)) return;
  const flow = newFlow();
  offer(world, of, flow, name, event, at, now);
  follow(world, of, flow, now);
}

/** SG7: nobody says who is in a segment. What somebody says all the same stays in the history, and nobody hears it. */
function contradicts<J extends Journeying>(
  world: World<J>,
  of: J,
  name: string,
  event: () => EngineEvent,
  now: number,
): boolean {
  const { segments } = of.openings.learner;
  if (segments.size === 0 || (name !== SYSTEM_EVENTS.joined && name !== SYSTEM_EVENTS.left)) return false;
  const { audience } = event().properties;
  if (typeof audience !== 'string' || !segments.has(audience)) return false;
  refuseSegment(world, of, '', audience, now);
  return true;
}

function refuseSegment<J extends Journeying>(
  world: World<J>,
  of: J,
  journey: string,
  segment: string,
  now: number,
): void {
  const detail = `${segment} is a segment: who is in it follows from its condition`;
  world.apply(of, null, null, [{ kind: 'error', journey, pointer: '', detail }], now);
}

/** Most events of a shop concern no journey: they are told apart without making anything. */
function concernsAnyone({ state, machineOf, openings }: Journeying, name: string): boolean {
  if (openings.entries.has(name) || isSystemEvent(name) || openings.learner.heeds.has(name)) return true;
  if (state.known === null && openings.learner.key !== '') return true;
  for (const run of state.runs.values())
    if (run.endedAt === undefined && listens(machineOf(run), run, name)) return true;
  return false;
}

/** T7, D3: the customer's traits have changed, by something other than a run; ask before the event that says so is offered. */
export function noteTraits<J extends Journeying>(world: World<J>, of: J, now: number): void {
  const flow = newFlow();
  flow.traits = true;
  tellTraits(world, of, flow, null, now);
  follow(world, of, flow, now);
}

function offer<J extends Journeying>(
  world: World<J>,
  of: J,
  flow: Flow,
  name: string,
  event: () => EngineEvent,
  at: number,
  now: number,
): void {
  const { state, machineOf, openings } = of;
  hear(world, of, flow, name, event, at, now);
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
  if (outcome.run?.stage !== run.stage || outcome.run.endedAt !== undefined) flow.stages = true;
  world.apply(of, run, outcome.run, outcome.effects, now);
  if (outcome.effects.length > 0) note(world, of, flow, run.id, outcome.effects, now);
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
    flow.stages = true;
    state.runsStarted++;
    for (const gone of forgettable(state.runs.values(), outcome.run, LIMITS.endedRunsMax)) world.forget(of, gone);
  }
  world.apply(of, null, outcome.run, outcome.effects, now);
  if (outcome.effects.length > 0) note(world, of, flow, id, outcome.effects, now);
}

/** N9: what the effects of a step make happen, to be followed once the input has been offered everywhere. */
function note<J extends Journeying>(
  world: World<J>,
  of: J,
  flow: Flow,
  run: string,
  effects: readonly Effect[],
  now: number,
): void {
  const customerId = of.state.id;
  let traits = false;
  for (const effect of effects) {
    if (effect.kind === 'set') traits = true;
    if (effect.kind !== 'emit' && effect.kind !== 'audience') continue;
    if (effect.kind === 'audience' && !mayEnlist(world, of, effect, now)) continue;
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
  flow.traits = true;
  flow.queue ??= [];
  flow.queue.push({ kind: 'traits', by: run, depth: flow.depth + 1 });
}

/** SG7: a step's word on an audience. @returns whether it is one that steps may speak of */
function mayEnlist<J extends Journeying>(
  world: World<J>,
  of: J,
  { audience, change, journey }: Extract<Effect, { kind: 'audience' }>,
  now: number,
): boolean {
  if (!of.openings.learner.segments.has(audience)) {
    enlist(world, of, audience, change === 'add', now);
    return true;
  }
  refuseSegment(world, of, journey, audience, now);
  return false;
}

/** N9, SG2: everything that follows from an input, and what segments make of it, until nothing does. */
function follow<J extends Journeying>(world: World<J>, of: J, flow: Flow, now: number): void {
  for (;;) {
    const more = drain(world, of, flow, now);
    if (!settle(world, of, flow, now)) return;
    if (more) continue;
    drain(world, of, flow, now);
    return;
  }
}

/**
 * N9, N10. Past the limit nothing more follows, and that is recorded once: the rest of the queue may be long.
 * @returns whether anything more may follow
 */
function drain<J extends Journeying>(world: World<J>, of: J, flow: Flow, now: number): boolean {
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
      flow.queue = null;
      return false;
    }
    const tooDeep = next.depth > LIMITS.emitDepthMax;
    if (next.kind === 'traits') {
      if (!tooDeep) tellTraits(world, of, flow, next.by, now);
    } else if (tooDeep) refuse(next, `more than ${LIMITS.emitDepthMax} events follow from each other`);
    else if (world.append(of, next.event, now)) {
      const { event } = next;
      offer(world, of, flow, event.name, () => event, now, now);
    }
  }
  return true;
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
