// SPEC.md, groups T and V: which transition an event takes, what leaving and entering a stage do, which version counts.

import { describe, expect, it } from 'vitest';
import { compileJourney } from '../../workers/engine/compile.ts';
import { factsOf } from '../../workers/engine/facts.ts';
import { listens, step } from '../../workers/engine/step.ts';
import { DAY, eventOf, HOUR, machineOf, makeDriver, moves, send, sends, vocabulary } from './driver.ts';

describe('transitions', () => {
  it('T1 the first transition of that name whose condition holds is taken, in the order written', () => {
    const on = [
      { event: 'Go', if: 'event.properties.n > 2', to: 'big' },
      { event: 'Go', if: 'event.properties.n > 1', to: 'middle' },
      { event: 'Go', to: 'small' },
    ];
    const stages = { first: { on }, big: {}, middle: {}, small: {} };
    for (const [n, stage] of [
      [3, 'big'],
      [2, 'middle'],
      [1, 'small'],
    ] as const) {
      const driver = makeDriver([machineOf({ stages })]);
      driver.send('Start', 0);
      driver.send('Go', 1, { n });
      expect(driver.stage()).toBe(stage);
    }
  });

  it('T1 one event takes at most one transition', () => {
    const chain = (to: string) => ({ on: [{ event: 'Go', to }] });
    const driver = makeDriver([machineOf({ stages: { first: chain('b'), b: chain('c'), c: {} } })]);
    driver.send('Start', 0);
    expect(moves(driver.send('Go', 1))).toEqual(['first > b']);
    expect(moves(driver.send('Go', 2))).toEqual(['b > c']);
  });

  it('T1 an event of another name is not offered', () => {
    const driver = makeDriver([machineOf({ stages: { first: { on: [{ event: 'Go', to: 'second' }] }, second: {} } })]);
    driver.send('Start', 0);
    const before = driver.run();
    expect(driver.send('go', 1)).toEqual([]);
    expect(driver.run()).toBe(before);
  });

  it('T2 leaving a stage cancels its waits, its timers and the rest of its steps', () => {
    const first = {
      steps: [send('one'), { wait: 'PT1H' }, send('two'), { wait: 'PT1H' }, send('three')],
      on: [{ event: 'Go', to: 'second' }],
      after: [{ delay: 'P1D', to: 'third' }],
    };
    const driver = makeDriver([
      machineOf({ stages: { first, second: { after: [{ delay: 'P9D', to: 'third' }] }, third: {} } }),
    ]);
    driver.send('Start', 0);
    driver.advance(HOUR);
    expect(driver.run().wakeAt).toBe(2 * HOUR);
    driver.send('Go', HOUR + 1);
    expect(driver.run()).toMatchObject({ stage: 'second', enteredAt: HOUR + 1 });
    expect(driver.run()).not.toHaveProperty('wakeAt');
    expect(driver.run()).not.toHaveProperty('at');
    expect(driver.due()).toEqual([{ kind: 'after', index: 0, dueAt: HOUR + 1 + 9 * DAY }]);
    driver.advance(8 * DAY);
    expect(sends(driver.log)).toEqual(['one', 'two']);
  });

  it('T2 entering a stage begins its steps and starts its timers now', () => {
    const second = { steps: [send('welcome'), { wait: 'PT2H' }], after: [{ delay: 'P1D', to: 'first' }] };
    const driver = makeDriver([machineOf({ stages: { first: { on: [{ event: 'Go', to: 'second' }] }, second } })]);
    driver.send('Start', 0);
    const log = driver.send('Go', 500);
    expect(log.map((effect) => effect.kind)).toEqual(['transition', 'send']);
    expect(driver.due().map((timer) => timer.dueAt)).toEqual([500 + 2 * HOUR, 500 + DAY]);
  });

  it('T3 a transition to the current stage enters it again', () => {
    const first = {
      steps: [send('hello')],
      on: [{ event: 'Again', to: 'first' }],
      after: [{ delay: 'P1D', to: 'second' }],
    };
    const driver = makeDriver([machineOf({ stages: { first, second: {} } })]);
    driver.send('Start', 0);
    expect(moves(driver.send('Again', 900))).toEqual(['first > first']);
    expect(driver.run()).toMatchObject({ stage: 'first', enteredAt: 900, startedAt: 0 });
    expect(sends(driver.log)).toEqual(['hello', 'hello']);
    driver.advance(DAY);
    expect(driver.stage()).toBe('first');
    driver.advance(DAY + 900);
    expect(driver.stage()).toBe('second');
  });

  it('T4 an event no transition takes changes nothing in the run', () => {
    const first = { steps: [{ wait: 'P1D' }], on: [{ event: 'Go', if: 'event.properties.n > 1', to: 'second' }] };
    const driver = makeDriver([machineOf({ stages: { first, second: {} } })]);
    driver.send('Start', 0);
    const before = driver.run();
    for (const [name, n] of [
      ['Go', 1],
      ['Other', 5],
    ] as const)
      expect(driver.send(name, 10, { n })).toEqual([]);
    expect(driver.run()).toBe(before);
  });

  it('T4 it moves the timers since activity, and no others', () => {
    const first = {
      after: [
        { delay: 'P3D', since: 'entry', to: 'entry' },
        { delay: 'P3D', since: 'activity', to: 'activity' },
      ],
    };
    const driver = makeDriver([machineOf({ stages: { first, entry: {}, activity: {} } })]);
    driver.send('Start', 0);
    driver.send('Other', DAY);
    expect(driver.due()).toEqual([
      { kind: 'after', index: 0, dueAt: 3 * DAY },
      { kind: 'after', index: 1, dueAt: 4 * DAY },
    ]);
  });

  const words = vocabulary({
    events: { 'Order Completed': { aliases: ['purchase'], properties: { total: { type: 'number' } } } },
  });

  it.each(['Order Completed', 'purchase'])('T5 a journey that says %s hears the event and its alias', (written) => {
    const first = { on: [{ event: written, if: 'event.properties.total > 5', to: 'second' }] };
    const machine = machineOf(
      {
        entry: [{ event: written }],
        exit: [{ event: written, if: 'event.properties.total > 100' }],
        stages: { first, second: {} },
      },
      1,
      words,
    );
    for (const name of ['Order Completed', 'purchase']) {
      const driver = makeDriver([machine], { vocabulary: words });
      driver.send(name, 0, { total: 1 });
      expect(driver.stage()).toBe('first');
      expect(moves(driver.send(name, 1, { total: 10 }))).toEqual(['first > second']);
      expect(moves(driver.send(name, 2, { total: 1000 }))).toEqual(['second > -']);
    }
  });

  it('T5 the history functions take an alias for its event', () => {
    const first = {
      on: [{ event: 'Go', if: "count('purchase') == 2 && sum('purchase', 'total') == 30.0", to: 'second' }],
    };
    const driver = makeDriver([machineOf({ stages: { first, second: {} } }, 1, words)], { vocabulary: words });
    driver.send('Start', 0);
    driver.send('purchase', 1, { total: 10 });
    driver.send('Go', 2);
    expect(driver.stage()).toBe('first');
    driver.send('Order Completed', 3, { total: 20 });
    driver.send('Go', 4);
    expect(driver.stage()).toBe('second');
  });

  it('T6 an event nobody declared is kept in the history and changes no run', () => {
    const first = { on: [{ event: 'Go', if: "count('Strange Thing') == 1", to: 'second' }] };
    const driver = makeDriver([machineOf({ stages: { first, second: {} } }, 1, words)], { vocabulary: words });
    driver.send('Start', 0);
    const before = driver.run();
    expect(driver.send('Strange Thing', 1)).toEqual([]);
    expect(driver.run()).toBe(before);
    driver.send('Go', 2);
    expect(driver.stage()).toBe('second');
  });

  it('T6 names that objects inherit are names like any other', () => {
    const machine = machineOf({ stages: { first: {} } }, 1, words);
    const driver = makeDriver([machine], { vocabulary: words });
    driver.send('Start', 0);
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      expect(driver.send(name, 1)).toEqual([]);
      expect(listens(machine, driver.run(), name)).toBe(false);
      expect(words.resolve(name)).toBe(name);
    }
  });
});

