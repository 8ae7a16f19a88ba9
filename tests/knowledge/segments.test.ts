// Segments: who is in them at every instant against each condition written out by hand, over random lives; what joining and
// leaving makes happen; audiences beside them.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { checkDocuments } from '../../workers/check/catalog.ts';
import { computedIn } from '../../workers/knowledge/computed.ts';
import { learnerOf } from '../../workers/knowledge/learner.ts';
import { type CompiledSegment, compileSegment } from '../../workers/knowledge/segments.ts';
import { DAY, HOUR, machineOf, makeDriver, vocabulary } from '../engine/driver.ts';
import { often } from '../prove.ts';
import { naive, type Past } from './naive.ts';

const FIELD = { n: { type: 'number' }, s: { type: 'string' } } as const;
const words = vocabulary({
  events: { A: { properties: FIELD }, B: { properties: FIELD }, C: {}, Start: {} },
  traits: { k: { type: 'string' }, t: { type: 'integer', computed: { count: 'A', window: 'P2D' } } },
});

const START = Date.UTC(2026, 0, 1);

function segment(id: string, condition: string): CompiledSegment {
  const compiled = compileSegment({ id, if: condition }, 1, words);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  return compiled.segment;
}

const learnerWith = (segments: readonly CompiledSegment[], traits = computedIn(words), since = -Infinity) =>
  learnerOf({ traits, segments, initialStages: { j: 'low' }, since, version: 1 });

/** A customer as the conditions below see them. */
interface Seen {
  readonly past: readonly Past[];
  readonly now: number;
  readonly k: string | null;
  readonly stage: string;
}

const counted = ({ past, now }: Seen, event: string, windowMs: number | null): number =>
  Number(naive({ measure: 'count', event, windowMs }, past, now));
const daysSince = ({ past, now }: Seen, event: string): number | null => {
  const times = past.filter(({ name, at }) => name === event && at <= now).map(({ at }) => at);
  return times.length === 0 ? null : (now - Math.max(...times)) / DAY;
};

const CONDITIONS: readonly (readonly [source: string, holds: (seen: Seen) => boolean])[] = [
  ["count('A', 'P2D') >= 2", (seen) => counted(seen, 'A', 2 * DAY) >= 2],
  ["daysSince('A') > 1", (seen) => (daysSince(seen, 'A') ?? -1) > 1],
  [
    "daysSince('A') >= 1.3 && count('B') < 2",
    (seen) => (daysSince(seen, 'A') ?? -1) >= 1.3 && counted(seen, 'B', null) < 2,
  ],
  [
    "daysSince('B') == null || 0.1 > daysSince('B')",
    (seen) => {
      const days = daysSince(seen, 'B');
      return days === null || days < 0.1;
    },
  ],
  ['traits.t >= 2', (seen) => counted(seen, 'A', 2 * DAY) >= 2],
  ["traits.k == 'x' && count('C', 'PT7H') == 0", (seen) => seen.k === 'x' && counted(seen, 'C', 7 * HOUR) === 0],
  [
    "sum('A', 'n', 'P1D') > 3.0",
    (seen) => Number(naive({ measure: 'sum', event: 'A', of: 'n', windowMs: DAY }, seen.past, seen.now)) > 3,
  ],
  ["stages.j == 'mid'", ({ stage }) => stage === 'mid'],
  ["stages.j != 'low' && traits.t < 2", (seen) => seen.stage !== 'low' && counted(seen, 'A', 2 * DAY) < 2],
  [
    "last('A', 's', 'P1D') == 'x'",
    ({ past, now }) => {
      const within = past.filter(({ name, at }) => name === 'A' && at <= now && at > now - DAY);
      const last = within.sort((one, other) => one.at - other.at).at(-1);
      return last?.properties['s'] === 'x';
    },
  ],
];

const SEGMENTS = CONDITIONS.map(([source], index) => segment(`s${index}`, source));

const journey = machineOf(
  {
    id: 'j',
    entry: [{ event: 'A' }],
    initial: 'low',
    stages: {
      low: { on: [{ event: 'A', to: 'mid' }] },
      mid: { on: [{ event: 'B', to: 'low' }], after: [{ delay: 'P1D', to: 'high' }] },
      high: { on: [{ event: 'B', to: 'low' }] },
    },
  },
  1,
  words,
);

const hour = fc.integer({ min: 0, max: 30 }).map((hours) => hours * HOUR);
const properties = fc.record(
  { n: fc.integer({ min: -1, max: 3 }), s: fc.constantFrom('x', 'y') },
  { requiredKeys: [] },
);
const name = fc.constantFrom('A', 'B', 'C');
const command = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('now'), name, hour, properties) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('late'), name, hour, properties) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('ahead'), name, hour, properties) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('learn'), name, hour, fc.record({ k: fc.constantFrom('x', 'y') })) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('pass'), name, hour, fc.constant({})) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('due'), name, hour, fc.constant({})) },
);

