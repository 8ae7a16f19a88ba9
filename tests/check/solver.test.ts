// The solver claims only what is so: every "cannot hold" is held against evaluating the conditions over many situations
// by the engine itself; and what the decidable fragment can tell, it tells.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alwaysHolds, canHold } from '../../workers/check/solver.ts';
import { parseCondition } from '../../workers/engine/library.ts';
import { refusal, run } from '../engine/asking.ts';
import { often } from '../prove.ts';

const ast = (source: string) => parseCondition(source).ast;
const together = (holding: string[], failing: string[] = [], event: string | null = null) =>
  canHold(holding.map(ast), failing.map(ast), { event });

describe('what cannot hold', () => {
  it.each([
    'traits.age > 5 && traits.age < 5',
    "traits.tier == 'a' && traits.tier == 'b'",
    "traits.tier == 'a' && traits.tier != 'a'",
    "traits.tier in ['a', 'b'] && traits.tier in ['c']",
    "traits.tier in [] || traits.tier in ['a'] && traits.tier == 'b'",
    'traits.vip && !traits.vip',
    'traits.age == null && traits.age > 0',
    "count('Order') < 0",
    "count('Order') > 2 && count('Order') < 3",
    'traits.age > 5 && !(traits.age > 3)',
    "traits['age'] >= 5 && 5 > traits.age",
    'traits.age > 1 ? false : traits.age > 2',
    "traits.age > 5 && traits.tier > 'a' && (traits.age < 4 || traits.tier < 'a')",
    'false',
    '1 > 2',
    "traits.tier < 'b' && traits.tier > 5",
    'traits.age < null',
    '-1 > traits.age && traits.age >= -1',
    'traits.interests.exists(x, x == 1) && !traits.interests.exists(x, x == 1)',
  ])('%s', (source) => expect(together([source])).toBe(false));

  it.each([
    'traits.age > 5 && traits.age < 6',
    "traits.tier == 'a' || traits.tier == 'b'",
    "count('Order', 'P7D') > 2 && count('Order') < 3",
    'traits.age > 5 && traits.years < 5',
    '!(traits.age > 5) && !(traits.age <= 5)',
    "traits.tier > 'a' && traits.tier < 'b'",
    'event.properties.total == event.properties.revenue',
    'daysSince("Order") == null',
  ])('%s can', (source) => expect(together([source])).toBe(true));

  it('subsumes: whatever makes the one true makes the other true', () => {
    expect(together(['traits.age > 10'], ['traits.age > 5'])).toBe(false);
    expect(together(['traits.age > 5'], ['traits.age > 10'])).toBe(true);
    expect(together(["traits.tier == 'a'"], ["traits.tier in ['a', 'b']"])).toBe(false);
    expect(together(["traits.tier in ['a', 'b']"], ["traits.tier == 'a'", "traits.tier == 'b'"])).toBe(false);
    expect(together([], ["traits.tier == 'a'", "traits.tier != 'a'"])).toBe(true); // Absent and undeclared errs.
    expect(together([], ["count('Order') > 0", "count('Order') == 0"])).toBe(false);
    expect(together(["event.name == 'Other'"], [], 'Order')).toBe(false);
  });

  it('a comprehension may run into its limit, so it never certainly holds', () => {
    expect(together(['traits.l.exists(x, x > 1)'], ['traits.l.exists(x, x > 1)'])).toBe(true);
    expect(alwaysHolds(ast('true || [1].all(x, x > 0)'))).toBe(false);
    expect(alwaysHolds(ast("count('Order') >= 0"))).toBe(true);
  });

  it('gives up on what is too large, and claims nothing then', () => {
    const clauses = Array.from(
      { length: 24 },
      (_, n) => `(traits.a${n} == 1 || traits.b${n} == 1 || traits.c${n} == 1)`,
    );
    const never = `(traits.z == 1 || traits.z == 2) && (traits.z == 3 || traits.z == 4)`;
    expect(together([`${clauses.join(' && ')} && ${never}`])).toBe(true);
  });
});

const term = fc.constantFrom(
  'traits.u',
  'traits.w',
  'traits.age',
  'event.properties.total',
  "count('Order')",
  "last('Order', 'total')",
);
const literal = fc.constantFrom('0', '1', '2', '1.5', '-1', "'a'", "'b'", 'true', 'null');
const condition: fc.Arbitrary<string> = fc.letrec<{ c: string }>((tie) => ({
  c: fc.oneof(
    { maxDepth: 3 },
    fc
      .tuple(term, fc.constantFrom('==', '!=', '<', '<=', '>', '>='), literal, fc.boolean())
      .map(([a, op, b, turned]) => (turned ? `${b} ${op} ${a}` : `${a} ${op} ${b}`)),
    fc
      .tuple(term, fc.uniqueArray(fc.constantFrom('0', '1', '2'), { maxLength: 3 }))
      .map(([a, list]) => `${a} in [${list}]`),
    fc.constantFrom('traits.v', 'has(traits.u)', 'true', 'false', "traits.u in ['a', 'b']"),
    fc.tuple(tie('c'), fc.constantFrom('&&', '||'), tie('c')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie('c').map((a) => `!(${a})`),
    fc.tuple(tie('c'), tie('c'), tie('c')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
  ),
})).c;
const value = fc.constantFrom(0, 1, 2, 1.5, -1, 0.5, 3, 'a', 'b', 'ab', '', true, false, null, [], {});
const situation = fc.record({
  traits: fc.record({ u: value, w: value, v: value, age: value }, { requiredKeys: [] }),
  properties: fc.record({ total: value }, { requiredKeys: [] }),
  history: fc.array(
    fc.record({ total: value }).map((properties) => ({ name: 'Order', at: 1, properties })),
    { maxLength: 3 },
  ),
});

describe('against evaluation', () => {
  it('no situation does what the solver says none can', () => {
    const seen = { claims: 0, open: 0, compiled: 0 };
    const check = fc.property(
      condition,
      condition,
      fc.array(situation, { minLength: 20, maxLength: 20 }),
      (a, b, all) => {
        if (refusal(a, { want: 'bool' }) !== null || refusal(b, { want: 'bool' }) !== null) return;
        seen.compiled++;
        const [alone, implied] = [together([a]), together([a], [b])];
        for (const claim of [alone, implied]) seen[claim ? 'open' : 'claims']++;
        if (alone && implied) return;
        for (const given of all) {
          const [x, y] = [a, b].map((source) => {
            const result = run(source, { ...given, want: 'bool' });
            return result.ok && result.value === true;
          });
          if (!alone) expect([a, given, x]).toEqual([a, given, false]);
          if (!implied) expect([a, b, given, x && !y]).toEqual([a, b, given, false]);
        }
      },
    );
    fc.assert(check, { numRuns: often(400, 50_000), seed: 4 });
    expect(seen.compiled).toBeGreaterThan(often(150, 20_000));
    expect(seen.claims).toBeGreaterThan(often(20, 4_000));
    expect(seen.open).toBeGreaterThan(often(20, 4_000));
  });
});
