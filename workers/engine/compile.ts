// A journey document becomes a machine, once per version, or a list of findings. Everything a run could trip over is
// found here: what no schema can say (targets, conditions, delays) and what must be bounded.

import type { EventDeclarations } from '../../schema/catalog.ts';
import { type After, Journey, type Stage, type Step, type Transition, type Trigger } from '../../schema/journey.ts';
import { escapePointer } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { type Condition, type ConditionContext, compileCondition } from './conditions.ts';
import { durationMs } from './durations.ts';
import { type Finding, findingsOf } from './findings.ts';
import type {
  CompiledAfter,
  CompiledStage,
  CompiledTransition,
  CompiledTrigger,
  Instruction,
  Machine,
} from './machine.ts';

export type Compiled =
  | { readonly ok: true; readonly machine: Machine }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/** Aliases and declarations, prepared once for a catalog version. */
export interface Vocabulary {
  readonly declarations: EventDeclarations;
  readonly resolve: (event: string) => string;
}

export function vocabularyOf(declarations: EventDeclarations): Vocabulary {
  const names = new Map<string, string>();
  for (const [event, declaration] of Object.entries(declarations.events))
    for (const alias of declaration.aliases ?? []) names.set(alias, event);
  return { declarations, resolve: (event) => names.get(event) ?? event };
}

export const EMPTY_VOCABULARY: Vocabulary = vocabularyOf({ events: {}, traits: {} });

interface Build {
  readonly findings: Finding[];
  readonly vocabulary: Vocabulary;
  readonly stages: ReadonlySet<string>;
}

/** Compiles a document of unknown shape. `version` is the one the machine will be published as. */
export function compileJourney(document: unknown, version: number, vocabulary: Vocabulary): Compiled {
  const parsed = Journey.safeParse(document);
  if (!parsed.success) return { ok: false, findings: findingsOf(parsed.error.issues, document) };
  const journey = parsed.data;
  const names = Object.keys(journey.stages);
  const build: Build = { findings: [], vocabulary, stages: new Set(names) };
  if (names.length > LIMITS.stagesMax)
    say(build, 'limit', '/stages', `has more than ${LIMITS.stagesMax} stages`, 'Split the journey.');
  if (!build.stages.has(journey.initial)) unknownStage(build, '/initial', journey.initial);

  const entry = compileTriggers(journey.entry, '/entry', build);
  const exit = compileTriggers(journey.exit ?? [], '/exit', build);
  const key = journey.key == null ? null : compileKey(journey.key, build);
  const reentry =
    typeof journey.reentry === 'string'
      ? journey.reentry
      : { afterMs: compileDuration(journey.reentry.after, '/reentry/after', build) };
  const stages = new Map<string, CompiledStage>();
  names.forEach((name, index) => {
    const stage = journey.stages[name];
    if (stage) stages.set(name, compileStage(name, index, stage, build));
  });
  if (build.findings.length > 0) return { ok: false, findings: build.findings };
  const sends = [...stages.values()].some((stage) => stage.program.some((instruction) => instruction.op === 'send'));
  const { id, initial } = journey;
  return { ok: true, machine: { id, version, journey, initial, key, reentry, sends, entry, exit, stages } };
}

/** K1: a text or a whole number; what else an expression gives is no key. */
function compileKey(source: string, build: Build): Condition | null {
  return compileExpression(source, '/key', null, build, 'key');
}

function say(build: Build, code: string, pointer: string, message: string, remedy: string): void {
  build.findings.push({ code, pointer, message, remedy });
}

function unknownStage(build: Build, pointer: string, name: string): void {
  say(
    build,
    'unknown-stage',
    pointer,
    `there is no stage ${JSON.stringify(name)}`,
    `Use one of: ${[...build.stages].slice(0, 20).join(', ')}.`,
  );
}

function compileTriggers(triggers: readonly Trigger[], base: string, build: Build): Map<string, CompiledTrigger[]> {
  const byEvent = new Map<string, CompiledTrigger[]>();
  triggers.forEach((trigger, index) => {
    const event = build.vocabulary.resolve(trigger.event);
    const condition = compileIf(trigger.if, `${base}/${index}/if`, event, build);
    append(byEvent, event, { condition });
  });
  return byEvent;
}

function append<T>(map: Map<string, T[]>, name: string, item: T): void {
  const list = map.get(name);
  if (list) list.push(item);
  else map.set(name, [item]);
}

function compileIf(source: string | undefined, pointer: string, event: string | null, build: Build): Condition | null {
  return source === undefined ? null : compileExpression(source, pointer, event, build, 'bool');
}

function compileExpression(
  source: string,
  pointer: string,
  event: string | null,
  build: Build,
  want: 'bool' | 'any' | 'key',
): Condition | null {
  const context: ConditionContext = {
    declarations: build.vocabulary.declarations,
    event,
    resolve: build.vocabulary.resolve,
  };
  const compiled = compileCondition(source, pointer, context, want);
  if (compiled.ok) return compiled.condition;
  say(build, compiled.fault.code, pointer, compiled.fault.detail, compiled.fault.remedy);
  return null;
}