describe('segments', () => {
  it('SG1 SG2 SG3 SG4 SG6 at every instant the customer is in those whose condition holds, and joined and left alternate', () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 30 }), (commands) => {
        const driver = makeDriver([journey], { vocabulary: words, from: START, learner: learnerWith(SEGMENTS) });
        const past: Past[] = [];
        let now = START;
        let k: string | null = null;
        const compare = (): void => {
          if (past.length === 0) return;
          const seen = { past, now, k, stage: driver.stage('j') ?? 'low' };
          const wanted = CONDITIONS.flatMap(([, holds], index) => (holds(seen) ? [`s${index}`] : []));
          expect(driver.segments()).toEqual(wanted.sort());
        };
        const put = (event: string, at: number, said: JsonObject): void => {
          driver.send(event, at, said, now);
          past.push({ name: event, at, properties: said });
        };
        for (const [kind, event, by, said] of commands) {
          if (kind === 'now') {
            now += by;
            put(event, now, said);
          } else if (kind === 'late') put(event, now - by, said);
          else if (kind === 'ahead') put(event, now + by, said);
          else if (kind === 'learn') {
            driver.learn(said, now);
            k = 'k' in said && typeof said.k === 'string' ? said.k : k;
          } else if (kind === 'pass') {
            now += by;
            driver.advance(now);
          } else {
            const due = driver.wakeAt();
            if (due === null) continue;
            now = Math.max(now, due - 1);
            driver.advance(now);
            compare();
            now = Math.max(now, due);
            driver.advance(now);
          }
          compare();
        }
        const told = new Set<string>();
        for (const { name: event, properties: said } of driver.history()) {
          const id = String(said['audience']);
          if (event === 'Audience Joined') expect([id, told.has(id), told.add(id).size > 0]).toEqual([id, false, true]);
          if (event === 'Audience Left') expect([id, told.delete(id)]).toEqual([id, true]);
        }
        expect([...told].sort()).toEqual(driver.segments());
      }),
      { numRuns: often(150, 5_000) },
    );
  });

  it('SG4 SG6 joining begins a journey, and a condition of one sees who is in', () => {
    const learner = learnerWith([segment('regulars', "count('A') >= 2"), segment('nobody', "count('A') < 0")]);
    const welcome = machineOf(
      {
        id: 'welcome',
        entry: [{ audience: 'regulars' }],
        initial: 'first',
        stages: {
          first: { on: [{ event: 'B', if: "'regulars' in segments && !('nobody' in segments)", to: 'last' }] },
          last: {},
        },
      },
      1,
      words,
    );
    const driver = makeDriver([welcome], { vocabulary: words, from: START, learner, id: 'u:1' });
    driver.send('A', START);
    expect(driver.runs()).toEqual([]);
    driver.send('A', START + 1);
    expect([driver.stage(), driver.segments()]).toEqual(['first', ['regulars']]);
    driver.send('B', START + 2);
    expect(driver.stage()).toBe('last');
    expect(driver.history().filter(({ name: event }) => event === 'Audience Joined')).toEqual([
      { name: 'Audience Joined', at: START + 1, properties: { audience: 'regulars' } },
    ]);
  });

  it('SG6 a change of segments is told as a change of traits', () => {
    const learner = learnerWith([segment('away', "daysSince('A') >= 3")]);
    const follow = machineOf(
      {
        id: 'follow',
        entry: [{ event: 'A' }],
        initial: 'here',
        stages: {
          here: { always: [{ if: "'away' in segments", to: 'gone' }] },
          gone: { always: [{ if: "!('away' in segments)", to: 'here' }] },
        },
      },
      1,
      words,
    );
    const driver = makeDriver([follow], { vocabulary: words, from: START, learner });
    driver.send('A', START);
    driver.advance(START + 3 * DAY - 1);
    expect(driver.stage()).toBe('here');
    driver.advance(START + 3 * DAY);
    expect(driver.stage()).toBe('gone');
    driver.send('A', START + 4 * DAY);
    expect(driver.stage()).toBe('here');
  });

  it('SG4 a circle of segment and journey ends at the limits, on record, and the membership is what the condition says', () => {
    const learner = learnerWith([segment('one', "stages.j == 'one'")]);
    const circle = machineOf(
      {
        id: 'j',
        entry: [{ event: 'A' }],
        initial: 'one',
        stages: {
          one: { on: [{ event: 'Audience Joined', to: 'two' }] },
          two: { on: [{ event: 'Audience Left', to: 'one' }] },
        },
      },
      1,
      words,
    );
    const driver = makeDriver([circle], { vocabulary: words, from: START, learner });
    driver.send('A', START);
    expect(driver.log.filter(({ kind }) => kind === 'error')).toHaveLength(1);
    expect(driver.history().length).toBeLessThan(LIMITS.emitDepthMax + 3);
    expect(driver.segments()).toEqual(driver.stage('j') === 'one' ? ['one'] : []);
  });

  it('SG5 a condition that errs counts as not in it', () => {
    const driver = makeDriver([], {
      ...{ vocabulary: words, from: START, traits: { k: 'text' } },
      learner: learnerWith([segment('odd', 'traits.undeclared > 1'), segment('even', '!(traits.undeclared > 1)')]),
    });
    driver.send('A', START);
    expect(driver.segments()).toEqual([]);
  });

  it('SG8 CT8 what is published later is joined then, what is taken out is left', () => {
    const first = learnerWith([segment('a', "count('A') >= 1")]);
    const driver = makeDriver([], { vocabulary: words, from: START, learner: first });
    driver.send('A', START);
    driver.publish(learnerWith([segment('b', "count('A') >= 1")], computedIn(words), START + HOUR));
    expect(driver.wakeAt()).toBe(START + HOUR);
    driver.advance(START + DAY);
    expect(driver.segments()).toEqual(['b']);
    driver.publish(learnerOf({ traits: [], segments: [], initialStages: {}, since: 0, version: 2 }));
    driver.advance(START + DAY);
    expect([driver.segments(), driver.traits()]).toEqual([[], {}]);
    expect(driver.history().slice(1)).toEqual([
      { name: 'Audience Joined', at: START, properties: { audience: 'a', published: true } },
      { name: 'Audience Left', at: START + HOUR, properties: { audience: 'a', published: true } },
      { name: 'Audience Joined', at: START + HOUR, properties: { audience: 'b', published: true } },
      { name: 'Audience Left', at: START + HOUR, properties: { audience: 'b', published: true } },
    ]);
  });
});

