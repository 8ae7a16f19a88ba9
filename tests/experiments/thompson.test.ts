// SPEC.md, Y: shares that learn. That they are what they say, sum to one, and earn more than equal ones.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expose } from '../../workers/experiments/screen.ts';
import { contextOf, sharesOf } from '../../workers/experiments/shares.ts';
import { isFresh, nextSnapshot, type Snapshot } from '../../workers/experiments/snapshot.ts';
import { shareOf, sidesOf } from '../../workers/experiments/tally.ts';
import { bestShares, hundredths } from '../../workers/experiments/thompson.ts';
import { often } from '../prove.ts';
import { askedOf, cellOf, chiSquare, LONG_AFTER, NOW, seededRandom, trialOf } from './trials.ts';
import { live } from './world.ts';

const count = fc
  .record({ exposures: fc.integer({ min: 0, max: 200_000 }), rate: fc.double({ min: 0, max: 1, noNaN: true }) })
  .map(({ exposures, rate }) => ({ exposures, conversions: Math.round(exposures * rate) }));
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

const adaptive = (more: object = {}, minimum = 0.05) => trialOf({ allocation: { thompson: { minimum, ...more } } });

describe('shares', () => {
  it('Y2 sum to one to within 1e-9, whatever was counted', () =>
    fc.assert(
      fc.property(fc.array(count, { minLength: 1, maxLength: 6 }), (counts) => {
        const shares = bestShares(counts);
        expect(Math.abs(sum(shares) - 1)).toBeLessThan(1e-9);
        for (const share of shares) expect(share).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: often(60, 5_000), seed: 1 },
    ));

  it('Y2 are how often a draw from each posterior is the highest', () => {
    const random = seededRandom(5);
    const counts = [
      { exposures: 40, conversions: 4 },
      { exposures: 30, conversions: 5 },
      { exposures: 10, conversions: 0 },
    ];
    /** Beta(a, b) of whole numbers as the a-th smallest of a + b - 1 even draws. */
    const beta = (a: number, b: number): number =>
      Array.from({ length: a + b - 1 }, random).toSorted((x, y) => x - y)[a - 1] ?? 0;
    const draws = often(4_000, 100_000);
    const best = counts.map(() => 0);
    for (let draw = 0; draw < draws; draw++) {
      const rates = counts.map(({ exposures, conversions }) => beta(1 + conversions, 1 + exposures - conversions));
      const first = rates.indexOf(Math.max(...rates));
      best[first] = (best[first] ?? 0) + 1;
    }
    expect(chiSquare(best, bestShares(counts))).toBeLessThan(18.42);
  });

  it('Y3 are hundredths that sum to one hundred, none below the minimum, in the order of what they are made from', () =>
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 }),
        fc.constantFrom(0.01, 0.03, 0.05),
        (weights, minimum) => {
          fc.pre(sum(weights) > 0 && weights.length * minimum <= 1);
          const parts = hundredths(weights, minimum);
          expect(sum(parts)).toBe(100);
          for (const part of parts) expect(part).toBeGreaterThanOrEqual(Math.round(minimum * 100));
          const order = weights.map((_, index) => index).toSorted((x, y) => (weights[x] ?? 0) - (weights[y] ?? 0));
          for (let at = 1; at < order.length; at++)
            expect((parts[order[at] ?? 0] ?? 0) + 1).toBeGreaterThanOrEqual(parts[order[at - 1] ?? 0] ?? 0);
        },
      ),
      { numRuns: often(500, 20_000), seed: 2 },
    ));

  it('Y4 the holdout among them, sum to one and are what is drawn with', () => {
    const trial = trialOf({ allocation: { thompson: {} }, holdout: 0.15 });
    const snapshot = nextSnapshot(trial, [cellOf('a', 500, 20), cellOf('b', 500, 30)], null, NOW);
    if (!snapshot) throw new Error('no snapshot');
    const { shares, snapshot: version } = sharesOf(trial, { ...snapshot, version: 9 }, '');
    expect(version).toBe(9);
    expect(Math.abs(sum(Object.values(shares)) - 1)).toBeLessThan(1e-12);
    const sides = sidesOf(trial.arms, trial.holdout);
    const counts = new Map(sides.map((side) => [side, 0]));
    for (let n = 0; n < often(20_000, 200_000); n++) {
      const { arm } = expose(trial, askedOf(`u:${n}`, { snapshot: () => snapshot }));
      counts.set(arm, (counts.get(arm) ?? 0) + 1);
    }
    expect(
      chiSquare(
        [...counts.values()],
        sides.map((side) => shareOf(shares, side)),
      ),
    ).toBeLessThan(18.42);
  });

  it('Y5 of a context nobody was in, and of other arms, go by weight', () => {
    const trial = adaptive({ by: 'stages.lifecycle' });
    const cells = [cellOf('a', 900, 10, undefined, 'usage'), cellOf('b', 900, 90, undefined, 'usage')];
    const snapshot = nextSnapshot(trial, cells, null, NOW);
    expect(sharesOf(trial, snapshot, 'usage').shares).toEqual({ a: 0.05, b: 0.95 });
    expect(sharesOf(trial, snapshot, 'decision')).toEqual({ shares: { a: 0.5, b: 0.5 }, snapshot: 0 });
    const edited = trialOf({
      allocation: { thompson: {} },
      arms: ['a', 'b', 'c'].map((id) => ({ id, offers: [id] })),
    });
    expect(sharesOf(edited, snapshot, 'usage').shares).toEqual({ a: 1 / 3, b: 1 / 3, c: 1 / 3 });
    expect(contextOf(trial, { lifecycle: 'usage', other: 'x' })).toBe('usage');
    expect([contextOf(trial, {}), contextOf(trialOf(), { lifecycle: 'usage' })]).toEqual(['', '']);
  });
});

