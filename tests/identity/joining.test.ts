// workers/identity/SPEC.md: which runs stay, how many fit, and what undoing takes back.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { compileJourney } from '../../workers/engine/compile.ts';
import type { Machine, Run } from '../../workers/engine/machine.ts';
import { withRange } from '../../workers/identity/merge.ts';
import { compileMerging, NO_MERGE_RULES } from '../../workers/identity/policy.ts';
import { reverted } from '../../workers/identity/revert.ts';
import { joinRuns } from '../../workers/identity/runs.ts';
import { compilePolicies } from '../../workers/policies/policies.ts';
import { vocabulary } from '../engine/driver.ts';
import { often } from '../prove.ts';

const STAGES = ['first', 'second', 'third'] as const;
type Stage = (typeof STAGES)[number];

function machine(more: JsonObject = {}): Machine {
  const compiled = compileJourney(
    {
      ...{ id: 'shop', entry: [{ event: 'Start' }], initial: 'first' },
      ...{ stages: Object.fromEntries(STAGES.map((name) => [name, {}])) },
      ...more,
    },
    1,
    vocabulary(),
  );
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  return compiled.machine;
}

let runs = 0;
const run = (stage: Stage, more: Partial<Run> = {}): Run => ({
  ...{ id: `shop.${++runs}`, journey: 'shop', version: 1, key: null, stage, startedAt: 0, enteredAt: 0, sequence: 0 },
  ...more,
});

/** Whose run stays. */
function stays(more: JsonObject, own: Run, brought: Run): 'own' | 'brought' | 'full' | undefined {
  const compiled = machine(more);
  const [join] = joinRuns([own], [brought], () => compiled);
  return join && ({ keep: 'own', take: 'brought', full: 'full' } as const)[join.kind];
}

describe('runs', () => {
  const [first, second] = [run('first'), run('second')];
  const over = run('first', { endedAt: 1 });

  it.each([
    ['later', first, second, 'brought'],
    ['later', second, first, 'own'],
    ['earlier', first, second, 'own'],
    ['earlier', second, first, 'brought'],
    ['target', first, second, 'own'],
    ['target', second, first, 'own'],
    ['later', first, run('first'), 'own'],
    ['earlier', first, run('first'), 'own'],
  ] as const)('GM8 onMerge %s: %o and %o', (onMerge, own, brought, expected) => {
    expect(stays({ onMerge }, own, brought)).toBe(expected);
  });

  it('GM8 a run that is over stays where the journey is entered once, and gives way where it may be begun again', () => {
    expect(stays({}, over, second)).toBe('own');
    expect(stays({}, second, over)).toBe('brought');
    expect(stays({ reentry: 'after_exit' }, over, first)).toBe('brought');
    expect(stays({ reentry: 'after_exit' }, first, over)).toBe('own');
  });

  it('GM8 a stage that is written last and stands first in the order gives way', () => {
    const order = ['third', 'first', 'second'];
    expect(stays({ order }, second, run('third'))).toBe('own');
    expect(stays({}, second, run('third'))).toBe('brought');
  });

  it('GM9 a customer is in as many journeys as one may be in: of those brought the last entered go on', () => {
    const keyed = machine({ key: 'event.properties.id' });
    const most = LIMITS.runsPerCustomerMax;
    const of = (from: number, count: number) =>
      Array.from({ length: count }, (_, n) => run('first', { key: String(from + n), enteredAt: from + n }));
    const kinds = (own: Run[], brought: Run[]) => {
      const joins = joinRuns(own, brought, () => keyed);
      return joins.map(({ kind, run: { key } }) => `${kind} ${key}`);
    };
    expect(kinds(of(0, most - 2), of(1_000, 2))).toEqual(['take 1001', 'take 1000']);
    expect(kinds(of(0, most - 1), of(1_000, 2))).toEqual(['take 1001', 'full 1000']);
    expect(kinds(of(0, most), of(1_000, 1))).toEqual(['full 1000']);
    // One that takes the place of another, and one that is over, are none more.
    const later = run('second', { key: '0', enteredAt: 5 });
    expect(kinds(of(0, most), [later, run('first', { key: 'x', endedAt: 1, enteredAt: 1 })])).toEqual([
      'take 0',
      'take x',
    ]);
  });

  it('GM8 GM9 never two live runs of one journey and key, never more than fit, and nothing is lost unsaid', () => {
    const compiled = machine({ key: 'event.properties.id', reentry: 'after_exit' });
    const any = fc.array(
      fc.record({
        stage: fc.constantFrom(...STAGES),
        key: fc.integer({ min: 0, max: 150 }).map(String),
        enteredAt: fc.nat(99),
        isOver: fc.boolean(),
      }),
      { maxLength: 250 },
    );
    const unique = (list: Run[]) => [...new Map(list.map((each) => [each.key, each])).values()];
    fc.assert(
      fc.property(any, any, (ours, theirs) => {
        const [own, brought] = [ours, theirs].map((list) =>
          unique(list.map(({ isOver, ...each }) => run(each.stage, { ...each, ...(isOver ? { endedAt: 1 } : {}) }))),
        );
        if (!own || !brought) return;
        const joins = joinRuns(own, brought, () => compiled);
        const after = new Map(own.map((each) => [each.key, each]));
        for (const join of joins) if (join.kind === 'take') after.set(join.run.key, join.run);
        const live = [...after.values()].filter(({ endedAt }) => endedAt === undefined).length;
        const had = own.filter(({ endedAt }) => endedAt === undefined).length;
        expect(live).toBeLessThanOrEqual(Math.max(LIMITS.runsPerCustomerMax, had));
        expect(joins).toHaveLength(brought.length);
        for (const { kind, run: each } of joins) {
          const mine = own.find(({ key }) => key === each.key);
          const better =
            !mine ||
            (mine.endedAt !== undefined
              ? each.endedAt === undefined
              : each.endedAt === undefined &&
                STAGES.indexOf(each.stage as Stage) > STAGES.indexOf(mine.stage as Stage));
          expect(kind === 'keep').toBe(!better);
        }
      }),
      { numRuns: often(100, 3_000) },
    );
  });
});

