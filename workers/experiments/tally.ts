// What is counted of an experiment, as it stands in D1: exposures and conversions by arm, context, shares and day. Sums
// over it are all that the statistics need, because nothing but the shares tells two customers of one arm apart. Pure.

import { HOLDOUT } from '../../schema/experiment.ts';
import type { Shares } from './exposure.ts';
import type { Pair } from './sequences.ts';
import type { Count } from './thompson.ts';

export interface Cell extends Count {
  readonly arm: string;
  /** The stage arms are learned by; empty where they are not. */
  readonly context: string;
  /** With which probability each arm was given, the holdout among them. */
  readonly shares: Shares;
  /** The day of the exposure, counted from 1970 (UTC). */
  readonly day: number;
}

export const DAY_MS = 86_400_000;
export const dayOf = (at: number): number => Math.floor(at / DAY_MS);

/** W1: exposures of that day are mature at `now`: the window of the last of them is over. Milliseconds. */
export const isMature = (day: number, withinMs: number, now: number): boolean => (day + 1) * DAY_MS + withinMs <= now;

export const shareOf = (shares: Shares, arm: string): number => (Object.hasOwn(shares, arm) ? (shares[arm] ?? 0) : 0);

export function countOf(cells: Iterable<Cell>): Count {
  let [exposures, conversions] = [0, 0];
  for (const cell of cells) {
    exposures += cell.exposures;
    conversions += cell.conversions;
  }
  return { exposures, conversions };
}

export const ofArm = (cells: readonly Cell[], arm: string): Cell[] => cells.filter((cell) => cell.arm === arm);

/** Customers of two sides by the odds they were exposed with: `one` against `other`. */
function pairsOf(
  cells: readonly Cell[],
  odds: (shares: Shares) => number,
  sideOf: (cell: Cell) => 'one' | 'other' | null,
  count: (cell: Cell) => number,
): Pair[] {
  const pairs = new Map<number, { odds: number; one: number; other: number }>();
  for (const cell of cells) {
    const side = sideOf(cell);
    const key = odds(cell.shares);
    if (side === null || !(key > 0) || !Number.isFinite(key)) continue;
    const pair = pairs.get(key) ?? { odds: key, one: 0, other: 0 };
    pair[side] += count(cell);
    pairs.set(key, pair);
  }
  return [...pairs.values()];
}

/** Conversions of an arm and of another, by the odds of their shares (W4). */
export const conversionPairs = (cells: readonly Cell[], arm: string, against: string): Pair[] =>
  pairsOf(
    cells,
    (shares) => shareOf(shares, arm) / shareOf(shares, against),
    (cell) => (cell.arm === arm ? 'one' : cell.arm === against ? 'other' : null),
    (cell) => cell.conversions,
  );

/** Exposures of an arm and of all the others together, by the odds of its share (W6). */
export const exposurePairs = (cells: readonly Cell[], arm: string): Pair[] =>
  pairsOf(
    cells,
    (shares) => shareOf(shares, arm) / (1 - shareOf(shares, arm)),
    (cell) => (cell.arm === arm ? 'one' : 'other'),
    (cell) => cell.exposures,
  );

/** Sums over all customers who could have had the arm, of observations weighted by one over its share (W3, W8). */
export interface Weighted {
  readonly customers: number;
  readonly conversions: number;
  readonly conversionSquares: number;
  readonly weights: number;
  readonly weightSquares: number;
  /** The smallest share it was given with; one where it was never given. */
  readonly shareMin: number;
}

export function weightedOf(cells: readonly Cell[], arm: string): Weighted {
  const sums = { customers: 0, conversions: 0, conversionSquares: 0, weights: 0, weightSquares: 0, shareMin: 1 };
  for (const cell of cells) {
    const share = shareOf(cell.shares, arm);
    if (share <= 0) continue;
    sums.customers += cell.exposures;
    sums.shareMin = Math.min(sums.shareMin, share);
    if (cell.arm !== arm) continue;
    sums.conversions += cell.conversions / share;
    sums.conversionSquares += cell.conversions / (share * share);
    sums.weights += cell.exposures / share;
    sums.weightSquares += cell.exposures / (share * share);
  }
  return sums;
}

/** Everyone who can be in an experiment: its arms, and the holdout where there is one. */
export const sidesOf = (arms: readonly { readonly name: string }[], holdout: number): string[] => [
  ...arms.map(({ name }) => name),
  ...(holdout > 0 ? [HOLDOUT] : []),
];
