// Experiments for the tests of this folder, compiled from documents as a designer writes them; customers who are asked
// about; and a world that plays them: arms by the real draw, outcomes by a seeded one.

import type { JsonObject } from '../../schema/json.ts';
import { EMPTY_VOCABULARY } from '../../workers/engine/compile.ts';
import { compileTrial, type Item, type Trial } from '../../workers/experiments/compile.ts';
import type { Exposure } from '../../workers/experiments/exposure.ts';
import { type Asked, screenFor, trialsOf } from '../../workers/experiments/screen.ts';
import { type Cell, DAY_MS, dayOf } from '../../workers/experiments/tally.ts';

export const NOW = Date.parse('2026-11-22T12:00:00Z');

/** Two arms, each with an offer of its own, unless the document says otherwise. */
export function trialOf(document: JsonObject = {}, version = 1): Trial {
  const compiled = compileTrial(
    {
      id: 'test',
      level: 'offer',
      arms: [
        { id: 'a', offers: ['offer-a'] },
        { id: 'b', offers: ['offer-b'] },
      ],
      goal: { event: 'Order Completed', within: 'P7D' },
      ...document,
    },
    version,
    EMPTY_VOCABULARY,
  );
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  return compiled.trial;
}

export const offer = (id: string): Item => ({ kind: 'offer', id });
export const content = (id: string): Item => ({ kind: 'content', id });

export const askedOf = (customerId: string, given: Partial<Asked> = {}): Asked => ({
  customerId,
  stages: {},
  now: NOW,
  holds: () => true,
  known: () => null,
  snapshot: () => null,
  ...given,
});

/** Asks about one item; what was said, and the exposures. */
export function askOnce(trials: readonly Trial[], asked: Asked, item: Item, placement = 'hero') {
  const screen = screenFor(trialsOf(trials), asked);
  return { lost: screen.ask(item, placement)?.reason ?? null, exposures: screen.exposures };
}

/** The generator sfc32 of the PractRand suite: long enough for billions of draws. */
export function seededRandom(seed: number): () => number {
  let [a, b, c, d] = [seed | 0, 0x9e3779b9, 0x243f6a88, 1];
  const next = (): number => {
    const t = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return (t >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < 20; round++) next();
  return next;
}

/** How many of `n` come true with probability `p`. By waiting times: as many draws as come true. */
export function binomial(random: () => number, n: number, p: number): number {
  if (p <= 0) return 0;
  if (p > 0.5) return n - binomial(random, n, 1 - p);
  const log = Math.log1p(-p);
  let hits = 0;
  for (let at = 0; ; hits++) {
    at += Math.floor(Math.log(1 - random()) / log) + 1;
    if (at > n) return hits;
  }
}

/** A cell of `arm`, mature long ago. */
export const cellOf = (
  arm: string,
  exposures: number,
  conversions: number,
  shares: Cell['shares'] = { a: 0.5, b: 0.5 },
  context = '',
): Cell => ({ arm, context, shares, day: 0, exposures, conversions });

/** Counts exposures as D1 does. */
export function tally(exposures: Iterable<Exposure>): Cell[] {
  const cells = new Map<string, { -readonly [Member in keyof Cell]: Cell[Member] }>();
  for (const { arm, context, shares, at, convertedAt } of exposures) {
    const key = JSON.stringify([arm, context, shares, dayOf(at)]);
    const cell = cells.get(key) ?? { arm, context, shares, day: dayOf(at), exposures: 0, conversions: 0 };
    cell.exposures++;
    if (convertedAt !== null) cell.conversions++;
    cells.set(key, cell);
  }
  return [...cells.values()];
}

export const LONG_AFTER = NOW + 1_000 * DAY_MS;

/** Pearson's statistic of counts against shares. */
export function chiSquare(counts: readonly number[], shares: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce((sum, count, index) => {
    const expected = total * (shares[index] ?? 0);
    return sum + (count - expected) ** 2 / expected;
  }, 0);
}
