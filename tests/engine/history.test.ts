// SPEC.md, C5 to C7: what conditions ask of the customer's history.

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import type { HistoryEntry } from '../../workers/engine/facts.ts';
import { compile, value, words } from './asking.ts';
import { DAY, HOUR, machineOf, makeDriver } from './driver.ts';

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

  it('C5 what the history gives may have a member named constructor', () => {
    const orders = [order(1, { item: { name: 'saw', constructor: 'x' } })];
    expect(value("last('Order', 'item').name == 'saw' && size('x') == 1", { history: orders })).toBe(true);
    expect(value("[last('Order', 'item')]", { history: orders })).toEqual([{ name: 'saw', constructor: 'x' }]);
  });

  it('C7 names that objects inherit are no properties', () => {
    for (const source of ["first('Order', 'constructor')", "last('Order', 'toString')"])
      expect(value(source, { history })).toBeNull();
    expect(value("distinct('Order', 'constructor')", { history })).toBe(0);
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
