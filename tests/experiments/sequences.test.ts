// SPEC.md, W: intervals and tests that hold at every moment at once. Each proof lives through many experiments, looks every
// day, and counts in how many the figures were wrong on any day.

import { describe, expect, it } from 'vitest';
import type { Trial } from '../../workers/experiments/compile.ts';
import { liftOf, mismatchOf, resultsOf, winnerOf } from '../../workers/experiments/results.ts';
import { meanInterval, rateInterval, tiltOf } from '../../workers/experiments/sequences.ts';
import { type Cell, isMature, weightedOf } from '../../workers/experiments/tally.ts';
import { often } from '../prove.ts';
import { cellOf, LONG_AFTER, seededRandom, trialOf } from './trials.ts';
import { type Day, live, type World } from './world.ts';

const ALPHA = 0.05;
/** Of `n` trials with probability `p` each, more than this is chance of less than one in ten thousand. */
const atMost = (n: number, p: number): number => n * p + 3.8 * Math.sqrt(n * p * (1 - p));

const thompson = { allocation: { thompson: { minimum: 0.1 } } };
const byStage = { allocation: { thompson: { by: 'stages.lifecycle', minimum: 0.1 } } };

/** How many of `n` worlds show `wrong` on any day. */
function wrongs(n: number, worldOf: (random: () => number) => World, wrong: Wrong): number {
  let count = 0;
  for (let seed = 1; seed <= n; seed++) {
    const world = worldOf(seededRandom(seed));
    for (const day of live(world))
      if (wrong(day, world.trial)) {
        count++;
        break;
      }
  }
  return count;
}
type Wrong = (day: Day, trial: Trial) => boolean;

const matureOn = ({ cells, now }: Day, trial: Trial): Cell[] =>
  cells.filter(({ day }) => isMature(day, trial.goal.withinMs, now));

const found: Wrong = (day, trial) => liftOf(matureOn(day, trial), 'b', 'a').p <= ALPHA;

describe('experiments in which nothing differs', () => {
  const runs = often(60, 2_000);

  it(`W1 W4 W5 ${runs} of them, looked at every day, find something in at most 5%`, () => {
    const count = wrongs(
      runs,
      (random) => ({ trial: trialOf(), days: 28, visitors: { '': 600 }, rate: () => 0.05, random }),
      found,
    );
    expect(count).toBeLessThanOrEqual(runs * ALPHA);
  });

  it(`W4 W5 ${often(10, 2_000)} of them with adaptive shares, stages that differ, rates that change and late outcomes`, () => {
    const count = wrongs(
      often(10, 2_000),
      (random) => ({
        trial: trialOf(byStage),
        days: 28,
        visitors: { usage: 300, decision: 200 },
        rate: (_, context, day) => (context === 'usage' ? 0.02 : 0.12) * (1 + 0.5 * Math.sin(day / 4)),
        random,
      }),
      found,
    );
    expect(count).toBeLessThanOrEqual(often(10, 2_000) * ALPHA);
  });

  it(`W6 ${often(8, 2_000)} honest splits are called a mismatch in at most a thousandth`, () => {
    const count = wrongs(
      often(8, 2_000),
      (random) => ({
        trial: trialOf({ ...thompson, holdout: 0.1 }),
        days: 28,
        visitors: { '': 2_000 },
        rate: () => 0.05,
        random,
      }),
      ({ cells }, trial) => mismatchOf(trial, cells).found,
    );
    expect(count).toBeLessThanOrEqual(atMost(often(8, 2_000), 0.001));
  });

  it('W7 no winner in 95 of 100 experiments of four equal arms', () => {
    const arms = ['a', 'b', 'c', 'd'].map((id) => ({ id, offers: [id] }));
    const count = wrongs(
      often(20, 500),
      (random) => ({ trial: trialOf({ arms }), days: 20, visitors: { '': 2_000 }, rate: () => 0.05, random }),
      ({ cells, now }, trial) => winnerOf(trial, cells, now) !== null,
    );
    expect(count).toBeLessThanOrEqual(often(20, 500) * ALPHA);
  });
});

