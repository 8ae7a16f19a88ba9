// The steps of a stage become a program: a flat list of instructions in which branches, arms and timeouts are jumps, so
// that a run's place in it is one number.

import type { Step } from '../../schema/journey.ts';
import { WEEKDAYS } from '../../schema/journey.ts';
import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import {
  type Build,
  checkTarget,
  compileDate,
  compileDuration,
  compileExpression,
  compileIf,
  compileZone,
  say,
} from './build.ts';
import type { Condition } from './conditions.ts';
import { type CompiledMember, type Instruction, isSystemEvent, SYSTEM_EVENTS } from './machine.ts';

export interface Program {
  readonly instructions: readonly Instruction[];
  /** For each instruction the pointer of its step. */
  readonly pointers: readonly string[];
}

interface Draft {
  readonly build: Build;
  readonly stage: string;
  readonly instructions: Instruction[];
  readonly pointers: string[];
}

export function compileProgram(steps: readonly Step[], stage: string, base: string, build: Build): Program {
  const draft: Draft = { build, stage, instructions: [], pointers: [] };
  compileSteps(draft, steps, base, 0);
  if (countSteps(steps) > LIMITS.stepsPerStageMax)
    say(build, 'limit', base, `has more than ${LIMITS.stepsPerStageMax} steps`, 'Split the stage.');
  return draft;
}

/** Steps of a stage, nested ones included. Each arm counts too, so that a program's length stays bounded. */
function countSteps(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => sum + 1 + countInside(step), 0);
}

function countInside(step: Step): number {
  const arms = 'branch' in step ? step.branch : 'experiment' in step ? step.arms : [];
  const inArms = arms.reduce((sum, arm) => sum + 1 + countSteps(arm.steps), 0);
  if ('branch' in step) return inArms + countSteps(step.else ?? []);
  if ('waitFor' in step || 'webhook' in step)
    return (step.onTimeout ? 1 : 0) + countSteps(step.steps ?? []) + countSteps(step.onTimeout ?? []);
  return inArms;
}

function compileSteps(draft: Draft, steps: readonly Step[], base: string, depth: number): void {
  if (depth > LIMITS.stepDepthMax) {
    const message = `branches are nested more than ${LIMITS.stepDepthMax} deep`;
    say(draft.build, 'limit', base, message, 'Flatten the branches.');
    return;
  }
  steps.forEach((step, index) => {
    compileStep(draft, step, `${base}/${index}`, depth);
  });
}

/** Adds an instruction. @returns its place */
function add(draft: Draft, pointer: string, instruction: Instruction): number {
  draft.pointers.push(pointer);
  return draft.instructions.push(instruction) - 1;
}

