// What a customer sees of themselves, as plain functions: orders by their events, open tasks, masked identifiers, devices.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { devicesOf, familyOf, type Sighting } from '../../workers/identity/devices.ts';
import { masked, ORDER_EVENTS, type OrderEvent, openTasks, ordersOf } from '../../workers/identity/own.ts';
import { often } from '../prove.ts';

const event = (name: OrderEvent['name'], at: number, order_id: string, more = {}): OrderEvent => ({
  name,
  at,
  message: { properties: { order_id, ...more } },
});
const products = (...list: [string, number][]) => ({
  products: list.map(([product_id, quantity]) => ({ product_id, quantity, name: `a ${product_id}` })),
});

describe('orders', () => {
  const bought = event('Order Completed', 1, 'o1', {
    total: 100,
    currency: 'EUR',
    ...products(['saw', 1], ['oil', 2]),
  });

  it.each<[string, OrderEvent[], string]>([
    ['nothing after it', [], 'placed'],
    ['a change', [event('Order Updated', 2, 'o1', { total: 90 })], 'placed'],
    ['a cancellation', [event('Order Cancelled', 2, 'o1')], 'cancelled'],
    ['a cancellation of another order', [event('Order Cancelled', 2, 'o2')], 'placed'],
    [
      'a cancellation, then a refund',
      [event('Order Cancelled', 2, 'o1'), event('Order Refunded', 3, 'o1')],
      'cancelled',
    ],
    ['a refund of nothing in particular', [event('Order Refunded', 2, 'o1')], 'refunded'],
    ['a refund of all it names', [event('Order Refunded', 2, 'o1', products(['saw', 1], ['oil', 2]))], 'refunded'],
    ['a refund of one product', [event('Order Refunded', 2, 'o1', products(['saw', 1]))], 'partly refunded'],
    [
      'a refund of one piece of two',
      [event('Order Refunded', 2, 'o1', products(['saw', 1], ['oil', 1]))],
      'partly refunded',
    ],
    ['a refund of a smaller sum', [event('Order Refunded', 2, 'o1', { total: 99 })], 'partly refunded'],
    ['a refund of the sum', [event('Order Refunded', 2, 'o1', { total: 100 })], 'refunded'],
    ['a cancellation from before', [event('Order Cancelled', 0, 'o1')], 'placed'],
    ['a cancellation at the same instant', [event('Order Cancelled', 1, 'o1')], 'cancelled'],
    [
      'an order id that is a list',
      [{ ...event('Order Cancelled', 2, 'o1'), message: { properties: { order_id: ['o1'] } } }],
      'placed',
    ],
    ['no properties', [{ ...event('Order Cancelled', 2, 'o1'), message: {} }], 'placed'],
  ])('TK12 after %s', (_, later, status) => {
    expect(ordersOf([bought, ...later]).map((order) => [order.id, order.status])).toEqual([['o1', status]]);
    expect(ordersOf([...later, bought])).toEqual(ordersOf([bought, ...later]));
  });

  it('TK12 are shown with what they hold now, the newest first', () => {
    const orders = ordersOf([
      bought,
      event('Order Completed', 5, 'o2', { revenue: 7 }),
      event('Order Updated', 6, 'o1', { total: 80, ...products(['oil', 1]) }),
      event('Order Updated', 7, 'unknown', { total: 1 }),
    ]);
    expect(orders).toEqual([
      { id: 'o2', at: 5, status: 'placed', total: 7, currency: null, products: [] },
      {
        id: 'o1',
        at: 1,
        status: 'placed',
        total: 80,
        currency: 'EUR',
        products: [{ id: 'oil', name: 'a oil', quantity: 1 }],
      },
    ]);
  });

  it('TK12 follow from the events and not from the order they are read in', () => {
    const any = fc.record({
      name: fc.constantFrom(...ORDER_EVENTS),
      at: fc.integer({ min: 0, max: 1_000 }),
      id: fc.constantFrom('1', '2', '3'),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(any, { selector: ({ at }) => at, maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        (list, random) => {
          const events = list.map(({ name, at, id }) => event(name, at, id));
          const mixed = events
            .map((each) => ({ each, by: random.next().value }))
            .sort((a, b) => a.by - b.by)
            .map(({ each }) => each);
          const orders = ordersOf(mixed);
          expect(orders).toEqual(ordersOf(events));
          for (const { id, at, status } of orders) {
            const first = Math.min(
              ...list.filter((each) => each.id === id && each.name === 'Order Completed').map((each) => each.at),
            );
            const after = list.filter((each) => each.id === id && each.at > first).map(({ name }) => name);
            expect(at).toBe(first);
            // The naive reading: any cancellation wins, then any refund.
            const expected = after.includes('Order Cancelled')
              ? 'cancelled'
              : after.includes('Order Refunded')
                ? 'refunded'
                : 'placed';
            expect(status).toBe(expected);
          }
        },
      ),
      { numRuns: often(200, 10_000) },
    );
  });
});

describe('tasks', () => {
  const line = (at: number, run: string, more = {}) => ({
    at,
    body: { task: 'call', journey: 'complaint', run, title: 'Call', dueAt: at + 9, ...more },
  });

  it('TK13 are those of a run that stands where it set them', () => {
    const lines = [line(9, 'r1'), line(5, 'r1'), line(8, 'r2'), line(3, 'gone')];
    const standing = [
      { run: 'r1', enteredAt: 9 },
      { run: 'r2', enteredAt: 1 },
    ];
    expect(openTasks(lines, standing).map(({ at }) => at)).toEqual([9, 8]);
    expect(openTasks(lines, [])).toEqual([]);
    expect(openTasks([line(9, 'r1')], standing)).toEqual([
      { task: 'call', title: 'Call', journey: 'complaint', at: 9, dueAt: 18 },
    ]);
  });

  it('TK13 show nothing of who does them', () => {
    const lines = [line(9, 'r1', { assignee: 'anna', escalate: { to: 'boss', at: 20 }, key: 'r1/3' })];
    const shown = JSON.stringify(openTasks(lines, [{ run: 'r1', enteredAt: 1 }]));
    expect(shown).not.toMatch(/anna|boss|r1/);
  });
});

describe('masked identifiers', () => {
  it.each([
    ['email', 'anna.gruber@example.at', 'a***@example.at'],
    ['email', 'a@example.at', '***@example.at'],
    ['email', '@example.at', '@e***at'],
    ['email', 'no address', 'no***ss'],
    ['phone', '+4366412345678', '+43***78'],
    ['phone', '112', '1***'],
    ['customerNumber', 'K-104711', 'K-***11'],
    ['customerNumber', '7', '***'],
    ['customerNumber', '🌻🌻🌻🌻', '🌻🌻***'],
  ])('TK14 %s %s is shown as %s', (kind, value, shown) => expect(masked(kind, value)).toBe(shown));

  it('TK14 hide half of what they are, and their length', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('email', 'phone', 'externalId'),
        fc.string({ unit: 'grapheme', maxLength: 60 }),
        (kind, local) => {
          const value = local.replaceAll('*', 'x').replaceAll('@', 'x');
          const shown = masked(kind, kind === 'email' ? `${value}@x.at` : value);
          const told = kind === 'email' && value !== '' ? shown.slice(0, shown.lastIndexOf('@')) : shown;
          expect(shown.split('***').length).toBe(2);
          if (kind !== 'email' || value !== '')
            expect([...told.replace('***', '')].length).toBeLessThanOrEqual([...value].length / 2);
          const [head = '', tail = ''] = told.split('***');
          expect(value.startsWith(head) && value.endsWith(tail)).toBe(kind !== 'email' || value !== '');
        },
      ),
      { numRuns: often(300, 10_000) },
    );
  });
});

