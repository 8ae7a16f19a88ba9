// Computed traits: tallies against the plainest reading of the whole history, over random events that come late, early and
// twice, and over time that passes alone.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Computed } from '../../schema/computed.ts';
import type { Json, JsonObject } from '../../schema/json.ts';
import { durationMs } from '../../workers/engine/durations.ts';
import { compileComputed, computedIn } from '../../workers/knowledge/computed.ts';
import { plus, rounded } from '../../workers/knowledge/exact.ts';
import { learnerOf } from '../../workers/knowledge/learner.ts';
import { DAY, HOUR, machineOf, makeDriver, vocabulary } from '../engine/driver.ts';
import { often } from '../prove.ts';
import { type Asked, exactSum, naive, type Past } from './naive.ts';

const FIELD = { n: { type: 'number' }, s: { type: 'string' }, list: { type: 'list' } } as const;
const EVENTS = { A: { properties: FIELD }, B: { properties: FIELD }, C: {} };

/** Declared type, and what it says. */
const WHERE = "event.properties.s == 'x'";
const CASES: readonly (readonly [type: string, computed: Computed])[] = [
  ['integer', { count: 'A' }],
  ['integer', { count: 'A', window: 'P2D' }],
  ['integer', { count: 'B', window: 'PT5H', where: WHERE }],
  ['number', { sum: 'A', of: 'n' }],
  ['number', { sum: 'A', of: 'list.n', window: 'P1D' }],
  ['number', { average: 'B', of: 'n', window: 'P2D' }],
  ['number', { average: 'A', of: 'list.n', where: WHERE }],
  ['integer', { distinct: 'A', of: 's' }],
  ['integer', { distinct: 'A', of: 'list.s', window: 'P1D' }],
  ['string', { mostFrequent: 'A', of: 's', window: 'P2D' }],
  ['string', { mostFrequent: 'B', of: 'list.s' }],
  ['string', { first: 'A', of: 's' }],
  ['number', { first: 'A', of: 'list.n', window: 'P1D', where: WHERE }],
  ['timestamp', { first: 'B' }],
  ['string', { last: 'A', of: 's', window: 'P2D' }],
  ['timestamp', { last: 'B', where: WHERE }],
  ['number', { averageInterval: 'A' }],
  ['number', { averageInterval: 'A', window: 'P2D', where: WHERE }],
];

const TRAITS = Object.fromEntries(CASES.map(([type, computed], index) => [`t${index}`, { type, computed }]));

const askedOf = (computed: Computed): Asked => {
  const [[measure = '', event = ''] = []] = Object.entries(computed);
  const { window, where, of } = { of: undefined, ...computed };
  return {
    ...{ measure, event, windowMs: window === undefined ? null : durationMs(window) },
    ...(of === undefined ? {} : { of }),
    ...(where === undefined ? {} : { where: ({ s }: JsonObject) => s === 'x' }),
  };
};

function learnerWith(traits: object) {
  const words = vocabulary({ events: EVENTS, traits });
  expect(compileComputed(words).findings).toEqual([]);
  const common = { initialStages: {}, since: Number.NEGATIVE_INFINITY, version: 1 };
  return { words, learner: learnerOf({ traits: computedIn(words), segments: [], ...common }) };
}

const { words, learner } = learnerWith(TRAITS);

const number = fc.constantFrom(0.1, 0.2, 0.3, -0.3, 1e16, -1e16, 1, 3.7e-9, 123_456.789, 1e301);
const text = fc.constantFrom('x', 'y', 'z', '__proto__', 'v'.repeat(201));
const properties = fc.record(
  {
    n: fc.oneof(number, text),
    s: fc.oneof(text, fc.constant(null)),
    list: fc.array(fc.record({ n: number, s: text }, { requiredKeys: [] }), { maxLength: 3 }),
  },
  { requiredKeys: [] },
);

const hour = fc.integer({ min: 0, max: 30 }).map((hours) => hours * HOUR);
const command = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('now'), fc.constantFrom('A', 'B', 'C'), hour, properties) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('late'), fc.constantFrom('A', 'B', 'C'), hour, properties) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('ahead'), fc.constantFrom('A', 'B', 'C'), hour, properties) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('pass'), fc.constant(''), hour, fc.constant({})) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('due'), fc.constant(''), hour, fc.constant({})) },
);

