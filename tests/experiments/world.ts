// A world in which experiments run day by day: customers come, are given arms by the shares of the day, convert at once or
// three days later. Counts only, so that thousands of experiments can be lived through. Everything follows from the seed.

import type { Trial } from '../../workers/experiments/compile.ts';
import { sharesOf } from '../../workers/experiments/shares.ts';
import { nextSnapshot, type Snapshot } from '../../workers/experiments/snapshot.ts';
import { type Cell, DAY_MS, sidesOf } from '../../workers/experiments/tally.ts';
import { binomial } from './trials.ts';

export interface World {
  readonly trial: Trial;
  readonly days: number;
  /** How many come a day, by context. */
  readonly visitors: { readonly [context: string]: number };
  readonly rate: (arm: string, context: string, day: number) => number;
  readonly random: () => number;
  /** What is given instead of the shares that are recorded: a fault. */
  readonly given?: (shares: Cell['shares']) => Cell['shares'];
}

export interface Day {
  readonly cells: readonly Cell[];
  readonly snapshot: Snapshot | null;
  /** The end of the day, milliseconds. */
  readonly now: number;
}

const LATE_DAYS = 3;
const LATE_SHARE = 0.5;

/** Each day's end, and after the last one those on which its outcomes come and its window is over. */
export function* live({ trial, days, visitors, rate, random, given }: World): Generator<Day> {
  const cells: { -readonly [Member in keyof Cell]: Cell[Member] }[] = [];
  const late: { cell: { conversions: number }; conversions: number; day: number }[] = [];
  const sides = sidesOf(trial.arms, trial.holdout);
  let snapshot: Snapshot | null = null;
  let version = 0;
  const lastDay = days + Math.ceil(trial.goal.withinMs / DAY_MS);
  for (let day = 0; day < lastDay; day++) {
    for (const [context, count] of day < days ? Object.entries(visitors) : []) {
      const { shares } = sharesOf(trial, snapshot, context);
      const truly = given ? given(shares) : shares;
      let left = count;
      let leftShare = 1;
      for (const arm of sides) {
        const share = truly[arm] ?? 0;
        const exposures = leftShare - share < 1e-12 ? left : binomial(random, left, share / leftShare);
        left -= exposures;
        leftShare -= share;
        if (exposures === 0) continue;
        const all = binomial(random, exposures, rate(arm, context, day));
        const later = binomial(random, all, LATE_SHARE);
        const cell = { arm, context, shares, day, exposures, conversions: all - later };
        cells.push(cell);
        if (later > 0) late.push({ cell, conversions: later, day: day + LATE_DAYS });
      }
    }
    for (const outcome of late) if (outcome.day === day) outcome.cell.conversions += outcome.conversions;
    const now = (day + 1) * DAY_MS;
    const next = nextSnapshot(trial, cells, snapshot, now);
    if (next) snapshot = { ...next, version: ++version };
    yield { cells, snapshot, now };
  }
}
