// The checker is silent where nothing is wrong: journeys made sound from seeds. And it finds what was put in: faults at
// places a seed chooses in the shipped journeys, each at its pointer.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { surroundingsOf } from '../../workers/check/catalog.ts';
import { checkJourney } from '../../workers/check/check.ts';
import { readSources } from '../../workers/cli/files.ts';
import { often } from '../prove.ts';
import { type Draw, drawFrom, soundJourney } from './sound.ts';

const { sources } = readSources(join(import.meta.dirname, '../../journeys'));
const around = surroundingsOf(sources);
const findingsOf = (document: unknown) => checkJourney(document, around);

describe('sound journeys', () => {
  it('have no finding', () => {
    for (let seed = 1; seed <= often(200, 5_000); seed++) {
      const document = soundJourney(seed);
      const findings = findingsOf(document);
      expect([seed, document, findings]).toEqual([seed, document, []]);
    }
  });
});

interface Stage {
  steps?: object[];
  on?: { event: string; if?: string; to: string }[];
  after?: { delay: string; to: string }[];
  final?: boolean;
}
interface Drawn {
  readonly id: string;
  readonly stages: Record<string, Stage>;
}
type Mutation = (journey: Drawn, draw: Draw) => { code: string; pointer: string } | null;

/** A stage the seed chooses among those that fit. */
function chosen(journey: Drawn, draw: Draw, fits: (stage: Stage) => boolean): { name: string; stage: Stage } | null {
  const names = Object.keys(journey.stages).filter((each) => fits(journey.stages[each] ?? {}));
  const name = names[draw(Math.max(1, names.length))];
  const stage = name === undefined ? undefined : journey.stages[name];
  return name === undefined || !stage ? null : { name, stage };
}

const hears = (stage: Stage): boolean => (stage.on ?? []).length > 0;

/** Changes one transition of one stage. */
const inTransition =
  (change: (transition: { event: string; if?: string; to: string }) => void, code: string, member: string): Mutation =>
  (journey, draw) => {
    const place = chosen(journey, draw, hears);
    const index = draw(place?.stage.on?.length ?? 1);
    const transition = place?.stage.on?.[index];
    if (!place || !transition) return null;
    change(transition);
    return { code, pointer: `/stages/${place.name}/on/${index}/${member}` };
  };

const sent = (stage: Stage): boolean => stage.steps?.some((step) => 'send' in step) ?? false;

const inSend =
  (change: (step: object) => void, code: string, member: string): Mutation =>
  (journey, draw) => {
    const place = chosen(journey, draw, sent);
    const index = place?.stage.steps?.findIndex((step) => 'send' in step) ?? -1;
    const step = place?.stage.steps?.[index];
    if (!place || !step) return null;
    change(step);
    return { code, pointer: `/stages/${place.name}/steps/${index}/${member}` };
  };

const MUTATIONS: Record<string, Mutation> = {
  'a target misspelled': inTransition((each) => Object.assign(each, { to: `${each.to}x` }), 'unknown-stage', 'to'),
  'an event misspelled': inTransition(
    (each) => Object.assign(each, { event: `${each.event}x` }),
    'unknown-event',
    'event',
  ),
  'a condition that never holds': inTransition(
    (each) => Object.assign(each, { if: 'traits.age > 60 && traits.age < 18' }),
    'condition-never',
    'if',
  ),
  'a condition of wrong types': inTransition(
    (each) => Object.assign(each, { if: "traits.age > 'old'" }),
    'condition-type',
    'if',
  ),
  'a condition over an unknown trait': inTransition(
    (each) => Object.assign(each, { if: 'traits.agee > 3' }),
    'unknown-trait',
    'if',
  ),
  'a member nobody knows': inTransition((each) => Object.assign(each, { when: 'now' }), 'schema', 'when'),
  'a message misspelled': inSend((step) => Object.assign(step, { send: 'no-such-message' }), 'unknown-message', 'send'),
  'a purpose forgotten': inSend((step) => Reflect.deleteProperty(step, 'purpose'), 'schema', 'purpose'),
  'a transition written twice': (journey, draw) => {
    const place = chosen(journey, draw, hears);
    const on = place?.stage.on ?? [];
    const plain = on.find((each) => each.if === undefined);
    if (!place || !plain) return null;
    on.push({ ...plain });
    return { code: 'transition-shadowed', pointer: `/stages/${place.name}/on/${on.length - 1}` };
  },
  'a stage nothing leads to': (journey) => {
    journey.stages['lost'] = { final: true };
    return { code: 'unreachable-stage', pointer: '/stages/lost' };
  },
  'steps behind an exit': (journey, draw) => {
    const place = chosen(journey, draw, (stage) => !stage.final);
    if (!place) return null;
    place.stage.steps = [{ exit: 'early' }, ...(place.stage.steps ?? []), { exit: 'late' }];
    return { code: 'dead-steps', pointer: `/stages/${place.name}/steps/1` };
  },
  'a delay without end': (journey, draw) => {
    const place = chosen(journey, draw, (stage) => (stage.after ?? []).length > 0);
    const [timer] = place?.stage.after ?? [];
    if (!place || !timer) return null;
    timer.delay = 'P9999D';
    return { code: 'delay-too-long', pointer: `/stages/${place.name}/after/0/delay` };
  },
  'a circle without a wait': (journey, draw) => {
    const place = chosen(journey, draw, (stage) => !stage.final);
    if (!place) return null;
    place.stage.steps = [{ goto: place.name }];
    return { code: 'loop-without-wait', pointer: `/stages/${place.name}/steps/0` };
  },
};

describe('faults put into shipped journeys', () => {
  it.each(Object.entries(MUTATIONS))('%s is found', (_, mutate) => {
    let found = 0;
    for (const { kind, document } of sources.filter((each) => each.kind === 'journey'))
      for (let seed = 1; seed <= often(3, 50); seed++) {
        const copy: Drawn = structuredClone(document) as Drawn;
        const expected = mutate(copy, drawFrom(seed));
        if (!expected) continue;
        expect([kind, copy.id, seed, findingsOf(copy).map(({ code, pointer }) => ({ code, pointer }))]).toEqual([
          'journey',
          copy.id,
          seed,
          expect.arrayContaining([expected]),
        ]);
        found++;
      }
    expect(found).toBeGreaterThan(5);
  });
});
