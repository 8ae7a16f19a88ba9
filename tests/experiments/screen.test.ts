// SPEC.md, X: who gets which arm, what is withheld, what is recorded.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { type Exposure, mergeExposures, withOutcome } from '../../workers/experiments/exposure.ts';
import { defaultScreen, expose, trialsOf } from '../../workers/experiments/screen.ts';
import { sharesOf } from '../../workers/experiments/shares.ts';
import { DAY_MS, sidesOf } from '../../workers/experiments/tally.ts';
import { often } from '../prove.ts';
import { askedOf, askOnce, chiSquare, content, NOW, offer, trialOf } from './trials.ts';

const armsOf = (document: JsonObject, customers: number): string[] => {
  const trial = trialOf(document);
  return Array.from({ length: customers }, (_, n) => expose(trial, askedOf(`u:customer-${n}`)).arm);
};
const countsOf = (arms: readonly string[], names: readonly string[]): number[] =>
  names.map((name) => arms.filter((arm) => arm === name).length);

/** Chi-square that chance exceeds once in ten thousand, by degrees of freedom. */
const CHI_SQUARE_MOST: Readonly<Record<number, number>> = { 1: 15.14, 2: 18.42, 3: 21.11, 8: 31.83, 63: 117 };

describe('draws', () => {
  it('X1 Y1 arms have the shares of their weights, and the holdout its own', () => {
    for (const id of ['test', 'autumn-banner', 'x', 'hero.2026']) {
      const arms = ['a', 'b', 'c'].map((name, index) => ({ id: name, weight: index + 1, offers: [name] }));
      const trial = trialOf({ id, arms, holdout: 0.1 });
      const names = sidesOf(trial.arms, trial.holdout);
      const { shares } = sharesOf(trial, null, '');
      expect(names.map((name) => shares[name]?.toFixed(10))).toEqual([
        '0.1500000000',
        '0.3000000000',
        '0.4500000000',
        '0.1000000000',
      ]);
      const counts = countsOf(armsOf({ id, arms, holdout: 0.1 }, 40_000), names);
      expect(
        chiSquare(
          counts,
          names.map((name) => shares[name] ?? 0),
        ),
      ).toBeLessThan(CHI_SQUARE_MOST[3] ?? 0);
    }
  });

  it('X1 are spread evenly over 64 arms of hash, for ids of every habit', () => {
    const habits: ((n: number) => string)[] = [
      (n) => `u:${n}`,
      (n) => `a:${n.toString(16).padStart(32, '0')}`,
      (n) => `u:customer-${n}@example.org`,
      (n) => `a:${'x'.repeat(n % 50)}${n}`,
    ];
    const arms = Array.from({ length: 16 }, (_, n) => ({ id: `arm-${n}`, offers: [`offer-${n}`] }));
    const trials = ['one', 'two', 'three', 'four'].map((id) => trialOf({ id, arms }));
    for (const habit of habits) {
      const counts = trials.flatMap((trial) => {
        const drawn = Array.from({ length: often(10_000, 100_000) }, (_, n) => expose(trial, askedOf(habit(n))).arm);
        return countsOf(
          drawn,
          arms.map(({ id }) => id),
        );
      });
      expect(
        chiSquare(
          counts,
          counts.map(() => 1 / 64),
        ),
      ).toBeLessThan(CHI_SQUARE_MOST[63] ?? 0);
    }
  });

  it('X1 of one experiment say nothing of another, also where ids differ by a letter or a digit', () => {
    for (const [one, other] of [
      ['spring', 'autumn'],
      ['test-1', 'test-2'],
      ['a', 'b'],
      ['hero', 'hero2'],
    ] as const) {
      const arms = ['a', 'b', 'c'].map((id) => ({ id, offers: [id] }));
      const [first, second] = [armsOf({ id: one, arms }, 30_000), armsOf({ id: other, arms }, 30_000)];
      const pairs = ['a', 'b', 'c'].flatMap((x) => ['a', 'b', 'c'].map((y) => `${x}${y}`));
      const counts = countsOf(
        first.map((arm, n) => `${arm}${second[n]}`),
        pairs,
      );
      expect(
        chiSquare(
          counts,
          counts.map(() => 1 / 9),
        ),
      ).toBeLessThan(CHI_SQUARE_MOST[8] ?? 0);
    }
  });

  it('X1 with one salt two experiments draw alike', () =>
    expect(armsOf({ id: 'one', salt: 'same' }, 500)).toEqual(armsOf({ id: 'two', salt: 'same' }, 500)));
});

