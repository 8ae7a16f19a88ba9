// A journey while it is compiled: what has been found, and the small parts every piece of a journey is made of, checked:
// expressions, durations, zones, names of stages.

import type { DateInData } from '../../schema/journey.ts';
import { LIMITS } from '../../schema/limits.ts';
import { isZone } from './calendar.ts';
import type { Vocabulary } from './compile.ts';
import { type Asks, type Condition, type ConditionContext, compileCondition } from './conditions.ts';
import { durationMs } from './durations.ts';
import type { Finding } from './findings.ts';
import type { CompiledDate } from './machine.ts';

export interface Build {
  readonly id: string;
  readonly findings: Finding[];
  readonly vocabulary: Vocabulary;
  readonly stages: ReadonlySet<string>;
  /** Place of each stage in `order`; empty without. */
  readonly order: ReadonlyMap<string, number>;
  readonly refusesRegress: boolean;
  /** Properties of the starting event that conditions name; null until one asks for `start`. */
  keeps: Set<string> | null;
  readonly webhooks: Set<string>;
  /** Answers conditions ask for, with the place of the first. */
  readonly answers: Map<string, string>;
}

export function say(build: Build, code: string, pointer: string, message: string, remedy: string): void {
  build.findings.push({ code, pointer, message, remedy });
}

/** A stage that something leads to: it has to exist, and where the journey refuses a way back, not to lie behind. */
export function checkTarget(build: Build, pointer: string, from: string, to: string, back = false): void {
  if (!build.stages.has(to)) {
    unknownStage(build, pointer, to);
    return;
  }
  const [at, next] = [build.order.get(from), build.order.get(to)];
  if (!build.refusesRegress || back || at === undefined || next === undefined || next >= at) return;
  say(
    build,
    'regress',
    pointer,
    `leads back from ${from} to ${to}, which stands earlier in the order`,
    'Lead on to a later stage, or write "back": true where the way back is meant.',
  );
}

export function unknownStage(build: Build, pointer: string, name: string): void {
  say(
    build,
    'unknown-stage',
    pointer,
    `there is no stage ${JSON.stringify(name)}`,
    `Use one of: ${[...build.stages].slice(0, 20).join(', ')}.`,
  );
}

/** Where an expression stands. `event`: the one it is asked about, null where it is not known which, or there is none. */
export interface Place {
  readonly pointer: string;
  readonly event: string | null;
  readonly want?: 'bool' | 'any' | 'key';
  /** False where there is no run yet: in `entry` and `key`. */
  readonly inRun?: boolean;
}

export function compileExpression(
  source: string,
  { pointer, event, want = 'bool', inRun = true }: Place,
  build: Build,
): Condition | null {
  const context: ConditionContext = {
    declarations: build.vocabulary.declarations,
    event,
    inRun,
    resolve: build.vocabulary.resolve,
  };
  const compiled = compileCondition(source, pointer, context, want);
  if (!compiled.ok) {
    say(build, compiled.fault.code, pointer, compiled.fault.detail, compiled.fault.remedy);
    return null;
  }
  note(build, pointer, compiled.condition.asks);
  return compiled.condition;
}

function note(build: Build, pointer: string, { start, startWhole, answers }: Asks): void {
  if (start) {
    build.keeps ??= new Set();
    for (const property of start) build.keeps.add(property);
  }
  if (startWhole)
    say(
      build,
      'start-whole',
      pointer,
      'asks for start.properties without saying which: a run keeps only those that are named',
      'Name the property, such as start.properties.order_id.',
    );
  for (const name of answers) if (!build.answers.has(name)) build.answers.set(name, pointer);
}

export function compileIf(source: string | undefined, place: Place, build: Build): Condition | null {
  return source === undefined ? null : compileExpression(source, place, build);
}

/** Answers somebody asks for must be those of webhooks the journey has. */
export function checkAnswers(build: Build): void {
  for (const [name, pointer] of build.answers)
    if (!build.webhooks.has(name))
      say(
        build,
        'unknown-webhook',
        pointer,
        `no step of this journey is the webhook ${JSON.stringify(name)}`,
        build.webhooks.size === 0
          ? 'Add the webhook, or ask something else.'
          : `Use one of: ${[...build.webhooks].join(', ')}.`,
      );
}

/** The shortest delay between two timers, milliseconds: what keeps a loop of timers from running away. */
export const AFTER_MS_MIN = 1_000;

export function compileDuration(source: string, pointer: string, build: Build): number {
  const ms = durationMs(source);
  if (ms === null) {
    say(
      build,
      'duration',
      pointer,
      `${source} is not a duration of fixed length`,
      'Use weeks, days, hours, minutes and seconds, such as P30D or PT2H.',
    );
    return AFTER_MS_MIN;
  }
  if (ms > LIMITS.delayMsMax)
    say(build, 'delay-too-long', pointer, 'the delay is longer than ten years', 'Shorten it; P3653D is the longest.');
  return ms;
}

/** A zone as written, checked; null where each customer's own counts. */
export function compileZone(zone: string | undefined, pointer: string, build: Build): string | null {
  if (zone === undefined) return null;
  if (!isZone(zone))
    say(
      build,
      'zone',
      pointer,
      `${JSON.stringify(zone)} is not a time zone`,
      'Use a name of the IANA database, such as Europe/Berlin.',
    );
  return zone;
}

type DateWritten = {
  readonly [member in keyof typeof DateInData]?: string | undefined;
};

export function compileDate(written: DateWritten, base: string, build: Build): CompiledDate | null {
  const zone = compileZone(written.zone, `${base}/zone`, build);
  const date = compileExpression(written.date ?? '', { pointer: `${base}/date`, event: null, want: 'any' }, build);
  return date && { date, offset: written.offset ?? null, time: written.time ?? null, zone };
}
