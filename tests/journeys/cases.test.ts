// The cases beside the shipped journeys pass and leave no part of a journey uncovered; and what a case, the coverage and
// the search for missing cases owe their reader. The command: tests/cli/test.test.ts.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Case } from '../../schema/cases.ts';
import type { Journey } from '../../schema/journey.ts';
import type { JsonObject } from '../../schema/json.ts';
import { durationOf, generateCases } from '../../workers/cases/generate.ts';
import { elementsOf } from '../../workers/cases/observe.ts';
import { openPlay, type Stand, sceneOf } from '../../workers/cases/play.ts';
import { runCase, testJourney } from '../../workers/cases/run.ts';
import { journeyFiles, judge, readSubjects } from '../../workers/cli/cases.ts';
import { compileMessage } from '../../workers/decide/messages.ts';
import { compileJourney } from '../../workers/engine/compile.ts';
import type { Machine } from '../../workers/engine/machine.ts';
import { drawsOf } from '../../workers/simulate/random.ts';
import { settingOf } from '../../workers/simulate/setting.ts';
import { machineOf, vocabulary } from '../engine/driver.ts';
import { often } from '../prove.ts';
import { drawMachines, words } from '../simulation/journeys.ts';

const JOURNEYS = join(import.meta.dirname, '../../journeys');

describe('the shipped journeys', () => {
  const { subjects } = readSubjects(journeyFiles([], JOURNEYS));

  it.each(subjects.map((subject) => [subject.stand?.machine.id ?? subject.journeyFile, subject] as const))(
    '%s: its cases pass and cover all of it',
    (_, subject) => {
      const { complaints, uncovered, cases, elements } = judge(subject);
      expect(complaints).toEqual([]);
      expect(uncovered).toEqual([]);
      expect(cases).toBeGreaterThan(0);
      expect(elements.length).toBeGreaterThan(5);
    },
  );

  it('are all there', () => expect(subjects.length).toBeGreaterThanOrEqual(2));
});

/** The journey with one thing changed: another target, a longer delay, a way or a step less. */
function mutantsOf(machine: Machine): { readonly what: string; readonly journey: Journey }[] {
  const mutants: { what: string; journey: Journey }[] = [];
  const names = Object.keys(machine.journey.stages);
  for (const [name, stage] of Object.entries(machine.journey.stages)) {
    const put = (what: string, changed: Partial<typeof stage>): void => {
      const stages = { ...machine.journey.stages, [name]: { ...stage, ...changed } };
      mutants.push({ what: `${name} ${what}`, journey: { ...machine.journey, stages } });
    };
    for (const part of ['on', 'after', 'at'] as const) {
      const list: readonly { readonly to: string }[] = stage[part] ?? [];
      list.forEach((way, index) => {
        const to = names.find((other) => other !== way.to) ?? name;
        put(`${part}/${index} to ${to}`, { [part]: list.with(index, { ...way, to }) });
        put(`${part}/${index} gone`, { [part]: list.toSpliced(index, 1) });
      });
    }
    (stage.after ?? []).forEach((after, index, list) => {
      put(`after/${index} later`, { after: list.with(index, { ...after, delay: 'P999D' }) });
    });
    (stage.steps ?? []).forEach((_, index, list) => {
      put(`steps/${index} gone`, { steps: list.toSpliced(index, 1) });
    });
  }
  return mutants;
}

describe('the cases of the shipped journeys', () => {
  it('notice when a way leads elsewhere, is gone or takes longer, and when a step is gone', () => {
    const { subjects, vocabularyOf } = readSubjects(journeyFiles([], JOURNEYS));
    const survivors: string[] = [];
    let mutants = 0;
    for (const { stand: of, cases, journeyFile } of subjects)
      for (const { what, journey } of of ? mutantsOf(of.machine) : []) {
        const compiled = compileJourney(journey, 1, vocabularyOf(journeyFile));
        if (!of || !cases || !compiled.ok) continue;
        mutants++;
        const { failures } = testJourney({ ...of, machine: compiled.machine }, cases);
        if (failures.length === 0) survivors.push(`${journey.id} ${what}`);
      }
    expect(mutants).toBeGreaterThan(80);
    expect(survivors).toEqual([]);
  });
});

