// journeys/lifecycle.json, row by row of its table, along generated paths, and against a reducer written by hand from
// the same table over random histories.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import events from '../../journeys/events.json' with { type: 'json' };
import lifecycle from '../../journeys/lifecycle.json' with { type: 'json' };
import { EventDeclarations } from '../../schema/catalog.ts';
import { compileJourney, vocabularyOf } from '../../workers/engine/compile.ts';
import { DAY, type Driver, errors, HOUR, makeDriver, moves } from './driver.ts';
import { applyEvent, newModel, passTime, type Stage, timerOf } from './lifecycle.model.ts';

const words = vocabularyOf(EventDeclarations.parse(events));
const compiled = compileJourney(lifecycle, 1, words);
if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings, null, 2));
const { machine } = compiled;

const newCustomer = () => makeDriver([machine], { vocabulary: words });
const RUN_BYTES_MAX = 300;

/** A customer in a stage, and the instant; `ordered` tells whether there was an order on the way. */
function customerIn(stage: Stage, ordered: boolean): { driver: Driver; now: number } {
  const driver = newCustomer();
  const day = { usage: 14, repurchase: 74, dormant: ordered ? 254 : 30 };
  if (stage === 'awareness' || stage === 'decision' || !ordered) driver.send('page', 0);
  if (stage === 'decision') driver.send('Product Added', 0);
  if (ordered && stage !== 'awareness' && stage !== 'decision') driver.send('Order Completed', 0);
  const now = stage === 'usage' || stage === 'repurchase' || stage === 'dormant' ? day[stage] * DAY : 0;
  driver.advance(now);
  expect(driver.stage()).toBe(stage);
  return { driver, now };
}