describe('records', () => {
  it('X2 whatever is edited, who has an arm keeps it and is exposed no second time', () => {
    const edit = fc.record(
      {
        weights: fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 3, maxLength: 3 }),
        holdout: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        salt: fc.string({ minLength: 1, maxLength: 5 }),
        adaptive: fc.boolean(),
        audience: fc.boolean(),
      },
      { requiredKeys: ['weights', 'adaptive', 'audience'] },
    );
    const documentOf = ({
      weights,
      holdout,
      salt,
      adaptive,
    }: Partial<{ weights: number[]; holdout: number; salt: string; adaptive: boolean }>): JsonObject => ({
      arms: ['a', 'b', 'c'].map((id, index) => ({ id, weight: weights?.[index] ?? 1, offers: [id] })),
      ...(holdout === undefined ? {} : { holdout }),
      ...(salt === undefined ? {} : { salt }),
      ...(adaptive ? { allocation: { thompson: {} } } : {}),
    });
    let changed = 0;
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        edit,
        fc.array(edit, { minLength: 1, maxLength: 5 }),
        (id, first, edits) => {
          const [record] = askOnce([trialOf(documentOf(first))], askedOf(id), offer('a')).exposures;
          if (!record) throw new Error('nobody was exposed');
          for (const { audience, ...next } of edits) {
            const trial = trialOf(documentOf(next));
            if (expose(trial, askedOf(id)).arm !== record.arm) changed++;
            const asked = askedOf(id, { known: () => record, holds: () => audience, now: NOW + DAY_MS });
            for (const item of ['a', 'b', 'c']) {
              const { lost, exposures } = askOnce([trial], asked, offer(item));
              expect(exposures).toEqual([]);
              expect(lost).toBe(record.arm === 'holdout' ? 'holdout' : record.arm === item ? null : 'other-arm');
            }
          }
        },
      ),
      { numRuns: often(200, 20_000), seed: 7 },
    );
    // The property is no empty one: most edits would have drawn another arm for many of them.
    expect(changed).toBeGreaterThan(often(20, 2_000));
  });

  it('X3 exposes whoever is asked about, alike in every arm, and only in the time and the audience of the experiment', () => {
    const trial = trialOf({ from: '2026-11-22T12:00:00Z', until: '2026-11-23T12:00:00Z', audience: 'true' });
    for (let n = 0; n < 50; n++)
      for (const item of ['offer-a', 'offer-b'])
        expect(askOnce([trial], askedOf(`u:${n}`), offer(item)).exposures).toHaveLength(1);
    expect(askOnce([trial], askedOf('u:1'), offer('else')).exposures).toEqual([]);
    expect(askOnce([trial], askedOf('u:1', { now: NOW - 1 }), offer('offer-a'))).toEqual({ lost: null, exposures: [] });
    expect(askOnce([trial], askedOf('u:1', { now: NOW + DAY_MS }), offer('offer-a')).exposures).toEqual([]);
    expect(askOnce([trial], askedOf('u:1', { holds: () => false }), offer('offer-a')).exposures).toEqual([]);
  });

  it('X3 Y4 the record says arm, instant, window, shares, context and snapshot', () => {
    const [record] = askOnce([trialOf({ holdout: 0.2 }, 4)], askedOf('u:1'), offer('offer-a')).exposures;
    expect(record).toEqual({
      ...{ experiment: 'test', version: 4, arm: expect.any(String), at: NOW, until: NOW + 7 * DAY_MS },
      ...{ context: '', shares: { a: 0.4, b: 0.4, holdout: 0.2 }, snapshot: 0, convertedAt: null },
    });
    expect(JSON.parse(JSON.stringify(record))).toEqual(record);
  });

  it('X9 of two records the earlier stays, with the earliest outcome in its window', () => {
    const own = expose(trialOf(), askedOf('u:1'));
    const later = { ...expose(trialOf(), askedOf('a:1', { now: NOW + 1_000 })), arm: 'other' };
    expect(mergeExposures(own, later)).toEqual(own);
    expect(mergeExposures(later, own)).toEqual(own);
    const same = { ...later, at: NOW };
    expect(mergeExposures(own, same)).toEqual(own);
    expect(mergeExposures(own, { ...later, convertedAt: NOW + 5_000 })).toEqual({ ...own, convertedAt: NOW + 5_000 });
    expect(
      mergeExposures({ ...own, convertedAt: NOW + 9_000 }, { ...later, convertedAt: NOW + 5_000 }).convertedAt,
    ).toBe(NOW + 5_000);
    expect(mergeExposures(own, { ...later, convertedAt: NOW + 8 * DAY_MS })).toEqual(own);
  });

  it('X9 merging is idempotent, and the order of three does not matter', () => {
    const record: fc.Arbitrary<Exposure> = fc
      .record({
        at: fc.integer({ min: 0, max: 50 }),
        arm: fc.constantFrom('a', 'b'),
        delay: fc.option(fc.integer({ min: 0, max: 10 })),
      })
      // One instant, one arm: two customers with records of the same instant are told apart by who remains (X9).
      .map(({ at, arm, delay }) => ({
        ...expose(trialOf(), askedOf('u:1', { now: at })),
        ...{ arm: at % 2 === 0 ? arm : 'a', until: at + 10, convertedAt: delay === null ? null : at + delay },
      }));
    fc.assert(
      fc.property(record, record, record, (one, two, three) => {
        fc.pre(new Set([one.at, two.at, three.at]).size === 3);
        expect(mergeExposures(one, one)).toEqual(one);
        expect(mergeExposures(one, two)).toEqual(mergeExposures(two, one));
        const earliest = [one, two, three].toSorted((x, y) => x.at - y.at)[0];
        const merged = mergeExposures(mergeExposures(one, two), three);
        expect([merged.at, merged.arm]).toEqual([earliest?.at, earliest?.arm]);
      }),
      { numRuns: often(300, 20_000), seed: 3 },
    );
  });

  it('X10 an outcome counts from the exposure to the end of the window, once, the earliest', () => {
    const record = expose(trialOf(), askedOf('u:1'));
    expect(withOutcome(record, NOW - 1)).toBe(null);
    expect(withOutcome(record, NOW)?.convertedAt).toBe(NOW);
    expect(withOutcome(record, NOW + 7 * DAY_MS)?.convertedAt).toBe(NOW + 7 * DAY_MS);
    expect(withOutcome(record, NOW + 7 * DAY_MS + 1)).toBe(null);
    const converted = { ...record, convertedAt: NOW + 10 };
    expect(withOutcome(converted, NOW + 10)).toBe(null);
    expect(withOutcome(converted, NOW + 20)).toBe(null);
    expect(withOutcome(converted, NOW + 5)?.convertedAt).toBe(NOW + 5);
  });
});

