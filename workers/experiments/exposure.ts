// What a customer's object records of an experiment: which arm, since when, how likely it was, and what came of it. Owns
// the shape, which is a contract with rows that are stored; how it takes an outcome, and how two of them become one. Pure.

/** With which probability each arm was given, the holdout among them; together one. */
export type Shares = { readonly [arm: string]: number };

export interface Exposure {
  readonly experiment: string;
  /** Of the document. */
  readonly version: number;
  /** `holdout` for who got none. */
  readonly arm: string;
  /** Milliseconds, like every instant here. */
  readonly at: number;
  /** The last instant at which an outcome counts. */
  readonly until: number;
  readonly context: string;
  readonly shares: Shares;
  /** Of the snapshot the shares came from; 0: by weight. */
  readonly snapshot: number;
  readonly convertedAt: number | null;
}

/** X10: the record with an event of the goal at `at`, or null where that changes nothing. */
export function withOutcome(exposure: Exposure, at: number): Exposure | null {
  if (at < exposure.at || at > exposure.until) return null;
  if (exposure.convertedAt !== null && exposure.convertedAt <= at) return null;
  return { ...exposure, convertedAt: at };
}

/** X9: of two records of one customer the earlier, with the earliest outcome in its window; `own` where both are alike. */
export function mergeExposures(own: Exposure, other: Exposure): Exposure {
  const [kept, dropped] = other.at < own.at ? [other, own] : [own, other];
  if (dropped.convertedAt === null) return kept;
  return withOutcome(kept, dropped.convertedAt) ?? kept;
}
