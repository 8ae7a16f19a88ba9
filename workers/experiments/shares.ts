// With which probability each arm is given now: by weight, or by what the last snapshot of the counts has taught. Pure.

import { HOLDOUT } from '../../schema/experiment.ts';
import type { Trial } from './compile.ts';
import type { Shares } from './exposure.ts';
import type { Snapshot } from './snapshot.ts';

/** Shares of the arms alone, together one. */
export type ArmShares = { readonly [arm: string]: number };

const byWeight = ({ arms }: Trial): ArmShares => {
  const total = arms.reduce((sum, { weight }) => sum + weight, 0);
  return Object.fromEntries(arms.map(({ name, weight }) => [name, weight / total]));
};

const isOfArms = (shares: ArmShares, { arms }: Trial): boolean =>
  Object.keys(shares).length === arms.length && arms.every(({ name }) => Object.hasOwn(shares, name));

export interface Given {
  /** The holdout among them; together one. */
  readonly shares: Shares;
  /** Of the snapshot; 0: by weight. */
  readonly snapshot: number;
}

/** Y1 to Y5, Y7: the shares of who is drawn now, in a context. */
export function sharesOf(trial: Trial, snapshot: Snapshot | null, context: string): Given {
  const { arms, holdout, automatic } = trial;
  const winner = automatic && snapshot ? snapshot.winner : null;
  const learned = snapshot && Object.hasOwn(snapshot.shares, context) ? snapshot.shares[context] : undefined;
  const won = winner !== null && arms.some(({ name }) => name === winner);
  const taught = trial.allocation.kind === 'thompson' && learned !== undefined && isOfArms(learned, trial);
  const chosen: ArmShares = won
    ? Object.fromEntries(arms.map(({ name }) => [name, name === winner ? 1 : 0]))
    : taught
      ? learned
      : byWeight(trial);
  const shares = arms.map(({ name }): [string, number] => [name, (chosen[name] ?? 0) * (1 - holdout)]);
  return {
    shares: Object.fromEntries(holdout > 0 ? [...shares, [HOLDOUT, holdout]] : shares),
    snapshot: snapshot && (won || taught) ? snapshot.version : 0,
  };
}

/** The context a customer is exposed in: the stage of the journey that is learned by, empty where there is none. */
export function contextOf({ allocation }: Trial, stages: { readonly [journey: string]: string }): string {
  if (allocation.kind === 'fixed' || allocation.by === null) return '';
  return Object.hasOwn(stages, allocation.by) ? (stages[allocation.by] ?? '') : '';
}
