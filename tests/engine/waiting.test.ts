// SPEC.md, S9, S10, S15, S16 and C10: waiting for what comes from outside, and leaving from inside a program.

import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { compileJourney } from '../../workers/engine/compile.ts';
import { DAY, errors, HOUR, machineOf, makeDriver, moves, send, sends, vocabulary } from './driver.ts';

const clicked = { waitFor: { event: 'Clicked' }, timeout: 'P3D', steps: [send('thanks')], onTimeout: [send('nudge')] };
const withSteps = (steps: object[], stage: object = {}, more: object = {}) =>
  machineOf({ stages: { first: { steps, ...stage }, second: {} }, ...more });
const findings = (steps: object[], more: object = {}) => {
  const document = { id: 'test', entry: [{ event: 'Start' }], initial: 'first', stages: { first: { steps } }, ...more };
  const compiled = compileJourney(document, 1, vocabulary());
  return compiled.ok ? [] : compiled.findings.map(({ code, pointer }) => `${code} ${pointer}`);
};

describe('waiting for an event', () => {
  it('S9 the event runs the steps, the timeout those of onTimeout, and both go on behind', () => {
    const machine = withSteps([clicked, send('after')]);
    const heard = makeDriver([machine], { throughJson: true });
    heard.send('Start', 0);
    expect(heard.due()).toEqual([{ kind: 'wait', index: 0, dueAt: 3 * DAY }]);
    expect(sends(heard.send('Clicked', DAY))).toEqual(['thanks', 'after']);
    expect(heard.run()).not.toHaveProperty('at');
    expect([sends(heard.send('Clicked', 2 * DAY)), heard.advance(9 * DAY)]).toEqual([[], []]);

    const silent = makeDriver([machine], { throughJson: true });
    silent.send('Start', 0);
    expect(sends(silent.advance(9 * DAY))).toEqual(['nudge', 'after']);
    expect(sends(silent.send('Clicked', 10 * DAY))).toEqual([]);
  });

  it('S9 without a timeout it waits without end, and has no timer', () => {
    const driver = makeDriver([withSteps([{ waitFor: { event: 'Clicked' } }, send('after')])]);
    driver.send('Start', 0);
    expect(driver.due()).toEqual([]);
    driver.advance(900 * DAY);
    expect(sends(driver.send('Clicked', 901 * DAY))).toEqual(['after']);
  });

  it('S9 an event that a transition or an exit takes does not reach the wait', () => {
    const machine = withSteps([clicked], {
      on: [{ event: 'Clicked', if: 'event.properties.go == true', to: 'second' }],
    });
    const taken = makeDriver([machine]);
    taken.send('Start', 0);
    expect(sends(taken.send('Clicked', 1, { go: true }))).toEqual([]);
    expect(taken.stage()).toBe('second');
    const left = makeDriver([machine]);
    left.send('Start', 0);
    expect(sends(left.send('Clicked', 1, { go: false }))).toEqual(['thanks']);
    const over = makeDriver([withSteps([clicked], {}, { exit: [{ event: 'Clicked' }] })]);
    over.send('Start', 0);
    expect([sends(over.send('Clicked', 1)), over.run().endedAt]).toEqual([[], 1]);
  });

  it('S9 an event does not answer a wait it led to: neither the one it started, nor one behind another wait', () => {
    const driver = makeDriver([
      withSteps([{ waitFor: { event: 'Start' } }, send('a'), { waitFor: { event: 'Start' } }, send('b')]),
    ]);
    expect(sends(driver.send('Start', 0))).toEqual([]);
    expect(sends(driver.send('Start', 1))).toEqual(['a']);
    expect(sends(driver.send('Start', 2))).toEqual(['b']);
  });

  it('S9 a wait behind a wait is told from it: each has its own end', () => {
    const driver = makeDriver([withSteps([{ wait: 'PT1H' }, clicked])]);
    driver.send('Start', 0);
    expect(sends(driver.send('Clicked', 1))).toEqual([]);
    driver.advance(HOUR);
    expect(driver.due()).toEqual([{ kind: 'wait', index: 0, dueAt: HOUR + 3 * DAY }]);
    expect(sends(driver.send('Clicked', 2 * HOUR))).toEqual(['thanks']);
  });

  const order = { event: 'Shipped', match: 'event.properties.order_id == start.properties.order_id' };

  it('S9 C10 match correlates with the event the run began with, of which the run keeps what is named', () => {
    const driver = makeDriver([withSteps([{ waitFor: order }, send('on-its-way')])], { throughJson: true });
    driver.send('Start', 0, { order_id: 'o-1', products: [{ sku: 'x' }] });
    expect(driver.run().start).toEqual({ name: 'Start', messageId: 'm1', properties: { order_id: 'o-1' } });
    expect(JSON.stringify(driver.run()).length).toBeLessThan(300);
    expect(sends(driver.send('Shipped', 1, { order_id: 'o-2' }))).toEqual([]);
    expect(sends(driver.send('Shipped', 2, { order_id: 'o-1' }))).toEqual(['on-its-way']);
  });

  it('C10 start is there in every condition of the run, in every stage; what is absent or large is null', () => {
    const asks = (if_: string) => ({ branch: [{ if: if_, steps: [send('yes')] }], else: [send('no')] });
    const machine = machineOf({
      stages: {
        first: { on: [{ event: 'Go', if: "start.name == 'Start' && start.properties.size > 3", to: 'second' }] },
        second: { steps: [asks('start.properties.long == null'), asks('start.properties.gone == null')] },
      },
    });
    const driver = makeDriver([machine], { throughJson: true });
    driver.send('Start', 0, { size: 4, long: 'x'.repeat(LIMITS.keptCharsMax - 1), other: 1 });
    expect(driver.run().start?.properties).toEqual({ size: 4 });
    const log = driver.send('Go', 1);
    expect([sends(log), errors(log)]).toEqual([['yes', 'yes'], []]);
    const fits = makeDriver([machine]);
    fits.send('Start', 0, { size: 4, long: 'x'.repeat(LIMITS.keptCharsMax - 2) });
    expect(sends(fits.send('Go', 1))).toEqual(['no', 'yes']);
  });

  it('C10 a journey that does not ask for start keeps nothing of it', () => {
    const driver = makeDriver([withSteps([clicked])]);
    driver.send('Start', 0, { order_id: 'o-1' });
    expect(driver.run()).not.toHaveProperty('start');
  });

  it('C10 start as a whole, and start where there is no run yet, are refused', () => {
    const branch = (condition: string) => [{ branch: [{ if: condition, steps: [] }] }];
    expect(findings(branch('size(start.properties) > 1'))).toEqual(['start-whole /stages/first/steps/0/branch/0/if']);
    expect(findings(branch('start.properties.a == 1'))).toEqual([]);
    expect(findings([], { entry: [{ event: 'Start', if: 'start.properties.a == 1' }] })).toEqual([
      'condition-type /entry/0/if',
    ]);
    expect(findings([], { key: 'start.properties.a' })).toEqual(['condition-type /key']);
  });

  it('S9 onTimeout without a timeout is refused', () => {
    expect(findings([{ waitFor: { event: 'Clicked' }, onTimeout: [send('x')] }])).toEqual([
      'wait-timeout /stages/first/steps/0/onTimeout',
    ]);
  });
});