describe('intervals', () => {
  it('W2 cover the rate at each of fifty looks at once, in 95 of 100', () => {
    const runs = often(200, 4_000);
    let misses = 0;
    for (let seed = 1; seed <= runs; seed++) {
      const random = seededRandom(seed);
      const rate = [0.01, 0.05, 0.3, 0.7][seed % 4] ?? 0.05;
      let conversions = 0;
      for (let n = 1; n <= 1_500; n++) {
        if (random() < rate) conversions++;
        // The first twenty customers one by one, then every fiftieth.
        const { low, high } = n % 50 === 0 || n < 20 ? rateInterval(conversions, n, ALPHA) : { low: 0, high: 1 };
        if (rate < low || rate > high) {
          misses++;
          break;
        }
      }
    }
    expect(misses).toBeLessThanOrEqual(runs * ALPHA);
  });

  it('W2 are those whose ends have evidence 1/alpha, and shrink with what is seen', () => {
    const { low, high } = rateInterval(50, 1_000, ALPHA);
    expect([low, high].map((end) => end.toFixed(4))).toEqual(['0.0287', '0.0792']);
    const later = rateInterval(5_000, 100_000, ALPHA);
    expect(later.high - later.low).toBeLessThan((high - low) / 6);
    expect(rateInterval(0, 0, ALPHA)).toEqual({ low: 0, high: 1 });
    expect(rateInterval(0, 100, ALPHA).low).toBe(0);
    expect(rateInterval(100, 100, ALPHA).high).toBe(1);
  });

  const lifted =
    (rate: (arm: string, context: string, day: number) => number, more: object) => (random: () => number) => ({
      trial: trialOf(more as Parameters<typeof trialOf>[0]),
      days: 28,
      visitors: { usage: 300, decision: 300 },
      rate,
      random,
    });
  const third = (arm: string, context: string, day: number): number =>
    (arm === 'b' ? 4 / 3 : 1) * (context === 'usage' ? 0.03 : 0.15) * (1 + 0.4 * Math.sin(day / 3));
  const misses: Wrong = (day, trial) => {
    const { low, high } = liftOf(matureOn(day, trial), 'b', 'a');
    return 1 / 3 < low || (high !== null && 1 / 3 > high);
  };

  it('W4 cover a lift of a third every day, though rates change and stages differ: fixed shares', () => {
    const runs = often(60, 1_000);
    expect(wrongs(runs, lifted(third, {}), misses)).toBeLessThanOrEqual(runs * ALPHA);
  });

  it('W4 and adaptive ones', () => {
    const runs = often(8, 1_000);
    expect(wrongs(runs, lifted(third, byStage), misses)).toBeLessThanOrEqual(runs * ALPHA);
  });

  it('W3 of rates by inverse propensity cover them every day in 95 of 100, though the better arm gets the better stage', () => {
    const runs = often(8, 1_000);
    // The better arm depends on the stage, so that shares go with stages and plain rates mislead.
    const rate = (arm: string, context: string) => ((context === 'usage') === (arm === 'a') ? 0.12 : 0.06);
    const count = wrongs(runs, lifted(rate, byStage), (day, trial) =>
      ['a', 'b'].some((arm) => {
        const { customers, conversions, conversionSquares } = weightedOf(matureOn(day, trial), arm);
        const { low, high } = meanInterval(customers, conversions, conversionSquares, ALPHA);
        return low > 0.09 || high < 0.09;
      }),
    );
    expect(count).toBeLessThanOrEqual(runs * ALPHA);
    const [last] = [
      ...live({ ...lifted(rate, byStage)(seededRandom(1)), visitors: { usage: 4_000, decision: 4_000 } }),
    ].slice(-1);
    const results = resultsOf(trialOf(byStage), last?.cells ?? [], null, LONG_AFTER);
    for (const { rate: weighted, mature, interval } of results.arms) {
      expect(mature.conversions / mature.exposures).toBeGreaterThan(0.1);
      expect(Math.abs((weighted ?? 0) - 0.09)).toBeLessThan(0.01);
      expect(interval.high - interval.low).toBeLessThan(0.05);
    }
  });

  it('W3 of a mean are nothing before there is any spread, and as wide as the paper says after it', () => {
    expect(meanInterval(0, 0, 0, ALPHA)).toEqual({ low: -Infinity, high: Infinity });
    expect(meanInterval(10, 0, 0, ALPHA).high).toBe(Infinity);
    const { low, high } = meanInterval(10_000, 0, 10_000, ALPHA);
    // At the sample it is tuned for: about 3.04 standard errors for 95%.
    expect((high - low) / 2 / 0.01).toBeCloseTo(3.04, 1);
  });
});

