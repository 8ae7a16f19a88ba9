// What experiments say of an item that passed every other rule of a decision: it may be shown, or it is lost to another
// arm or to a holdout. Draws arms by a hash (X1) and gathers the exposures that come about. Pure: the same customer,
// records, snapshots and questions in the same order give the same answers and exposures.

import { HOLDOUT } from '../../schema/experiment.ts';
import type { Condition } from '../engine/conditions.ts';
import { armOf } from '../engine/experiments.ts';
import { type Item, itemKey, type Trial } from './compile.ts';
import type { Exposure } from './exposure.ts';
import { contextOf, sharesOf } from './shares.ts';
import type { Snapshot } from './snapshot.ts';

/** The experiments of a catalog by what leads to them, each list in the order they are asked in (X6). */
export interface Trials {
  readonly byId: ReadonlyMap<string, Trial>;
  readonly byItem: ReadonlyMap<string, readonly Trial[]>;
  readonly byPlacement: ReadonlyMap<string, readonly Trial[]>;
  readonly ofAllOffers: readonly Trial[];
  readonly byGoal: ReadonlyMap<string, readonly Trial[]>;
}

const byName = (one: Trial, other: Trial): number => (one.id < other.id ? -1 : 1);

export function trialsOf(trials: Iterable<Trial>): Trials {
  const sorted = [...trials].sort(byName);
  const grouped = (keys: (trial: Trial) => Iterable<string>): Map<string, Trial[]> => {
    const groups = new Map<string, Trial[]>();
    for (const trial of sorted) for (const key of keys(trial)) groups.set(key, [...(groups.get(key) ?? []), trial]);
    return groups;
  };
  return {
    byId: new Map(sorted.map((trial) => [trial.id, trial])),
    byItem: grouped((trial) => (trial.level === 'placement' ? [] : trial.items.keys())),
    byPlacement: grouped((trial) => (trial.level === 'placement' ? (trial.placements ?? []) : [])),
    ofAllOffers: sorted.filter(({ level }) => level === 'global'),
    byGoal: grouped((trial) => [trial.goal.event]),
  };
}

export const NO_TRIALS: Trials = trialsOf([]);

export type Lost = 'holdout' | 'other-arm';

/** Who is asked about, and what is known of them. */
export interface Asked {
  /** What arms are drawn by: the canonical id. */
  readonly customerId: string;
  /** The stage of each unkeyed journey. */
  readonly stages: { readonly [journey: string]: string };
  /** Milliseconds. */
  readonly now: number;
  readonly holds: (condition: Condition) => boolean;
  /** What is recorded of the customer in an experiment. */
  readonly known: (experiment: string) => Exposure | null;
  readonly snapshot: (experiment: string) => Snapshot | null;
}

export interface Screen {
  /** null: no experiment stands against the item in this placement. Exposes the customer to those that are asked. */
  readonly ask: (item: Item, placement: string) => { readonly reason: Lost; readonly experiment: string } | null;
  /** Exposures that came about, in the order they did. */
  readonly exposures: readonly Exposure[];
}

export function screenFor(trials: Trials, asked: Asked): Screen {
  const exposures: Exposure[] = [];
  const standing = new Map<string, string | null>();

  /** The arm, `holdout`, or null for who does not take part. */
  const armIn = (trial: Trial): string | null => {
    const before = standing.get(trial.id);
    if (before !== undefined) return before;
    const { now } = asked;
    let arm: string | null = null;
    if (now >= trial.from && now < trial.until) {
      const known = asked.known(trial.id);
      if (known) arm = known.arm;
      else if (trial.audience === null || asked.holds(trial.audience)) {
        const exposure = expose(trial, asked);
        exposures.push(exposure);
        arm = exposure.arm;
      }
    }
    standing.set(trial.id, arm);
    return arm;
  };

  const ask: Screen['ask'] = (item, placement) => {
    const key = itemKey(item);
    for (const trial of concerning(trials, item, key, placement)) {
      const arm = armIn(trial);
      const reason = arm === null ? null : lostTo(trial, arm, item, key);
      if (reason) return { reason, experiment: trial.id };
    }
    return null;
  };
  return { ask, exposures };
}

/** X6: global experiments first, then those of the placement, then those of the item. */
function* concerning(trials: Trials, item: Item, key: string, placement: string): Generator<Trial> {
  const ofItem = trials.byItem.get(key) ?? [];
  if (item.kind === 'offer') yield* trials.ofAllOffers;
  else for (const trial of ofItem) if (trial.level === 'global') yield trial;
  yield* trials.byPlacement.get(placement) ?? [];
  for (const trial of ofItem)
    if (trial.level === 'offer' && (trial.placements === null || trial.placements.has(placement))) yield trial;
}

/** X4, X5, X8. */
function lostTo(trial: Trial, arm: string, item: Item, key: string): Lost | null {
  const shownIn = trial.items.get(key);
  if (arm === HOLDOUT) {
    const withheld =
      shownIn !== undefined || trial.level === 'placement' || (trial.level === 'global' && item.kind === 'offer');
    return withheld ? 'holdout' : null;
  }
  if (shownIn === undefined || shownIn.size === 0) return null;
  const shown = trial.arms.some(({ name }) => name === arm) ? arm : (trial.arms[0]?.name ?? arm);
  return shownIn.has(shown) ? null : 'other-arm';
}

/** X12: for who cannot be recorded: what the first arm shows, and nothing is exposed. */
export function defaultScreen(trials: Trials, now: number): Screen {
  const ask: Screen['ask'] = (item, placement) => {
    const key = itemKey(item);
    for (const trial of concerning(trials, item, key, placement)) {
      const first = now >= trial.from && now < trial.until ? trial.arms[0]?.name : undefined;
      const reason = first === undefined ? null : lostTo(trial, first, item, key);
      if (reason) return { reason, experiment: trial.id };
    }
    return null;
  };
  return { ask, exposures: [] };
}

/** X1, X3: the record of who meets an experiment for the first time. */
export function expose(trial: Trial, { customerId, stages, now, snapshot }: Omit<Asked, 'holds' | 'known'>): Exposure {
  const context = contextOf(trial, stages);
  const { shares, snapshot: version } = sharesOf(trial, snapshot(trial.id), context);
  const arms = trial.arms.flatMap(({ name }) => {
    const weight = shares[name] ?? 0;
    return weight > 0 ? [{ name, weight }] : [];
  });
  return {
    experiment: trial.id,
    version: trial.version,
    arm: armOf(customerId, trial.salt, trial.holdout, arms) ?? HOLDOUT,
    at: now,
    until: now + trial.goal.withinMs,
    context,
    shares,
    snapshot: version,
    convertedAt: null,
  };
}
