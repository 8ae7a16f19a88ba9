// How the steps of a stage run: which are reached, which at once on entering the stage, and under which conditions. A
// step that changes what conditions see ends what is known of them.

import type { ASTNode } from '@marcbachmann/cel-js';
import type { Step } from '../../schema/journey.ts';
import { durationMs } from '../engine/durations.ts';
import { astOf, type Look } from './look.ts';

/** A step, and what is known where it begins. */
export interface Placed {
  readonly step: Step;
  readonly pointer: string;
  /** Reached at once on entering the stage, on some way at least. */
  readonly atOnce: boolean;
  /** Reached at once on every way, whatever the data. */
  readonly sure: boolean;
  /** Conditions that hold here, and that do not. */
  readonly holding: readonly ASTNode[];
  readonly failing: readonly ASTNode[];
  /** Something before it has changed what conditions see. */
  readonly changed: boolean;
}

export interface Flow {
  readonly placed: readonly Placed[];
  /** Pointers of the first step behind one that always leaves. */
  readonly dead: readonly string[];
  /** The program may come to its end. */
  readonly falls: boolean;
  /** Some way through it waits. */
  readonly rests: boolean;
}

type State = Omit<Placed, 'step' | 'pointer'>;
interface Walk {
  readonly look: Look;
  readonly placed: Placed[];
  readonly dead: string[];
  rests: boolean;
}

export function flowOf(look: Look, steps: readonly Step[], base: string): Flow {
  const walk: Walk = { look, placed: [], dead: [], rests: false };
  const state: State = { atOnce: true, sure: true, holding: [], failing: [], changed: false };
  const end = walkSteps(walk, steps, base, state);
  return { placed: walk.placed, dead: walk.dead, falls: end !== null, rests: walk.rests };
}

/** @returns what is known behind the steps; null where nothing comes there */
function walkSteps(walk: Walk, steps: readonly Step[], base: string, from: State): State | null {
  let state: State | null = from;
  for (const [index, step] of steps.entries()) {
    const pointer = `${base}/${index}`;
    if (state === null) {
      walk.dead.push(pointer);
      return null;
    }
    walk.placed.push({ ...state, step, pointer });
    state = behind(walk, step, pointer, state);
  }
  return state;
}

const fresh = (state: State): State => ({ ...state, holding: [], failing: [], changed: true });
const afterWait = (walk: Walk, state: State): State => {
  walk.rests = true;
  return { ...fresh(state), atOnce: false, sure: false };
};

function behind(walk: Walk, step: Step, pointer: string, state: State): State | null {
  if ('goto' in step || 'exit' in step) return null;
  if ('wait' in step) {
    if (typeof step.wait === 'string') return durationMs(step.wait) === 0 ? state : afterWait(walk, state);
    walk.rests = true;
    return { ...fresh(state), sure: false };
  }
  if ('waitFor' in step) return behindArrival(walk, step, pointer, state, step.timeout !== undefined);
  if ('webhook' in step) return step.timeout === undefined ? state : behindArrival(walk, step, pointer, state, true);
  if ('branch' in step) {
    const asked = step.branch.map((arm) => astOf(walk.look, arm.if));
    const ways = step.branch.map((arm, index): [readonly Step[], string, State] => [
      arm.steps,
      `${pointer}/branch/${index}/steps`,
      {
        ...state,
        holding: [...state.holding, ...asked.slice(index, index + 1)],
        failing: [...state.failing, ...asked.slice(0, index)],
      },
    ]);
    return join(walk, state, [
      ...ways,
      [step.else ?? [], `${pointer}/else`, { ...state, failing: [...state.failing, ...asked] }],
    ]);
  }
  if ('experiment' in step) {
    const arms = step.arms.map((arm, index): [readonly Step[], string, State] => [
      arm.steps,
      `${pointer}/arms/${index}/steps`,
      state,
    ]);
    return join(walk, state, step.holdout === undefined ? arms : [...arms, [[], pointer, state]]);
  }
  return 'set' in step || 'emit' in step || 'audience' in step ? fresh(state) : state;
}

function behindArrival(
  walk: Walk,
  step: { steps?: Step[] | undefined; onTimeout?: Step[] | undefined },
  pointer: string,
  state: State,
  ends: boolean,
): State | null {
  const waited = afterWait(walk, state);
  const came = walkSteps(walk, step.steps ?? [], `${pointer}/steps`, waited);
  const late = walkSteps(walk, step.onTimeout ?? [], `${pointer}/onTimeout`, waited);
  return came ?? (ends ? late : null);
}

/** Several ways, one of which is taken, come together again. */
function join(walk: Walk, before: State, ways: readonly [readonly Step[], string, State][]): State | null {
  const first = walk.placed.length;
  const ends = ways.map(([steps, base, state]) => walkSteps(walk, steps, base, { ...state, sure: before.sure }));
  if (ways.length > 1)
    for (const [index, placed] of walk.placed.entries())
      if (index >= first) walk.placed[index] = { ...placed, sure: false };
  const arrived = ends.filter((end) => end !== null);
  if (arrived.length === 0) return null;
  return {
    ...before,
    atOnce: arrived.some(({ atOnce }) => atOnce),
    sure: before.sure && arrived.length === ends.length && arrived.every(({ sure }) => sure),
    ...(arrived.some(({ changed }) => changed) ? { holding: [], failing: [], changed: true } : {}),
  };
}