describe('leaving from inside', () => {
  it('S10 goto enters a stage as a transition does: the rest of the steps is dropped', () => {
    const machine = machineOf({
      stages: { first: { steps: [send('a'), { goto: 'second' }, send('b')] }, second: { steps: [send('c')] } },
    });
    const log = makeDriver([machine]).send('Start', 5);
    expect([moves(log), sends(log)]).toEqual([
      ['- > first', 'first > second'],
      ['a', 'c'],
    ]);
    expect(log).toContainEqual(expect.objectContaining({ to: 'second', cause: { kind: 'step', step: 'goto' } }));
    expect(findings([{ goto: 'nowhere' }])).toEqual(['unknown-stage /stages/first/steps/0/goto']);
  });

  it('S10 goto to its own stage behind a wait goes round for ever, one stage an input', () => {
    const driver = makeDriver([
      machineOf({ stages: { first: { steps: [{ wait: 'P1D' }, send('a'), { goto: 'first' }] } } }),
    ]);
    driver.send('Start', 0);
    driver.advance(5 * DAY);
    expect(sends(driver.log)).toEqual(['a', 'a', 'a', 'a', 'a']);
    expect(errors(driver.log)).toEqual([]);
  });

  it('S10 exit ends the run and says why', () => {
    const driver = makeDriver([withSteps([{ exit: 'bought-elsewhere' }, send('b')])]);
    const log = driver.send('Start', 5);
    expect(moves(log)).toEqual(['- > first', 'first > -']);
    expect(log.at(-1)).toMatchObject({ cause: { kind: 'step', step: 'exit', reason: 'bought-elsewhere' } });
    expect(driver.run().endedAt).toBe(5);
  });
});

