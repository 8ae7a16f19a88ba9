// Runs the cases of a journey and judges them: what was expected, what was, and where in the file it stands.

import type { Case, Expectation } from '../../schema/cases.ts';
import type { Json, JsonObject } from '../../schema/json.ts';
import type { Run } from '../engine/machine.ts';
import { type Element, elementsOf } from './observe.ts';
import { type Happened, meets, openPlay, type Play, type Scene, type Stand, sceneOf, together } from './play.ts';

export interface Failure {
  /** JSON pointer into the file of cases. */
  readonly pointer: string;
  /** The name of the case. */
  readonly case: string;
  readonly expected: Json;
  readonly actual: Json;
  /** A sentence for the designer. */
  readonly message: string;
}

export interface Tested {
  readonly journey: string;
  readonly cases: number;
  readonly failures: readonly Failure[];
  readonly elements: readonly Element[];
  /** Elements no case comes to. */
  readonly uncovered: readonly Element[];
}

export function testJourney(stand: Stand, { cases }: { readonly cases: readonly Case[] }): Tested {
  const reached = new Set<string>();
  const scene = sceneOf(stand);
  const failures = cases.flatMap((each, index) => {
    const { failures: found, reached: pointers } = runCase(scene, each, `/cases/${index}`);
    for (const pointer of pointers) reached.add(pointer);
    return found;
  });
  const elements = elementsOf(stand.machine);
  return {
    journey: stand.machine.id,
    cases: cases.length,
    failures,
    elements,
    uncovered: elements.filter(({ pointer }) => !reached.has(pointer)),
  };
}

/** @param base pointer of the case in its file */
export function runCase(
  scene: Scene,
  given: Case,
  base: string,
): { readonly failures: readonly Failure[]; readonly reached: ReadonlySet<string> } {
  const play = openPlay(scene, given);
  const failures: Failure[] = [];
  const all: Happened[] = [];
  given.steps.forEach((step, index) => {
    const happened = play.take(step);
    all.push(happened);
    judge(step.expect ?? {}, happened, play, {
      failures,
      name: given.name,
      pointer: `${base}/steps/${index}`,
      whole: false,
    });
  });
  judge(given.expect ?? {}, together(all), play, { failures, name: given.name, pointer: base, whole: true });
  const known = new Set(given.steps.flatMap(({ expect }) => expect?.errors ?? []));
  for (const pointer of given.expect?.errors ?? []) known.add(pointer);
  all.forEach(({ errors, runaway }, index) => {
    const pointer = `${base}/steps/${index}`;
    for (const error of errors)
      if (!known.has(error.pointer))
        failures.push({
          ...{ pointer, case: given.name, expected: null, actual: error.pointer },
          message: `the journey errs at ${error.pointer || 'its entry'}: ${error.detail}; where that is meant, name it in expect.errors`,
        });
    if (runaway)
      failures.push({
        ...{ pointer, case: given.name, expected: null, actual: null },
        message: 'timers fire without end: something in the journey goes round without a wait',
      });
  });
  return { failures, reached: play.reached };
}

interface Place {
  readonly failures: Failure[];
  readonly name: string;
  readonly pointer: string;
  /** At the end of the case, where lists are of all steps together. */
  readonly whole: boolean;
}

function judge(expected: Expectation, happened: Happened, play: Play, { failures, name, pointer, whole }: Place): void {
  const runs = play.runs();
  const last = runs.at(-1);
  const check = (member: keyof Expectation, actual: Json, what: string): void => {
    const wanted = expected[member];
    if (wanted === undefined || meets(wanted as Json, actual)) return;
    failures.push({
      ...{ pointer: `${pointer}/expect/${member}`, case: name, expected: wanted as Json, actual },
      message: `${whole ? 'at the end ' : ''}${what}: expected ${shown(wanted as Json)}, was ${shown(actual)}`,
    });
  };
  check('stage', last?.stage ?? null, 'the stage');
  check('over', last ? last.endedAt !== undefined : null, 'the latest run is over');
  check('stages', stagesByKey(runs), 'the stages by key');
  check('transitions', [...happened.transitions], 'the transitions');
  check('messages', [...happened.messages], 'the messages that went out');
  check(
    'suppressed',
    happened.suppressed.map((each): JsonObject => ({ ...each })),
    'the messages that did not go out',
  );
  check('effects', [...happened.effects], 'the effects');
  check('traits', play.customer.state.traits, 'the traits');
  check(
    'errors',
    happened.errors.map((error) => error.pointer),
    'the errors',
  );
}

function stagesByKey(runs: readonly Run[]): JsonObject {
  return Object.fromEntries(runs.flatMap(({ key, stage }) => (key === null ? [] : [[key, stage]])));
}

const SHOWN_CHARS = 400;

function shown(value: Json): string {
  const text = value === null ? 'none' : JSON.stringify(value);
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
}
