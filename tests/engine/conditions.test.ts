// SPEC.md, group C: what a condition sees, what it gives, and what is refused when it is published. Every example runs
// as it would in a journey; oracle.test.ts holds the two ways of running against each other.

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { compileCondition } from '../../workers/engine/conditions.ts';
import { factsOf, type HistoryEntry } from '../../workers/engine/facts.ts';
import type { Evaluated } from '../../workers/engine/scope.ts';
import { DAY, errors, eventOf, HOUR, machineOf, makeDriver, vocabulary } from './driver.ts';

const words = vocabulary({
  events: {
    Order: {
      aliases: ['purchase'],
      properties: {
        total: { type: 'number' },
        coupon: { type: 'string' },
        gift: { type: 'boolean' },
        at: { type: 'timestamp' },
        products: { type: 'list', items: { type: 'map' } },
        sizes: { type: 'list', items: { type: 'number' } },
        address: { type: 'map' },
      },
    },
    Other: { properties: { only: { type: 'string' } } },
  },
  traits: {
    tier: { type: 'string' },
    age: { type: 'number' },
    vip: { type: 'boolean' },
    interests: { type: 'list', items: { type: 'string' } },
  },
});

interface Situation {
  properties?: JsonObject;
  traits?: JsonObject;
  history?: HistoryEntry[];
  now?: number;
  /** The event the condition is asked about; null for a timer. */
  event?: string | null;
  want?: 'bool' | 'any';
}

function compile(source: string, { event = 'Order', want = 'any' }: Situation = {}) {
  return compileCondition(source, '/if', { declarations: words.declarations, event, resolve: words.resolve }, want);
}

function run(source: string, situation: Situation = {}): Evaluated {
  const compiled = compile(source, situation);
  if (!compiled.ok) throw new Error(`${source}: ${compiled.fault.detail}`);
  const { properties = {}, traits = {}, history = [], now = 10 * DAY } = situation;
  return compiled.condition.evaluate({
    event: eventOf('Order', properties),
    traits,
    stages: {},
    facts: factsOf(history, traits),
    now,
  });
}

const value = (source: string, situation?: Situation) => {
  const result = run(source, situation);
  return result.ok ? result.value : `error: ${result.detail}`;
};

const refusal = (source: string, situation?: Situation) => {
  const compiled = compile(source, situation);
  return compiled.ok ? null : compiled.fault.code;
};