function compileStep(draft: Draft, step: Step, pointer: string, depth: number): void {
  const { build } = draft;
  if ('send' in step)
    add(draft, pointer, { op: 'send', message: step.send, channel: step.channel, purpose: step.purpose });
  else if ('wait' in step) compileWait(draft, step, pointer);
  else if ('set' in step) {
    if (step.set === '__proto__')
      say(build, 'schema', `${pointer}/set`, 'a trait cannot have this name', 'Rename the trait.');
    if (build.vocabulary.declarations.traits[step.set]?.computed)
      say(
        build,
        'computed-set',
        `${pointer}/set`,
        `${step.set} is worked out from the history (events.json)`,
        'Set another trait.',
      );
    const value = compileExpression(step.value, { pointer: `${pointer}/value`, event: null, want: 'any' }, build);
    if (value) add(draft, pointer, { op: 'set', trait: step.set, value });
  } else if ('branch' in step) compileBranch(draft, step, pointer, depth);
  else if ('experiment' in step) compileExperiment(draft, step, pointer, depth);
  else if ('waitFor' in step) compileWaitFor(draft, step, pointer, depth);
  else if ('webhook' in step) compileWebhook(draft, step, pointer, depth);
  else if ('goto' in step) {
    checkTarget(build, `${pointer}/goto`, draft.stage, step.goto);
    add(draft, pointer, { op: 'goto', stage: step.goto });
  } else if ('exit' in step) add(draft, pointer, { op: 'exit', reason: step.exit });
  else if ('emit' in step) {
    const event = build.vocabulary.resolve(step.emit);
    if (isSystemEvent(event))
      say(
        build,
        'reserved-event',
        `${pointer}/emit`,
        `${event} is made by steps of its own`,
        'Use start, cancel or audience.',
      );
    add(draft, pointer, {
      op: 'emit',
      event,
      properties: compileMembers(draft, step.properties, `${pointer}/properties`),
    });
  } else if ('start' in step) {
    const properties = compileMembers(draft, step.properties, `${pointer}/properties`);
    const fixed: JsonObject = { journey: step.start, from: build.id };
    add(draft, pointer, { op: 'emit', event: SYSTEM_EVENTS.requested, properties, fixed });
  } else if ('cancel' in step) {
    const properties = compileMembers(draft, step.key === undefined ? {} : { key: step.key }, pointer);
    add(draft, pointer, { op: 'emit', event: SYSTEM_EVENTS.cancelled, properties, fixed: { journey: step.cancel } });
  } else if ('audience' in step)
    add(draft, pointer, { op: 'work', work: { kind: 'audience', audience: step.audience, change: step.do } });
  else if ('grant' in step)
    add(draft, pointer, {
      op: 'work',
      work: {
        kind: 'grant',
        grant: step.grant,
        of: step.kind,
        amount:
          step.amount === undefined
            ? null
            : compileExpression(step.amount, { pointer: `${pointer}/amount`, event: null, want: 'any' }, build),
        expiresMs: step.expires === undefined ? null : compileDuration(step.expires, `${pointer}/expires`, build),
      },
    });
  else compileTask(draft, step, pointer);
}

function compileTask(draft: Draft, step: Extract<Step, { task: unknown }>, pointer: string): void {
  const { build } = draft;
  if (step.escalate && step.due === undefined)
    say(
      build,
      'task-due',
      `${pointer}/escalate`,
      'a task without a due time is never late',
      'Add due, or remove escalate.',
    );
  const { task, title = null, assignee = null, due, escalate } = step;
  add(draft, pointer, {
    op: 'work',
    work: {
      kind: 'task',
      task,
      title,
      assignee,
      dueMs: due === undefined ? null : compileDuration(due, `${pointer}/due`, build),
      escalate: escalate
        ? { afterMs: compileDuration(escalate.after, `${pointer}/escalate/after`, build), to: escalate.to }
        : null,
    },
  });
}

function compileWait(draft: Draft, { wait }: Extract<Step, { wait: unknown }>, pointer: string): void {
  const { build } = draft;
  if (typeof wait === 'string')
    add(draft, pointer, { op: 'wait', ms: compileDuration(wait, `${pointer}/wait`, build) });
  else if ('from' in wait.until) {
    const { from, to, days = WEEKDAYS, zone } = wait.until;
    const base = `${pointer}/wait/until`;
    add(draft, pointer, {
      op: 'waitWindow',
      window: { from, to, days },
      zone: compileZone(zone, `${base}/zone`, build),
    });
  } else {
    const date = compileDate(wait.until, `${pointer}/wait/until`, build);
    if (date) add(draft, pointer, { op: 'waitDate', date });
  }
}

function compileMembers(
  { build }: Draft,
  written: Readonly<Record<string, string>> | undefined,
  base: string,
): CompiledMember[] {
  return Object.entries(written ?? {}).flatMap(([name, source]) => {
    const value = compileExpression(source, { pointer: `${base}/${name}`, event: null, want: 'any' }, build);
    return value ? [{ name, value }] : [];
  });
}

/** Branches become jumps: `unless c1 to L1; …; jump end; L1: unless c2 to L2; …; end`. */
function compileBranch(draft: Draft, step: Extract<Step, { branch: unknown }>, pointer: string, depth: number): void {
  const jumpsToEnd: number[] = [];
  step.branch.forEach((branch, index) => {
    const place = { pointer: `${pointer}/branch/${index}/if`, event: null };
    const condition = compileExpression(branch.if, place, draft.build);
    if (!condition) return;
    const test = add(draft, pointer, { op: 'unless', condition, to: 0 });
    compileSteps(draft, branch.steps, `${pointer}/branch/${index}/steps`, depth + 1);
    jumpsToEnd.push(add(draft, pointer, { op: 'jump', to: 0 }));
    draft.instructions[test] = { op: 'unless', condition, to: draft.instructions.length };
  });
  if (step.else) compileSteps(draft, step.else, `${pointer}/else`, depth + 1);
  landHere(draft, jumpsToEnd);
}

