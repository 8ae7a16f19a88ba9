// How much of the traffic each arm gets while its rate is being learned: the probability that it is the best one (Thompson
// 1933, "On the likelihood that one unknown probability exceeds another"), with a least share for each, in hundredths.
// Pure: no draw is made here. Who draws does it with these very shares, so they are the probabilities and no estimate.

import { nodesBetween } from './integrate.ts';
import { betaBelow, logBetaDensity } from './special.ts';

export interface Count {
  readonly exposures: number;
  readonly conversions: number;
}

/** How far from its mean, in standard deviations, a posterior is cut into pieces. */
const AWAY = [1, 2, 3, 4, 6, 8, 12, 18, 27, 40];

/**
 * For each arm the probability that its rate is the highest (Y2), posteriors Beta(1 + conversions, 1 + the rest). The sum
 * is one to within 1e-9, and so is each (held against the closed form for two arms by a test).
 */
export function bestShares(counts: readonly Count[]): number[] {
  if (counts.length === 1) return [1];
  const posteriors = counts.map(({ exposures, conversions }) => ({
    a: 1 + conversions,
    b: 1 + Math.max(0, exposures - conversions),
  }));
  const cuts = posteriors.flatMap(({ a, b }) => {
    const mean = a / (a + b);
    const deviation = Math.sqrt((mean * (1 - mean)) / (a + b + 1));
    return [mean, ...AWAY.flatMap((times) => [mean - times * deviation, mean + times * deviation])];
  });
  const shares = posteriors.map(() => 0);
  for (const { at, weight } of nodesBetween(0, 1, cuts)) {
    const below = posteriors.map(({ a, b }) => betaBelow(at, a, b));
    posteriors.forEach(({ a, b }, arm) => {
      let others = weight * Math.exp(logBetaDensity(at, a, b));
      for (let other = 0; other < below.length && others > 0; other++) if (other !== arm) others *= below[other] ?? 0;
      shares[arm] = (shares[arm] ?? 0) + others;
    });
  }
  return shares;
}

/** Y3: shares in hundredths, none below the minimum, together one hundred. `minimum` times the arms is at most one. */
export function hundredths(shares: readonly number[], minimum: number): number[] {
  const floor = Math.min(Math.ceil(minimum * 100 - 1e-9), Math.floor(100 / shares.length));
  const left = 100 - floor * shares.length;
  const total = shares.reduce((sum, share) => sum + share, 0);
  const exact = shares.map((share) => (share / total) * left);
  const whole = exact.map((value) => Math.floor(value));
  const missing = left - whole.reduce((sum, value) => sum + value, 0);
  const byRest = exact
    .map((value, arm) => ({ arm, rest: value - Math.floor(value) }))
    .sort((one, other) => other.rest - one.rest || one.arm - other.arm);
  const rounded = new Set(byRest.slice(0, missing).map(({ arm }) => arm));
  return whole.map((value, arm) => floor + value + (rounded.has(arm) ? 1 : 0));
}