describe('what a condition is', () => {
  it.each([
    ['event.properties.total > 100', true],
    ['event.properties.total > 100.5', true],
    ['event.properties.total == 120', true],
    ['event.properties.total == 120.0', true],
    ['event.properties.total in [100, 120]', true],
    ['event.properties.total * 2 - 40 / 2 == 220', true],
    ['event.properties.total / 7 > 17', true],
    ['-event.properties.total < -1', true],
    ['event.properties.sizes.exists(s, s in [41, 42])', true],
    ['event.properties.sizes.exists(s, 42 in [s])', true],
    ['size(event.properties.sizes) == 2', true],
    ["count('Order') + event.properties.total == 120", true],
    ["event.properties.undeclared == 'x' && event.properties.total + event.properties.more == 121", true],
  ])('C1 numbers of JSON and whole numbers in a condition go together: %s', (source, expected) => {
    const properties = { total: 120, sizes: [40, 42], undeclared: 'x', more: 1 };
    expect(value(source, { properties })).toBe(expected);
  });

  it.each([
    ["traits.tier == 'gold' ? 5 : 6", 5],
    ["traits.tier + '!'", 'gold!'],
    ["'a' in {'a': 1}", true],
    ["traits.interests.filter(i, i.startsWith('g'))", ['garden', 'green']],
    ['traits.interests.map(i, size(i))', [6, 4, 5]],
    ["traits.interests.exists_one(i, i == 'tool')", true],
    ["traits.interests.all(i, i.contains('e') || i.endsWith('l'))", true],
    ["timestamp(event.properties.at) < timestamp('2026-12-24T00:00:00Z')", true],
    ["timestamp(event.properties.at) + duration('24h')", '2026-11-23T09:30:00.000Z'],
    ['timestamp(event.properties.at).getFullYear()', 2026],
    ['int(7.9)', 7],
    ['count("Order") / 2', 0],
    ['(event.properties.gift ? 3 : 4) / 2', 1],
    ["traits.tier in ['gold', 'silver'] && !(traits.tier == 'silver')", true],
    ['event.properties["address"].city', 'Wien'],
    ['event.properties.products[0].price', 5],
  ])('C1 is CEL: %s', (source, expected) => {
    const properties = { at: '2026-11-22T09:30:00Z', gift: true, address: { city: 'Wien' }, products: [{ price: 5 }] };
    expect(value(source, { properties, traits: { tier: 'gold', interests: ['garden', 'tool', 'green'] } })).toEqual(
      expected,
    );
  });

  it('C1 sees event, traits and stages and nothing else', () => {
    for (const name of ['globalThis', 'process', 'constructor', 'self', 'now', 'run', 'env'])
      expect(refusal(`${name} == 1`)).toBe('condition-type');
    expect(value("event.name == 'Order' && event.type == 'track' && event.userId == 'u1'")).toBe(true);
  });

  it.each([
    ["'gold'", 'condition-type'],
    ['event.properties.total', 'condition-type'],
    ["count('Order')", 'condition-type'],
    ['event.properties.gift', null],
    ['event.properties.undeclared', null],
  ])('C1 a condition is of type bool: %s', (source, code) => expect(refusal(source, { want: 'bool' })).toBe(code));

  it.each([
    [true, true],
    [false, false],
    [null, false],
    ['yes', 'error: gives a string, not a bool'],
    [1, 'error: gives a number, not a bool'],
    [[true], 'error: gives a list, not a bool'],
  ])('C1 data that should be a bool and is %j gives %j', (gift, expected) => {
    for (const source of ['event.properties.gift', 'event.properties.undeclared', '[event.properties.gift][0]'])
      expect(value(source, { properties: { gift, undeclared: gift }, want: 'bool' })).toBe(expected);
  });

  it('C2 a condition that errs is false, is recorded with its place, and the next transition is asked', () => {
    const on = [
      { event: 'Order', if: 'event.properties.weight > 5', to: 'heavy' },
      { event: 'Order', if: "event.properties.coupon.startsWith('X')", to: 'coupon' },
      { event: 'Order', to: 'plain' },
    ];
    const stages = { first: { on }, heavy: {}, coupon: {}, plain: {} };
    const driver = makeDriver([machineOf({ stages }, 1, words)]);
    driver.send('Start', 0);
    const log = driver.send('Order', 1, { total: 1 });
    expect(driver.stage()).toBe('plain');
    expect(errors(log)).toEqual([
      { pointer: '/stages/first/on/0/if', detail: 'No such key: weight' },
      { pointer: '/stages/first/on/1/if', detail: expect.stringContaining('startsWith') },
    ]);
  });

  it.each([
    ['traits.gone == 1 || true', true],
    ['true || traits.gone == 1', true],
    ['traits.gone == 1 && false', false],
    ['false && traits.gone == 1', false],
    ['traits.gone == 1 || false', 'error: No such key: gone'],
    ['traits.gone == 1 && true', 'error: No such key: gone'],
    ['[1, 2].exists(x, x == 2 || traits.gone)', true],
  ])('C2 an error that cannot decide is absorbed, as CEL says: %s', (source, expected) =>
    expect(value(source)).toBe(expected),
  );

  it('C2 an error changes nothing else: it neither throws nor leaves anything behind', () => {
    const bad = compile("event.properties.coupon.startsWith('X')");
    const good = compile("size('abc') == 3");
    if (!bad.ok || !good.ok) throw new Error('does not compile');
    const scope = { event: eventOf('Order'), traits: {}, stages: {}, facts: factsOf([], {}), now: 0 };
    for (let i = 0; i < 3; i++) {
      expect(bad.condition.evaluate(scope).ok).toBe(false);
      expect(good.condition.evaluate(scope)).toEqual({ ok: true, value: true });
    }
  });
});

