// Runs a stage's program until it waits, ends or leads out of the stage (group S). Leaving the stage itself is step.ts's.

import type { Json } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { instantOf, nextInWindow } from './calendar.ts';
import { type Draft, dateOf, errorOf, holds, jsonOf, membersOf, nextKey, stageOf, zoneOf } from './draft.ts';
import { armOf } from './experiments.ts';
import type { Answer, EngineEvent, Instruction, Work } from './machine.ts';

/** How a program leads out of its stage. */
export type Leaving =
  | { readonly kind: 'goto'; readonly stage: string }
  | { readonly kind: 'exit'; readonly reason: string };

/** S1 to S7. Goes on at instruction `from`. @returns null where the run stays in the stage */
export function runProgram(draft: Draft, from: number): Leaving | null {
  const { machine, effects } = draft;
  const { program } = stageOf(machine, draft.run.stage);
  if (draft.suspended && from < program.length) {
    draft.run = { ...draft.run, at: from, wakeAt: draft.scope.now, held: true };
    return null;
  }
  const journey = machine.id;
  for (let at = from; at < program.length; ) {
    const instruction = program[at];
    if (!instruction) return null;
    if (draft.instructions >= LIMITS.instructionsPerInputMax) {
      const detail = `more than ${LIMITS.instructionsPerInputMax} steps for one input`;
      effects.push(errorOf(journey, `/stages/${draft.run.stage}/steps`, detail));
      return null;
    }
    draft.instructions++;
    at++;
    switch (instruction.op) {
      case 'send': {
        const key = nextKey(draft);
        const { message, channel, purpose } = instruction;
        const { id: run, by = null } = draft.run;
        const { priority } = machine;
        effects.push({
          kind: 'send',
          ...{ key, journey, run, by, message, channel, purpose },
          ...(priority === 0 ? {} : { priority }),
        });
        break;
      }
      case 'wait':
        draft.run = { ...draft.run, at, wakeAt: draft.scope.now + instruction.ms };
        return null;
      case 'waitWindow': {
        const { now } = draft.scope;
        const wakeAt = nextInWindow(now, { ...instruction.window, zone: zoneOf(draft, instruction.zone) });
        if (wakeAt <= now) break;
        draft.run = { ...draft.run, at, wakeAt };
        return null;
      }
      case 'waitDate': {
        const date = dateOf(draft, instruction.date);
        const wakeAt = date && instantOf(date.value, date.read);
        if (wakeAt === null || wakeAt <= draft.scope.now) break;
        draft.run = { ...draft.run, at, wakeAt };
        return null;
      }
      case 'waitFor':
      case 'waitAnswer':
        draft.run = {
          ...draft.run,
          at,
          ...(instruction.ms === null ? {} : { wakeAt: draft.scope.now + instruction.ms }),
        };
        return null;
      case 'set': {
        const value = jsonOf(draft, instruction.value);
        if (value === undefined) break;
        const { trait } = instruction;
        draft.scope = { ...draft.scope, traits: { ...draft.scope.traits, [trait]: value } };
        effects.push({ kind: 'set', journey, trait, value });
        break;
      }
      case 'unless':
        if (!holds(instruction.condition, draft.scope, machine, effects)) at = instruction.to;
        break;
      case 'jump':
        at = instruction.to;
        break;
      case 'experiment':
        at = enterArm(draft, instruction);
        break;
      case 'goto':
        return { kind: 'goto', stage: instruction.stage };
      case 'exit':
        return { kind: 'exit', reason: instruction.reason };
      case 'emit': {
        const properties = { ...membersOf(draft, instruction.properties), ...instruction.fixed };
        effects.push({
          kind: 'emit',
          key: nextKey(draft),
          journey,
          run: draft.run.id,
          event: instruction.event,
          properties,
        });
        break;
      }
      case 'work':
        work(draft, instruction.work);
        break;
    }
  }
  return null;
}