describe('audiences', () => {
  const on = [
    { event: 'A', to: 'add' },
    { event: 'B', to: 'out' },
  ];
  const journeyOf = (audience: string) =>
    machineOf(
      {
        entry: [{ event: 'Start' }],
        initial: 'first',
        stages: {
          first: { on },
          add: { steps: [{ audience, do: 'add' }], on },
          out: { steps: [{ audience, do: 'remove' }], on },
        },
      },
      1,
      words,
    );

  it('SG6 SG7 an audience is kept, since it was joined first; each step that says so makes the event happen', () => {
    const driver = makeDriver([journeyOf('vip')], { vocabulary: words, from: START });
    for (const event of ['Start', 'A', 'A', 'B', 'B', 'A']) driver.send(event, START);
    expect(driver.segments()).toEqual(['vip']);
    const said = driver.history().filter(({ name: event }) => event.startsWith('Audience'));
    expect(said.map(({ name: event }) => event.split(' ')[1])).toEqual(['Joined', 'Joined', 'Left', 'Left', 'Joined']);
  });

  it('SG7 a server adds by the event, and a step cannot add to a segment', () => {
    const learner = learnerWith([segment('vip', "count('C') > 0")]);
    const driver = makeDriver([journeyOf('vip')], { vocabulary: words, from: START, learner });
    for (const event of ['Start', 'A']) driver.send(event, START);
    expect(driver.segments()).toEqual([]);
    expect(driver.log.filter(({ kind }) => kind === 'error')).toHaveLength(1);
    driver.send('Audience Joined', START, { audience: 'list' });
    driver.send('Audience Joined', START, { audience: 'vip' });
    expect(driver.segments()).toEqual(['list']);
    expect(driver.log.filter(({ kind }) => kind === 'error')).toHaveLength(2);
    driver.send('Audience Left', START, { audience: 'list' });
    expect(driver.segments()).toEqual([]);
  });
});

describe('what is no segment', () => {
  it.each([
    ['event.properties.x == 1', 'segment-condition'],
    ["'other' in segments", 'segment-condition'],
    ["daysSince('A') + 1.0 > 3.0", 'segment-condition'],
    ["daysSince('A') > traits.t", 'segment-condition'],
    ["count('A'", 'condition-syntax'],
    ["count('A')", 'condition-type'],
  ])('SG1 SG3 %s', (condition, code) => {
    const compiled = compileSegment({ id: 'x', if: condition }, 1, words);
    expect(compiled.ok ? [] : compiled.findings).toMatchObject([{ code, pointer: '/if' }]);
  });

  it('SG1 a shape that is none', () => {
    expect(compileSegment({ id: 'No Id' }, 1, words).ok).toBe(false);
  });
});

describe('names in a segment', () => {
  it('SG1 that nobody declared are warnings, at their place', () => {
    const document = { id: 'x', if: "count('Nobody') > 0 && traits.nothing == 1 && stages.nowhere == 'a'" };
    const found = checkDocuments([{ kind: 'segment', document }], words);
    expect(found[0]?.map(({ code, severity, pointer }) => [code, severity, pointer])).toEqual([
      ['unknown-event', 'warning', '/if'],
      ['unknown-trait', 'warning', '/if'],
      ['unknown-journey', 'warning', '/if'],
    ]);
  });
});
