// What there is to cover in a journey, and a machine that tells when it comes there. The observed machine is the journey's
// own with its conditions and instructions watched: it decides nothing anew, so a case runs on the very engine.

import type { Entry, Journey, Step } from '../../schema/journey.ts';
import { escapePointer } from '../../schema/json.ts';
import type { Condition } from '../engine/conditions.ts';
import type { CompiledStage, CompiledTrigger, Instruction, Machine } from '../engine/machine.ts';
import { SYSTEM_EVENTS } from '../engine/machine.ts';
import { lineOfStep } from '../export/steps.ts';

/** A part of a journey that a case can come to. */
export interface Element {
  readonly kind: 'entry' | 'exit' | 'goal' | 'stage' | 'transition' | 'step' | 'branch' | 'arm' | 'outcome';
  /** JSON pointer into the journey; for what is not written (a holdout) below the step it belongs to. */
  readonly pointer: string;
  readonly label: string;
}

export type Resolve = (event: string) => string;

/** Everything of a journey that is to be covered, in the order written. */
export function elementsOf({ journey, stages }: Machine): Element[] {
  const elements: Element[] = [];
  const add = (kind: Element['kind'], pointer: string, label: string): void =>
    void elements.push({ kind, pointer, label });
  journey.entry.forEach((entry, index) => {
    add('entry', `/entry/${index}`, `entry by ${entryName(entry)}`);
  });
  (journey.exit ?? []).forEach((exit, index) => {
    add('exit', `/exit/${index}`, `exit on ${exit.event}`);
  });
  if (journey.goal) add('goal', '/goal', `goal ${journey.goal.event}`);
  for (const [name, stage] of Object.entries(journey.stages)) {
    const base = stagePointer(name);
    add('stage', base, `stage ${name}`);
    const way = (pointer: string, how: string, to: string, asked: string | undefined): void =>
      add('transition', pointer, `${name}, ${how}${asked === undefined ? '' : ` if ${asked}`}: to ${to}`);
    (stage.on ?? []).forEach((each, n) => {
      way(`${base}/on/${n}`, `on ${each.event}`, each.to, each.if);
    });
    (stage.after ?? []).forEach((each, n) => {
      way(`${base}/after/${n}`, `after ${each.delay}`, each.to, each.if);
    });
    (stage.at ?? []).forEach((each, n) => {
      way(`${base}/at/${n}`, `at ${each.date}`, each.to, each.if);
    });
    (stage.always ?? []).forEach((each, n) => {
      way(`${base}/always/${n}`, 'as soon as', each.to, each.if);
    });
    const compiled = stages.get(name);
    if (compiled) elements.push(...stepElements(name, compiled, journey));
  }
  return elements;
}

function entryName(entry: Entry): string {
  if ('event' in entry) return entry.event;
  if ('audience' in entry) return `audience ${entry.audience}`;
  if ('schedule' in entry) return `schedule ${entry.schedule.rrule}`;
  return 'journey' in entry ? `journey ${entry.journey}` : 'request';
}

export const stagePointer = (stage: string): string => `/stages/${escapePointer(stage)}`;

function stepElements(stage: string, { program, pointers }: CompiledStage, journey: Journey): Element[] {
  const elements: Element[] = [];
  const seen = new Set<string>();
  program.forEach((instruction, place) => {
    const pointer = pointers[place] ?? '';
    const say = (kind: Element['kind'], below: string, what: string): void =>
      void elements.push({ kind, pointer: `${pointer}${below}`, label: `${stage}, ${what}` });
    if (!seen.has(pointer)) {
      seen.add(pointer);
      say('step', '', lineOfStep(stepAt(journey, pointer)));
    }
    if (instruction.op === 'unless') {
      const branch = instruction.condition.pointer.slice(pointer.length, -'/if'.length);
      say('branch', branch, `branch if ${instruction.condition.source}`);
    }
    if (instruction.op === 'experiment') {
      instruction.arms.forEach((arm, n) => {
        say('arm', `/arms/${n}`, `arm ${arm.name} of ${instruction.experiment}`);
      });
      if (instruction.holdout > 0) say('arm', '/holdout', `holdout of ${instruction.experiment}`);
    }
    if (instruction.op === 'waitFor') say('outcome', '/waitFor', `${instruction.event} comes`);
    if ((instruction.op === 'waitFor' && instruction.ms !== null) || instruction.op === 'waitAnswer')
      say('outcome', '/timeout', 'the wait times out');
  });
  return elements;
}

/** The step a pointer of the compiler leads to. */
function stepAt(journey: Journey, pointer: string): Step {
  let value: unknown = journey;
  for (const part of pointer.split('/').slice(1).map(memberName))
    if (typeof value === 'object' && value !== null) value = Reflect.get(value, part);
  return value as Step;
}

const memberName = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');

const YES: Condition = Object.freeze({
  source: 'true',
  pointer: '',
  evaluate: () => ({ ok: true, value: true }) as const,
  history: [],
  asks: {
    event: false,
    traits: false,
    segments: false,
    stages: false,
    time: false,
    start: null,
    startWhole: false,
    answers: [],
  },
});

