// SPEC.md, group S: the program of a stage.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { factsOf } from '../../workers/engine/facts.ts';
import type { Instruction, Machine } from '../../workers/engine/machine.ts';
import { step } from '../../workers/engine/step.ts';
import { DAY, errors, eventOf, HOUR, machineOf, makeDriver, send, sends, vocabulary } from './driver.ts';

const withSteps = (steps: object[], words = vocabulary()) => machineOf({ stages: { first: { steps } } }, 1, words);

describe('steps', () => {
  it('S1 steps run in order from entering the stage until one waits', () => {
    const driver = makeDriver([withSteps([send('a'), send('b'), { wait: 'PT1H' }, send('c')])]);
    expect(sends(driver.send('Start', 0))).toEqual(['a', 'b']);
    expect(sends(driver.advance(HOUR))).toEqual(['c']);
    expect(driver.run()).not.toHaveProperty('at');
    expect(driver.advance(9 * DAY)).toEqual([]);
  });

  it('S2 a wait counts from the instant it is reached', () => {
    const driver = makeDriver([withSteps([{ wait: 'PT1H' }, send('a'), { wait: 'PT2H' }, send('b')])]);
    driver.send('Start', 100);
    expect(driver.run().wakeAt).toBe(100 + HOUR);
    const log = driver.advance(DAY);
    expect(log.map(({ at }) => at)).toEqual([100 + HOUR, 100 + 3 * HOUR]);
  });

  it('S2 a wait of no time is over at once, as a timer', () => {
    const driver = makeDriver([withSteps([send('a'), { wait: 'PT0S' }, send('b')])]);
    expect(sends(driver.send('Start', 5))).toEqual(['a']);
    expect(driver.due()).toEqual([{ kind: 'wait', index: 0, dueAt: 5 }]);
    expect(sends(driver.advance(5))).toEqual(['b']);
  });

  const branching = [
    {
      branch: [
        { if: 'traits.n == 1', steps: [send('one')] },
        { if: 'traits.n < 3', steps: [send('two'), { wait: 'PT1H' }, send('two-later')] },
      ],
      else: [send('else')],
    },
    send('after'),
  ];

  it.each([
    [1, ['one', 'after']],
    [2, ['two', 'two-later', 'after']],
    [3, ['else', 'after']],
  ])('S3 a branch runs the first arm that holds, else the else, then goes on after it (n = %i)', (n, expected) => {
    const driver = makeDriver([withSteps(branching)], { traits: { n } });
    driver.send('Start', 0);
    driver.advance(DAY);
    expect(sends(driver.log)).toEqual(expected);
  });

  it('S3 a branch without else and without an arm that holds does nothing; an arm that errs does not hold', () => {
    const driver = makeDriver([withSteps([{ branch: [{ if: 'traits.n > 1', steps: [send('x')] }] }, send('after')])]);
    const log = driver.send('Start', 0);
    expect(sends(log)).toEqual(['after']);
    expect(errors(log)).toEqual([{ pointer: '/stages/first/steps/0/branch/0/if', detail: 'No such key: n' }]);
  });

  it('S3 branches in branches come out where a reader expects', () => {
    const inner = (name: string) => ({
      branch: [{ if: 'traits.b', steps: [send(`${name}-b`)] }],
      else: [send(`${name}-not-b`)],
    });
    const steps = [
      { branch: [{ if: 'traits.a', steps: [inner('a'), send('end-a')] }], else: [inner('not-a')] },
      send('end'),
    ];
    const walked = (a: boolean, b: boolean) =>
      sends(makeDriver([withSteps(steps)], { traits: { a, b } }).send('Start', 0));
    expect(walked(true, true)).toEqual(['a-b', 'end-a', 'end']);
    expect(walked(true, false)).toEqual(['a-not-b', 'end-a', 'end']);
    expect(walked(false, true)).toEqual(['not-a-b', 'end']);
    expect(walked(false, false)).toEqual(['not-a-not-b', 'end']);
  });

  it('S3 any program of sends and branches runs as an interpreter of the document does', () => {
    type Node = { send: string } | { branch: { if: string; steps: Node[] }[]; else?: Node[] };
    const { program } = fc.letrec<{ program: Node[]; node: Node }>((tie) => ({
      program: fc.array(tie('node'), { maxLength: 4, depthIdentifier: 'steps' }),
      node: fc.oneof(
        { depthIdentifier: 'steps', maxDepth: 4, withCrossShrink: true },
        fc.integer({ min: 0, max: 99 }).map((n) => send(`m${n}`)),
        fc.record(
          {
            branch: fc.array(
              fc.record({
                if: fc.constantFrom('traits.a', 'traits.b', 'traits.a && traits.b', 'traits.gone'),
                steps: tie('program'),
              }),
              { minLength: 1, maxLength: 3 },
            ),
            else: tie('program'),
          },
          { requiredKeys: ['branch'] },
        ),
      ),
    }));
    const interpret = (nodes: Node[], traits: { a: boolean; b: boolean }): string[] =>
      nodes.flatMap((node) => {
        if ('send' in node) return [node.send];
        const holds = { 'traits.a': traits.a, 'traits.b': traits.b, 'traits.a && traits.b': traits.a && traits.b };
        const arm = node.branch.find((each) =>
          Object.entries(holds).some(([name, value]) => name === each.if && value),
        );
        return interpret(arm ? arm.steps : (node.else ?? []), traits);
      });
    fc.assert(
      fc.property(program, fc.record({ a: fc.boolean(), b: fc.boolean() }), (nodes, traits) => {
        const log = makeDriver([withSteps(nodes)], { traits }).send('Start', 0);
        expect(sends(log)).toEqual(interpret(nodes, traits));
      }),
    );
  });

  it('S4 set gives a trait the value of its expression, and conditions that follow see it', () => {
    const steps = [
      { set: 'tier', value: "traits.points > 100 ? 'gold' : 'silver'" },
      { branch: [{ if: "traits.tier == 'gold'", steps: [send('gold')] }] },
      { set: 'copy', value: '{"tier": [traits.tier], "gone": []}' },
    ];
    const driver = makeDriver([withSteps(steps)], { traits: { points: 150 } });
    const log = driver.send('Start', 0);
    expect(log).toContainEqual({ kind: 'set', journey: 'test', trait: 'tier', value: 'gold', at: 0 });
    expect(sends(log)).toEqual(['gold']);
    expect(driver.traits()).toEqual({ points: 150, tier: 'gold', copy: { tier: ['gold'], gone: [] } });
  });

  it.each([
    ['traits.gone', 'No such key: gone'],
    ['1.0 / 0.0', 'The number is too large for a double.'],
    ['traits.long + traits.long', 'Longer than 16384 characters.'],
    ['traits.list + traits.list', 'More than 1000 elements in one array.'],
    ['[[[[traits.deep]]]]', 'Nested more than 32 levels deep.'],
    ['{"__proto__": 1}.size() == 0 ? traits.poisoned : 0', 'The member name __proto__ is refused. Rename it.'],
  ])('S4 an expression that errs, or whose value is no JSON we take, sets nothing: %s', (value, detail) => {
    let deep: unknown = 1;
    for (let i = 0; i < 30; i++) deep = [deep];
    const traits = {
      long: 'x'.repeat(10_000),
      list: Array(600).fill(0),
      deep,
      poisoned: JSON.parse('{"__proto__": 1}'),
    };
    const driver = makeDriver([withSteps([{ set: 'x', value }, send('after')])], {
      traits: JSON.parse(JSON.stringify(traits)),
    });
    const log = driver.send('Start', 0);
    expect(errors(log)).toEqual([{ pointer: '/stages/first/steps/0/value', detail }]);
    expect(driver.traits()).not.toHaveProperty('x');
    expect(sends(log)).toEqual(['after']);
  });

  it('S4 a trait that doubles itself in every step stays bounded', () => {
    const steps = Array.from({ length: 400 }, () => ({ set: 'x', value: 'traits.x + traits.x' }));
    for (const x of ['abc', [1, 2, 3]]) {
      const driver = makeDriver([withSteps(steps)], { traits: { x } });
      const log = driver.send('Start', 0);
      expect(errors(log).length).toBeGreaterThan(380);
      expect(JSON.stringify(driver.traits()).length).toBeLessThan(20_000);
    }
  });

  it('S5 a send carries the key run/sequence, counted over the whole run', () => {
    const first = { steps: [send('a'), send('b')], on: [{ event: 'Again', to: 'first' }] };
    const driver = makeDriver([machineOf({ stages: { first } })]);
    driver.send('Start', 0);
    driver.send('Again', 1);
    const keys = driver.log.flatMap((effect) => (effect.kind === 'send' ? [effect.key] : []));
    expect(keys).toEqual(['test.1/1', 'test.1/2', 'test.1/3', 'test.1/4']);
    expect(driver.log).toContainEqual({
      kind: 'send',
      key: 'test.1/1',
      journey: 'test',
      run: 'test.1',
      by: 'm1',
      ...{ message: 'a', channel: 'email', purpose: 'service' },
      at: 0,
    });
  });

  it('S5 replaying gives the same keys', () => {
    const machine = machineOf({
      stages: { first: { steps: [send('a'), { wait: 'P1D' }, send('b')], on: [{ event: 'Again', to: 'first' }] } },
    });
    const play = () => {
      const driver = makeDriver([machine], { throughJson: true });
      driver.send('Start', 0);
      driver.send('Again', 2 * DAY);
      driver.advance(9 * DAY);
      return driver.log.flatMap((effect) => (effect.kind === 'send' ? [[effect.key, effect.message]] : []));
    };
    expect(play()).toEqual(play());
    expect(new Set(play().map(([key]) => key)).size).toBe(4);
  });

  it('S6 leaving the stage cancels what has not been done, and leaves no trace of it in the run', () => {
    const wait = { steps: [send('a'), { wait: 'P1D' }, send('b')], on: [{ event: 'Go', to: 'second' }] };
    const machine = machineOf({ exit: [{ event: 'Stop' }], stages: { first: wait, second: wait } });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('Go', 'Other', 'Stop'), fc.nat({ max: 2 * DAY })), { maxLength: 12 }),
        (events) => {
          let now = 0;
          const driver = makeDriver([machine]);
          driver.send('Start', now);
          for (const [name, after] of events) {
            const before = driver.run();
            now += after;
            const log = driver.send(name, now);
            const run = driver.run();
            const moved = log.some((effect) => effect.kind === 'transition');
            if (moved && run.endedAt === undefined) expect([run.at, run.wakeAt]).toEqual([2, run.enteredAt + DAY]);
            if (run.endedAt !== undefined) expect([run.at, run.wakeAt]).toEqual([undefined, undefined]);
            if (before.endedAt !== undefined) expect(run).toBe(before);
          }
        },
      ),
    );
  });

  /** A journey cannot say this; a program that is too long, or goes round, must still stop. */
  function withProgram(program: Instruction[]): Machine {
    const machine = machineOf({ stages: { first: {} } });
    const stage = machine.stages.get('first');
    if (!stage) throw new Error('no stage');
    return { ...machine, stages: new Map([['first', { ...stage, program }]]) };
  }
  const sending: Instruction = { op: 'send', message: 'x', channel: 'email', purpose: 'service' };
  const started = (machine: Machine) =>
    step(machine, null, { kind: 'start', id: 'r', key: null, event: eventOf('Start') }, factsOf([], {}), 0);

  it.each([-1, 0])('S7 a program of instructionsPerInputMax %i runs to its end', (more) => {
    const length = LIMITS.instructionsPerInputMax + more;
    const { run, effects } = started(withProgram(Array<Instruction>(length).fill(sending)));
    expect(run?.sequence).toBe(length);
    expect(errors(effects)).toEqual([]);
  });

  it('S7 past instructionsPerInputMax the program stops there and the fault is recorded', () => {
    const { run, effects } = started(withProgram(Array<Instruction>(LIMITS.instructionsPerInputMax + 1).fill(sending)));
    expect(run?.sequence).toBe(LIMITS.instructionsPerInputMax);
    expect(errors(effects)).toEqual([{ pointer: '/stages/first/steps', detail: 'more than 1000 steps for one input' }]);
    expect(run).not.toHaveProperty('wakeAt');
  });

  it('S7 a program that goes round stops too', () => {
    const { effects } = started(withProgram([sending, { op: 'jump', to: 0 }]));
    expect(effects.filter((effect) => effect.kind === 'send')).toHaveLength(LIMITS.instructionsPerInputMax / 2);
    expect(errors(effects)).toHaveLength(1);
  });

  it('S7 no program a journey can say is longer than what one input may run', () => {
    const arms = Array.from({ length: 100 }, () => ({ if: 'false', steps: [] }));
    expect(withSteps(Array.from({ length: 500 }, () => send('x'))).stages.get('first')?.program).toHaveLength(500);
    expect(
      withSteps(Array.from({ length: 4 }, () => ({ branch: arms }))).stages.get('first')?.program.length,
    ).toBeLessThanOrEqual(LIMITS.instructionsPerInputMax);
    expect(() => withSteps(Array.from({ length: 5 }, () => ({ branch: arms })))).toThrow('has more than 500 steps');
  });

  const words = vocabulary({ events: { Start: { properties: { n: { type: 'number' } } } } });

  it('S8 before a wait conditions see the event, after it none', () => {
    const asks = {
      branch: [{ if: "event.name == 'Start' && event.properties.n == 5", steps: [send('event')] }],
      else: [send('none')],
    };
    const driver = makeDriver([withSteps([asks, { wait: 'PT1H' }, asks], words)]);
    driver.send('Start', 0, { n: 5 });
    driver.advance(DAY);
    expect(sends(driver.log)).toEqual(['event', 'none']);
    expect(errors(driver.log)).toEqual([]);
  });

  it('S8 after a wait event.name is empty and properties are absent: null where declared, an error where not', () => {
    const ask = (condition: string, message: string) => ({ branch: [{ if: condition, steps: [send(message)] }] });
    const steps = [
      { wait: 'PT1H' },
      ask("event.name == ''", 'no-name'),
      ask('event.properties.n == null', 'null'),
      ask('!has(event.properties.n)', 'absent'),
      ask('event.properties.m == null', 'undeclared'),
    ];
    const driver = makeDriver([withSteps(steps, words)]);
    driver.send('Start', 0, { n: 5, m: 6 });
    const log = driver.advance(DAY);
    expect(sends(log)).toEqual(['no-name', 'null', 'absent']);
    expect(errors(log)).toEqual([{ pointer: '/stages/first/steps/4/branch/0/if', detail: 'No such key: m' }]);
  });

  it('S8 steps of a stage entered by a timer see no event either', () => {
    const second = { steps: [{ branch: [{ if: "event.name == ''", steps: [send('none')] }] }] };
    const driver = makeDriver([machineOf({ stages: { first: { after: [{ delay: 'P1D', to: 'second' }] }, second } })]);
    driver.send('Start', 0);
    expect(sends(driver.advance(DAY))).toEqual(['none']);
  });
});
