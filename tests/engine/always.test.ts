// SPEC.md, T7 and T8: transitions without an event, and how far one input may lead.

import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { compileJourney } from '../../workers/engine/compile.ts';
import { DAY, errors, machineOf, makeDriver, moves, send, sends, vocabulary } from './driver.ts';

const words = vocabulary({ traits: { score: { type: 'number' }, tier: { type: 'string' } } });
const always = (condition: string, to = 'second') => [{ if: condition, to }];

describe('always', () => {
  it('T7 is taken on entering, after the steps of the stage have begun', () => {
    const first = { steps: [{ set: 'score', value: '5' }, send('a')], always: always('traits.score == 5') };
    const driver = makeDriver([machineOf({ stages: { first, second: {} } }, 1, words)]);
    const log = driver.send('Start', 7);
    expect(moves(log)).toEqual(['- > first', 'first > second']);
    expect(sends(log)).toEqual(['a']);
    expect(log.at(-1)).toMatchObject({ cause: { kind: 'always', condition: 'traits.score == 5' } });
    expect(driver.run().enteredAt).toBe(7);
  });

  it('T7 is taken when the traits change, by an identify or by another journey', () => {
    const waits = machineOf({ stages: { first: { always: always('traits.score > 3') }, second: {} } }, 1, words);
    const sets = machineOf(
      { id: 'sets', entry: [{ event: 'Go' }], stages: { first: { steps: [{ set: 'score', value: '4' }] } } },
      1,
      words,
    );
    for (const change of ['identify', 'journey']) {
      const driver = makeDriver([waits, sets]);
      driver.send('Start', 0);
      driver.learn({ score: 3 }, 1);
      expect(driver.stage('test')).toBe('first');
      const log = change === 'identify' ? driver.learn({ score: 4 }, 2) : driver.send('Go', 2);
      expect([driver.stage('test'), moves(log).at(-1)]).toEqual(['second', 'first > second']);
    }
  });

  it('T7 is taken after an event whose history it asks about, though nothing else listens for that event', () => {
    const driver = makeDriver([
      machineOf({ stages: { first: { always: always("count('Order') >= 2") }, second: {} } }, 1, words),
    ]);
    driver.send('Start', 0);
    driver.send('Order', 1);
    expect(driver.stage()).toBe('first');
    driver.send('Order', 2);
    expect(driver.stage()).toBe('second');
  });

  it('T7 asks in the order written, and leads on through stages that hold at once', () => {
    const stages = {
      first: { always: [...always('false', 'last'), ...always('traits.score == null'), ...always('true', 'last')] },
      second: { always: always('true', 'third') },
      third: { steps: [send('here')] },
      last: {},
    };
    const driver = makeDriver([machineOf({ stages }, 1, words)]);
    expect(moves(driver.send('Start', 0))).toEqual(['- > first', 'first > second', 'second > third']);
    expect(sends(driver.log)).toEqual(['here']);
  });

  it.each([
    ["count('Order', 'P7D') > 0", 'time-alone'],
    ["sum('Order', 'total', 'P7D') > 0.0", 'time-alone'],
    ["daysSince('Order') > 3", 'time-alone'],
    ["event.name == 'Order'", 'no-event'],
  ])('T7 what changes with time alone or asks for an event is refused: %s', (condition, code) => {
    const compiled = compileJourney(
      {
        id: 'test',
        entry: [{ event: 'Start' }],
        initial: 'first',
        stages: { first: { always: always(condition) }, second: {} },
      },
      1,
      words,
    );
    expect(compiled.ok ? [] : compiled.findings).toMatchObject([{ code, pointer: '/stages/first/always/0/if' }]);
  });

  it('T8 a circle of always or goto ends at stagesPerInputMax, where it stands, and the fault is recorded', () => {
    const circles = [
      { first: { always: always('true') }, second: { always: always('true', 'first') } },
      { first: { steps: [{ goto: 'second' }] }, second: { steps: [{ goto: 'first' }] } },
    ];
    for (const stages of circles) {
      const driver = makeDriver([machineOf({ stages }, 1, words)]);
      const log = driver.send('Start', 0);
      expect(moves(log)).toHaveLength(LIMITS.stagesPerInputMax);
      expect(errors(log)).toEqual([
        { pointer: '/stages/second', detail: `more than ${LIMITS.stagesPerInputMax} stages for one input` },
      ]);
      expect(driver.stage()).toBe('second');
      expect(driver.advance(DAY)).toEqual([]);
    }
  });

  it('T8 a chain of exactly stagesPerInputMax is gone to its end', () => {
    const chain = Array.from({ length: LIMITS.stagesPerInputMax }, (_, index) => [
      index === 0 ? 'first' : `s${index}`,
      index === LIMITS.stagesPerInputMax - 1 ? {} : { always: always('true', `s${index + 1}`) },
    ]);
    const driver = makeDriver([machineOf({ stages: Object.fromEntries(chain) }, 1, words)]);
    const log = driver.send('Start', 0);
    expect(errors(log)).toEqual([]);
    expect(driver.stage()).toBe(`s${LIMITS.stagesPerInputMax - 1}`);
  });
});