const START = Date.UTC(2026, 0, 1);

/** What every trait should be now. */
const expected = (past: readonly Past[], now: number): Record<string, Json> =>
  Object.fromEntries(CASES.map(([, computed], index) => [`t${index}`, naive(askedOf(computed), past, now)]));

const told = (traits: JsonObject): Record<string, Json> =>
  Object.fromEntries(CASES.map((_, index) => [`t${index}`, traits[`t${index}`] ?? null]));

describe('computed traits', () => {
  it('CT1 CT2 CT3 CT4 CT6 CT9 are at every instant what the whole history says', () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 40 }), (commands) => {
        const driver = makeDriver([], { vocabulary: words, from: START, learner });
        const past: Past[] = [];
        let now = START;
        const put = (name: string, at: number, said: JsonObject): void => {
          driver.send(name, at, said, now);
          past.push({ name, at, properties: said });
        };
        for (const [kind, name, by, said] of commands) {
          if (kind === 'now') {
            now += by;
            put(name, now, said);
          } else if (kind === 'late') put(name, now - by, said);
          else if (kind === 'ahead') put(name, now + by, said);
          else if (kind === 'pass') {
            now += by;
            driver.advance(now);
          } else {
            const due = driver.wakeAt();
            if (due === null) continue;
            driver.advance(Math.max(now, due - 1));
            now = Math.max(now, due - 1);
            if (past.length > 0) expect(told(driver.traits())).toEqual(expected(past, now));
            now = Math.max(now, due);
            driver.advance(now);
          }
          if (past.length > 0) expect(told(driver.traits())).toEqual(expected(past, now));
        }
      }),
      { numRuns: often(150, 5_000) },
    );
  });

  it('CT3 CT9 more values than are kept one by one are told apart all the same', () => {
    const driver = makeDriver([], { vocabulary: words, from: START, learner });
    for (let index = 0; index < 230; index++) driver.send('A', START + index * 60_000, { s: `v${index % 215}` });
    expect(driver.traits()['t7']).toBe(215);
    expect(JSON.stringify(driver.known()?.tallies['t7']).length).toBeLessThan(200);
    // Of the window of t9 (two days) the fifteen that came twice are the most frequent, the last of them last.
    expect(driver.traits()['t9']).toBe('v14');
    driver.advance(START + 2 * DAY + 200 * 60_000);
    expect([driver.traits()['t7'], driver.traits()['t9']]).toEqual([215, 'v14']);
  });

  it('CT3 sums are exact, whatever the order, and what is taken back is gone', () => {
    const double = fc.double({ min: -1e12, max: 1e12, noNaN: true });
    // Below 2^-60 nothing is left of numbers in this range.
    const value = double.map((one) => Math.round(one * 2 ** 20) / 2 ** 20 + (one > 0 ? 2 ** -40 : 0));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 60 }), fc.nat(), (values, cut) => {
        const all = values.reduce<readonly number[]>(plus, []);
        expect(rounded(all)).toBe(exactSum(values));
        expect(rounded(values.toReversed().reduce<readonly number[]>(plus, []))).toBe(exactSum(values));
        const gone = values.slice(0, cut % (values.length + 1));
        const left = gone.reduce<readonly number[]>((parts, one) => plus(parts, -one), all);
        expect(rounded(left)).toBe(exactSum(values.slice(gone.length)));
      }),
      { numRuns: often(500, 50_000) },
    );
    expect(rounded([1e16, 1, 1e-16, -1e16].reduce<readonly number[]>(plus, []))).toBe(1);
  });

  it('CT8 what is published later is worked out from all there was, and what is taken out is gone', () => {
    const few = learnerWith({ t0: TRAITS['t0'], t4: TRAITS['t4'] }).learner;
    fc.assert(
      fc.property(fc.array(command, { minLength: 2, maxLength: 20 }), fc.nat(), (commands, cut) => {
        const driver = makeDriver([], { vocabulary: words, from: START, learner: few });
        const past: Past[] = [];
        let now = START;
        for (const [index, [kind, name, by, said]] of commands.entries()) {
          if (index === cut % commands.length) driver.publish(learner);
          now += by;
          if (kind === 'pass' || kind === 'due') driver.advance(now);
          else {
            driver.send(name, now, said);
            past.push({ name, at: now, properties: said });
          }
        }
        if (past.length === 0) return;
        driver.advance(now);
        expect(told(driver.traits())).toEqual(expected(past, now));
        driver.publish(few);
        driver.advance(now);
        expect(Object.keys(driver.traits()).sort()).toEqual(['t0', 't4']);
      }),
      { numRuns: often(60, 2_000) },
    );
  });

  it('CT4 somebody new has zeros and nothing else', () => {
    const driver = makeDriver([], { vocabulary: words, from: START, learner });
    driver.send('C', START);
    const zeros = CASES.flatMap(([, computed], index) =>
      ['count', 'sum', 'distinct'].some((measure) => Object.hasOwn(computed, measure)) ? [[`t${index}`, 0]] : [],
    );
    expect(driver.traits()).toEqual(Object.fromEntries(zeros));
    expect(driver.wakeAt()).toBe(null);
  });

  it('CT5 CT6 an event is offered with the traits it changed; what time changes moves a run at its instant', () => {
    const traits = { orders: { type: 'integer', computed: { count: 'A', window: 'P10D' } } };
    const { words: own, learner: counting } = learnerWith(traits);
    const machine = machineOf(
      {
        entry: [{ event: 'A' }],
        initial: 'few',
        stages: {
          few: { on: [{ event: 'A', if: 'traits.orders == 3', to: 'many' }] },
          many: { always: [{ if: 'traits.orders < 3', to: 'fewer' }] },
          fewer: {},
        },
      },
      1,
      own,
    );
    const driver = makeDriver([machine], { vocabulary: own, from: START, learner: counting });
    driver.send('A', START);
    driver.send('A', START + DAY);
    expect(driver.stage()).toBe('few');
    driver.send('A', START + 2 * DAY);
    expect(driver.stage()).toBe('many');
    expect(driver.wakeAt()).toBe(START + 10 * DAY);
    driver.advance(START + 10 * DAY - 1);
    expect(driver.stage()).toBe('many');
    driver.advance(START + 10 * DAY);
    expect([driver.stage(), driver.traits()['orders'], driver.run().enteredAt]).toEqual(['fewer', 2, START + 10 * DAY]);
  });
});