/** S11. @returns the place in the program */
function enterArm(draft: Draft, { experiment, holdout, arms, to }: Extract<Instruction, { op: 'experiment' }>): number {
  const { run, scope, machine } = draft;
  const known = run.arms && Object.hasOwn(run.arms, experiment) ? run.arms[experiment] : undefined;
  const arm = known === undefined ? armOf(scope.facts.customerId ?? '', experiment, holdout, arms) : known;
  if (known === undefined) draft.run = { ...run, arms: { ...run.arms, [experiment]: arm } };
  draft.effects.push({ kind: 'experiment', journey: machine.id, run: run.id, experiment, arm });
  return arms.find(({ name }) => name === arm)?.at ?? to;
}

/** S12 to S15. */
function work(draft: Draft, asked: Work): void {
  const { machine, effects } = draft;
  const { now } = draft.scope;
  const given: Json = asked.kind === 'grant' && asked.amount ? (jsonOf(draft, asked.amount) ?? null) : null;
  const body = asked.kind === 'webhook' ? membersOf(draft, asked.body) : {};
  const keyed = { key: nextKey(draft), journey: machine.id, run: draft.run.id };
  switch (asked.kind) {
    case 'audience':
      effects.push({ ...asked, ...keyed });
      break;
    case 'grant': {
      const { kind, grant, of, expiresMs } = asked;
      effects.push({
        kind,
        ...keyed,
        grant,
        of,
        amount: given,
        expiresAt: expiresMs === null ? null : now + expiresMs,
      });
      break;
    }
    case 'task': {
      const { kind, task, title, assignee, dueMs, escalate } = asked;
      const dueAt = dueMs === null ? null : now + dueMs;
      const late = escalate && dueAt !== null ? { at: dueAt + escalate.afterMs, to: escalate.to } : null;
      effects.push({ kind, ...keyed, task, title, assignee, dueAt, escalate: late });
      break;
    }
    case 'webhook':
      effects.push({ kind: 'webhook', ...keyed, webhook: asked.webhook, url: asked.url, body });
      break;
  }
}

/** The instruction a run waits at, or null: its program may be over, or held by a suspension. */
function waitingAt(draft: Draft): Instruction | null {
  const { at, held, stage } = draft.run;
  if (at === undefined || held) return null;
  return stageOf(draft.machine, stage).program[at - 1] ?? null;
}

/** Takes the wait off the run. @returns where its program goes on */
function wake(draft: Draft): number {
  const { at = 0, wakeAt: _, held: __, ...rest } = draft.run;
  draft.run = rest;
  return at;
}

/** S9: an event that no transition took reaches the program, if it waits for it. */
export function tellProgram(draft: Draft, event: EngineEvent): Leaving | null {
  const waiting = waitingAt(draft);
  if (waiting?.op !== 'waitFor' || waiting.event !== event.name) return null;
  const meant = waiting.conditions.every((condition) => holds(condition, draft.scope, draft.machine, draft.effects));
  return meant ? runProgram(draft, wake(draft)) : null;
}

/** S2, S9, S16: the wait is over; past a timeout the program goes on elsewhere. */
export function wakeProgram(draft: Draft): Leaving | null {
  const waiting = waitingAt(draft);
  const at = wake(draft);
  return runProgram(draft, waiting?.op === 'waitFor' || waiting?.op === 'waitAnswer' ? waiting.timedOut : at);
}

/** S16: an answer is kept, if it is small, and the program goes on, if it waits for it. */
export function takeAnswer(draft: Draft, webhook: string, answer: Answer): Leaving | null {
  const large = JSON.stringify(answer.body).length > LIMITS.answerCharsMax;
  const kept: Answer = large ? { status: answer.status, body: null } : answer;
  if (large)
    draft.effects.push(
      errorOf(
        draft.machine.id,
        '',
        `the answer of ${webhook} is longer than ${LIMITS.answerCharsMax} characters and not kept`,
      ),
    );
  draft.run = { ...draft.run, answers: { ...draft.run.answers, [webhook]: kept } };
  draft.scope = { ...draft.scope, answers: { ...draft.scope.answers, [webhook]: kept } };
  const waiting = waitingAt(draft);
  return waiting?.op === 'waitAnswer' && waiting.webhook === webhook ? runProgram(draft, wake(draft)) : null;
}
