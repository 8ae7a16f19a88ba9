// Every step and every expression of a journey, each with its place.

import type { Journey, Step } from '../../schema/journey.ts';
import { escapePointer } from '../../schema/json.ts';

export interface Written {
  readonly source: string;
  readonly pointer: string;
  /** The event it is asked about, as the journey writes it; null where it is none or not known which. */
  readonly event: string | null;
}

export interface PlacedStep {
  readonly step: Step;
  readonly pointer: string;
  readonly stage: string;
}

/** All steps, nested ones behind those they stand in. */
export function stepsOf(journey: Journey): PlacedStep[] {
  return Object.entries(journey.stages).flatMap(([stage, { steps }]) =>
    below(steps ?? [], `/stages/${escapePointer(stage)}/steps`, stage),
  );
}

function below(steps: readonly Step[], base: string, stage: string): PlacedStep[] {
  return steps.flatMap((step, index) => {
    const pointer = `${base}/${index}`;
    return [{ step, pointer, stage }, ...inside(step, pointer).flatMap(([list, place]) => below(list, place, stage))];
  });
}

/** The lists of steps inside one. */
function inside(step: Step, pointer: string): [readonly Step[], string][] {
  if ('branch' in step)
    return [
      ...step.branch.map(({ steps }, index): [Step[], string] => [steps, `${pointer}/branch/${index}/steps`]),
      [step.else ?? [], `${pointer}/else`],
    ];
  if ('experiment' in step) return step.arms.map(({ steps }, index) => [steps, `${pointer}/arms/${index}/steps`]);
  if ('waitFor' in step || 'webhook' in step)
    return [
      [step.steps ?? [], `${pointer}/steps`],
      [step.onTimeout ?? [], `${pointer}/onTimeout`],
    ];
  return [];
}

export function expressionsOf(journey: Journey): Written[] {
  const asked = (list: readonly object[] | undefined, base: string): Written[] =>
    (list ?? []).flatMap((each, index) => membersOf(each, ['if', 'date'], `${base}/${index}`));
  return [
    ...asked(journey.entry, '/entry'),
    ...asked(journey.exit, '/exit'),
    ...membersOf({ key: journey.key }, ['key'], ''),
    ...membersOf(journey.goal ?? {}, ['if'], '/goal'),
    ...Object.entries(journey.stages).flatMap(([name, stage]) =>
      (['on', 'after', 'at', 'always'] as const).flatMap((kind) =>
        asked(stage[kind], `/stages/${escapePointer(name)}/${kind}`),
      ),
    ),
    ...stepsOf(journey).flatMap(({ step, pointer }) => inStep(step, pointer)),
  ];
}

/** Members that are expressions, asked about the event of the same object where it names one. */
function membersOf(object: object, names: readonly string[], base: string): Written[] {
  const event = 'event' in object && typeof object.event === 'string' ? object.event : null;
  return names.flatMap((name) => {
    const source: unknown = Reflect.get(object, name);
    return typeof source === 'string' ? [{ source, pointer: `${base}/${escapePointer(name)}`, event }] : [];
  });
}

function inStep(step: Step, pointer: string): Written[] {
  if ('branch' in step)
    return step.branch.flatMap((arm, index) => membersOf(arm, ['if'], `${pointer}/branch/${index}`));
  if ('waitFor' in step) return membersOf(step.waitFor, ['if', 'match'], `${pointer}/waitFor`);
  if ('set' in step) return membersOf(step, ['value'], pointer);
  if ('grant' in step) return membersOf(step, ['amount'], pointer);
  if ('cancel' in step) return membersOf(step, ['key'], pointer);
  if ('webhook' in step) return membersOf(step.body ?? {}, Object.keys(step.body ?? {}), `${pointer}/body`).map(apart);
  if ('emit' in step || 'start' in step)
    return membersOf(step.properties ?? {}, Object.keys(step.properties ?? {}), `${pointer}/properties`).map(apart);
  if ('wait' in step && typeof step.wait !== 'string' && 'date' in step.wait.until)
    return membersOf(step.wait.until, ['date'], `${pointer}/wait/until`);
  return [];
}

/** A member called `event` is data there, not the event that is asked about. */
const apart = (written: Written): Written => ({ ...written, event: null });