function compileStage(name: string, index: number, stage: Stage, build: Build): CompiledStage {
  const base = `/stages/${escapePointer(name)}`;
  if (stage.final && ((stage.on?.length ?? 0) > 0 || (stage.after?.length ?? 0) > 0 || (stage.steps?.length ?? 0) > 0))
    say(
      build,
      'final-stage',
      base,
      'a final stage ends the run, so it has neither transitions nor timers nor steps',
      'Remove them, or remove final.',
    );
  const program: Instruction[] = [];
  compileSteps(stage.steps ?? [], `${base}/steps`, program, 0, build);
  if (countSteps(stage.steps ?? []) > LIMITS.stepsPerStageMax)
    say(build, 'limit', `${base}/steps`, `has more than ${LIMITS.stepsPerStageMax} steps`, 'Split the stage.');
  return {
    name,
    index,
    final: stage.final ?? false,
    on: compileTransitions(stage.on ?? [], `${base}/on`, build),
    after: (stage.after ?? []).map((after, place) => compileAfter(after, `${base}/after/${place}`, build)),
    program,
  };
}

/** Steps of a stage, nested ones included. Each arm of a branch counts too, so that a program's length stays bounded. */
function countSteps(steps: readonly Step[]): number {
  let count = steps.length;
  for (const step of steps)
    if ('branch' in step)
      count += step.branch.reduce((sum, arm) => sum + 1 + countSteps(arm.steps), 0) + countSteps(step.else ?? []);
  return count;
}

function compileTransitions(
  transitions: readonly Transition[],
  base: string,
  build: Build,
): Map<string, CompiledTransition[]> {
  const byEvent = new Map<string, CompiledTransition[]>();
  transitions.forEach((transition, index) => {
    if (!build.stages.has(transition.to)) unknownStage(build, `${base}/${index}/to`, transition.to);
    const event = build.vocabulary.resolve(transition.event);
    append(byEvent, event, {
      condition: compileIf(transition.if, `${base}/${index}/if`, event, build),
      to: transition.to,
    });
  });
  return byEvent;
}

/** The shortest delay between two timers, milliseconds: what keeps a loop of timers from running away. */
const AFTER_MS_MIN = 1_000;

function compileAfter(after: After, base: string, build: Build): CompiledAfter {
  if (!build.stages.has(after.to)) unknownStage(build, `${base}/to`, after.to);
  const delayMs = compileDuration(after.delay, `${base}/delay`, build);
  if (delayMs < AFTER_MS_MIN)
    say(build, 'delay-too-short', `${base}/delay`, 'a timer needs a delay of at least a second', 'Write PT1S or more.');
  return {
    delayMs,
    delay: after.delay,
    since: after.since,
    to: after.to,
    condition: compileIf(after.if, `${base}/if`, null, build),
  };
}

function compileDuration(source: string, pointer: string, build: Build): number {
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

function compileSteps(steps: readonly Step[], base: string, program: Instruction[], depth: number, build: Build): void {
  if (depth > LIMITS.stepDepthMax) {
    say(build, 'limit', base, `branches are nested more than ${LIMITS.stepDepthMax} deep`, 'Flatten the branches.');
    return;
  }
  steps.forEach((step, index) => {
    const pointer = `${base}/${index}`;
    if ('send' in step) program.push({ op: 'send', message: step.send, channel: step.channel, purpose: step.purpose });
    else if ('wait' in step) program.push({ op: 'wait', ms: compileDuration(step.wait, `${pointer}/wait`, build) });
    else if ('set' in step) {
      if (step.set === '__proto__')
        say(build, 'schema', `${pointer}/set`, 'a trait cannot have this name', 'Rename the trait.');
      const value = compileExpression(step.value, `${pointer}/value`, null, build, 'any');
      if (value) program.push({ op: 'set', trait: step.set, value });
    } else compileBranch(step, pointer, program, depth, build);
  });
}

/** Branches become jumps: `unless c1 to L1; …; jump end; L1: unless c2 to L2; …; end`. */
function compileBranch(
  step: Extract<Step, { branch: unknown }>,
  pointer: string,
  program: Instruction[],
  depth: number,
  build: Build,
): void {
  const jumpsToEnd: number[] = [];
  step.branch.forEach((branch, index) => {
    const condition = compileExpression(branch.if, `${pointer}/branch/${index}/if`, null, build, 'bool');
    if (!condition) return;
    const test = program.push({ op: 'unless', condition, to: 0 }) - 1;
    compileSteps(branch.steps, `${pointer}/branch/${index}/steps`, program, depth + 1, build);
    jumpsToEnd.push(program.push({ op: 'jump', to: 0 }) - 1);
    program[test] = { op: 'unless', condition, to: program.length };
  });
  if (step.else) compileSteps(step.else, `${pointer}/else`, program, depth + 1, build);
  for (const jump of jumpsToEnd) program[jump] = { op: 'jump', to: program.length };
}
