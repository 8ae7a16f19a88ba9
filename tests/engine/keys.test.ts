// SPEC.md, group K, and what of group E is about beginning again.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { compileJourney } from '../../workers/engine/compile.ts';
import { DAY, HOUR, machineOf, makeDriver, moves, send, sends, vocabulary } from './driver.ts';

const stages = {
  first: { on: [{ event: 'Go', to: 'second' }], after: [{ delay: 'P1D', to: 'second' }] },
  second: { on: [{ event: 'Finish', to: 'over' }] },
  over: { final: true },
};
const key = 'event.properties.cart';
const perCart = (more: object = {}) =>
  machineOf({ key, reentry: 'after_exit', exit: [{ event: 'Stop' }], stages, ...more });

describe('keys', () => {
  it('K1 each value of the key has a run of its own', () => {
    const driver = makeDriver([perCart()]);
    driver.send('Start', 0, { cart: 'a' });
    driver.send('Start', 1, { cart: 'b' });
    driver.send('Start', 2, { cart: 'a' });
    expect(driver.runs().map((run) => run.key)).toEqual(['a', 'b']);
  });

  it.each([
    ['a whole number', 7, '7'],
    ['a text with blanks', ' a b ', ' a b '],
    ['a text of 256 characters', 'x'.repeat(256), 'x'.repeat(256)],
  ])('K1 %s is a key', (_, cart, expected) => {
    const driver = makeDriver([perCart()]);
    driver.send('Start', 0, { cart });
    expect(driver.run().key).toBe(expected);
  });

  it.each([
    ['null', null],
    ['an empty text', ''],
    ['a text of 257 characters', 'x'.repeat(257)],
    ['a broken number', 1.5],
    ['a number that is not safe', 2 ** 53],
    ['a list', ['a']],
    ['a truth value', true],
  ])('K1 K3 %s is no key, and begins nothing', (_, cart) => {
    const driver = makeDriver([perCart()]);
    driver.send('Start', 0, { cart });
    driver.send('Start', 1);
    expect([driver.runs(), driver.log]).toEqual([[], []]);
  });

  it('K1 a key that errs is no key', () => {
    const driver = makeDriver([perCart({ key: 'event.properties.cart.id' })]);
    driver.send('Start', 0, { cart: 'a' });
    driver.send('Start', 1, { cart: { id: 'b' } });
    expect(driver.runs().map((run) => run.key)).toEqual(['b']);
  });

  it('K1 an expression that cannot be a key is a finding', () => {
    const words = vocabulary({ events: { Start: { properties: { sure: { type: 'boolean' } } } } });
    for (const wrong of ['true', "event.name == 'a'", '[1]', 'nobody.knows', 'event.properties.']) {
      const compiled = compileJourney(
        { id: 't', entry: [{ event: 'Start' }], initial: 'first', key: wrong, stages: { first: {} } },
        1,
        words,
      );
      expect(compiled).toMatchObject({ ok: false, findings: [{ pointer: '/key' }] });
    }
  });

  it('K2 an event with a key is for the run of that key alone', () => {
    const driver = makeDriver([perCart()]);
    driver.send('Start', 0, { cart: 'a' });
    driver.send('Start', 0, { cart: 'b' });
    driver.send('Go', 1, { cart: 'b' });
    expect(driver.runs().map((run) => run.stage)).toEqual(['first', 'second']);
    expect(moves(driver.send('Go', 2, { cart: 'nobody' }))).toEqual([]);
    expect(moves(driver.send('Stop', 3, { cart: 'a' }))).toEqual(['first > -']);
  });

  it('K2 an event without a key is for every live run', () => {
    const driver = makeDriver([perCart()]);
    for (const cart of ['a', 'b', 'c']) driver.send('Start', 0, { cart });
    driver.send('Stop', 1, { cart: 'b' });
    expect(moves(driver.send('Stop', 2))).toEqual(['first > -', 'first > -']);
  });

  it('K4 each run has its own stage, timers and steps', () => {
    const first = { steps: [{ wait: 'PT2H' }, send('reminder')], on: [{ event: 'Go', to: 'second' }] };
    const driver = makeDriver([perCart({ stages: { first, second: {} } })]);
    driver.send('Start', 0, { cart: 'a' });
    driver.send('Start', HOUR, { cart: 'b' });
    driver.send('Go', HOUR + 1, { cart: 'a' });
    expect(sends(driver.advance(2 * HOUR))).toEqual([]);
    expect(driver.advance(3 * HOUR)).toMatchObject([{ kind: 'send', at: 3 * HOUR, by: expect.any(String) }]);
  });

  it('K1 to K4 many carts at once are as many customers with one cart each', () => {
    const names = fc.constantFrom('Start', 'Go', 'Finish', 'Stop', 'Nothing');
    const inputs = fc.array(fc.record({ name: names, cart: fc.constantFrom('a', 'b', 'c'), pass: fc.nat(DAY) }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(inputs, (events) => {
        const together = makeDriver([perCart()]);
        const alone = new Map(['a', 'b', 'c'].map((cart) => [cart, makeDriver([perCart()])]));
        let at = 0;
        for (const { name, cart, pass } of events) {
          at += pass;
          together.send(name, at, { cart });
          for (const [other, driver] of alone) {
            driver.advance(at);
            if (other === cart) driver.send(name, at, { cart });
          }
        }
        for (const [cart, driver] of alone) {
          const { stage, enteredAt, endedAt } = driver.runs()[0] ?? {};
          const own = together.runs().find((run) => run.key === cart);
          expect({ stage: own?.stage, enteredAt: own?.enteredAt, endedAt: own?.endedAt }).toEqual({
            stage,
            enteredAt,
            endedAt,
          });
        }
      }),
      { numRuns: 200, seed: 5 },
    );
  });
});

describe('beginning again', () => {
  const once = (reentry: unknown) =>
    machineOf({
      reentry,
      exit: [{ event: 'Stop' }],
      stages: { first: { on: [{ event: 'Go', to: 'over' }] }, over: { final: true } },
    });

  it('E6 after_exit: a run that is over does not stand in the way', () => {
    const driver = makeDriver([once('after_exit')]);
    driver.send('Start', 0);
    driver.send('Start', 1);
    expect(driver.run().startedAt).toBe(0);
    driver.send('Go', 2);
    driver.send('Start', 3);
    expect(driver.run()).toMatchObject({ startedAt: 3, stage: 'first' });
    expect(driver.run().endedAt).toBeUndefined();
  });

  it('E6 after a delay: not before it has passed since the end', () => {
    const driver = makeDriver([once({ after: 'P30D' })]);
    driver.send('Start', 0);
    driver.send('Stop', DAY);
    driver.send('Start', 31 * DAY - 1);
    expect(driver.run().startedAt).toBe(0);
    driver.send('Start', 31 * DAY);
    expect(driver.run().startedAt).toBe(31 * DAY);
  });

  it('E6 the delay is counted for each key', () => {
    const driver = makeDriver([perCart({ reentry: { after: 'P2D' } })]);
    driver.send('Start', 0, { cart: 'a' });
    driver.send('Stop', 1, { cart: 'a' });
    driver.send('Start', DAY, { cart: 'b' });
    driver.send('Start', DAY, { cart: 'a' });
    expect(driver.runs().map(({ key: cart, startedAt }) => [cart, startedAt])).toEqual([
      ['a', 0],
      ['b', DAY],
    ]);
  });

  it('E7 the event that ended a run does not begin the next', () => {
    const machine = machineOf({
      reentry: 'after_exit',
      entry: [{ event: 'Ring' }],
      exit: [{ event: 'Ring' }],
      stages: { first: {} },
    });
    const driver = makeDriver([machine]);
    expect(moves(driver.send('Ring', 0))).toEqual(['- > first', 'first > -']);
    expect(driver.runs()).toHaveLength(1);
    driver.send('Ring', 1);
    expect(driver.run()).toMatchObject({ startedAt: 1, endedAt: 1 });
  });

  it('E8 a new run replaces the one that is over', () => {
    const driver = makeDriver([once('after_exit')]);
    for (let at = 0; at < 10; at++) {
      driver.send('Start', at * 2);
      driver.send('Go', at * 2 + 1);
    }
    expect(driver.runs()).toHaveLength(1);
    expect(driver.log.filter((effect) => effect.kind === 'transition' && effect.from === null)).toHaveLength(10);
  });

  it('E8 of keyed runs that are over the last ones are remembered', () => {
    const driver = makeDriver([perCart({ reentry: 'never' })]);
    for (let n = 0; n <= LIMITS.endedRunsMax + 5; n++) {
      driver.send('Start', n, { cart: `c${n}` });
      driver.send('Stop', n, { cart: `c${n}` });
    }
    expect(driver.runs().length).toBeLessThanOrEqual(LIMITS.endedRunsMax + 1);
    driver.send('Start', 1_000, { cart: 'c205' });
    expect(driver.run().startedAt).toBe(205);
    driver.send('Start', 1_000, { cart: 'c0' });
    expect(driver.run()).toMatchObject({ key: 'c0', startedAt: 1_000 });
  });
});
