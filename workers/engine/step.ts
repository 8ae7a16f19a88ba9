// The engine: (machine, run, input, facts, now) -> the next run and its effects. Pure in the strict sense: no clock, no
// randomness, no I/O, no async, and the arguments are never changed. The rules are numbered in SPEC.md.

import { findJsonFault, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { Condition } from './conditions.ts';
import type { Facts } from './facts.ts';
import type { Cause, CompiledTrigger, DueTimer, Effect, EngineEvent, Input, Machine, Outcome, Run } from './machine.ts';
import { type Scope, scopeOf } from './scope.ts';

const NO_EFFECTS: readonly Effect[] = Object.freeze([]);

/** S8: what conditions see where no event is at hand. */
export const NO_EVENT: EngineEvent = Object.freeze({
  name: '',
  type: '',
  messageId: '',
  properties: Object.freeze({}),
  traits: Object.freeze({}),
  context: Object.freeze({}),
  userId: null,
  anonymousId: null,
});

/**
 * One input into one run.
 * @param run null only for an input of kind `start`
 * @param now milliseconds since 1970; a timer's input has `now` equal to its due time (A3)
 * @throws only on a broken invariant: a run in a stage its version does not have
 */
export function step(machine: Machine, run: Run | null, input: Input, facts: Facts, now: number): Outcome {
  if (run === null) return input.kind === 'start' ? start(machine, input, facts, now) : { run, effects: NO_EFFECTS };
  if (run.endedAt !== undefined || input.kind === 'start') return { run, effects: NO_EFFECTS };
  return input.kind === 'event'
    ? onEvent(machine, run, input.event, facts, now)
    : onTimer(machine, run, input.timer, facts, now);
}

/** Whether an event of this name could change a run in its present stage. */
export function listens(machine: Machine, run: Run, event: string): boolean {
  return machine.exit.has(event) || (machine.stages.get(run.stage)?.on.has(event) ?? false);
}

/** A run being changed: copied from the input, so the input stays as it was (P3). */
interface Draft {
  readonly machine: Machine;
  run: Run;
  readonly effects: Effect[];
  scope: Scope;
}

/** E1 to E3. */
function start(machine: Machine, input: Extract<Input, { kind: 'start' }>, facts: Facts, now: number): Outcome {
  const triggers = machine.entry.get(input.event.name);
  const scope = scopeOf(input.event, facts, now);
  const faults: Effect[] = [];
  if (!triggers?.some((trigger) => holds(trigger, scope, machine, faults)))
    return { run: null, effects: faults.length > 0 ? faults : NO_EFFECTS };
  const run: Run = {
    id: input.id,
    journey: machine.id,
    version: machine.version,
    key: input.key,
    stage: machine.initial,
    startedAt: now,
    enteredAt: now,
    ...(machine.sends ? { by: input.event.messageId } : {}),
    sequence: 0,
  };
  const draft: Draft = { machine, run, effects: faults, scope };
  enter(draft, null, machine.initial, causeOf(input.event));
  if (draft.run.endedAt === undefined) offer(draft);
  return { run: draft.run, effects: draft.effects };
}

function onEvent(machine: Machine, run: Run, event: EngineEvent, facts: Facts, now: number): Outcome {
  if (!listens(machine, run, event.name)) return { run, effects: NO_EFFECTS };
  const draft: Draft = { machine, run, effects: [], scope: scopeOf(event, facts, now) };
  offer(draft);
  return { run: draft.run, effects: draft.effects };
}

/** E4, T1: exits first, then the first transition whose condition holds. */
function offer(draft: Draft): void {
  const { machine, scope } = draft;
  const event = scope.event;
  const exits = machine.exit.get(event.name);
  if (exits?.some((exit) => holds(exit, scope, machine, draft.effects))) {
    end(draft, causeOf(event));
    return;
  }
  const transitions = stageOf(machine, draft.run.stage).on.get(event.name);
  if (!transitions) return;
  const taken = transitions.find((transition) => holds(transition, scope, machine, draft.effects));
  if (taken) enter(draft, draft.run.stage, taken.to, causeOf(event));
}

function onTimer(machine: Machine, run: Run, timer: DueTimer, facts: Facts, now: number): Outcome {
  const draft: Draft = { machine, run, effects: [], scope: scopeOf(NO_EVENT, facts, now) };
  if (timer.kind === 'wait') {
    const { wakeAt, at = 0, ...rest } = run;
    if (wakeAt === undefined) return { run, effects: NO_EFFECTS };
    draft.run = rest;
    runProgram(draft, at);
    return { run: draft.run, effects: draft.effects };
  }
  const after = stageOf(machine, run.stage).after[timer.index];
  if (!after || run.spent?.includes(timer.index)) return { run, effects: NO_EFFECTS };
  if (holds(after, draft.scope, machine, draft.effects))
    enter(draft, run.stage, after.to, { kind: 'timer', delay: after.delay, since: after.since, dueAt: timer.dueAt });
  else draft.run = { ...run, spent: [...(run.spent ?? []), timer.index] };
  return { run: draft.run, effects: draft.effects };
}

/** T2, T3, E5: whatever the stage before had under way is dropped, because the new run is built without it. */
function enter(draft: Draft, from: string | null, to: string, cause: Cause): void {
  const { id, journey, version, key, startedAt, by, sequence } = draft.run;
  const enteredAt = draft.scope.now;
  draft.run = {
    id,
    journey,
    version,
    key,
    stage: to,
    startedAt,
    enteredAt,
    ...(by === undefined ? {} : { by }),
    sequence,
  };
  draft.effects.push({ kind: 'transition', journey, run: id, from, to, cause });
  if (stageOf(draft.machine, to).final) draft.run = { ...draft.run, endedAt: enteredAt };
  else runProgram(draft, 0);
}

function end(draft: Draft, cause: Cause): void {
  const { id, journey, version, key, stage, startedAt, enteredAt, sequence } = draft.run;
  draft.run = { id, journey, version, key, stage, startedAt, enteredAt, endedAt: draft.scope.now, sequence };
  draft.effects.push({ kind: 'transition', journey, run: id, from: stage, to: null, cause });
}

/** S1 to S7. */
function runProgram(draft: Draft, from: number): void {
  const { machine, effects } = draft;
  const { program } = stageOf(machine, draft.run.stage);
  const journey = machine.id;
  let at = from;
  for (let count = 0; at < program.length; count++) {
    const instruction = program[at];
    if (!instruction) return;
    if (count >= LIMITS.instructionsPerInputMax) {
      effects.push({
        kind: 'error',
        journey,
        pointer: `/stages/${draft.run.stage}/steps`,
        detail: `more than ${LIMITS.instructionsPerInputMax} steps for one input`,
      });
      return;
    }
    at++;
    switch (instruction.op) {
      case 'send': {
        const sequence = draft.run.sequence + 1;
        draft.run = { ...draft.run, sequence };
        effects.push({
          kind: 'send',
          key: `${draft.run.id}/${sequence}`,
          journey,
          run: draft.run.id,
          by: draft.run.by ?? null,
          message: instruction.message,
          channel: instruction.channel,
          purpose: instruction.purpose,
        });
        break;
      }
      case 'wait':
        draft.run = { ...draft.run, at, wakeAt: draft.scope.now + instruction.ms };
        return;
      case 'set':
        setTrait(draft, instruction.trait, instruction.value);
        break;
      case 'unless':
        if (!holds(instruction, draft.scope, machine, effects)) at = instruction.to;
        break;
      case 'jump':
        at = instruction.to;
        break;
    }
  }
}

/** S4. What is no JSON value, or larger than an event may say it, is not set: such as 1.0 / 0.0, or a list doubled often. */
function setTrait(draft: Draft, trait: string, expression: Condition): void {
  const { machine, effects, scope } = draft;
  const result = expression.evaluate(scope);
  const detail = result.ok ? findJsonFault(result.value)?.detail : result.detail;
  if (!result.ok || detail !== undefined) {
    effects.push(errorOf(machine.id, expression, detail ?? ''));
    return;
  }
  const traits: JsonObject = { ...scope.traits, [trait]: result.value };
  draft.scope = { ...scope, traits };
  effects.push({ kind: 'set', journey: machine.id, trait, value: result.value });
}

/** C2: an error is false, and is recorded. */
function holds(trigger: CompiledTrigger, scope: Scope, machine: Machine, effects: Effect[]): boolean {
  if (trigger.condition === null) return true;
  const result = trigger.condition.evaluate(scope);
  if (result.ok) return result.value === true;
  effects.push(errorOf(machine.id, trigger.condition, result.detail));
  return false;
}

const errorOf = (journey: string, condition: Condition, detail: string): Effect => ({
  kind: 'error',
  journey,
  pointer: condition.pointer,
  detail,
});

const causeOf = (event: EngineEvent): Cause => ({ kind: 'event', event: event.name, messageId: event.messageId });

function stageOf(machine: Machine, name: string) {
  const stage = machine.stages.get(name);
  if (!stage) throw new Error(`broken invariant: ${machine.id} version ${machine.version} has no stage ${name}`);
  return stage;
}
