// Intervals and tests that hold at every moment at once, so that anyone may look at any time and stop when he likes: the
// probability that one of them is ever wrong is at most alpha. Pure; each function says its paper and what it assumes.

import { nodesBetween } from './integrate.ts';
import { logBeta } from './special.ts';

export interface Interval {
  readonly low: number;
  /** Infinity where nothing bounds it yet. */
  readonly high: number;
}

const BISECTIONS = 100;

/** Where a monotone function crosses zero between `below` (negative) and `above` (positive). */
function crossing(below: number, above: number, value: (at: number) => number): number {
  let [negative, positive] = [below, above];
  for (let round = 0; round < BISECTIONS && negative !== positive; round++) {
    const middle = (negative + positive) / 2;
    if (middle === negative || middle === positive) break;
    if (value(middle) < 0) negative = middle;
    else positive = middle;
  }
  return positive;
}

/** The prior of the mixture for one rate: Beta(1/2, 1/2). */
const PRIOR = 0.5;

/**
 * The rate of one arm by its counts. The likelihood ratio of a Beta mixture against the true rate is a martingale that
 * begins at one, so by Ville's inequality it ever reaches 1/alpha with probability alpha at most (Robbins 1970,
 * "Statistical methods related to the law of the iterated logarithm"; Howard, Ramdas, McAuliffe, Sekhon 2021,
 * "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49). Exact; also where what
 * was seen so far decides who comes next.
 */
export function rateInterval(conversions: number, exposures: number, alpha: number): Interval {
  if (exposures === 0) return { low: 0, high: 1 };
  const rest = exposures - conversions;
  const mixture = logBeta(PRIOR + conversions, PRIOR + rest) - logBeta(PRIOR, PRIOR);
  const evidence = (rate: number): number =>
    mixture -
    (conversions > 0 ? conversions * Math.log(rate) : 0) -
    (rest > 0 ? rest * Math.log1p(-rate) : 0) +
    Math.log(alpha);
  const rate = conversions / exposures;
  return {
    low: conversions === 0 ? 0 : crossing(rate, 0, evidence),
    high: rest === 0 ? 1 : crossing(rate, 1, evidence),
  };
}

/** The sample at which the bound below is tightest. */
const TIGHTEST_AT = 10_000;

/**
 * A mean by sums over n observations: of the observations and of their squares. The asymptotic confidence sequence of
 * Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central limit theory and asymptotic confidence
 * sequences", Annals of Statistics 52, with the tuning of its appendix. For weights by inverse propensity, whose shares
 * may depend on everything before (Bibaut et al. 2021, "Post-contextual-bandit inference").
 */
export function meanInterval(n: number, sum: number, squares: number, alpha: number): Interval {
  if (n === 0) return { low: -Infinity, high: Infinity };
  const mean = sum / n;
  const variance = Math.max(0, squares / n - mean * mean);
  if (variance === 0) return { low: -Infinity, high: Infinity };
  const tuning = -2 * Math.log(alpha) + Math.log(-2 * Math.log(alpha) + 1);
  const rho = tuning / TIGHTEST_AT;
  const spread = n * variance * rho + 1;
  const half = Math.sqrt(((2 * spread) / (n * n * rho)) * Math.log(Math.sqrt(spread) / alpha));
  return { low: mean - half, high: mean + half };
}

/** Of those who were given either of two sides with the same shares, how many stand on each. */
export interface Pair {
  /** The odds of the one side against the other by their shares. */
  readonly odds: number;
  readonly one: number;
  readonly other: number;
}

/** What pairs say of the ratio by which the true odds differ from those of the shares. */
export interface Tilt {
  /** The ratio under which what was seen is likeliest; null where nothing was seen on one side. */
  readonly ratio: number | null;
  /** ln of the mixture's likelihood over that of a ratio of one: at most ln 1/alpha, but with probability alpha. */
  readonly logEvidence: number;
  /** Where the ratio lies, with probability one less alpha at every moment at once. */
  readonly interval: (alpha: number) => Interval;
}

/** ln of the largest ratio that is thought of. */
const TILT_MAX = 6;

