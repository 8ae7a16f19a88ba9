// SPEC.md, C8 and C9: what is refused when a condition is published, and that what is not refused does bounded work on
// any data.

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { compile, refusal, value } from './asking.ts';

describe('what is refused at publish', () => {
  it.each([
    // Types.
    ["event.properties.total > 'x'", 'condition-type'],
    ['event.properties.total && true', 'condition-type'],
    ["traits.tier + 1 == 'x'", 'condition-type'],
    ['event.properties.coupon < 5', 'condition-type'],
    ['!traits.tier', 'condition-type'],
    ["count('Order') == 'x'", 'condition-type'],
    ['event.unknown == 1', 'condition-type'],
    ['{1: 2}.size() == 1', 'condition-type'],
    // Names.
    ['customer.age > 3', 'condition-type'],
    ['traits.__proto__ == 1', 'condition-type'],
    ["traits['__proto__'] == 1", 'condition-type'],
    ['event.__proto__.polluted == 1', 'condition-type'],
    ['constructor.constructor == 1', 'condition-type'],
    ['prototype == 1', 'condition-syntax'],
    // Functions.
    ['nope(1)', 'condition-function'],
    ['traits.tier.nope()', 'condition-function'],
    ["traits.constructor('return 1')", 'condition-function'],
    ["event.constructor.constructor('return 1')()", 'condition-syntax'],
    ['toString() == "x"', 'condition-function'],
    ["traits.tier.matches('^(a+)+$')", 'condition-function'],
    ["[1].all(x, traits.tier.matches('a'))", 'condition-function'],
    ['cel.bind(a, traits.interests + traits.interests, size(a)) > 1', 'condition-function'],
    ["traits.interests.join('') == 'x'", 'condition-function'],
    ['bytes(traits.tier).json() == {}', 'condition-function'],
    ['duration(event.properties.coupon) > duration("1h")', 'condition-function'],
    ['traits.interests.exists(traits, true)', 'condition-function'],
    ['traits.interests.map(event, event)', 'condition-function'],
    // Arguments of history functions.
    ['count(event.properties.coupon) > 1', 'condition-function'],
    ["count('Order' + 'x') > 1", 'condition-function'],
    ["sum('Order', traits.tier) > 1.0", 'condition-function'],
    ["count('Order', 'P1M') > 1", 'condition-function'],
    ["count('Order', '7 days') > 1", 'condition-function'],
    ["sum('Order', 'total', 'P1Y') > 1.0", 'condition-function'],
    ['count() > 1', 'condition-type'],
    ["daysSince('Order', 'P1D') > 1", 'condition-type'],
    // Syntax.
    ['traits.tier ==', 'condition-syntax'],
    ["traits.tier = 'gold'", 'condition-syntax'],
    ['return true', 'condition-syntax'],
    ['`ls`', 'condition-syntax'],
    ['', 'condition-syntax'],
  ])('C8 %s', (source, code) => expect(refusal(source)).toBe(code));

  it('C8 a fault says its place, in one line, and how to mend it', () => {
    const compiled = compile("event.properties.total > 'x'");
    expect(compiled).toMatchObject({
      ok: false,
      fault: { detail: 'no such overload: double > string', remedy: expect.stringMatching(/\.$/) },
    });
    for (const source of ['traits.tier ==', 'nope(1)', 'customer.age > 3']) {
      const { fault } = compile(source) as { fault?: { detail: string } };
      expect(fault?.detail).not.toContain('\n');
    }
  });

  it('C9 the source is bounded', () => {
    const source = (length: number) => `true${' '.repeat(length - 4)}`;
    expect(refusal(source(LIMITS.conditionCharsMax - 1))).toBeNull();
    expect(refusal(source(LIMITS.conditionCharsMax))).toBeNull();
    expect(refusal(source(LIMITS.conditionCharsMax + 1))).toBe('condition-limit');
  });

  it('C9 lists are bounded', () => {
    const list = (length: number) => `size([${Array(length).fill(1).join()}]) == ${length}`;
    expect(value(list(LIMITS.conditionListMax))).toBe(true);
    expect(refusal(list(LIMITS.conditionListMax + 1))).toBe('condition-syntax');
  });

  it('C9 nesting is bounded: parentheses, members, ternaries', () => {
    for (const source of [
      `${'('.repeat(500)}true${')'.repeat(500)}`,
      `traits${'.a'.repeat(1_000)} == 1`,
      `${'[0]'.repeat(1)}${'[0]'.repeat(500)} == 0`,
      `${'true ? true : '.repeat(140)}true`,
      `${'['.repeat(500)}${']'.repeat(500)} == []`,
    ])
      expect(refusal(source)).toBe('condition-syntax');
  });

  it.each([
    `${'!'.repeat(2_000)}true`,
    `${'-'.repeat(2_000)}1 == 1`,
    `1${'+1'.repeat(1_000)} == 1001`,
    `true${'&&true'.repeat(300)}`,
  ])('C9 a long chain is harmless: %#', (source) => expect(value(source)).toBe(true));

  it('C9 comprehensions are nested at most twice; one after the other is not nested', () => {
    const nested = (depth: number): string => (depth === 0 ? 'true' : `[1].exists(x${depth}, ${nested(depth - 1)})`);
    expect(value(nested(LIMITS.conditionMacroDepthMax))).toBe(true);
    expect(refusal(nested(LIMITS.conditionMacroDepthMax + 1))).toBe('condition-limit');
    expect(value('[1, 2, 3].filter(x, x > 1).map(y, y * 2).exists(z, z == 6)')).toBe(true);
  });
});