const declared = vocabulary({
  events: {
    Go: { description: 'Go', properties: { n: { type: 'number' }, kind: { type: 'string' } } },
    Seen: { description: 'Seen', properties: {} },
  },
  traits: { birthday: { type: 'timestamp' }, vip: { type: 'string' } },
});

function standOf(machine: Machine): Stand {
  const hello = compileMessage(
    {
      id: 'hello',
      purpose: 'marketing',
      channel: 'email',
      locales: { en: { subject: 'Hello', text: 'Hello' } },
    },
    1,
  );
  if (!hello.ok) throw new Error(JSON.stringify(hello.findings));
  const templates = new Map([['hello', hello.message]]);
  return { machine, others: [], templates, defaultLocale: 'en', resolve: declared.resolve };
}

const stand = (journey: object): Stand => standOf(machineOf(journey, 1, declared));
const everything = (of: Stand): Set<string> => new Set(elementsOf(of.machine).map(({ pointer }) => pointer));
const caseOf = (given: object): Case => Case.parse({ name: 'it', ...given });

/** Every construct that there is to cover. */
const RICH = {
  id: 'rich',
  entry: [{ event: 'Start' }, { audience: 'guests' }, { api: true }, { event: 'Start', if: "event.type == 'never'" }],
  exit: [{ event: 'Stop' }, { event: 'Go', if: 'event.properties.n > 100' }],
  goal: { event: 'Bought', within: 'P60D' },
  initial: 'first',
  stages: {
    first: {
      steps: [
        { send: 'hello', channel: 'email', purpose: 'marketing' },
        { waitFor: { event: 'Clicked' }, timeout: 'P1D', steps: [{ set: 'clicked', value: 'true' }] },
        {
          branch: [{ if: "count('Seen') >= 3", steps: [{ goto: 'second' }] }],
          else: [{ wait: { until: { from: '09:00', to: '17:00' } } }],
        },
        {
          experiment: 'colour',
          holdout: 0.2,
          arms: [
            { name: 'red', steps: [] },
            { name: 'blue', steps: [{ grant: 'gift', kind: 'points', amount: '5' }] },
          ],
        },
      ],
      on: [
        { event: 'Go', if: "event.properties.n >= 10 && event.properties.kind == 'big'", to: 'second' },
        { event: 'Go', if: 'event.properties.n >= 10', to: 'last' },
      ],
      always: [{ if: "traits.vip == 'yes'", to: 'second' }],
    },
    second: {
      at: [{ date: 'traits.birthday', offset: '-P1D', to: 'last' }],
      after: [
        { delay: 'P90D', if: "count('Go', 'P30D') == 0", to: 'first' },
        { delay: 'P100D', to: 'last' },
      ],
      steps: [
        { emit: 'Moved' },
        { webhook: 'ask', url: 'https://example.com/ask', timeout: 'PT1H', steps: [{ exit: 'answered' }] },
      ],
    },
    last: { final: true },
  },
};

describe('coverage', () => {
  it('names every entry, exit, stage, way, step, branch, arm and outcome once, and none is covered without a case', () => {
    const { elements, uncovered } = testJourney(stand(RICH), { cases: [] });
    expect(uncovered).toEqual(elements);
    expect(new Set(elements.map(({ pointer }) => pointer)).size).toBe(elements.length);
    expect(elements.map(({ pointer }) => pointer)).toEqual(
      expect.arrayContaining([
        ...['/entry/1', '/exit/1', '/goal', '/stages/first', '/stages/first/on/1', '/stages/first/always/0'],
        ...['/stages/first/steps/1', '/stages/first/steps/1/waitFor', '/stages/first/steps/1/timeout'],
        ...['/stages/first/steps/1/steps/0', '/stages/first/steps/2/branch/0', '/stages/first/steps/2/else/0'],
        ...['/stages/first/steps/3/arms/0', '/stages/first/steps/3/arms/1', '/stages/first/steps/3/holdout'],
        ...['/stages/second/at/0', '/stages/second/after/1', '/stages/second/steps/1/timeout', '/stages/last'],
      ]),
    );
  });

  it('counts what a case comes to and nothing beside it', () => {
    const steps = [{ event: 'Start' }, { event: 'Go', properties: { n: 12 } }];
    const { uncovered, elements } = testJourney(stand(RICH), { cases: [caseOf({ steps })] });
    const missing = new Set(uncovered.map(({ pointer }) => pointer));
    const covered = elements.filter(({ pointer }) => !missing.has(pointer)).map(({ pointer }) => pointer);
    expect(covered).toEqual([
      ...['/entry/0', '/stages/first', '/stages/first/on/1'],
      ...['/stages/first/steps/0', '/stages/first/steps/1', '/stages/last'],
    ]);
  });
});