function landHere(draft: Draft, jumps: readonly number[]): void {
  for (const jump of jumps) draft.instructions[jump] = { op: 'jump', to: draft.instructions.length };
}

function compileExperiment(
  draft: Draft,
  step: Extract<Step, { experiment: unknown }>,
  pointer: string,
  depth: number,
): void {
  const { experiment, holdout = 0 } = step;
  const place = add(draft, pointer, { op: 'jump', to: 0 });
  const arms: { name: string; weight: number; at: number }[] = [];
  const jumpsToEnd: number[] = [];
  step.arms.forEach(({ name, weight = 1, steps }, index) => {
    if (arms.some((arm) => arm.name === name))
      say(
        draft.build,
        'arm-twice',
        `${pointer}/arms/${index}/name`,
        `there are two arms ${name}`,
        'Rename one of them.',
      );
    arms.push({ name, weight, at: draft.instructions.length });
    compileSteps(draft, steps, `${pointer}/arms/${index}/steps`, depth + 1);
    jumpsToEnd.push(add(draft, pointer, { op: 'jump', to: 0 }));
  });
  landHere(draft, jumpsToEnd);
  draft.instructions[place] = { op: 'experiment', experiment, holdout, arms, to: draft.instructions.length };
}

/** `waitFor, timed out to L1; steps; jump end; L1: onTimeout; end`. */
function compileWaitFor(draft: Draft, step: Extract<Step, { waitFor: unknown }>, pointer: string, depth: number): void {
  const { build } = draft;
  const event = build.vocabulary.resolve(step.waitFor.event);
  const asked = [
    compileIf(step.waitFor.if, { pointer: `${pointer}/waitFor/if`, event }, build),
    compileIf(step.waitFor.match, { pointer: `${pointer}/waitFor/match`, event }, build),
  ];
  const conditions = asked.filter((condition): condition is Condition => condition !== null);
  if (step.onTimeout && step.timeout === undefined)
    say(
      build,
      'wait-timeout',
      `${pointer}/onTimeout`,
      'without a timeout this never runs',
      'Add timeout, or remove onTimeout.',
    );
  const ms = step.timeout === undefined ? null : compileDuration(step.timeout, `${pointer}/timeout`, build);
  compileArrival(draft, step, pointer, depth, (timedOut) => ({ op: 'waitFor', event, conditions, ms, timedOut }));
}

function compileWebhook(draft: Draft, step: Extract<Step, { webhook: unknown }>, pointer: string, depth: number): void {
  const { build } = draft;
  const { webhook, url, timeout } = step;
  build.webhooks.add(webhook);
  const body = compileMembers(draft, step.body, `${pointer}/body`);
  add(draft, pointer, { op: 'work', work: { kind: 'webhook', webhook, url, body } });
  if (timeout === undefined) {
    if (step.steps || step.onTimeout)
      say(
        build,
        'wait-timeout',
        pointer,
        'without a timeout the program does not wait for the answer',
        'Add timeout, or put the steps behind the webhook.',
      );
    return;
  }
  const ms = compileDuration(timeout, `${pointer}/timeout`, build);
  compileArrival(draft, step, pointer, depth, (timedOut) => ({ op: 'waitAnswer', webhook, ms, timedOut }));
}

function compileArrival(
  draft: Draft,
  { steps = [], onTimeout = [] }: { steps?: readonly Step[] | undefined; onTimeout?: readonly Step[] | undefined },
  pointer: string,
  depth: number,
  waiting: (timedOut: number) => Instruction,
): void {
  const place = add(draft, pointer, waiting(0));
  compileSteps(draft, steps, `${pointer}/steps`, depth + 1);
  const jump = onTimeout.length > 0 ? add(draft, pointer, { op: 'jump', to: 0 }) : null;
  draft.instructions[place] = waiting(draft.instructions.length);
  compileSteps(draft, onTimeout, `${pointer}/onTimeout`, depth + 1);
  if (jump !== null) landHere(draft, [jump]);
}