describe('versions', () => {
  it('V1 a run goes on with the version it began with', () => {
    const one = machineOf({ stages: { first: { on: [{ event: 'Go', to: 'old' }] }, old: {} } }, 1);
    const two = machineOf({ stages: { first: { on: [{ event: 'Go', to: 'new' }] }, new: {} } }, 2);
    const started = step(one, null, { kind: 'start', id: 'r', key: null, event: eventOf('Start') }, factsOf([], {}), 0);
    expect(started.run).toMatchObject({ version: 1 });
    const moved = step(one, started.run, { kind: 'event', event: eventOf('Go') }, factsOf([], {}), 1);
    expect(moved.run).toMatchObject({ version: 1, stage: 'old' });
    const fresh = step(two, null, { kind: 'start', id: 'r', key: null, event: eventOf('Start') }, factsOf([], {}), 0);
    expect(fresh.run).toMatchObject({ version: 2 });
  });

  it('V2 targets that do not exist are refused, wherever they stand', () => {
    const compiled = compileJourney(
      {
        id: 'test',
        entry: [{ event: 'Start' }],
        initial: 'nowhere',
        stages: { first: { on: [{ event: 'Go', to: 'x' }], after: [{ delay: 'P1D', to: 'y' }] } },
      },
      1,
      vocabulary(),
    );
    expect(compiled).toMatchObject({
      ok: false,
      findings: [
        { code: 'unknown-stage', pointer: '/initial' },
        { code: 'unknown-stage', pointer: '/stages/first/on/0/to' },
        { code: 'unknown-stage', pointer: '/stages/first/after/0/to' },
      ],
    });
  });

  it('V2 a run in a stage its version does not have is a broken invariant, not a guess', () => {
    const machine = machineOf({ exit: [{ event: 'Go' }], stages: { first: {} } });
    const run = {
      id: 'r',
      journey: 'test',
      version: 1,
      key: null,
      stage: 'gone',
      startedAt: 0,
      enteredAt: 0,
      sequence: 0,
    };
    const timer = { kind: 'after', index: 0, dueAt: 1 } as const;
    expect(() => step(machine, run, { kind: 'timer', timer }, factsOf([], {}), 1)).toThrow('has no stage gone');
  });
});
