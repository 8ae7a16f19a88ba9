// SPEC.md, groups A and L: when timers fire, in which order, and that the time of a run never goes back.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationMs } from '../../workers/engine/durations.ts';
import { factsOf } from '../../workers/engine/facts.ts';
import { step } from '../../workers/engine/step.ts';
import { nextTimer, timersOf } from '../../workers/engine/timers.ts';
import { DAY, errors, HOUR, machineOf, makeDriver, moves, SECOND, send, sends } from './driver.ts';

describe('timers', () => {
  it('A1 a timer since entry is due its delay after entering the stage, whatever the customer does', () => {
    const driver = makeDriver([
      machineOf({ stages: { first: { after: [{ delay: 'P2D', to: 'second' }] }, second: {} } }),
    ]);
    driver.send('Start', 100);
    driver.send('Other', DAY);
    expect(driver.due()).toEqual([{ kind: 'after', index: 0, dueAt: 2 * DAY + 100 }]);
    driver.advance(2 * DAY + 99);
    expect(driver.stage()).toBe('first');
    driver.advance(2 * DAY + 100);
    expect(driver.stage()).toBe('second');
  });

  it('A2 a timer since activity is due its delay after the last event of the customer', () => {
    const first = { after: [{ delay: 'P2D', since: 'activity', to: 'second' }] };
    const driver = makeDriver([machineOf({ stages: { first, second: {} } })]);
    driver.send('Start', 0);
    for (let day = 1; day <= 9; day++) driver.send('Other', day * DAY);
    expect(driver.stage()).toBe('first');
    driver.advance(11 * DAY - 1);
    expect(driver.stage()).toBe('first');
    driver.advance(11 * DAY);
    expect(driver.stage()).toBe('second');
    expect(driver.run().enteredAt).toBe(11 * DAY);
  });

  it('A2 entering the stage counts where it is later than the last event', () => {
    const first = { after: [{ delay: 'P1D', to: 'second' }] };
    const second = { after: [{ delay: 'P2D', since: 'activity', to: 'third' }] };
    const driver = makeDriver([machineOf({ stages: { first, second, third: {} } })]);
    driver.send('Start', 0);
    driver.advance(DAY);
    expect(driver.due()).toEqual([{ kind: 'after', index: 0, dueAt: 3 * DAY }]);
  });

  it('A2 a customer without any event counts from entering the stage', () => {
    const machine = machineOf({ stages: { first: { after: [{ delay: 'P1D', since: 'activity', to: 'first' }] } } });
    const run = {
      id: 'r',
      journey: 'test',
      version: 1,
      key: null,
      stage: 'first',
      startedAt: 5,
      enteredAt: 5,
      sequence: 0,
    };
    expect(nextTimer(machine, run, -Infinity)).toEqual({ kind: 'after', index: 0, dueAt: DAY + 5 });
  });

  it('A3 a step of a timer happens at its due time, however late it is noticed', () => {
    const stages = {
      first: { after: [{ delay: 'P1D', to: 'second' }] },
      second: { steps: [send('second')], after: [{ delay: 'P1D', to: 'third' }] },
      third: {},
    };
    const driver = makeDriver([machineOf({ stages })]);
    driver.send('Start', 0);
    const log = driver.advance(1_000 * DAY);
    expect(log.map(({ kind, at }) => [kind, at])).toEqual([
      ['transition', DAY],
      ['send', DAY],
      ['transition', 2 * DAY],
    ]);
    expect(driver.run().enteredAt).toBe(2 * DAY);
    expect(log[0]).toMatchObject({ cause: { kind: 'timer', delay: 'P1D', since: 'entry', dueAt: DAY } });
  });

  it('A3 the windows of a condition end at the due time', () => {
    const first = { after: [{ delay: 'P5D', if: "count('Other', 'P2D') == 0", to: 'second' }] };
    const driver = makeDriver([machineOf({ stages: { first, second: {} } })]);
    driver.send('Start', 0);
    driver.send('Other', 3 * DAY);
    driver.advance(50 * DAY);
    expect(driver.stage()).toBe('second');
  });

  it('A4 timers fire in order of due time', () => {
    const stages = {
      first: {
        after: [
          { delay: 'P3D', to: 'late' },
          { delay: 'P2D', to: 'early' },
        ],
      },
      early: {},
      late: {},
    };
    const driver = makeDriver([machineOf({ stages })]);
    driver.send('Start', 0);
    driver.advance(10 * DAY);
    expect(moves(driver.log)).toEqual(['- > first', 'first > early']);
  });

  it('A4 at one instant a wait ends before an after', () => {
    const first = { steps: [{ wait: 'P1D' }, send('waited')], after: [{ delay: 'P1D', to: 'second' }] };
    const driver = makeDriver([machineOf({ stages: { first, second: { steps: [send('second')] } } })]);
    driver.send('Start', 0);
    driver.advance(DAY);
    expect(sends(driver.log)).toEqual(['waited', 'second']);
  });

  it('A4 at one instant the timers of a stage go in the order written', () => {
    const first = {
      after: [
        { delay: 'P1D', if: 'false', to: 'a' },
        { delay: 'PT24H', to: 'b' },
        { delay: 'P1D', to: 'c' },
      ],
    };
    const driver = makeDriver([machineOf({ stages: { first, a: {}, b: {}, c: {} } })]);
    driver.send('Start', 0);
    driver.advance(DAY);
    expect(driver.stage()).toBe('b');
  });

  it('A4 at one instant the runs go in the order of their ids', () => {
    const stages = { first: { after: [{ delay: 'P1D', to: 'second' }] }, second: { steps: [send('x')] } };
    const machines = ['b', 'c', 'a'].map((id) => machineOf({ id, stages }));
    const driver = makeDriver(machines);
    driver.send('Start', 0);
    const fired = driver.advance(DAY).flatMap((effect) => (effect.kind === 'transition' ? [effect.run] : []));
    expect(fired).toEqual(['a.1', 'b.2', 'c.3']);
  });

  it('A4 any set of timers fires sorted by due time, then in the order written', () => {
    const delays = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(delays, fc.nat({ max: 6 }), (days, waitDays) => {
        const after = days.map((day) => ({ delay: `P${day}D`, if: 'false', to: 'first' }));
        const first = { steps: [{ wait: `P${waitDays}D` }, send('waited')], after };
        const machine = machineOf({ stages: { first } });
        const fired: number[] = [];
        const driver = makeDriver([machine], {
          onStep: (_, input) => {
            if (input.kind === 'timer') fired.push(input.timer.kind === 'wait' ? -1 : input.timer.index);
          },
        });
        driver.send('Start', 0);
        driver.advance(30 * DAY);
        const expected = [{ day: waitDays, index: -1 }, ...days.map((day, index) => ({ day, index }))]
          .sort((a, b) => a.day - b.day || a.index - b.index)
          .map(({ index }) => index);
        expect(fired).toEqual(expected);
      }),
    );
  });

  it('A5 a timer due at the instant of an event fires before it', () => {
    const stages = {
      first: { on: [{ event: 'Go', to: 'wrong' }], after: [{ delay: 'P1D', to: 'second' }] },
      second: { on: [{ event: 'Go', to: 'right' }] },
      wrong: {},
      right: {},
    };
    const driver = makeDriver([machineOf({ stages })]);
    driver.send('Start', 0);
    driver.send('Go', DAY);
    expect(driver.stage()).toBe('right');
  });

  it('A5 a timer since activity due at the instant of an event fires although the event is activity', () => {
    const first = { after: [{ delay: 'P1D', since: 'activity', to: 'second' }] };
    const driver = makeDriver([machineOf({ stages: { first, second: {} } })]);
    driver.send('Start', 0);
    driver.send('Other', DAY);
    expect(driver.stage()).toBe('second');
  });

  it('A6 a timer whose condition does not hold is spent for this stay in the stage', () => {
    const first = {
      on: [{ event: 'Again', to: 'first' }],
      after: [{ delay: 'P1D', since: 'activity', if: 'traits.ready', to: 'second' }],
    };
    const driver = makeDriver([machineOf({ stages: { first, second: {} } })], { traits: { ready: false } });
    driver.send('Start', 0);
    driver.advance(DAY);
    expect(driver.run().spent).toEqual([0]);
    driver.send('Other', 2 * DAY);
    expect(driver.due()).toEqual([]);
    driver.send('Again', 3 * DAY);
    expect(driver.run()).not.toHaveProperty('spent');
    expect(driver.due()).toHaveLength(1);
  });

  it('A6 a condition that errs spends the timer and is recorded', () => {
    const first = { after: [{ delay: 'P1D', if: 'traits.unknown > 1', to: 'second' }] };
    const driver = makeDriver([machineOf({ stages: { first, second: {} } })]);
    driver.send('Start', 0);
    expect(errors(driver.advance(9 * DAY))).toEqual([
      { pointer: '/stages/first/after/0/if', detail: 'No such key: unknown' },
    ]);
    expect(driver.run().spent).toEqual([0]);
  });

  it('A6 a timer that is spent, or a wait that is over, is no input any more', () => {
    const first = { steps: [send('once'), { wait: 'PT1H' }], after: [{ delay: 'P1D', if: 'false', to: 'second' }] };
    const machine = machineOf({ stages: { first, second: {} } });
    const driver = makeDriver([machine]);
    driver.send('Start', 0);
    driver.advance(9 * DAY);
    const run = driver.run();
    for (const timer of [
      { kind: 'after', index: 0, dueAt: DAY },
      { kind: 'after', index: 7, dueAt: DAY },
      { kind: 'wait', index: 0, dueAt: HOUR },
    ] as const)
      expect(step(machine, run, { kind: 'timer', timer }, factsOf([], {}), 10 * DAY)).toEqual({ run, effects: [] });
  });

  it('A7 a day is 24 hours, a week 7 days', () => {
    expect(durationMs('P1D')).toBe(durationMs('PT24H'));
    expect(durationMs('P1W')).toBe(durationMs('P7D'));
    expect(durationMs('P1W1DT1H1M1.5S')).toBe(8 * DAY + HOUR + 61.5 * SECOND);
    expect(durationMs('PT0S')).toBe(0);
  });

  it.each(['P1M', 'P1Y', 'P1Y2M3D', '-P1D', 'P', 'PT', '', '1 day', 'P1.5D', 'P99999999999999W', 'constructor'])(
    'A7 %s has no fixed length or is no duration, and is refused',
    (written) => expect(durationMs(written)).toBeNull(),
  );

  it('A7 months and years in a journey are findings', () => {
    const journey = {
      id: 'x',
      stages: { first: { steps: [{ wait: 'P1M' }], after: [{ delay: 'P1Y', to: 'first' }] } },
    };
    expect(() => machineOf(journey)).toThrow('/stages/first/after/0/delay');
    expect(() => machineOf(journey)).toThrow('/stages/first/steps/0/wait');
  });

  it('A1 no timer ever fires early', () => {
    const step = fc.record({
      after: fc.integer({ min: 0, max: 3 * DAY }),
      name: fc.constantFrom('Other', 'Again', 'Go'),
    });
    const first = {
      steps: [{ wait: 'PT6H' }, send('x'), { wait: 'P1D' }],
      on: [
        { event: 'Again', to: 'first' },
        { event: 'Go', to: 'second' },
      ],
      after: [
        { delay: 'P2D', since: 'activity', to: 'second' },
        { delay: 'P5D', to: 'third' },
      ],
    };
    const second = {
      on: [{ event: 'Again', to: 'first' }],
      after: [
        { delay: 'PT1S', to: 'first' },
        { delay: 'P1D', if: 'false', to: 'first' },
      ],
    };
    const machine = machineOf({ stages: { first, second, third: { after: [{ delay: 'P7D', to: 'first' }] } } });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let lastActivityAt = -Infinity;
        let firedAt = -Infinity;
        const driver = makeDriver([machine], {
          onStep: (run, input, facts, now) => {
            lastActivityAt = facts.lastActivityAt;
            if (input.kind !== 'timer' || !run) return;
            expect(now).toBe(input.timer.dueAt);
            expect(now).toBeGreaterThanOrEqual(firedAt);
            firedAt = now;
            const delayMs = machine.stages.get(run.stage)?.after[input.timer.index]?.delayMs ?? 0;
            const base = input.timer.kind === 'wait' ? run.enteredAt : run.enteredAt + delayMs;
            expect(now).toBeGreaterThanOrEqual(base);
            expect(timersOf(machine, run, lastActivityAt)).toContainEqual(input.timer);
          },
        });
        let now = 0;
        driver.send('Start', now);
        for (const { after, name } of steps) {
          now += after;
          driver.send(name, now);
        }
      }),
    );
  });
});

