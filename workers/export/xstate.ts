// A journey as a machine configuration of XState v5: its events, delays since entry, standing conditions, exits and final
// stages, for tools that draw, test or walk state machines. It describes one run from its first stage on; whoever drives it
// sends it the event that began the run as well (E3). What the configuration cannot say is named, not left out in silence.
// Conditions are guards of type `condition` with their CEL source as the parameter `cel`: the reader supplies the guard.

import type { Journey, Stage } from '../../schema/journey.ts';
import { escapePointer } from '../../schema/json.ts';
import { durationMs } from '../engine/durations.ts';

export interface XStateGuard {
  readonly type: 'condition';
  readonly params: { readonly cel: string };
}

export interface XStateTransition {
  readonly target: string;
  readonly guard?: XStateGuard;
  /** T3: a transition to the same stage enters it again. */
  readonly reenter?: true;
}

export interface XStateState {
  readonly id: string;
  readonly type?: 'final';
  readonly on?: Readonly<Record<string, readonly XStateTransition[]>>;
  /** Delays in milliseconds. */
  readonly after?: Readonly<Record<string, readonly XStateTransition[]>>;
  readonly always?: readonly XStateTransition[];
}

export interface XStateConfig {
  readonly id: string;
  readonly description?: string;
  readonly initial: string;
  readonly states: Readonly<Record<string, XStateState>>;
}

/** A part of the journey that the configuration does not hold. */
export interface Unsaid {
  readonly pointer: string;
  readonly detail: string;
}

export interface XStateExport {
  readonly config: XStateConfig;
  readonly unsaid: readonly Unsaid[];
}

type Resolve = (event: string) => string;

/**
 * @param journey a journey that compiles: its targets exist and its delays have a fixed length
 * @param resolve the declared name of an event (T5)
 */
export function xstateOf(journey: Journey, resolve: Resolve = (event) => event): XStateExport {
  const names = Object.keys(journey.stages);
  const exited = freeName('exited', names);
  const unsaid: Unsaid[] = unsaidOfJourney(journey);
  const context: Context = {
    journey,
    resolve,
    exited,
    unsaid,
    ids: new Map([...names, exited].map((name, n) => [name, idOf(n)])),
  };
  const states: [string, XStateState][] = Object.entries(journey.stages).map(([name, stage]) => [
    name,
    stateOf(name, stage, context),
  ]);
  if ((journey.exit ?? []).length > 0) states.push([exited, { id: idFor(exited, context), type: 'final' }]);
  const { id, description, initial } = journey;
  return {
    config: { id, ...(description === undefined ? {} : { description }), initial, states: Object.fromEntries(states) },
    unsaid,
  };
}

interface Context {
  readonly journey: Journey;
  readonly resolve: Resolve;
  /** The state that exits lead to. */
  readonly exited: string;
  readonly unsaid: Unsaid[];
  readonly ids: ReadonlyMap<string, string>;
}

/** Targets are ids, because XState reads dots and signs in a state's name. */
const idOf = (index: number): string => `stage-${index}`;
const idFor = (stage: string, { ids }: Context): string => ids.get(stage) ?? '';

function freeName(wanted: string, taken: readonly string[]): string {
  return taken.includes(wanted) ? freeName(`${wanted}_`, taken) : wanted;
}

function transitionTo(from: string, to: string, condition: string | undefined, context: Context): XStateTransition {
  return {
    target: `#${idFor(to, context)}`,
    ...(condition === undefined ? {} : { guard: { type: 'condition', params: { cel: condition } } }),
    ...(from === to ? { reenter: true } : {}),
  };
}

function stateOf(name: string, stage: Stage, context: Context): XStateState {
  const base = `/stages/${escapePointer(name)}`;
  const id = idFor(name, context);
  if (stage.final) return { id, type: 'final' };
  const on = onOf(name, stage, base, context);
  const after = afterOf(name, stage, base, context);
  const always = (stage.always ?? []).map((each) => transitionTo(name, each.to, each.if, context));
  for (const part of ['steps', 'at'] as const)
    if ((stage[part] ?? []).length > 0) context.unsaid.push({ pointer: `${base}/${part}`, detail: UNSAID[part] });
  return {
    id,
    ...(on.size > 0 ? { on: Object.fromEntries(on) } : {}),
    ...(after.size > 0 ? { after: Object.fromEntries(after) } : {}),
    ...(always.length > 0 ? { always } : {}),
  };
}

/** E4: exits are asked before transitions, so they stand first in every stage. */
function onOf(name: string, stage: Stage, base: string, context: Context): Map<string, XStateTransition[]> {
  const on = new Map<string, XStateTransition[]>();
  const add = (written: string, to: string, condition: string | undefined, pointer: string): void => {
    const event = context.resolve(written);
    if (event.includes('*')) {
      if (!context.unsaid.some((each) => each.pointer === pointer)) context.unsaid.push({ pointer, detail: PATTERN });
      return;
    }
    on.set(event, [...(on.get(event) ?? []), transitionTo(name, to, condition, context)]);
  };
  (context.journey.exit ?? []).forEach((exit, index) => {
    add(exit.event, context.exited, exit.if, `/exit/${index}/event`);
  });
  (stage.on ?? []).forEach((each, index) => {
    add(each.event, each.to, each.if, `${base}/on/${index}/event`);
  });
  return on;
}

function afterOf(name: string, stage: Stage, base: string, context: Context): Map<string, XStateTransition[]> {
  const after = new Map<string, XStateTransition[]>();
  (stage.after ?? []).forEach((each, index) => {
    const delay = durationMs(each.delay);
    if (each.since === 'activity' || delay === null) {
      context.unsaid.push({ pointer: `${base}/after/${index}`, detail: 'a delay since the last activity' });
      return;
    }
    const key = String(delay);
    after.set(key, [...(after.get(key) ?? []), transitionTo(name, each.to, each.if, context)]);
  });
  return after;
}

const PATTERN = 'an event with * in its name: XState reads it as a pattern';

const UNSAID = {
  steps: 'the steps of the stage',
  at: 'dates in data',
  key: 'one run for each key: the configuration is of one run',
  goal: 'the goal',
  suspends: 'the suspension of other journeys',
} as const;

function unsaidOfJourney(journey: Journey): Unsaid[] {
  const parts = ['key', 'goal', 'suspends'] as const;
  return parts.flatMap((part) => (journey[part] == null ? [] : [{ pointer: `/${part}`, detail: UNSAID[part] }]));
}
