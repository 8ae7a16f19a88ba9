// What the counts have taught so far, made by whoever folds them and read by every isolate with the catalog: shares of arms
// by context, and the winner. A snapshot has a version and never changes, so a draw can be made again. Pure.

import type { Trial } from './compile.ts';
import { winnerOf } from './results.ts';
import type { ArmShares } from './shares.ts';
import { type Cell, countOf, ofArm } from './tally.ts';
import { bestShares, hundredths } from './thompson.ts';

export interface Snapshot {
  readonly experiment: string;
  /** Counted over all experiments; 0 before it is stored. */
  readonly version: number;
  /** Milliseconds. */
  readonly madeAt: number;
  /** What it was made from. */
  readonly exposures: number;
  readonly conversions: number;
  /** By context; empty where arms are given by weight. */
  readonly shares: { readonly [context: string]: ArmShares };
  readonly arms: readonly string[];
  readonly winner: string | null;
}

/** Y6: how much counts grow, and how long changed counts wait, before the next one. */
const GROWTH = 1 / 20;
const WAIT_MS = 600_000;
/** Once this many are exposed, counts are not even read sooner than this after the last one. */
const FEW = 500;
const REST_MS = 30_000;

/** Whether counts need not be read at all yet. */
export const isFresh = (before: Snapshot | null, now: number): boolean =>
  before !== null && before.exposures >= FEW && now < before.madeAt + REST_MS;

const sameArms = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((name, index) => name === other[index]);

/** Y6: the next snapshot, or null while the last one will do. Experiments that learn nothing have none. */
export function nextSnapshot(
  trial: Trial,
  cells: readonly Cell[],
  before: Snapshot | null,
  now: number,
): Snapshot | null {
  if (trial.allocation.kind === 'fixed' && !trial.automatic) return null;
  const { exposures, conversions } = countOf(cells);
  const arms = trial.arms.map(({ name }) => name);
  if (before && sameArms(before.arms, arms)) {
    const [seen, known] = [exposures + conversions, before.exposures + before.conversions];
    const grown = seen >= known * (1 + GROWTH) && seen > known;
    if (!grown && (seen === known || now < before.madeAt + WAIT_MS)) return null;
  }
  const kept = before?.winner != null && arms.includes(before.winner) ? before.winner : null;
  return {
    experiment: trial.id,
    version: 0,
    madeAt: now,
    exposures,
    conversions,
    shares: learnedShares(trial, cells),
    arms,
    winner: trial.automatic ? (kept ?? winnerOf(trial, cells, now)) : null,
  };
}

/** Y2, Y3, for each context that was seen. */
function learnedShares({ allocation, arms }: Trial, cells: readonly Cell[]): Record<string, ArmShares> {
  if (allocation.kind === 'fixed') return {};
  const contexts = new Map<string, Cell[]>();
  for (const cell of cells) contexts.set(cell.context, [...(contexts.get(cell.context) ?? []), cell]);
  return Object.fromEntries(
    [...contexts].map(([context, seen]) => {
      const best = bestShares(arms.map(({ name }) => countOf(ofArm(seen, name))));
      const parts = hundredths(best, allocation.minimum);
      return [context, Object.fromEntries(arms.map(({ name }, index) => [name, (parts[index] ?? 0) / 100]))];
    }),
  );
}