describe('late events', () => {
  const first = { on: [{ event: 'Go', to: 'second' }], after: [{ delay: 'P9D', since: 'activity', to: 'third' }] };
  const stages = { first, second: { after: [{ delay: 'P1D', to: 'third' }] }, third: {} };

  it('L1 a late event is applied at the time of the last input, so the time of a run never goes back', () => {
    const driver = makeDriver([machineOf({ stages })]);
    driver.send('Start', 5 * DAY);
    const [moved] = driver.send('Go', 2 * DAY);
    expect(moved?.at).toBe(5 * DAY);
    expect(driver.run()).toMatchObject({ enteredAt: 5 * DAY, startedAt: 5 * DAY });
    expect(driver.due()[0]?.dueAt).toBe(6 * DAY);
  });

  it('L2 a late event stands in the history at its own time', () => {
    const counting = { on: [{ event: 'Check', if: "count('Late', 'P2D') == 1 && count('Late') == 2", to: 'second' }] };
    const driver = makeDriver([machineOf({ stages: { first: counting, second: {} } })]);
    driver.send('Start', 5 * DAY);
    driver.send('Late', 1 * DAY);
    driver.send('Late', 4 * DAY);
    driver.send('Check', 5 * DAY);
    expect(driver.stage()).toBe('second');
  });

  it('L2 a late event does not undo what has happened', () => {
    const driver = makeDriver([machineOf({ stages })]);
    driver.send('Start', 0);
    driver.advance(20 * DAY);
    expect(driver.stage()).toBe('third');
    driver.send('Go', 1 * DAY);
    expect(driver.stage()).toBe('third');
  });

  it('L3 timers due at or before the time of an imported event fire before it', () => {
    const driver = makeDriver([machineOf({ stages })]);
    driver.send('Start', 0);
    const log = driver.send('Go', 9 * DAY);
    expect(moves(log)).toEqual([]);
    expect(moves(driver.log)).toEqual(['- > first', 'first > third']);
    expect(driver.run().enteredAt).toBe(9 * DAY);
  });
});