describe('evidence', () => {
  it('W4 is that of the Cauchy mixture, integrated by hand', () => {
    const pairs = [
      { odds: 1, one: 30, other: 18 },
      { odds: 0.25, one: 9, other: 25 },
    ];
    const likelihood = (tilt: number) =>
      pairs.reduce((product, { odds, one, other }) => {
        const share = (odds * Math.exp(tilt)) / (1 + odds * Math.exp(tilt));
        return product * share ** one * (1 - share) ** other;
      }, 1);
    const [steps, scale] = [200_000, 0.2];
    let [mixture, prior] = [0, 0];
    for (let step = 0; step < steps; step++) {
      const at = -6 + (12 * (step + 0.5)) / steps;
      const weight = 1 / (1 + (at / scale) ** 2);
      prior += weight;
      mixture += weight * likelihood(at);
    }
    const known = Math.log(mixture / prior / likelihood(0));
    expect(Math.abs(tiltOf(pairs, scale).logEvidence - known)).toBeLessThan(1e-9);
  });

  it('W4 says nothing where nothing was seen, bounds one side where one side was, and takes any count', () => {
    expect(liftOf([], 'b', 'a')).toEqual({ against: 'a', lift: null, low: -1, high: null, p: 1 });
    const one = liftOf([cellOf('b', 500, 60), cellOf('a', 500, 0)], 'b', 'a');
    expect(one).toMatchObject({ lift: null, high: null });
    expect(one.low).toBeGreaterThan(1);
    const many = liftOf([cellOf('b', 1e9, 50_100_000), cellOf('a', 1e9, 50_000_000)], 'b', 'a');
    expect(many.lift).toBeCloseTo(0.002, 6);
    expect(many.p).toBeLessThan(1e-6);
    expect(many.low).toBeGreaterThan(0);
  });

  it('W4 a share of nothing is not compared: who could not have the arm says nothing of it', () => {
    const old = [cellOf('a', 1_000, 50, { a: 1 })];
    const both = [cellOf('a', 1_000, 50), cellOf('b', 1_000, 60)];
    expect(liftOf([...old, ...both], 'b', 'a')).toEqual(liftOf(both, 'b', 'a'));
  });

  it('W5 finds a lift of a fifth before 40,000 customers in most experiments', () => {
    const runs = often(20, 200);
    const rate = (arm: string) => (arm === 'b' ? 0.06 : 0.05);
    const count = wrongs(
      runs,
      (random) => ({ trial: trialOf(), days: 20, visitors: { '': 2_000 }, rate, random }),
      found,
    );
    expect(count).toBeGreaterThan(runs * 0.8);
  });

  it('W6 finds a split of 52 to 48 that was meant to be even, and says which side has too many', () => {
    const trial = trialOf();
    const world = { trial, days: 20, visitors: { '': 2_000 }, rate: () => 0.05, given: () => ({ a: 0.52, b: 0.48 }) };
    const runs = often(20, 200);
    const count = wrongs(
      runs,
      (random) => ({ ...world, random }),
      ({ cells }, trial) => mismatchOf(trial, cells).found,
    );
    expect(count).toBe(runs);
    expect(mismatchOf(trial, [cellOf('a', 10_000, 0), cellOf('b', 10_000, 0)]).p).toBe(1);
  });

  it('W7 a winner beats each other arm, with evidence for as many comparisons as there are', () => {
    const arms = ['a', 'b', 'c'].map((id) => ({ id, offers: [id] }));
    const trial = trialOf({ arms });
    const shares = { a: 1 / 3, b: 1 / 3, c: 1 / 3 };
    const cells = (a: number, b: number, c: number) => [
      cellOf('a', 10_000, a, shares),
      cellOf('b', 10_000, b, shares),
      cellOf('c', 10_000, c, shares),
    ];
    expect(winnerOf(trial, cells(500, 700, 500), LONG_AFTER)).toBe('b');
    expect(winnerOf(trial, cells(500, 700, 690), LONG_AFTER)).toBe(null);
    expect(winnerOf(trial, cells(700, 500, 500), LONG_AFTER)).toBe('a');
    expect(winnerOf(trial, cells(0, 60, 0), LONG_AFTER)).toBe('b');
    expect(winnerOf(trial, cells(500, 700, 500), 0)).toBe(null);
    const lopsided = [...cells(500, 700, 500), cellOf('a', 5_000, 250, shares)];
    expect(winnerOf(trial, lopsided, LONG_AFTER)).toBe(null);
    expect(winnerOf(trialOf({ arms: [{ id: 'a', offers: ['x'] }], holdout: 0.5 }), lopsided, LONG_AFTER)).toBe(null);
  });

  it('W8 weights add up to the customers where shares are what happened, and not where they are not', () => {
    const trial = trialOf(byStage);
    const rate = () => 0.05;
    const health = (given?: World['given']) => {
      const world = {
        trial,
        days: 20,
        visitors: { usage: 2_000 },
        rate,
        random: seededRandom(7),
        ...(given ? { given } : {}),
      };
      const days = [...live(world)];
      return resultsOf(trial, days.at(-1)?.cells ?? [], null, LONG_AFTER).arms.map(({ propensity }) => propensity);
    };
    for (const { weightsOverCustomers, min, effective } of health()) {
      expect(weightsOverCustomers).toBeGreaterThan(0.93);
      expect(weightsOverCustomers).toBeLessThan(1.07);
      expect(min).toBeGreaterThanOrEqual(0.1);
      expect(effective).toBeGreaterThan(1_000);
    }
    expect(health(() => ({ a: 0.9, b: 0.1 }))[0]?.weightsOverCustomers).toBeGreaterThan(1.2);
  });
});