describe('what undoing takes back', () => {
  it.each<[string, Json | undefined, Json | undefined, Json | undefined, Json | undefined]>([
    ['what came goes', {}, { city: 'Bonn' }, { city: 'Bonn' }, {}],
    ['what changed since stays', {}, { city: 'Bonn' }, { city: 'Ulm' }, { city: 'Ulm' }],
    ['what was there before comes back', { n: 1 }, { n: 2 }, { n: 2 }, { n: 1 }],
    ['what was added since stays', {}, { a: 1 }, { a: 1, b: 2 }, { b: 2 }],
    ['what was deleted since stays deleted', {}, { a: 1, b: 1 }, { b: 1 }, {}],
    ['inside of members too', { s: { x: 1 } }, { s: { x: 2, y: 1 } }, { s: { x: 2, y: 3 } }, { s: { x: 1, y: 3 } }],
    ['a whole that came goes', undefined, { a: 1 }, { a: 1 }, undefined],
    ['what the merge did not touch stays', { a: 1 }, { a: 1 }, { a: 2 }, { a: 2 }],
    [
      'a member called __proto__ is one like others',
      {},
      JSON.parse('{"__proto__":1}'),
      JSON.parse('{"__proto__":1}'),
      {},
    ],
  ])('GM12 %s', (_, before, after, now, expected) => {
    expect(reverted(before, after, now)).toEqual(expected);
  });

  it('GM12 without anything since, everything is as it was; without a merge, everything stays', () => {
    const value = fc.jsonValue({ maxDepth: 4 }).map((json): Json => JSON.parse(JSON.stringify(json)));
    fc.assert(
      fc.property(value, value, value, (before, after, now) => {
        expect(reverted(before, after, after)).toEqual(before);
        expect(reverted(before, before, now)).toEqual(now);
      }),
      { numRuns: often(300, 20_000) },
    );
  });
});

describe('ranges of entries', () => {
  it('GM12 hold exactly the numbers put to them, side by side in one', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(60)), (numbers) => {
        const ascending = numbers.toSorted((one, other) => one - other);
        const ranges = ascending.reduce<ReturnType<typeof withRange>>((all, n) => withRange(all, n, n), []);
        const held = ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, n) => from + n));
        expect(held).toEqual(ascending);
        expect(ranges.every(([from], index) => index === 0 || from > (ranges[index - 1]?.[1] ?? 0) + 1)).toBe(true);
      }),
      { numRuns: often(200, 5_000) },
    );
  });
});

describe('the policy', () => {
  it('GM11 says how long a merge can be undone, at most P30D', () => {
    expect(compileMerging({})).toEqual(NO_MERGE_RULES);
    expect(compileMerging({ undoWithin: 'P30D', aliasByToken: true })).toEqual({
      undoWithinMs: 30 * 86_400_000,
      aliasByToken: true,
    });
    const refused = compilePolicies({ identity: { undoWithin: 'P30DT1S' } }, vocabulary());
    expect(refused).toMatchObject({ ok: false, findings: [{ pointer: '/identity/undoWithin', code: 'duration' }] });
  });
});
