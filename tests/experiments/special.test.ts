// The numerical functions against known values: from mpmath with 40 digits, and from closed forms.

import { describe, expect, it } from 'vitest';
import { nodesBetween } from '../../workers/experiments/integrate.ts';
import { betaBelow, logBeta, logGamma } from '../../workers/experiments/special.ts';
import { bestShares } from '../../workers/experiments/thompson.ts';

const off = (value: number, known: number): number => Math.abs(value - known) / Math.max(1, Math.abs(known));

describe('special functions', () => {
  it.each([
    [0.001, 6.907178885383853],
    [0.1, 2.252712651734206],
    [0.5, 0.5723649429247001],
    [1, 0],
    [1.5, -0.12078223763524522],
    [2.5, 0.2846828704729192],
    [9.99, 12.779315214350193],
    [10, 12.801827480081469],
    [33.3, 82.60372358165495],
    [1000.5, 5908.674175848678],
    [1e6, 12815504.569147611],
    [3e8, 5555787900.945435],
  ])('ln gamma of %d to 1e-13', (x, known) => expect(off(logGamma(x), known)).toBeLessThan(1e-13));

  it('ln beta is that of three gammas, and keeps its digits where those lose theirs', () => {
    for (const [a, b] of [
      [0.5, 0.5],
      [3, 40],
      [20, 20],
      [14.9, 15.1],
      [200, 7],
    ] as const)
      expect(off(logBeta(a, b), logGamma(a) + logGamma(b) - logGamma(a + b))).toBeLessThan(1e-12);
    // B(1, n) is 1 / n.
    for (const n of [10, 1e4, 1e8]) expect(off(logBeta(1, n), -Math.log(n))).toBeLessThan(1e-14);
    // B(2, n) is 1 / (n (n + 1)), and B(16, n) a product of fifteen such.
    expect(off(logBeta(2, 1e7), -Math.log(1e7) - Math.log(1e7 + 1))).toBeLessThan(1e-14);
    let known = -Math.log(1e7);
    for (let k = 1; k < 16; k++) known += Math.log(k) - Math.log(1e7 + k);
    expect(off(logBeta(16, 1e7), known)).toBeLessThan(1e-13);
  });

  it.each([
    [0.5, 0.5, 0.5, 0.5],
    [0.1, 2, 3, 0.0523],
    [0.03, 31, 971, 0.4538553416102503],
    [0.031, 301, 9701, 0.7066339064815896],
    [0.0302, 30001, 970001, 0.8782408960832543],
    [0.9, 0.5, 20, 1],
    [0.2, 1, 1, 0.2],
    [0.999, 50, 0.5, 0.7523690199653768],
    [0.001, 1, 1000, 0.632304575229036],
    [0.5, 500, 480, 0.2613560064678649],
    [0, 3, 4, 0],
    [1, 3, 4, 1],
  ])('the incomplete beta function at %d of %d and %d to 1e-10', (x, a, b, known) =>
    expect(Math.abs(betaBelow(x, a, b) - known)).toBeLessThan(1e-10),
  );

  it('integration is exact for polynomials and good for what is narrow, where it is cut there', () => {
    const integral = (f: (x: number) => number, from: number, to: number, cuts: number[]) =>
      nodesBetween(from, to, cuts).reduce((sum, { at, weight }) => sum + weight * f(at), 0);
    expect(integral((x) => x ** 20, 0, 1, [0.3])).toBeCloseTo(1 / 21, 14);
    const bell = (x: number) => Math.exp(-(((x - 0.2) / 1e-4) ** 2) / 2) / (1e-4 * Math.sqrt(2 * Math.PI));
    const cuts = [-10, -4, -2, 0, 2, 4, 10].map((times) => 0.2 + times * 1e-4);
    expect(integral(bell, 0, 1, cuts)).toBeCloseTo(1, 10);
  });

  // Closed form for whole parameters (E. Miller, "Formulas for Bayesian A/B testing"), by mpmath with 40 digits.
  it.each([
    [0, 0, 0, 0, 0.5],
    [30, 970, 40, 960, 0.886666545523045],
    [2, 1, 1, 2, 0.2428571428571429],
    [300, 9700, 350, 9650, 0.9768722790143556],
    [0, 0, 499, 9499, 0.05],
    [2000, 98_000, 2099, 97_899, 0.9409627342516889],
  ])('Y2 the probability that the second arm is better: %d of %d against %d of %d', (s, f, s2, f2, known) => {
    const [first, second] = bestShares([
      { exposures: s + f, conversions: s },
      { exposures: s2 + f2, conversions: s2 },
    ]);
    expect(Math.abs((second ?? 0) - known)).toBeLessThan(1e-9);
    expect(Math.abs((first ?? 0) - (1 - known))).toBeLessThan(1e-9);
  });
});