describe('work is bounded', () => {
  const n = 1_000;
  const list = Array.from({ length: n }, (_, i) => i);
  const tooMany = `error: runs through more than ${LIMITS.conditionIterationsMax} elements`;

  it.each([
    'traits.list.exists(x, traits.list.exists(y, false))',
    'traits.list.all(x, traits.list.all(y, true))',
    'traits.list.exists(x, traits.list.all(y, y >= 0) && false)',
    'traits.list.map(x, traits.list.map(y, y)).size() > 0',
    'traits.list.filter(x, traits.list.exists_one(y, y == x)).size() > 0',
    "traits.long.split('').exists(x, x == 'z')",
    // Errors inside are absorbed by exists(): they must not keep it going.
    'traits.list.exists(x, traits.list.exists(y, traits.gone == 1))',
  ])('C9 the elements of one evaluation are counted: %s', (source) => {
    expect(value(source, { traits: { list, long: 'a'.repeat(16_000) } })).toBe(tooMany);
  });

  it('C9 the count begins anew with each evaluation, and stands at the limit', () => {
    const traits = { rows: list.slice(0, 10), list: list.slice(0, 999) };
    // 10 rows and 10 times 999 elements.
    for (let i = 0; i < 3; i++) expect(value('traits.rows.all(x, traits.list.all(y, true))', { traits })).toBe(true);
    expect(value('traits.rows.all(x, traits.list.all(y, true)) && [1].all(x, true)', { traits })).toBe(tooMany);
  });

  it('C9 a value of many parts is refused before it is copied', () => {
    const source = 'traits.list.map(x, traits.list)';
    expect(value(source, { traits: { list } })).toBe('error: the value is too large');
  });

  it('C9 matching a string by data is linear', () => {
    const traits = { long: `${'a'.repeat(16_000)}b`, needle: `${'a'.repeat(8_000)}c` };
    const startedAt = performance.now();
    expect(value('traits.long.contains(traits.needle) || traits.long.endsWith(traits.needle)', { traits })).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(500);
  });

  it('C9 data nested as deep as an event may be is compared without harm', () => {
    let deep: unknown = 1;
    for (let i = 0; i < LIMITS.jsonDepthMax; i++) deep = { a: [deep] };
    const traits: JsonObject = JSON.parse(JSON.stringify({ deep, same: deep }));
    expect(value('traits.deep == traits.same && [traits.deep] == [traits.same]', { traits })).toBe(true);
  });
});