/** Inputs a search may try here: what cannot be reached takes all of them. */
const TRIED = 4_000;

describe('missing cases', () => {
  it.each([
    ['steps', { ...RICH, stages: { ...RICH.stages, second: {} } }],
    ['timers', { ...RICH, initial: 'second', stages: { ...RICH.stages, first: {} } }],
  ])('are found for every construct, pass, and cover it; what cannot be reached is named: %s', (_, journey) => {
    const rich = stand(journey);
    const { cases, unreached } = generateCases(rich, declared.declarations, everything(rich), TRIED);
    expect(unreached.map(({ pointer }) => pointer)).toEqual(['/entry/3']);
    const { failures, uncovered } = testJourney(rich, { cases });
    expect(failures).toEqual([]);
    expect(uncovered.map(({ pointer }) => pointer)).toEqual(['/entry/3']);
    for (const each of cases) expect(() => Case.parse(each)).not.toThrow();
  });

  it('take the shortest way', () => {
    const journey = { stages: { first: { on: [{ event: 'Seen', if: "count('Seen') >= 3", to: 'last' }] }, last: {} } };
    const { cases } = generateCases(stand(journey), declared.declarations, new Set(['/stages/last']));
    expect(cases.map(({ steps }) => steps.map((step) => ('event' in step ? step.event : '')))).toEqual([
      ['Start', 'Seen', 'Seen', 'Seen'],
    ]);
  });

  it('of random journeys with every construct pass as they were generated, and come to what they are for', () => {
    const count = often(6, 400);
    let generated = 0;
    let reached = 0;
    for (let seed = 1; seed <= count; seed++) {
      const [machine, ...others] = drawMachines(drawsOf(`cases/${seed}`), new Map());
      if (!machine) throw new Error('no journey was drawn');
      const of: Stand = { ...standOf(machine), others, resolve: words.resolve };
      const wanted = everything(of);
      const { cases, unreached } = generateCases(of, words.declarations, wanted, 400);
      const { failures, uncovered } = testJourney(of, { cases });
      expect([seed, failures]).toEqual([seed, []]);
      expect([seed, uncovered]).toEqual([seed, unreached]);
      generated += cases.length;
      reached += wanted.size - unreached.length;
    }
    expect(generated).toBeGreaterThan(count);
    expect(reached).toBeGreaterThan(5 * count);
  }, 300_000);
});

