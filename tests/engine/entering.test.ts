// SPEC.md, group E: how a run begins and how it ends.

import { describe, expect, it } from 'vitest';
import { factsOf } from '../../workers/engine/facts.ts';
import { step } from '../../workers/engine/step.ts';
import { DAY, eventOf, machineOf, makeDriver, moves, send, sends } from './driver.ts';

const stages = { first: { on: [{ event: 'Go', to: 'second' }] }, second: {} };

describe('entering and ending', () => {
  it('E1 an event of entry starts a run', () => {
    const driver = makeDriver([machineOf({ stages })]);
    driver.send('Other', 1);
    expect(driver.stage()).toBeNull();
    driver.send('Start', 2);
    expect(driver.stage()).toBe('first');
  });

  it('E1 an entry whose condition does not hold starts nothing, any one that holds does', () => {
    const entry = [
      { event: 'Start', if: 'event.properties.price > 10' },
      { event: 'Start', if: "event.properties.kind == 'gift'" },
    ];
    const driver = makeDriver([machineOf({ entry, stages })]);
    driver.send('Start', 1, { price: 5, kind: 'own' });
    expect(driver.stage()).toBeNull();
    driver.send('Start', 2, { price: 5, kind: 'gift' });
    expect(driver.stage()).toBe('first');
  });

  it('E1 a customer with a run, live or over, is not entered again', () => {
    const machine = machineOf({ stages: { first: { on: [{ event: 'Go', to: 'over' }] }, over: { final: true } } });
    const driver = makeDriver([machine]);
    driver.send('Start', 1);
    const live = driver.run();
    driver.send('Start', 2);
    expect(driver.run()).toBe(live);
    driver.send('Go', 3);
    const over = driver.run();
    driver.send('Start', 4);
    expect(driver.run()).toBe(over);
    const again = step(
      machine,
      over,
      { kind: 'start', id: 'x', key: null, event: eventOf('Start') },
      factsOf([], {}),
      5,
    );
    expect(again).toEqual({ run: over, effects: [] });
  });

  it('E2 a run starts in initial, now, and the start is a transition from nothing', () => {
    const driver = makeDriver([machineOf({ stages }, 7)]);
    const [start, ...rest] = driver.send('Start', 5 * DAY);
    expect(driver.run()).toEqual({
      id: 'test.1',
      journey: 'test',
      version: 7,
      key: null,
      stage: 'first',
      startedAt: 5 * DAY,
      enteredAt: 5 * DAY,
      sequence: 0,
    });
    expect(start).toMatchObject({
      kind: 'transition',
      run: 'test.1',
      from: null,
      to: 'first',
      cause: { event: 'Start' },
    });
    expect(rest).toEqual([]);
  });

  it('E3 the event that starts a run is offered to its initial stage', () => {
    const first = { on: [{ event: 'Start', if: 'event.properties.hot', to: 'second' }] };
    const driver = makeDriver([machineOf({ stages: { first, second: {} } })]);
    expect(moves(driver.send('Start', 1, { hot: true }))).toEqual(['- > first', 'first > second']);
    const cold = makeDriver([machineOf({ stages: { first, second: {} } })]);
    expect(moves(cold.send('Start', 1, { hot: false }))).toEqual(['- > first']);
  });

  it('E3 the offer comes after the steps of the initial stage have begun', () => {
    const first = {
      steps: [send('hello'), { set: 'seen', value: 'true' }],
      on: [{ event: 'Start', if: 'traits.seen', to: 'second' }],
    };
    const driver = makeDriver([machineOf({ stages: { first, second: { steps: [send('second')] } } })]);
    const log = driver.send('Start', 1);
    expect(sends(log)).toEqual(['hello', 'second']);
    expect(driver.stage()).toBe('second');
  });

  it('E3 a journey whose initial stage is final is over at once and is offered nothing', () => {
    const driver = makeDriver([machineOf({ exit: [{ event: 'Start' }], stages: { first: { final: true } } })]);
    expect(moves(driver.send('Start', 1))).toEqual(['- > first']);
    expect(driver.run().endedAt).toBe(1);
  });

  it('E4 an event of exit ends the run, in the middle of a wait too', () => {
    const first = { steps: [{ wait: 'P1D' }, send('late')], after: [{ delay: 'P2D', to: 'second' }] };
    const driver = makeDriver([machineOf({ exit: [{ event: 'Stop' }], stages: { first, second: {} } })]);
    driver.send('Start', 0);
    expect(moves(driver.send('Stop', 5))).toEqual(['first > -']);
    expect(driver.run()).toMatchObject({ stage: 'first', endedAt: 5, enteredAt: 0 });
    expect(driver.due()).toEqual([]);
    expect(driver.advance(100 * DAY)).toEqual([]);
  });

  it('E4 exits are asked before transitions', () => {
    const first = { on: [{ event: 'Stop', to: 'second' }] };
    const driver = makeDriver([machineOf({ exit: [{ event: 'Stop' }], stages: { first, second: {} } })]);
    driver.send('Start', 0);
    expect(moves(driver.send('Stop', 1))).toEqual(['first > -']);
  });

  it('E4 an exit whose condition does not hold ends nothing', () => {
    const exit = [{ event: 'Stop', if: 'event.properties.sure' }];
    const first = { on: [{ event: 'Stop', to: 'second' }] };
    const driver = makeDriver([machineOf({ exit, stages: { first, second: {} } })]);
    driver.send('Start', 0);
    expect(moves(driver.send('Stop', 1, { sure: false }))).toEqual(['first > second']);
    expect(moves(driver.send('Stop', 2, { sure: true }))).toEqual(['second > -']);
  });

  it('E5 entering a final stage ends the run', () => {
    const machine = machineOf({ stages: { first: { on: [{ event: 'Go', to: 'over' }] }, over: { final: true } } });
    const driver = makeDriver([machine]);
    driver.send('Start', 1);
    expect(moves(driver.send('Go', 2))).toEqual(['first > over']);
    expect(driver.run()).toMatchObject({ stage: 'over', enteredAt: 2, endedAt: 2 });
  });

  it('E5 an ended run takes no input and has no timers', () => {
    const machine = machineOf({
      exit: [{ event: 'Stop' }],
      stages: { first: { on: [{ event: 'Go', to: 'second' }], after: [{ delay: 'P1D', to: 'second' }] }, second: {} },
    });
    const driver = makeDriver([machine]);
    driver.send('Start', 1);
    driver.send('Stop', 2);
    const over = driver.run();
    for (const name of ['Go', 'Stop', 'Start']) expect(driver.send(name, 3)).toEqual([]);
    const timer = { kind: 'after', index: 0, dueAt: DAY + 1 } as const;
    expect(step(machine, over, { kind: 'timer', timer }, factsOf([], {}), DAY + 1)).toEqual({ run: over, effects: [] });
    expect(driver.run()).toBe(over);
    expect(driver.due()).toEqual([]);
  });
});