export type Reach = (pointer: string) => void;

/**
 * The machine, watched. What happens between an instruction and its effect is told in the order it happens.
 * @param reach hears the pointer of each element of kind entry, exit, goal, transition, step, branch, arm and outcome as
 *   it is come to; stages and holdouts are seen in the timeline
 */
export function observe(machine: Machine, resolve: Resolve, reach: Reach): Machine {
  const { journey } = machine;
  const watch = <T extends CompiledTrigger>(trigger: T, pointer: string): T => ({
    ...trigger,
    condition: watched(trigger.condition, pointer, reach),
  });
  const byEvent = <T extends CompiledTrigger>(
    compiled: ReadonlyMap<string, readonly T[]>,
    names: readonly (string | null)[],
    base: string,
  ): Map<string, readonly T[]> => {
    const places = Map.groupBy(names.keys(), (index) => names[index] ?? null);
    return new Map(
      [...compiled].map(([event, list]) => [
        event,
        list.map((each, n) => watch(each, `${base}/${places.get(event)?.[n] ?? n}`)),
      ]),
    );
  };
  const stages = [...machine.stages].map(([name, stage]): [string, CompiledStage] => {
    const base = stagePointer(name);
    const written = journey.stages[name];
    return [
      name,
      {
        ...stage,
        on: byEvent(
          stage.on,
          (written?.on ?? []).map(({ event }) => resolve(event)),
          `${base}/on`,
        ),
        after: stage.after.map((each, n) => watch(each, `${base}/after/${n}`)),
        at: stage.at.map((each, n) => watch(each, `${base}/at/${n}`)),
        always: stage.always.map((each, n) => watch(each, `${base}/always/${n}`)),
        program: stage.program.map((each, n) => watchedInstruction(each, stage.pointers[n] ?? '', reach)),
      },
    ];
  });
  return {
    ...machine,
    entry: byEvent(
      machine.entry,
      journey.entry.map((entry) => heardBy(entry, resolve)),
      '/entry',
    ),
    schedules: machine.schedules.map((each) => ({
      ...each,
      condition: watched(each.condition, `/entry/${each.index}`, reach),
    })),
    exit: byEvent(
      machine.exit,
      (journey.exit ?? []).map(({ event }) => resolve(event)),
      '/exit',
    ),
    goal: machine.goal && { ...machine.goal, condition: watched(machine.goal.condition, '/goal', reach) },
    stages: new Map(stages),
  };
}

function heardBy(entry: Entry, resolve: Resolve): string | null {
  if ('event' in entry) return resolve(entry.event);
  if ('audience' in entry) return SYSTEM_EVENTS.joined;
  return 'schedule' in entry ? null : SYSTEM_EVENTS.requested;
}

/** The engine takes the first way whose condition holds, so one that holds is one that is taken. */
function watched(condition: Condition | null, pointer: string, reach: Reach): Condition {
  const asked = condition ?? YES;
  return {
    ...asked,
    evaluate: (scope) => {
      const result = asked.evaluate(scope);
      if (result.ok && result.value === true) reach(pointer);
      return result;
    },
  };
}

/** An object whose member tells when it is read. */
const telling = <T extends object, K extends keyof T>(object: T, member: K, told: () => void): T => {
  const value = object[member];
  return Object.defineProperty(object, member, {
    enumerable: true,
    get: () => {
      told();
      return value;
    },
  });
};

function watchedInstruction(instruction: Instruction, pointer: string, reach: Reach): Instruction {
  return telling(watchedParts(instruction, pointer, reach), 'op', () => reach(pointer));
}

function watchedParts(instruction: Instruction, pointer: string, reach: Reach): Instruction {
  switch (instruction.op) {
    case 'unless': {
      const { condition } = instruction;
      return { ...instruction, condition: watched(condition, condition.pointer.replace(/\/if$/, ''), reach) };
    }
    case 'experiment': {
      // The engine reads the place of the arm it goes to, and of no other.
      const arms = instruction.arms.map((arm, n) => telling({ ...arm }, 'at', () => reach(`${pointer}/arms/${n}`)));
      return { ...instruction, arms };
    }
    case 'waitFor': {
      const conditions = [...instruction.conditions, watched(null, `${pointer}/waitFor`, reach)];
      return telling({ ...instruction, conditions }, 'timedOut', () => reach(`${pointer}/timeout`));
    }
    case 'waitAnswer':
      return telling({ ...instruction }, 'timedOut', () => reach(`${pointer}/timeout`));
    default:
      return { ...instruction };
  }
}

/** Pointers of the steps that are this experiment. A customer has the same arm in all of them. */
export function experimentSteps({ stages }: Machine, experiment: string): string[] {
  return [...stages.values()].flatMap(({ program, pointers }) =>
    program.flatMap((each, place) =>
      each.op === 'experiment' && each.experiment === experiment ? [pointers[place] ?? ''] : [],
    ),
  );
}