describe('a journey that is watched', () => {
  it('moves as it does unwatched', () => {
    let compared = 0;
    for (let seed = 1; seed <= often(10, 100); seed++) {
      const [machine, ...others] = drawMachines(drawsOf(`watched/${seed}`), new Map());
      if (!machine) throw new Error('no journey was drawn');
      const of: Stand = { ...standOf(machine), others, resolve: words.resolve };
      const setting = settingOf([machine, ...others], of.templates, of.defaultLocale);
      const { cases } = generateCases(of, words.declarations, everything(of), 200);
      for (const each of cases) {
        const watched = openPlay(sceneOf(of), each);
        const plain = openPlay({ stand: of, setting, follow: () => undefined }, each);
        for (const step of each.steps) {
          expect([seed, plain.take(step)]).toEqual([seed, watched.take(step)]);
          expect([seed, plain.runs()]).toEqual([seed, watched.runs()]);
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(30);
  });
});

describe('a case', () => {
  const judged = (given: object, journey: object = RICH) =>
    runCase(sceneOf(stand(journey)), caseOf(given), '/cases/0').failures;

  it('that is not met says what was expected, what was, and where it stands', () => {
    const steps = [{ event: 'Start', expect: { stage: 'second', transitions: ['- > second'], messages: ['hello'] } }];
    const traits = { email: 'anna@example.com' };
    expect(judged({ traits, steps, expect: { over: true } })).toEqual([
      {
        ...{ pointer: '/cases/0/steps/0/expect/stage', case: 'it', expected: 'second', actual: 'first' },
        message: 'the stage: expected "second", was "first"',
      },
      {
        ...{
          pointer: '/cases/0/steps/0/expect/transitions',
          case: 'it',
          expected: ['- > second'],
          actual: ['- > first'],
        },
        message: 'the transitions: expected ["- > second"], was ["- > first"]',
      },
      {
        ...{ pointer: '/cases/0/steps/0/expect/messages', case: 'it', expected: ['hello'], actual: [] },
        message: 'the messages that went out: expected ["hello"], was []',
      },
      {
        ...{ pointer: '/cases/0/expect/over', case: 'it', expected: true, actual: false },
        message: 'at the end the latest run is over: expected true, was false',
      },
    ]);
  });

  it('begins when, who and how it says: instant, customer, traits, consents', () => {
    const given = {
      ...{
        start: '2026-03-28T12:00:00Z',
        customer: 'customer-3',
        traits: { email: 'a@example.com' },
        consents: ['marketing'],
      },
      steps: [{ event: 'Start', expect: { messages: ['hello'], suppressed: [] } }],
    };
    expect(judged(given)).toEqual([]);
    const play = openPlay(sceneOf(stand(RICH)), caseOf(given));
    play.take({ event: 'Start' });
    expect([play.customer.state.id, play.runs()[0]?.startedAt]).toEqual(['customer-3', Date.UTC(2026, 2, 28, 12)]);
  });

  it('may give effects in part, and instants as dates', () => {
    const journey = {
      stages: {
        first: {
          steps: [
            { grant: 'gift', kind: 'points', amount: '5', expires: 'P1D' },
            { set: 'x', value: '1' },
          ],
        },
      },
    };
    const given = (effects: readonly JsonObject[]) => ({
      start: '2026-01-01T00:00:00Z',
      steps: [{ event: 'Start', expect: { effects } }],
    });
    const met = [
      { kind: 'grant', grant: 'gift', expiresAt: '2026-01-02T00:00:00Z' },
      { kind: 'set', trait: 'x', value: 1 },
    ];
    expect(judged(given(met), journey)).toEqual([]);
    expect(judged(given(met.slice(0, 1)), journey)).toHaveLength(1);
    expect(judged(given([{ kind: 'grant', amount: 6 }, { kind: 'set' }]), journey)).toHaveLength(1);
  });

  it('fails where a condition errs and nobody said so', () => {
    const journey = {
      stages: { first: { on: [{ event: 'Go', if: 'event.properties.nowhere.deep > 1', to: 'first' }] } },
    };
    const steps = [{ event: 'Start' }, { event: 'Go' }];
    const [failure] = judged({ steps }, journey);
    expect(failure).toMatchObject({ pointer: '/cases/0/steps/1', actual: '/stages/first/on/0/if' });
    expect(failure?.message).toContain('name it in expect.errors');
    expect(judged({ steps, expect: { errors: ['/stages/first/on/0/if'] } }, journey)).toEqual([]);
  });

  it('answers webhooks, and lets runs of several keys be told apart', () => {
    const asking = { ...RICH, initial: 'second' };
    const steps = [
      { event: 'Start' },
      { answer: 'ask', body: { yes: true }, expect: { over: true, transitions: ['second > -'] } },
    ];
    expect(judged({ steps }, asking)).toEqual([]);
    const keyed = {
      key: 'event.properties.kind',
      stages: { first: { on: [{ event: 'Go', to: 'last' }] }, last: { final: true } },
    };
    const start = (kind: string) => ({ event: 'Start', properties: { kind } });
    const go = { event: 'Go', properties: { kind: 'a' }, expect: { stages: { a: 'last', b: 'first' } } };
    expect(judged({ steps: [start('a'), start('b'), go] }, keyed)).toEqual([]);
  });

  it('passes time as long as it is said: durations go both ways', () => {
    for (const [ms, text] of [
      [1_500, 'PT1.5S'],
      [86_400_000 + 3_600_000, 'P1DT1H'],
      [400 * 86_400_000, 'P400D'],
      [90 * 60_000, 'PT1H30M'],
    ] as const)
      expect(durationOf(ms)).toBe(text);
  });
});
