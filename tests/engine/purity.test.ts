// SPEC.md, group P, over random journeys and random histories: the engine is a function and a run is plain JSON.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import type { Facts } from '../../workers/engine/facts.ts';
import type { Input, Machine, Run } from '../../workers/engine/machine.ts';
import { step } from '../../workers/engine/step.ts';
import { DAY, HOUR, machineOf, makeDriver, type Options, send } from './driver.ts';

const STAGES = ['first', 'b', 'c', 'd'];
const EVENTS = ['Start', 'Go', 'Back', 'Stop'];
const stage = fc.constantFrom(...STAGES);
const event = fc.constantFrom(...EVENTS);
const condition = fc.constantFrom(
  'event.properties.n > 3',
  "count('Go', 'P3D') >= 2",
  "sum('Go', 'n') > 10.0 || traits.seen",
  'traits.undeclared == 1',
  'event.properties.list.exists(x, x in [1, 2])',
  "daysSince('Back') > 1.0",
);

const steps = fc.array(
  fc.oneof(
    fc.constantFrom('a', 'b').map(send),
    fc.constantFrom('PT0S', 'PT1H', 'P1D', 'P3D').map((wait) => ({ wait })),
    fc.constantFrom('true', "count('Go')", 'event.properties.n').map((value) => ({ set: 'seen', value })),
    condition.map((written) => ({ branch: [{ if: written, steps: [send('yes')] }], else: [send('no')] })),
  ),
  { maxLength: 4 },
);

const stageDocument = fc.record({
  steps,
  on: fc.array(fc.record({ event, if: condition, to: stage }, { requiredKeys: ['event', 'to'] }), { maxLength: 4 }),
  after: fc.array(
    fc.record(
      {
        delay: fc.constantFrom('PT8H', 'P1D', 'P2D', 'P1W'),
        since: fc.constantFrom('entry', 'activity'),
        if: condition,
        to: stage,
      },
      { requiredKeys: ['delay', 'to'] },
    ),
    { maxLength: 2 },
  ),
});

const machines: fc.Arbitrary<Machine> = fc
  .record({
    first: stageDocument,
    b: stageDocument,
    c: stageDocument,
    d: fc.constant({ final: true }),
    exit: fc.constantFrom([], [{ event: 'Stop', if: 'event.properties.n > 8' }]),
  })
  .map(({ exit, ...stages }) => machineOf({ exit, stages }));

const histories = fc.array(
  fc.record({
    name: event,
    after: fc.oneof(fc.constantFrom(0, 1_000, HOUR, DAY), fc.nat({ max: 2 * DAY })),
    properties: fc.record(
      { n: fc.nat({ max: 9 }), list: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }) },
      { requiredKeys: [] },
    ),
  }),
  { maxLength: 25 },
);
type History = typeof histories extends fc.Arbitrary<infer T> ? T : never;

function play(machine: Machine, history: History, options: Options = {}) {
  const driver = makeDriver([machine], options);
  let now = 0;
  driver.send('Start', now, { n: 1 });
  for (const { name, after, properties } of history) {
    now += after;
    driver.send(name, now, properties);
  }
  driver.advance(now + DAY);
  return driver;
}

/** Message ids are counted by the driver; everything else has to be the same. */
const written = (log: readonly object[]) => JSON.stringify(log).replaceAll(/"messageId":"m\d+"/g, '""');

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
  return value;
}

const RUNS = { numRuns: 100 };

describe('purity', () => {
  it('P1 the same arguments give the same run and effects, byte for byte', () => {
    fc.assert(
      fc.property(machines, histories, (machine, history) => {
        const calls: { args: [Run | null, Input, Facts, number]; outcome: string }[] = [];
        play(machine, history, {
          onStep: (...args) => calls.push({ args, outcome: JSON.stringify(step(machine, ...args)) }),
        });
        expect(calls.length).toBeGreaterThan(0);
        for (const { args, outcome } of calls.reverse()) expect(JSON.stringify(step(machine, ...args))).toBe(outcome);
      }),
      RUNS,
    );
  });

  it('P2 a run written and parsed between two inputs behaves the same', () => {
    fc.assert(
      fc.property(machines, histories, (machine, history) => {
        const one = play(machine, history);
        const other = play(machine, history, { throughJson: true });
        expect(written(other.log)).toBe(written(one.log));
        expect(JSON.stringify(other.run())).toBe(JSON.stringify(one.run()));
      }),
      RUNS,
    );
  });

  it('P2 run and effects are plain JSON: nothing is lost by writing them', () => {
    fc.assert(
      fc.property(machines, histories, (machine, history) => {
        const driver = play(machine, history);
        expect(JSON.parse(JSON.stringify(driver.run()))).toStrictEqual(driver.run());
        expect(JSON.parse(JSON.stringify(driver.log))).toStrictEqual([...driver.log]);
      }),
      RUNS,
    );
  });

  it('P3 the input run is never changed, nor the facts, nor the machine', () => {
    fc.assert(
      fc.property(machines, histories, (machine, history) => {
        freeze(machine.journey);
        for (const compiled of machine.stages.values()) freeze(compiled.program);
        play(machine, history, {
          onStep: (run, input, facts) => {
            freeze(run);
            freeze(input);
            freeze(facts.traits);
          },
        });
      }),
      RUNS,
    );
  });

  it('P3 an input that changes nothing gives the very same run back', () => {
    fc.assert(
      fc.property(machines, histories, (machine, history) => {
        play(machine, history, {
          onStep: (run, input, facts, now) => {
            const outcome = step(machine, run, input, facts, now);
            if (run && JSON.stringify(run) === JSON.stringify(outcome.run) && outcome.effects.length === 0)
              expect(outcome.run).toBe(run);
          },
        });
      }),
      RUNS,
    );
  });

  it('S7 the work of one input is bounded', () => {
    fc.assert(
      fc.property(machines, histories, (machine, history) => {
        play(machine, history, {
          onStep: (run, input, facts, now) => {
            const { effects } = step(machine, run, input, facts, now);
            expect(effects.length).toBeLessThanOrEqual(LIMITS.instructionsPerInputMax);
          },
        });
      }),
      RUNS,
    );
  });

  it('S6 a run waits, is spent or is over only as its stage allows', () => {
    fc.assert(
      fc.property(machines, histories, (machine, history) => {
        play(machine, history, {
          onStep: (before, input, facts, now) => {
            const { run } = step(machine, before, input, facts, now);
            if (!run) return;
            const compiled = machine.stages.get(run.stage);
            expect(run.at === undefined).toBe(run.wakeAt === undefined);
            if (run.at !== undefined) expect(compiled?.program[run.at - 1]?.op).toBe('wait');
            if (run.wakeAt !== undefined) expect(run.wakeAt).toBeGreaterThanOrEqual(run.enteredAt);
            for (const index of run.spent ?? []) expect(compiled?.after[index]).toBeDefined();
            if (run.endedAt !== undefined)
              expect([run.at, run.wakeAt, run.spent]).toEqual([undefined, undefined, undefined]);
            expect(run.enteredAt).toBeGreaterThanOrEqual(run.startedAt);
            expect(run.sequence).toBeGreaterThanOrEqual(before?.sequence ?? 0);
          },
        });
      }),
      RUNS,
    );
  });
});