describe('snapshots', () => {
  const cells = (a: number, b: number) => [cellOf('a', a, 0), cellOf('b', b, 0)];

  it('Y6 are made anew when counts have grown by a twentieth, after ten minutes, or when arms change', () => {
    const trial = adaptive();
    const first = nextSnapshot(trial, cells(100, 100), null, NOW);
    expect(first).toMatchObject({ experiment: 'test', exposures: 200, conversions: 0, arms: ['a', 'b'], winner: null });
    expect(nextSnapshot(trial, cells(100, 100), first, NOW + 10 ** 9)).toBe(null);
    expect(nextSnapshot(trial, cells(104, 105), first, NOW)).toBe(null);
    expect(nextSnapshot(trial, cells(105, 105), first, NOW)).not.toBe(null);
    expect(nextSnapshot(trial, cells(101, 100), first, NOW + 599_999)).toBe(null);
    expect(nextSnapshot(trial, cells(101, 100), first, NOW + 600_000)).not.toBe(null);
    const arms = ['a', 'b', 'c'].map((id) => ({ id, offers: [id] }));
    expect(nextSnapshot(trialOf({ arms, allocation: { thompson: {} } }), cells(100, 100), first, NOW)).not.toBe(null);
    expect(nextSnapshot(trialOf(), cells(100, 100), null, NOW)).toBe(null);
    const many = nextSnapshot(trial, cells(250, 250), null, NOW);
    expect([isFresh(null, NOW), isFresh(first, NOW), isFresh(many, NOW + 29_999), isFresh(many, NOW + 30_000)]).toEqual(
      [...[false, false, true, false]],
    );
  });

  it('Y7 a winner has the whole share from then on and remains one; without winner: automatic there is none', () => {
    const won = [cellOf('a', 20_000, 1_000), cellOf('b', 20_000, 1_400)];
    const trial = trialOf({ winner: 'automatic', holdout: 0.2 });
    const shares = { a: 0.4, b: 0.4, holdout: 0.2 };
    const fair = [...won.map((cell) => ({ ...cell, shares })), cellOf('holdout', 10_000, 500, shares)];
    const snapshot = nextSnapshot(trial, fair, null, LONG_AFTER);
    expect(snapshot).toMatchObject({ winner: 'b', shares: {} });
    expect(sharesOf(trial, snapshot, '').shares).toEqual({ a: 0, b: 0.8, holdout: 0.2 });
    for (let n = 0; n < 200; n++)
      expect(expose(trial, askedOf(`u:${n}`, { snapshot: () => snapshot })).arm).not.toBe('a');
    const before: Snapshot | null = snapshot && { ...snapshot, version: 3 };
    const turned = [cellOf('a', 90_000, 9_000, shares), cellOf('b', 20_000, 1_400, shares)];
    expect(nextSnapshot(trial, turned, before, LONG_AFTER)?.winner).toBe('b');
    const learning = { allocation: { thompson: {} } };
    expect(nextSnapshot(trialOf(learning), won, null, LONG_AFTER)?.winner).toBe(null);
    expect(sharesOf(trialOf(learning), snapshot, '').shares).toEqual({ a: 0.5, b: 0.5 });
  });
});

/** Rates as in published comparisons: Chapelle and Li 2011 (a best arm among equals), Scott 2010 (spread ones), and by context. */
const SCENARIOS: readonly [string, (arm: number, context: string) => number, readonly string[]][] = [
  ['one of ten arms is better by a fifth (Chapelle and Li 2011)', (arm) => (arm === 3 ? 0.12 : 0.1), ['']],
  ['six rates from 4% to 9% (Scott 2010)', (arm) => 0.04 + 0.01 * arm, ['']],
  [
    'another arm is best in each of three stages',
    (arm, context) => (arm === context.length % 4 ? 0.1 : 0.05),
    ['x', 'xx', 'xxx'],
  ],
];

describe('learning', () => {
  it.each(SCENARIOS)('Y2 earns more than equal shares: %s', (_, rate, contexts) => {
    const size = contexts.length > 1 ? 4 : rate(3, '') > rate(4, '') ? 10 : 6;
    const arms = Array.from({ length: size }, (_, n) => ({ id: `arm-${n}`, offers: [`offer-${n}`] }));
    const armNumber = (arm: string) => Number(arm.slice('arm-'.length));
    const earned = (allocation: object | string, seed: number): number => {
      const trial = trialOf({ arms, allocation } as Parameters<typeof trialOf>[0]);
      const world = {
        trial,
        days: 60,
        random: seededRandom(seed),
        rate: (arm: string, context: string) => rate(armNumber(arm), context),
      };
      const visitors = Object.fromEntries(contexts.map((context) => [context, 900 / contexts.length]));
      const days = [...live({ ...world, visitors })];
      return sum((days.at(-1)?.cells ?? []).map(({ conversions }) => conversions));
    };
    const runs = often(1, 60);
    const seeds = Array.from({ length: runs }, (_, seed) => seed + 1);
    const learned = seeds.map((seed) => earned({ thompson: { by: 'stages.lifecycle', minimum: 0.02 } }, seed));
    const equal = seeds.map((seed) => earned('fixed', seed));
    // Chance moves the conversions of one run by about 1.4%.
    expect(sum(learned) / sum(equal)).toBeGreaterThan(1.05);
  });
});
