// What follows from a customer's history on the way of an input: computed traits before anybody is offered the event,
// segments once everybody was, audiences as steps and servers say (workers/knowledge/SPEC.md). The learner works it out;
// here is when it is asked, and what comes of the answer.

import { LIMITS } from '../../schema/limits.ts';
import type { Happened, Known, Learned, SegmentChange } from './learner.ts';
import { changed, toldTraits } from './learner.ts';
import { type EngineEvent, SYSTEM_EVENTS } from './machine.ts';
import { NO_EVENT } from './step.ts';
import { type Journeying, liveRuns, type World } from './traveller.ts';

/** What an input leads to beyond the run it was given: events that happen, traits that changed. In order. */
export interface Flow {
  queue: Consequence[] | null;
  /** How deep the input being applied follows from the first one; how many consequences there were. */
  depth: number;
  count: number;
  /** What a segment may ask for and has changed since segments were asked. */
  events: Set<string> | null;
  traits: boolean;
  stages: boolean;
  /** Everything was worked out anew, or time has passed. */
  anew: boolean;
  passed: boolean;
}

export type Consequence =
  | { readonly kind: 'event'; readonly event: EngineEvent; readonly journey: string; readonly depth: number }
  | { readonly kind: 'traits'; readonly by: string | null; readonly depth: number };

export const newFlow = (): Flow => ({
  ...{ queue: null, depth: 0, count: 0 },
  ...{ events: null, traits: false, stages: false, anew: false, passed: false },
});

export function push(flow: Flow, consequence: Consequence): void {
  flow.queue ??= [];
  flow.queue.push(consequence);
}

/** CT5, CT8: an event that is in the history; before it is offered to anybody. */
export function hear<J extends Journeying>(
  world: World<J>,
  of: J,
  flow: Flow,
  name: string,
  event: () => EngineEvent,
  at: number,
  now: number,
): void {
  const { state, openings } = of;
  const { learner } = openings;
  if (name === SYSTEM_EVENTS.joined || name === SYSTEM_EVENTS.left) {
    const { audience } = event().properties;
    if (typeof audience === 'string' && !learner.segments.has(audience))
      enlist(world, of, audience, name === SYSTEM_EVENTS.joined, now);
  }
  if (learner.key === '') return;
  if (state.known === null) {
    state.known = learner.nobody;
    flow.anew = true;
  } else if (state.known.key !== learner.key) {
    beginAnew(world, of, flow, now);
    return;
  }
  if (!learner.heeds.has(name)) return;
  flow.events ??= new Set();
  flow.events.add(name);
  const before = { known: state.known, traits: toldTraits(state) };
  take(world, of, flow, before, learner.hear(before, name, { at, event, now }, world.facts(of)));
}

/** Takes over what was learned, and tells the runs where traits are others than before. */
function take<J extends Journeying>(world: World<J>, of: J, flow: Flow, before: Learned, learned: Learned): void {
  if (learned.known === of.state.known) return;
  keep(world, of, learned, false);
  if (learned.traits === before.traits) return;
  flow.traits = true;
  push(flow, { kind: 'traits', by: null, depth: flow.depth });
}

/** @param traits as everybody reads them: what somebody blank has becomes their own as soon as anything is known */
function keep<J extends Journeying>(world: World<J>, of: J, { known, traits }: Learned, members: boolean): void {
  const { state } = of;
  const isOther = traits !== state.traits;
  state.known = known;
  state.traits = traits;
  world.learned(of, { traits: isOther, members });
}

function beginAnew<J extends Journeying>(world: World<J>, of: J, flow: Flow, now: number): void {
  const { state, openings } = of;
  flow.anew = true;
  const { known, traits } = state;
  const learned = openings.learner.anew(known, traits, world.facts(of), now);
  take(world, of, flow, { known: learned.known, traits }, learned);
}

/** CT6, CT8, SG3: what is due at this instant. */
export function learnByTime<J extends Journeying>(world: World<J>, of: J, flow: Flow, at: number): void {
  const { state, openings } = of;
  const { learner } = openings;
  state.lastInputAt = Math.max(state.lastInputAt, at);
  if (state.known?.key !== learner.key) {
    beginAnew(world, of, flow, at);
    return;
  }
  flow.passed = true;
  const before = { known: state.known, traits: toldTraits(state) };
  take(world, of, flow, before, learner.pass(before, world.facts(of), at));
}

const NO_NAMES: ReadonlySet<string> = new Set();

/**
 * SG2, SG4: asks the segments that may have changed, and puts what came of it into the flow.
 * @returns whether anything more follows
 */
export function settle<J extends Journeying>(world: World<J>, of: J, flow: Flow, now: number): boolean {
  const { state, openings } = of;
  const { learner } = openings;
  const { events, traits, stages, anew, passed } = flow;
  if (learner.segments.size === 0 && !anew) return false;
  if (state.known === null || !(events || traits || stages || anew || passed)) return false;
  flow.events = null;
  flow.traits = false;
  flow.stages = false;
  flow.anew = false;
  flow.passed = false;
  const happened: Happened | null = anew ? null : { events: events ?? NO_NAMES, traits, stages };
  const before = state.known;
  const about = { chronicle: world.facts(of), stages: () => stagesOf(of), now };
  const { known, changes } = learner.settle(before, happened, about);
  if (known === before) return false;
  keep(world, of, { known, traits: toldTraits(state) }, changes.length > 0);
  const first = known.changes - changes.length + 1;
  for (const [index, change] of changes.entries()) {
    const event = eventOf(state.id, change, first + index);
    push(flow, { kind: 'event', event, journey: '', depth: flow.depth + 1 });
  }
  // Members are known by conditions as traits are.
  if (changes.length > 0) push(flow, { kind: 'traits', by: null, depth: flow.depth + 1 });
  return changes.length > 0;
}

function eventOf(customer: string, { segment, joined, anew }: SegmentChange, number: number): EngineEvent {
  return {
    ...NO_EVENT,
    name: joined ? SYSTEM_EVENTS.joined : SYSTEM_EVENTS.left,
    type: 'track',
    messageId: `${customer}/segment/${number}`,
    properties: { audience: segment, ...(anew ? { published: true } : {}) },
  };
}

function stagesOf({ state }: Journeying): Record<string, string> {
  const stages: Record<string, string> = {};
  for (const run of liveRuns(state)) if (run.key === null) stages[run.journey] = run.stage;
  return stages;
}

/** SG7: adds the customer to an audience, or takes them out. */
export function enlist<J extends Journeying>(
  world: World<J>,
  of: J,
  audience: string,
  add: boolean,
  now: number,
): void {
  const { state } = of;
  const known: Known = state.known ?? of.openings.learner.nobody;
  const isIn = Object.hasOwn(known.audiences, audience);
  if (isIn === add) return;
  const { [audience]: _, ...others } = known.audiences;
  if (add && Object.keys(others).length >= LIMITS.audiencesMax) return;
  const audiences = add ? { ...others, [audience]: now } : others;
  state.known ??= known;
  keep(world, of, { known: changed(known, { audiences }), traits: toldTraits(state) }, true);
}
