// What an experiment has shown so far, in figures that may be looked at any time (W1 to W8). From counts alone. Pure.

import { HOLDOUT } from '../../schema/experiment.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { Trial } from './compile.ts';
import { type Interval, meanInterval, rateInterval, tiltOf } from './sequences.ts';
import { type Cell, conversionPairs, countOf, exposurePairs, isMature, ofArm, sidesOf, weightedOf } from './tally.ts';
import type { Count } from './thompson.ts';

/** One minus the level of every interval. */
export const ALPHA = 0.05;
/** W6: what an honest split is called false by. */
export const MISMATCH_ALPHA = 0.001;
/** The sizes of ln ratio that are found soonest: a lift of a fifth, a mismatch of a twentieth. */
const LIFT_SCALE = 0.2;
const MISMATCH_SCALE = 0.05;

export interface Lift {
  readonly against: string;
  /** The rate over the other's, less one; null while it cannot be said. */
  readonly lift: number | null;
  readonly low: number;
  /** null: not bounded yet. */
  readonly high: number | null;
  readonly p: number;
}

export interface ArmResult {
  readonly arm: string;
  /** So far, also of those whose window is not over. */
  readonly exposures: number;
  readonly conversions: number;
  readonly mature: Count;
  /** Of mature exposures; null before the first. */
  readonly rate: number | null;
  readonly interval: Interval;
  /** null for the arm the others are compared with. */
  readonly lift: Lift | null;
  readonly propensity: {
    readonly min: number;
    /** How many customers, all with the same weight, would tell as much. */
    readonly effective: number;
    /** About one where what was recorded is what happened. */
    readonly weightsOverCustomers: number | null;
  };
}

export interface Results {
  readonly state: 'planned' | 'running' | 'decided' | 'ended';
  readonly winner: string | null;
  readonly level: number;
  readonly method: 'beta-mixture' | 'inverse-propensity';
  readonly arms: readonly ArmResult[];
  readonly mismatch: { readonly p: number; readonly found: boolean };
  readonly contexts: readonly { readonly context: string; readonly arms: { readonly [arm: string]: Count } }[];
}

const matureOf = (trial: Trial, cells: readonly Cell[], now: number): Cell[] =>
  cells.filter(({ day }) => isMature(day, trial.goal.withinMs, now));

const pOf = (logEvidence: number): number => Math.min(1, Math.exp(-logEvidence));

/** W4, W5. */
export function liftOf(cells: readonly Cell[], arm: string, against: string): Lift {
  const { ratio, interval, logEvidence } = tiltOf(conversionPairs(cells, arm, against), LIFT_SCALE);
  const { low, high } = interval(ALPHA);
  return {
    against,
    lift: ratio === null ? null : ratio - 1,
    low: low - 1,
    high: Number.isFinite(high) ? high - 1 : null,
    p: pOf(logEvidence),
  };
}

/** W6: one over the mean of the evidence against each share. */
export function mismatchOf(trial: Trial, cells: readonly Cell[]): { p: number; found: boolean } {
  const sides = sidesOf(trial.arms, trial.holdout);
  const tests = sides.map((side) => tiltOf(exposurePairs(cells, side), MISMATCH_SCALE).logEvidence);
  const most = Math.max(...tests);
  const mean = most + Math.log(tests.reduce((sum, test) => sum + Math.exp(test - most), 0) / tests.length);
  const p = pOf(mean);
  return { p, found: p <= MISMATCH_ALPHA };
}

/** W7: the arm that is better than each other arm, or null. */
export function winnerOf(trial: Trial, cells: readonly Cell[], now: number): string | null {
  const { arms } = trial;
  if (arms.length < 2 || mismatchOf(trial, cells).found) return null;
  const mature = matureOf(trial, cells, now);
  const enough = ALPHA / (arms.length - 1);
  const beats = (arm: string, other: string): boolean => {
    const { interval, logEvidence } = tiltOf(conversionPairs(mature, arm, other), LIFT_SCALE);
    return pOf(logEvidence) <= enough && interval(ALPHA).low > 1;
  };
  const best = arms.find(({ name }) => arms.every((other) => other.name === name || beats(name, other.name)));
  return best?.name ?? null;
}

/** Where an experiment stands at `now`, of which `winner` is known. */
export function stateOf(trial: Trial, winner: string | null, now: number): Results['state'] {
  if (now >= trial.until) return 'ended';
  if (winner !== null) return 'decided';
  return now < trial.from ? 'planned' : 'running';
}

/** @param winner what a snapshot has said already, so that a winner remains one */
export function resultsOf(trial: Trial, cells: readonly Cell[], winner: string | null, now: number): Results {
  const mature = matureOf(trial, cells, now);
  const sides = sidesOf(trial.arms, trial.holdout);
  const against = trial.arms.length === 1 && trial.holdout > 0 ? HOLDOUT : (trial.arms[0]?.name ?? HOLDOUT);
  const won = winner ?? winnerOf(trial, cells, now);
  return {
    state: stateOf(trial, won, now),
    winner: won,
    level: 1 - ALPHA,
    method: trial.allocation.kind === 'fixed' ? 'beta-mixture' : 'inverse-propensity',
    arms: sides.map((arm) => ({
      arm,
      ...countOf(ofArm(cells, arm)),
      mature: countOf(ofArm(mature, arm)),
      ...rateOf(trial, mature, arm),
      lift: arm === against ? null : liftOf(mature, arm, against),
      propensity: healthOf(cells, arm),
    })),
    mismatch: mismatchOf(trial, cells),
    contexts: contextsOf(cells, sides),
  };
}

/** W2, W3. */
function rateOf(trial: Trial, mature: readonly Cell[], arm: string): { rate: number | null; interval: Interval } {
  if (trial.allocation.kind === 'fixed') {
    const { exposures, conversions } = countOf(ofArm(mature, arm));
    return {
      rate: exposures === 0 ? null : conversions / exposures,
      interval: rateInterval(conversions, exposures, ALPHA),
    };
  }
  const { customers, conversions, conversionSquares } = weightedOf(mature, arm);
  const { low, high } = meanInterval(customers, conversions, conversionSquares, ALPHA);
  return {
    rate: customers === 0 ? null : Math.min(1, conversions / customers),
    interval: { low: Math.max(0, low), high: Math.min(1, high) },
  };
}

/** W8. */
function healthOf(cells: readonly Cell[], arm: string): ArmResult['propensity'] {
  const { customers, weights, weightSquares, shareMin } = weightedOf(cells, arm);
  return {
    min: shareMin,
    effective: weightSquares === 0 ? 0 : (weights * weights) / weightSquares,
    weightsOverCustomers: customers === 0 ? null : weights / customers,
  };
}

function contextsOf(cells: readonly Cell[], sides: readonly string[]): Results['contexts'] {
  const contexts = [...new Set(cells.map(({ context }) => context))].filter((context) => context !== '').sort();
  return contexts.slice(0, LIMITS.experimentContextsMax).map((context) => {
    const seen = cells.filter((cell) => cell.context === context);
    return { context, arms: Object.fromEntries(sides.map((side) => [side, countOf(ofArm(seen, side))])) };
  });
}