describe('webhooks', () => {
  const webhook = {
    webhook: 'stock',
    url: 'https://shop.example/stock',
    body: { sku: 'event.properties.sku', wrong: 'event.properties.gone' },
  };
  const waits = { ...webhook, timeout: 'PT1M', steps: [send('answered')], onTimeout: [send('silence')] };
  const asks = {
    branch: [{ if: 'answers.stock.status == 200 && answers.stock.body.left > 2', steps: [send('plenty')] }],
  };
  const answer = (run: string, properties: object) => ({ run, webhook: 'stock', status: 200, ...properties });

  it('S15 S19 is an effect with a body, from which a member whose expression errs is left out; the program goes on', () => {
    const log = makeDriver([withSteps([webhook, send('after')])]).send('Start', 0, { sku: 'x' });
    expect(log).toContainEqual({
      ...{ kind: 'webhook', key: 'test.1/1', journey: 'test', run: 'test.1', at: 0 },
      ...{ webhook: 'stock', url: 'https://shop.example/stock', body: { sku: 'x' } },
    });
    expect(errors(log)).toEqual([{ pointer: '/stages/first/steps/0/body/wrong', detail: 'No such key: gone' }]);
    expect(sends(log)).toEqual(['after']);
  });

  it('S15 with a timeout it waits for the answer, which runs steps, or onTimeout once that is over', () => {
    const heard = makeDriver([withSteps([waits, asks])], { throughJson: true });
    heard.send('Start', 0, { sku: 'x' });
    expect(sends(heard.send('Webhook Answered', 1, answer('test.2', { body: { left: 3 } })))).toEqual([]);
    expect(sends(heard.send('Webhook Answered', 2, answer('test.1', { webhook: 'other' })))).toEqual([]);
    expect(sends(heard.send('Webhook Answered', 3, answer('test.1', { body: { left: 3 } })))).toEqual([
      'answered',
      'plenty',
    ]);
    const silent = makeDriver([withSteps([waits, asks])]);
    silent.send('Start', 0, { sku: 'x' });
    expect(sends(silent.advance(DAY))).toEqual(['silence']);
  });

  it('S16 an answer is kept for conditions of later stages, also for always; before it is null', () => {
    const machine = machineOf({
      stages: {
        first: { steps: [webhook], always: [{ if: 'answers.stock != null', to: 'second' }] },
        second: { steps: [asks] },
      },
    });
    const driver = makeDriver([machine], { throughJson: true });
    driver.send('Start', 0, { sku: 'x', gone: 1 });
    expect([driver.stage(), errors(driver.log)]).toEqual(['first', []]);
    expect(sends(driver.send('Webhook Answered', 1, answer('test.1', { body: { left: 3 } })))).toEqual(['plenty']);
    expect(driver.run().answers).toEqual({ stock: { status: 200, body: { left: 3 } } });
  });

  it.each([
    [LIMITS.answerCharsMax, true],
    [LIMITS.answerCharsMax + 1, false],
  ])('S16 a body of %i characters is kept: %s', (length, kept) => {
    const driver = makeDriver([withSteps([webhook])]);
    driver.send('Start', 0, { sku: 'x', gone: 1 });
    const body = 'x'.repeat(length - 2);
    const log = driver.send('Webhook Answered', 1, answer('test.1', { body }));
    expect(driver.run().answers).toEqual({ stock: { status: 200, body: kept ? body : null } });
    expect(errors(log)).toHaveLength(kept ? 0 : 1);
  });

  it('S16 a condition that asks for the answer of no webhook is refused', () => {
    expect(findings([asks])).toEqual(['unknown-webhook /stages/first/steps/0/branch/0/if']);
    expect(findings([{ ...webhook, steps: [] }])).toEqual(['wait-timeout /stages/first/steps/0']);
  });
});