describe('what is shown', () => {
  const knownAs = (arm: string) => ({ known: () => ({ ...expose(trialOf(), askedOf('u:1')), arm }) });

  it('X4 an arm shows its own and what no arm names, and loses what others name', () => {
    const trial = trialOf({
      target: { offers: ['shown-to-all'] },
      arms: [
        { id: 'a', offers: ['both', 'only-a'] },
        { id: 'b', offers: ['both'], content: ['only-b'] },
        { id: 'nothing' },
      ],
    });
    const lost = (arm: string, item: Parameters<typeof askOnce>[2]) =>
      askOnce([trial], askedOf('u:1', knownAs(arm)), item).lost;
    expect(['a', 'b', 'nothing', 'holdout'].map((arm) => lost(arm, offer('only-a')))).toEqual([
      null,
      'other-arm',
      'other-arm',
      'holdout',
    ]);
    expect(['a', 'b', 'nothing', 'holdout'].map((arm) => lost(arm, content('only-b')))).toEqual([
      'other-arm',
      null,
      'other-arm',
      'holdout',
    ]);
    expect(['a', 'b', 'nothing', 'holdout'].map((arm) => lost(arm, offer('both')))).toEqual([
      null,
      null,
      'other-arm',
      'holdout',
    ]);
    expect(['a', 'b', 'nothing', 'holdout'].map((arm) => lost(arm, offer('shown-to-all')))).toEqual([
      null,
      null,
      null,
      'holdout',
    ]);
    expect(lost('holdout', offer('else'))).toBe(null);
    expect(lost('holdout', content('only-a'))).toBe(null);
  });

  it('X5 X6 a holdout of a level withholds what the level says, and levels below are not asked', () => {
    const arms = [{ id: 'on' }];
    const goal = { event: 'Order Completed', within: 'P7D' };
    const trials = [
      trialOf({ id: 'z-global', level: 'global', arms, holdout: 0.5, goal }),
      trialOf({ id: 'm-placement', level: 'placement', arms, holdout: 0.5, goal, target: { placements: ['hero'] } }),
      trialOf({
        id: 'a-offer',
        level: 'offer',
        arms,
        holdout: 0.5,
        goal,
        target: { offers: ['x'], placements: ['hero', 'grid'] },
      }),
    ];
    const seen = new Set<string>();
    for (let n = 0; n < 300; n++) {
      const { lost, exposures } = askOnce(trials, askedOf(`u:${n}`), offer('x'));
      const way = exposures.map(({ arm }) => arm);
      seen.add(way.join());
      expect(exposures.map(({ experiment }) => experiment)).toEqual(
        ['z-global', 'm-placement', 'a-offer'].slice(0, way.length),
      );
      expect(way.slice(0, -1)).toEqual(way.slice(0, -1).map(() => 'on'));
      expect(lost).toBe(way.at(-1) === 'holdout' ? 'holdout' : null);
      if (way.length < 3) expect(lost).toBe('holdout');
    }
    expect([...seen].sort()).toEqual(['holdout', 'on,holdout', 'on,on,holdout', 'on,on,on']);
    const held = (level: string, item: Parameters<typeof askOnce>[2], placement: string) =>
      askOnce(
        trials.filter((trial) => trial.level === level),
        askedOf('u:1', knownAs('holdout')),
        item,
        placement,
      ).lost;
    expect([held('global', offer('any'), 'foot'), held('global', content('any'), 'foot')]).toEqual(['holdout', null]);
    expect([held('placement', offer('any'), 'hero'), held('placement', content('any'), 'hero')]).toEqual([
      'holdout',
      'holdout',
    ]);
    expect([held('placement', content('any'), 'grid'), held('offer', offer('x'), 'foot')]).toEqual([null, null]);
    expect([held('offer', offer('x'), 'grid'), held('offer', offer('y'), 'grid')]).toEqual(['holdout', null]);
  });

  it('X7 from until on everything is shown to everyone', () => {
    const trial = trialOf({ until: '2026-11-22T12:00:00Z' });
    for (const arm of ['a', 'holdout'])
      expect(askOnce([trial], askedOf('u:1', knownAs(arm)), offer('offer-b')).lost).toBe(null);
  });

  it('X12 nobody is shown what the first arm shows, and is not exposed', () => {
    const trials = trialsOf([
      trialOf({ holdout: 0.5 }),
      trialOf({ id: 'over', until: '2026-01-01', arms: [{ id: 'x', offers: ['old'] }, { id: 'y' }] }),
    ]);
    const screen = defaultScreen(trials, NOW);
    const lost = ['offer-a', 'offer-b', 'old', 'else'].map((id) => screen.ask(offer(id), 'hero')?.reason ?? null);
    expect(lost).toEqual([null, 'other-arm', null, null]);
    expect(screen.exposures).toEqual([]);
  });

  it('X8 an arm that is gone is shown what the first arm shows', () => {
    const [a, b] = ['offer-a', 'offer-b'].map((id) => askOnce([trialOf()], askedOf('u:1', knownAs('gone')), offer(id)));
    expect([a?.lost, b?.lost]).toEqual([null, 'other-arm']);
    expect(a?.exposures).toEqual([]);
  });
});