/** Pairs with the logarithm of their odds. */
type Logs = readonly { readonly log: number; readonly one: number; readonly other: number }[];

/** ln of the likelihood of the sides when the odds are e^tilt times those of the shares. Concave in the tilt. */
function logLikelihood(logs: Logs, tilt: number): number {
  let sum = 0;
  for (const { log, one, other } of logs) {
    const at = log + tilt;
    const away = Math.log1p(Math.exp(-Math.abs(at)));
    sum -= one * (away + Math.max(0, -at)) + other * (away + Math.max(0, at));
  }
  return sum;
}

/** Its slope, and its curvature with the sign turned. */
function slopeOf(logs: Logs, tilt: number): { slope: number; information: number } {
  let [slope, information] = [0, 0];
  for (const { log, one, other } of logs) {
    const share = 1 / (1 + Math.exp(-(log + tilt)));
    slope += one - (one + other) * share;
    information += (one + other) * share * (1 - share);
  }
  return { slope, information };
}

/** Where the likelihood is highest, inside of what is thought of. */
function likeliest(logs: Logs): number {
  const downward = (tilt: number): number => -slopeOf(logs, tilt).slope;
  if (downward(-TILT_MAX) >= 0) return -TILT_MAX;
  if (downward(TILT_MAX) <= 0) return TILT_MAX;
  return crossing(-TILT_MAX, TILT_MAX, downward);
}

/** Where the integrand is cut: in standard deviations of the likelihood, and in scales of the prior. */
const DEVIATIONS = [1, 2, 3.5, 5.5, 8];
const DEVIATIONS_MOST = 12;
const SCALES = [0.5, 1.5, 4, 10];

/**
 * Given the shares, which side each of a series of customers stands on is a coin whose odds are the shares' times the
 * ratio. The likelihood of a mixture of ratios over that of the true one is a martingale that begins at one, whatever the
 * shares depended on (Lindon and Malek 2022, "Anytime-valid inference for multinomial count data"; 2020, "Sequential
 * testing of multinomial hypotheses"). The mixture is a Cauchy distribution of ln ratio, cut at +-6. Exact but for the
 * integration, whose error is below 1e-9.
 * @param scale of the Cauchy distribution: the size of ln ratio that is found soonest
 */
export function tiltOf(pairs: readonly Pair[], scale: number): Tilt {
  const logs = pairs.map(({ odds, one, other }) => ({ log: Math.log(odds), one, other }));
  const [ones, others] = [logs.some(({ one }) => one > 0), logs.some(({ other }) => other > 0)];
  if (!ones && !others) return { ratio: null, logEvidence: 0, interval: () => ({ low: 0, high: Infinity }) };
  const best = likeliest(logs);
  const most = logLikelihood(logs, best);
  const deviation = 1 / Math.sqrt(Math.max(slopeOf(logs, best).information, 0.25));
  const nodes = nodesBetween(
    Math.max(-TILT_MAX, best - DEVIATIONS_MOST * deviation),
    Math.min(TILT_MAX, best + DEVIATIONS_MOST * deviation),
    [
      ...[0, ...DEVIATIONS].flatMap((times) => [best + times * deviation, best - times * deviation]),
      ...[0, ...SCALES].flatMap((times) => [times * scale, -times * scale]),
    ],
  );
  let mixture = 0;
  for (const { at, weight } of nodes)
    mixture += (weight * Math.exp(logLikelihood(logs, at) - most)) / (1 + (at / scale) ** 2);
  const logMixture = most + Math.log(mixture / (2 * Math.atan(TILT_MAX / scale) * scale));
  return {
    ratio: ones && others ? Math.exp(best) : null,
    logEvidence: logMixture - logLikelihood(logs, 0),
    interval: (alpha) => {
      const evidence = (tilt: number): number => logMixture - logLikelihood(logs, tilt) + Math.log(alpha);
      const bound = (end: number): number | null => (evidence(end) < 0 ? null : crossing(best, end, evidence));
      const [low, high] = [bound(-TILT_MAX), bound(TILT_MAX)];
      return { low: low === null ? 0 : Math.exp(low), high: high === null ? Infinity : Math.exp(high) };
    },
  };
}
