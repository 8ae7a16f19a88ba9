// SPEC.md, C1 to C4: what a condition sees and what it gives, with errors and with what is absent. Every example runs as
// it would in a journey; oracle.test.ts holds the two ways of running against each other.

import { describe, expect, it } from 'vitest';
import { factsOf } from '../../workers/engine/facts.ts';
import { compile, refusal, value, words } from './asking.ts';
import { errors, eventOf, machineOf, makeDriver } from './driver.ts';

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

  it('C1 the keys of a map are strings: a number, a bool or a list is none of them', () => {
    const traits = { map: { '5': 1, true: 1, null: 1, x: 1 }, keys: [5, true, null, ['x']], x: 'x' };
    for (const [written, expected] of [
      ['traits.x in traits.map', true],
      ["'5' in traits.map", true],
      ['traits.keys[0] in traits.map', false],
      ['traits.keys.exists(k, k in traits.map)', false],
      ['5 in traits.map || true in traits.map || null in traits.map', false],
      ['[traits.x].all(k, k in traits.map)', true],
    ] as const)
      expect([written, value(written, { traits })]).toEqual([written, expected]);
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