const AGENTS: readonly [string, ReturnType<typeof familyOf>][] = [
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
    { kind: 'phone', system: 'iOS', browser: 'Safari' },
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1',
    { kind: 'phone', system: 'iOS', browser: 'Chrome' },
  ],
  [
    'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
    { kind: 'phone', system: 'Android', browser: 'Chrome' },
  ],
  [
    'Mozilla/5.0 (Linux; Android 14; SM-X910) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Safari/537.36',
    { kind: 'tablet', system: 'Android', browser: 'Samsung Internet' },
  ],
  [
    'Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/604.1',
    { kind: 'tablet', system: 'iPadOS', browser: 'Safari' },
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0',
    { kind: 'computer', system: 'Windows', browser: 'Edge' },
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
    { kind: 'computer', system: 'Windows', browser: 'Firefox' },
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15',
    { kind: 'computer', system: 'macOS', browser: 'Safari' },
  ],
  [
    'Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    { kind: 'computer', system: 'ChromeOS', browser: 'Chrome' },
  ],
  [
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/120.0',
    { kind: 'computer', system: 'Linux', browser: 'Opera' },
  ],
  ['analytics-node/3.1.0', { kind: 'unknown', system: null, browser: null }],
  ['', { kind: 'unknown', system: null, browser: null }],
];

describe('devices', () => {
  const seen = (
    at: number,
    deviceId: string | null,
    anonymousId: string | null,
    userAgent: string | null = null,
  ): Sighting => ({ deviceId, anonymousId, userAgent, firstAt: at, lastAt: at, events: 1 });
  const phone = AGENTS[0]?.[0] ?? '';
  const desk = AGENTS[5]?.[0] ?? '';

  it.each(AGENTS)('ID1 %s', (agent, family) => expect(familyOf(agent)).toEqual(family));

  it('ID1 are told apart by their own id, else by the anonymous one', () => {
    const devices = devicesOf([
      seen(1, null, 'a', phone),
      seen(2, 'd', 'a', desk),
      seen(3, 'd', 'b'),
      seen(4, null, null, desk),
      seen(5, '', ''),
    ]);
    expect(devices.map(({ id, kind, firstAt, lastAt, events }) => [id, kind, firstAt, lastAt, events])).toEqual([
      ['d', 'computer', 2, 3, 2],
      ['a', 'phone', 1, 1, 1],
    ]);
  });

  it('ID2 are counted as a naive count would, and bounded', () => {
    const sighting = fc.record({
      at: fc.nat(1_000),
      device: fc.option(fc.constantFrom('d1', 'd2')),
      anonymous: fc.option(fc.constantFrom('a1', 'a2', 'd1')),
    });
    fc.assert(
      fc.property(fc.array(sighting, { maxLength: 30 }), (list) => {
        const devices = devicesOf(list.map(({ at, device, anonymous }) => seen(at, device, anonymous)));
        const ids = [...new Set(list.map(({ device, anonymous }) => device ?? anonymous).filter((id) => id !== null))];
        expect(devices.map(({ id }) => id).sort()).toEqual(ids.sort());
        for (const { id, firstAt, lastAt, events } of devices) {
          const own = list.filter(({ device, anonymous }) => (device ?? anonymous) === id).map(({ at }) => at);
          expect([firstAt, lastAt, events]).toEqual([Math.min(...own), Math.max(...own), own.length]);
        }
      }),
      { numRuns: often(200, 5_000) },
    );
    const many = Array.from({ length: LIMITS.devicesMax + 5 }, (_, at) => seen(at, `d${at}`, null));
    const shown = devicesOf(many).map(({ id }) => id);
    expect(shown).toHaveLength(LIMITS.devicesMax);
    expect(shown[0]).toBe(`d${LIMITS.devicesMax + 4}`);
  });
});