describe('what cannot be worked out', () => {
  const found = (trait: object): string[] =>
    compileComputed(vocabulary({ events: EVENTS, traits: { x: trait } })).findings.map(
      ({ code, pointer }) => `${code} ${pointer}`,
    );

  it('CT1 CT2 is found at its place', () => {
    expect(found({ type: 'integer', computed: { count: 'Nobody' } })).toEqual([
      'computed-event /traits/x/computed/count',
    ]);
    expect(found({ type: 'string', computed: { count: 'A' } })).toEqual(['computed-type /traits/x/type']);
    expect(found({ type: 'string', computed: { sum: 'A', of: 'n' } })).toEqual(['computed-type /traits/x/type']);
    expect(found({ type: 'number', computed: { last: 'A', of: 's' } })).toEqual(['computed-type /traits/x/type']);
    expect(found({ type: 'integer', computed: { count: 'A', window: 'PT0S' } })).toEqual([
      'duration /traits/x/computed/window',
    ]);
    expect(found({ type: 'integer', computed: { count: 'A', where: 'traits.y == 1' } })).toEqual([
      'computed-where /traits/x/computed/where',
    ]);
    expect(found({ type: 'integer', computed: { count: 'A', where: "count('B') > 1" } })).toEqual([
      'computed-where /traits/x/computed/where',
    ]);
    expect(found({ type: 'integer', computed: { count: 'A', where: 'event.properties.n >' } })).toEqual([
      'condition-syntax /traits/x/computed/where',
    ]);
    expect(found({ type: 'number', computed: { sum: 'A', of: 'list.n' } })).toEqual([]);
  });
});
