// SPEC.md, G and R: goals with their window, and stages that have an order.

import { describe, expect, it } from 'vitest';
import { compileJourney } from '../../workers/engine/compile.ts';
import { DAY, HOUR, machineOf, makeDriver, moves, vocabulary } from './driver.ts';

const goals = (log: readonly { kind: string }[]) => log.filter(({ kind }) => kind === 'goal');
const journey = (goal: object) =>
  machineOf({
    goal: { event: 'Order', ...goal },
    exit: [{ event: 'Gone' }],
    stages: { first: { on: [{ event: 'Order', to: 'second' }] }, second: { on: [{ event: 'Order', to: 'first' }] } },
  });

describe('goals', () => {
  it('G1 the first such event within the window is recorded with the time it took, once a run', () => {
    const driver = makeDriver([journey({ if: 'event.properties.value > 10', within: 'P2D' })]);
    driver.send('Start', 0);
    expect(goals(driver.send('Order', HOUR, { value: 5 }))).toEqual([]);
    expect(goals(driver.send('Order', DAY, { value: 20 }))).toMatchObject([{ event: 'Order', afterMs: DAY }]);
    expect(goals(driver.send('Order', DAY + HOUR, { value: 30 }))).toEqual([]);
  });

  it('G1 at the end of the window it still counts, after it no more', () => {
    for (const [at, count] of [
      [2 * DAY, 1],
      [2 * DAY + 1, 0],
    ] as const) {
      const driver = makeDriver([journey({ within: 'P2D' })]);
      driver.send('Start', 0);
      expect(goals(driver.send('Order', at))).toHaveLength(count);
    }
  });

  it('G2 transitions hear the event as well; with ends the goal ends the run instead', () => {
    const goesOn = makeDriver([journey({})]);
    goesOn.send('Start', 0);
    expect(moves(goesOn.send('Order', HOUR))).toEqual(['first > second']);
    const ends = makeDriver([journey({ ends: true })]);
    ends.send('Start', 0);
    const log = ends.send('Order', HOUR);
    expect(goals(log)).toHaveLength(1);
    expect(moves(log)).toEqual(['first > -']);
    expect(ends.run().endedAt).toBe(HOUR);
  });

  it('G3 the event that starts a run does not reach its goal', () => {
    const driver = makeDriver([
      machineOf({ entry: [{ event: 'Order' }], goal: { event: 'Order' }, stages: { first: {} } }),
    ]);
    expect(goals(driver.send('Order', 0))).toEqual([]);
    expect(goals(driver.send('Order', HOUR))).toHaveLength(1);
  });
});

describe('an order of stages', () => {
  const ordered = (back: object = {}, more: object = {}) =>
    compileJourney(
      {
        id: 'test',
        entry: [{ event: 'Start' }],
        order: ['low', 'high'],
        regress: 'refuse',
        initial: 'low',
        stages: {
          low: { on: [{ event: 'Up', to: 'high' }] },
          high: { on: [{ event: 'Down', to: 'low', ...back }], ...more },
        },
      },
      1,
      vocabulary(),
    );

  it('R1 a way back is refused at publish, unless it says back', () => {
    const refused = ordered();
    expect(refused.ok ? [] : refused.findings).toMatchObject([{ code: 'regress', pointer: '/stages/high/on/0/to' }]);
    expect(ordered({ back: true }).ok).toBe(true);
    const timer = ordered({ back: true }, { after: [{ delay: 'P1D', to: 'low' }] });
    expect(timer.ok ? [] : timer.findings).toMatchObject([{ code: 'regress', pointer: '/stages/high/after/0/to' }]);
    const step = ordered({ back: true }, { steps: [{ wait: 'P1D' }, { goto: 'low' }] });
    expect(step.ok ? [] : step.findings).toMatchObject([{ code: 'regress', pointer: '/stages/high/steps/1/goto' }]);
  });

  it('R2 the order is the one a merge goes by; stages it does not name stand behind', () => {
    const compiled = ordered({ back: true });
    if (!compiled.ok) throw new Error('it has to compile');
    const places = (machine: typeof compiled.machine) =>
      [...machine.stages.values()].sort((a, b) => a.index - b.index).map(({ name }) => name);
    expect(places(compiled.machine)).toEqual(['low', 'high']);
    const mixed = machineOf({
      order: ['b', 'a'],
      initial: 'first',
      stages: { first: {}, a: {}, b: {} },
    });
    expect(places(mixed)).toEqual(['b', 'a', 'first']);
  });
});
