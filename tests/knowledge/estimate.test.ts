// What a sample says of all, against published values and against counting.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wilson } from '../../workers/knowledge/estimate.ts';

describe('the interval of a share', () => {
  // Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
    [29, 29, 0.883, 1],
  ])('SG11 %i of %i: %f to %f', (matched, asked, low, high) => {
    const interval = wilson(matched, asked);
    expect(interval.share).toBe(matched / asked);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  it('SG11 holds the share, lies within 0 and 1, and is its own mirror', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.nat(), (asked, draw) => {
        const matched = draw % (asked + 1);
        const { share, low, high } = wilson(matched, asked);
        expect([low >= 0, low <= share, share <= high, high <= 1]).toEqual([true, true, true, true]);
        const mirror = wilson(asked - matched, asked);
        expect(mirror.low).toBeCloseTo(1 - high, 12);
      }),
    );
  });
});