describe('what is absent', () => {
  it.each([
    'event.properties.total == null',
    'event.properties.products == null',
    'event.properties.address == null',
    'traits.interests == null',
    'null == traits.tier',
    "traits.tier != 'gold'",
    '!has(event.properties.total)',
    '!has(traits.tier)',
    'has(traits.tier) ? false : traits.tier == null',
    // By the library: a list literal is not in the closures.
    '[dyn(traits.tier)] == [dyn(null)] && !has(traits.tier)',
    '[event.properties.total][0] == null && !has(event.properties.total)',
  ])('C3 what is declared and absent is null: %s', (source) => expect(value(source)).toBe(true));

  it.each(['<', '<=', '>', '>='])('C3 comparing null by %s is false, not an error', (operator) => {
    for (const other of ['5', '5.0', "'x'", 'true', 'null', 'traits.age', "timestamp('2026-01-01T00:00:00Z')"])
      for (const source of [`traits.age ${operator} ${other}`, `${other} ${operator} traits.age`]) {
        if (compile(source).ok) expect([source, value(source)]).toEqual([source, false]);
        expect(value(`[${source.replaceAll('traits.age', 'dyn(traits.age)')}][0]`)).toBe(false);
      }
  });

  it('C3 a list or a map has no order', () => {
    expect(value('traits.unknown < traits.age', { traits: { unknown: [1] } })).toContain('error');
    expect(value('traits.unknown < traits.age', { traits: { unknown: {} } })).toContain('error');
  });

  it('C3 calculating with null is an error', () => {
    expect(value('traits.age + 1 > 0')).toContain('error');
    expect(value("traits.tier.startsWith('g')")).toContain('error');
  });

  it('C3 what is there and null is null too, and has() finds it', () => {
    expect(value('traits.tier == null && has(traits.tier)', { traits: { tier: null } })).toBe(true);
  });

  it('C3 without a known event, a property any event declares is null', () => {
    expect(value('event.properties.only == null', { event: null })).toBe(true);
    expect(value('event.properties.nobody == null', { event: null })).toBe('error: No such key: nobody');
    // As data stands here, Other is not the event at hand.
    expect(refusal('event.properties.only == null')).toBeNull();
    expect(value('event.properties.only == null')).toBe('error: No such key: only');
  });

  it.each([
    'traits.gone == null',
    'event.properties.gone == null',
    'event.properties.address.city == 1',
    "stages.gone == 'x'",
    'event.context.page.url == 1',
  ])('C4 what nobody declared and is absent is an error: %s', (source) => expect(value(source)).toContain('error'));

  it.each([
    ['has(traits.gone)', false],
    ['has(event.properties.gone)', false],
    ['has(event.properties.address.city)', false],
    ['has(event.properties.address.zip)', true],
    ["has(traits.gone) && traits.gone == 'x'", false],
    ['has(event.properties.gone.deeper)', 'error: No such key: gone'],
  ])('C4 has() asks without an error: %s', (source, expected) => {
    expect(value(source, { properties: { address: { zip: '1010' } } })).toBe(expected);
  });

  it.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__'])(
    'C4 %s is a name like any other: absent unless the data has it',
    (name) => {
      for (const root of ['traits', 'event.properties', 'event.properties.address']) {
        expect(value(`${root}.${name} == 1`, { properties: { address: {} } })).toBe(`error: No such key: ${name}`);
        expect(value(`has(${root}.${name})`, { properties: { address: {} } })).toBe(false);
        expect(value(`[${root}["${name}"]][0] == 1`, { properties: { address: {} } })).toContain('error: No such key');
      }
      const data = { [name]: 1 };
      expect(value(`traits.${name} == 1 && [traits.${name}] == [1]`, { traits: data })).toBe(true);
      expect(value(`[event.properties.address.${name}] == [1]`, { properties: { address: data } })).toBe(true);
    },
  );

  it('C4 data with a member named constructor does not disturb conditions on other members', () => {
    const source = "event.properties.products.exists(p, p.name == 'saw') && size(traits.interests) == 1";
    const products = [
      { name: 'saw', constructor: null },
      { name: 'drill', constructor: { constructor: 'x' } },
    ];
    expect(
      value(source, { properties: { products, constructor: 1 }, traits: { interests: ['x'], constructor: [] } }),
    ).toBe(true);
  });
});