describe('the shipped lifecycle', () => {
  it.each(['page', 'screen', 'Product Viewed'])('E1 %s enters awareness', (name) => {
    const driver = newCustomer();
    driver.send(name, 0);
    expect(driver.stage()).toBe('awareness');
  });

  it.each([
    ['Product Added', 'decision'],
    ['Checkout Started', 'decision'],
    ['Order Completed', 'purchase'],
  ])('E3 %s enters awareness and leads on to %s', (name, stage) => {
    const driver = newCustomer();
    expect(moves(driver.send(name, 0))).toEqual(['- > awareness', `awareness > ${stage}`]);
  });

  it.each(['identify', 'group', 'alias', 'Product Removed', 'Coupon Applied'])('E1 %s does not enter', (name) => {
    const driver = newCustomer();
    driver.send(name, 0);
    expect(driver.stage()).toBeNull();
  });

  it('E5 has neither exit nor final stage: a customer stays in it', () => {
    expect(machine.exit.size).toBe(0);
    expect([...machine.stages.values()].some((stage) => stage.final)).toBe(false);
  });

  it.each(['Product Added', 'Checkout Started'])('T1 awareness: %s leads to decision', (name) => {
    const { driver, now } = customerIn('awareness', false);
    driver.send(name, now + 1);
    expect(driver.stage()).toBe('decision');
  });

  it('T1 awareness: the third Product Viewed within seven days leads to decision', () => {
    const { driver } = customerIn('awareness', false);
    driver.send('Product Viewed', 1 * DAY);
    driver.send('Product Viewed', 7 * DAY);
    expect(driver.stage()).toBe('awareness');
    driver.send('Product Viewed', 8 * DAY - 1);
    expect(driver.stage()).toBe('decision');
  });

  it('C6 awareness: a view exactly seven days ago no longer counts', () => {
    const { driver } = customerIn('awareness', false);
    for (const at of [1 * DAY, 7 * DAY, 8 * DAY]) driver.send('Product Viewed', at);
    expect(driver.stage()).toBe('awareness');
  });

  it.each(['awareness', 'decision', 'purchase', 'usage', 'repurchase', 'dormant'] as const)(
    'T3 %s: Order Completed leads to purchase, entered now',
    (stage) => {
      const { driver, now } = customerIn(stage, stage !== 'awareness' && stage !== 'decision');
      const log = driver.send('Order Completed', now + HOUR);
      expect(moves(log)).toEqual([`${stage} > purchase`]);
      expect(driver.run().enteredAt).toBe(now + HOUR);
      expect(driver.due()).toEqual([{ kind: 'after', index: 0, dueAt: now + HOUR + 14 * DAY }]);
    },
  );

  it.each(['awareness', 'decision'] as const)(
    'A2 %s: dormant 30 days after the last activity, any event counts',
    (stage) => {
      const { driver } = customerIn(stage, false);
      driver.send('Some Undeclared Event', 20 * DAY);
      driver.advance(50 * DAY - 1);
      expect(driver.stage()).toBe(stage);
      driver.advance(50 * DAY);
      expect(driver.stage()).toBe('dormant');
      expect(driver.run().enteredAt).toBe(50 * DAY);
    },
  );

  it.each([
    ['purchase', 14, 'usage'],
    ['usage', 60, 'repurchase'],
    ['repurchase', 180, 'dormant'],
  ] as const)('A1 %s: after %i days since entry %s, activity or not', (stage, days, to) => {
    const { driver, now } = customerIn(stage, true);
    driver.send('page', now + 5 * DAY);
    const dueAt = driver.run().enteredAt + days * DAY;
    driver.advance(dueAt - 1);
    expect(driver.stage()).toBe(stage);
    driver.advance(dueAt);
    expect(driver.stage()).toBe(to);
    expect(driver.run().enteredAt).toBe(dueAt);
  });

  it.each(['page', 'Product Viewed'])(
    'T1 dormant: %s leads to repurchase after an order, else to awareness',
    (name) => {
      for (const ordered of [true, false]) {
        const { driver, now } = customerIn('dormant', ordered);
        driver.send(name, now + 400 * DAY);
        expect(driver.stage()).toBe(ordered ? 'repurchase' : 'awareness');
      }
    },
  );

  it.each(['screen', 'identify', 'Product Added', 'Checkout Started'])('T4 dormant: %s changes nothing', (name) => {
    const { driver, now } = customerIn('dormant', true);
    expect(driver.send(name, now + DAY)).toEqual([]);
    expect(driver.stage()).toBe('dormant');
  });

  it('A3 a customer seen again after years has passed every stage at its own time', () => {
    const driver = newCustomer();
    driver.send('Order Completed', 0);
    driver.send('page', 4_000 * DAY);
    const passed = driver.log.flatMap((effect) => (effect.kind === 'transition' ? [[effect.to, effect.at / DAY]] : []));
    expect(passed).toEqual([
      ['awareness', 0],
      ['purchase', 0],
      ['usage', 14],
      ['repurchase', 74],
      ['dormant', 254],
      ['repurchase', 4_000],
    ]);
  });

  it('T5 the GA4 names of the same events lead the same way', () => {
    const driver = newCustomer();
    driver.send('view_item', 0);
    expect(driver.stage()).toBe('awareness');
    driver.send('add_to_cart', 1);
    expect(driver.stage()).toBe('decision');
    driver.send('purchase', 2);
    expect(driver.stage()).toBe('purchase');
  });

  it('T1 every path of five moves through the table is walked', () => {
    const names = ['page', 'screen', 'Product Viewed', 'Product Added', 'Order Completed', 'time', 'a little time'];
    const pairs = new Set<string>();
    const paths = names.flatMap((a) => names.flatMap((b) => names.map((c) => [a, b, c])));
    for (const path of paths.flatMap((begin) => names.flatMap((d) => names.map((e) => [...begin, d, e])))) {
      const driver = newCustomer();
      const model = newModel();
      let now = 0;
      for (const name of path) {
        const before = model.stage;
        if (name === 'time') {
          now = Math.max(now, timerOf(model)?.at ?? now);
          passTime(model, now);
          driver.advance(now);
        } else if (name === 'a little time') now += 3 * DAY;
        else {
          applyEvent(model, name, now);
          driver.send(name, now);
        }
        pairs.add(`${before} > ${model.stage}`);
        const enteredAt = model.stage ? driver.run().enteredAt : model.enteredAt;
        if (driver.stage() !== model.stage || enteredAt !== model.enteredAt)
          throw new Error(`${path.join(', ')}: in ${driver.stage()}, expected ${model.stage}`);
      }
    }
    const rows = ['null > awareness', 'awareness > decision', 'awareness > dormant', 'decision > dormant'];
    rows.push('purchase > usage', 'usage > repurchase', 'repurchase > dormant', 'dormant > awareness');
    rows.push('dormant > repurchase', 'dormant > purchase', 'usage > purchase', 'repurchase > purchase');
    expect([...pairs]).toEqual(expect.arrayContaining(rows));
  });

  it('P1 P2 random histories end as the hand-written reducer says, and a run stays below 300 bytes', () => {
    const name = fc.constantFrom(
      'page',
      'screen',
      'Product Viewed',
      'Product Viewed',
      'Product Added',
      'Checkout Started',
      'Order Completed',
      'identify',
      'Undeclared',
    );
    const pause = fc.oneof(
      fc.constantFrom(
        0,
        1,
        HOUR,
        7 * DAY,
        14 * DAY,
        14 * DAY - 1,
        30 * DAY,
        30 * DAY - 1,
        60 * DAY,
        180 * DAY,
        254 * DAY,
        255 * DAY,
      ),
      fc.nat({ max: 3 * DAY }),
      fc.nat({ max: 300 * DAY }),
    );
    const start = fc.integer({ min: 0, max: 4_000_000_000_000 });
    const reached = new Set<string>();
    fc.assert(
      fc.property(start, fc.array(fc.tuple(name, pause), { maxLength: 60 }), pause, (startsAt, events, rest) => {
        const driver = makeDriver([machine], { vocabulary: words, throughJson: true });
        const model = newModel();
        let now = startsAt;
        for (const [event, after] of events) {
          now += after;
          driver.send(event, now);
          applyEvent(model, event, now);
          expect(driver.stage()).toBe(model.stage);
          if (model.stage) {
            expect(driver.run().enteredAt).toBe(model.enteredAt);
            expect(JSON.stringify(driver.run()).length).toBeLessThan(RUN_BYTES_MAX);
            reached.add(model.stage);
          }
        }
        driver.advance(now + rest);
        passTime(model, now + rest);
        expect(driver.stage()).toBe(model.stage);
        expect(driver.due()[0]?.dueAt).toBe(timerOf(model)?.at);
        expect(errors(driver.log)).toEqual([]);
      }),
      { numRuns: 500 },
    );
    expect(reached.size).toBe(6);
  });

  it('P2 a run stays below 300 bytes with a long id and every instant at its largest', () => {
    const driver = newCustomer();
    driver.send('Order Completed', 253_402_300_799_999);
    driver.advance(253_402_300_799_999 + 80 * DAY);
    const run = { ...driver.run(), id: `lifecycle.${'9'.repeat(10)}`, version: 1_000_000, sequence: 1_000_000 };
    expect(JSON.stringify(run).length).toBeLessThan(RUN_BYTES_MAX);
  });
});