describe('the history', () => {
  const order = (at: number, properties: JsonObject = {}): HistoryEntry => ({ name: 'Order', at, properties });
  const history = [
    order(1 * DAY, { total: 10, coupon: 'a' }),
    order(5 * DAY, { total: 'x', coupon: 'b' }),
    order(3 * DAY, { total: 30, coupon: 'a' }),
    order(9 * DAY, { coupon: null }),
    { name: 'Other', at: 9 * DAY, properties: { total: 1000 } },
  ];

  it.each([
    ["count('Order')", 4],
    ["count('Order', 'P7D')", 2],
    ["count('Never')", 0],
    ["sum('Order', 'total')", 40],
    ["sum('Order', 'total', 'P1W')", 0],
    ["sum('Never', 'total')", 0],
    ["first('Order', 'total')", 10],
    ["first('Order', 'coupon', 'P8D')", 'a'],
    ["last('Order', 'total')", null],
    ["last('Order', 'coupon')", null],
    ["first('Never', 'coupon')", null],
    ["last('Never', 'coupon')", null],
    ["distinct('Order', 'coupon')", 2],
    ["distinct('Order', 'coupon', 'P6D')", 1],
    ["daysSince('Order')", 1],
    ["daysSince('Never')", null],
  ])('C5 C7 %s is %j', (source, expected) => {
    expect(value(source, { history })).toBe(expected);
    expect(value(`[${source}][0]`, { history })).toBe(expected);
  });

  it('C5 a history function takes an alias for its event', () => {
    expect(value("count('purchase') == 4 && sum('purchase', 'total') == 40.0", { history })).toBe(true);
  });

  it('C5 a condition says which events it asks about', () => {
    const compiled = compile(
      "count('purchase') > 1 && (daysSince('Other') > 3 || [1].all(x, sum('Order', 'total') > 3.0))",
    );
    expect(compiled.ok && compiled.condition.history).toEqual(['Order', 'Other']);
  });

  it('C6 a window holds the events with now - w < timestamp <= now', () => {
    const now = 10 * DAY;
    for (const [at, n] of [
      [now - DAY, 0],
      [now - DAY + 1, 1],
      [now, 1],
      [now + 1, 0],
    ] as const)
      expect(value("count('Order', 'P1D')", { history: [order(at)], now })).toBe(n);
  });

  it('C6 without a window too, nothing after now counts', () => {
    expect(value("count('Order')", { history: [order(5), order(6)], now: 5 })).toBe(1);
    expect(value("daysSince('Order')", { history: [order(5), order(6)], now: 5 })).toBe(0);
  });

  it('C6 the history includes the current event', () => {
    const first = { on: [{ event: 'Order', if: "count('Order') == 2", to: 'second' }] };
    const driver = makeDriver([machineOf({ stages: { first, second: {} } }, 1, words)]);
    driver.send('Start', 0);
    driver.send('Order', 1);
    expect(driver.stage()).toBe('first');
    driver.send('Order', 2);
    expect(driver.stage()).toBe('second');
  });

  it('C7 a sum passes over everything that is no number', () => {
    const mixed = [1, '2', null, true, [3], { n: 4 }, 0.5].map((total, index) => order(index, { total }));
    expect(value("sum('Order', 'total')", { history: [...mixed, order(8)] })).toBe(1.5);
  });

  it('C7 where there is no event the comparison is false and not an error', () => {
    for (const source of ["daysSince('Never') > 3.0", "daysSince('Never') < 3.0", "last('Never', 'total') >= 0"])
      expect(value(source)).toBe(false);
  });

  it('C7 names that objects inherit are no properties', () => {
    for (const source of ["first('Order', 'constructor')", "last('Order', 'toString')"])
      expect(value(source, { history })).toBeNull();
    expect(value("distinct('Order', 'constructor')", { history })).toBe(0);
  });
});

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
    const startedAt = performance.now();
    expect(value(source, { traits: { list, long: 'a'.repeat(16_000) } })).toBe(tooMany);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
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

  it('C6 the window of a history function follows now, not the clock', () => {
    const at = 1_000 * HOUR;
    expect(
      value("count('Order', 'PT1H')", { history: [{ name: 'Order', at, properties: {} }], now: at + HOUR - 1 }),
    ).toBe(1);
    expect(value("count('Order', 'PT1H')", { history: [{ name: 'Order', at, properties: {} }], now: at + HOUR })).toBe(
      0,
    );
  });
});
