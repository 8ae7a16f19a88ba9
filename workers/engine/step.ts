// The engine: (machine, run, input, facts, now) -> the next run and its effects. Pure in the strict sense: no clock, no
// randomness, no I/O, no async, and the arguments are never changed. The rules are numbered in SPEC.md.
// Here is what an input does to a run's stage; the program inside a stage: perform.ts.

import { LIMITS } from '../../schema/limits.ts';
import { instantOf, nextYearly } from './calendar.ts';
import { type Draft, dateOf, draftOf, errorOf, fires, holds, keptOf, stageOf } from './draft.ts';
import type { Facts } from './facts.ts';
import type { Cause, CompiledAt, DueTimer, Effect, EngineEvent, Input, Machine, Outcome, Run } from './machine.ts';
import { type Leaving, runProgram, takeAnswer, tellProgram, wakeProgram } from './perform.ts';
import { scopeOf } from './scope.ts';

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
 * @param now milliseconds since 1970; a timer's input has `now` equal to its due time (A3), or to the end of the
 *   suspension that held it (Q2)
 * @param suspended whether another journey holds this one still (Q1)
 * @throws only on a broken invariant: a run in a stage its version does not have
 */
export function step(
  machine: Machine,
  run: Run | null,
  input: Input,
  facts: Facts,
  now: number,
  suspended = false,
): Outcome {
  if (run === null)
    return input.kind === 'start' ? start(machine, input, facts, now, suspended) : { run, effects: NO_EFFECTS };
  if (run.endedAt !== undefined || input.kind === 'start') return { run, effects: NO_EFFECTS };
  if (input.kind === 'event' && !listens(machine, run, input.event.name)) return { run, effects: NO_EFFECTS };
  const event = input.kind === 'event' || input.kind === 'cancel' ? input.event : NO_EVENT;
  const draft = draftOf(machine, run, event, facts, now, suspended);
  switch (input.kind) {
    case 'event':
      onEvent(draft);
      break;
    case 'timer':
      onTimer(draft, input.timer);
      break;
    case 'cancel':
      end(draft, causeOf(event));
      break;
    case 'answer':
      if (machine.webhooks.includes(input.webhook)) leave(draft, takeAnswer(draft, input.webhook, input.answer));
      break;
    case 'traits':
      break;
  }
  settle(draft);
  return { run: draft.run, effects: draft.effects.length === 0 ? NO_EFFECTS : draft.effects };
}

/** Whether an event of this name could change a run in its present stage. */
export function listens(machine: Machine, run: Run, event: string): boolean {
  return machine.stages.get(run.stage)?.hears.has(event) ?? false;
}

/** E1 to E3. */
function start(
  machine: Machine,
  input: Extract<Input, { kind: 'start' }>,
  facts: Facts,
  now: number,
  suspended: boolean,
): Outcome {
  const { event } = input;
  const scope = scopeOf(event, facts, now);
  const faults: Effect[] = [];
  const schedule = machine.schedules.find(({ index }) => index === input.schedule);
  const begins =
    input.schedule === undefined
      ? machine.entry.get(event.name)?.some((trigger) => fires(trigger, scope, machine, faults))
      : schedule && holds(schedule.condition, scope, machine, faults);
  if (!begins) return { run: null, effects: faults.length > 0 ? faults : NO_EFFECTS };
  const kept = keptOf(machine, event);
  const run: Run = {
    id: input.id,
    journey: machine.id,
    version: machine.version,
    key: input.key,
    stage: machine.initial,
    startedAt: now,
    enteredAt: now,
    ...(machine.sends ? { by: event.messageId } : {}),
    sequence: 0,
    ...(kept ? { start: kept } : {}),
    ...(input.past && input.past.length > 0 ? { past: input.past } : {}),
  };
  const draft: Draft = { ...draftOf(machine, run, event, facts, now, suspended), effects: faults };
  enter(draft, null, machine.initial, schedule ? { kind: 'schedule', dueAt: now } : causeOf(event));
  if (draft.run.endedAt === undefined && !schedule) offer(draft);
  settle(draft);
  return { run: draft.run, effects: draft.effects };
}

/** G1, E4, T1, S9. */
function onEvent(draft: Draft): void {
  const { event } = draft.scope;
  reachGoal(draft);
  if (draft.run.endedAt === undefined && !offer(draft)) leave(draft, tellProgram(draft, event));
}

/** G1 to G3. */
function reachGoal(draft: Draft): void {
  const { machine, run, scope, effects } = draft;
  const { goal } = machine;
  const { event, now } = scope;
  if (!goal || goal.event !== event.name || run.goalAt !== undefined || now - run.startedAt > goal.withinMs) return;
  if (!holds(goal.condition, scope, machine, effects)) return;
  const { name, messageId } = event;
  draft.run = { ...run, goalAt: now };
  effects.push({
    kind: 'goal',
    journey: machine.id,
    run: run.id,
    event: name,
    messageId,
    afterMs: now - run.startedAt,
  });
  if (goal.ends) end(draft, { kind: 'goal', event: name, messageId });
}

/** E4, T1: exits first, then the first transition whose condition holds. @returns whether one was taken */
function offer(draft: Draft): boolean {
  const { machine, scope } = draft;
  const { event } = scope;
  const exits = machine.exit.get(event.name);
  if (exits?.some((exit) => holds(exit.condition, scope, machine, draft.effects))) {
    end(draft, causeOf(event));
    return true;
  }
  const transitions = stageOf(machine, draft.run.stage).on.get(event.name);
  if (!transitions) return false;
  const taken = transitions.find((transition) => holds(transition.condition, scope, machine, draft.effects));
  if (taken) enter(draft, draft.run.stage, taken.to, causeOf(event));
  return taken !== undefined;
}

function onTimer(draft: Draft, timer: DueTimer): void {
  const { machine, run, scope, effects } = draft;
  const { stage } = run;
  if (timer.kind === 'wait') {
    if (run.wakeAt !== undefined) leave(draft, wakeProgram(draft));
    return;
  }
  if (timer.kind === 'at') {
    const at = stageOf(machine, stage).at[timer.index];
    if (!at || typeof run.dates?.[timer.index] !== 'number') return;
    draft.run = { ...run, dates: run.dates.with(timer.index, null) };
    const cause: Cause = { kind: 'date', date: at.date.source, offset: at.offset, dueAt: timer.dueAt };
    if (holds(at.condition, scope, machine, effects)) enter(draft, stage, at.to, cause);
    return;
  }
  const after = stageOf(machine, stage).after[timer.index];
  if (!after || run.spent?.includes(timer.index)) return;
  if (holds(after.condition, scope, machine, effects))
    enter(draft, stage, after.to, { kind: 'timer', delay: after.delay, since: after.since, dueAt: timer.dueAt });
  else draft.run = { ...run, spent: [...(run.spent ?? []), timer.index] };
}

/** T2, T3, E5: whatever the stage before had under way is dropped, because the new run is built without it. */
function enter(draft: Draft, from: string | null, to: string, cause: Cause): void {
  const { id, journey } = draft.run;
  const stage = stageOf(draft.machine, to);
  if (draft.stages >= LIMITS.stagesPerInputMax) {
    const detail = `more than ${LIMITS.stagesPerInputMax} stages for one input`;
    draft.effects.push(errorOf(journey, `/stages/${draft.run.stage}`, detail));
    return;
  }
  draft.stages++;
  const enteredAt = draft.scope.now;
  draft.run = inStage(draft.run, to, enteredAt);
  draft.effects.push({ kind: 'transition', journey, run: id, from, to, cause });
  if (stage.final) {
    draft.run = over(draft.run, enteredAt);
    return;
  }
  leave(draft, runProgram(draft, 0));
}

/** Goes where the program leads, out of its stage (S10). */
function leave(draft: Draft, leaving: Leaving | null): void {
  if (leaving?.kind === 'exit') end(draft, { kind: 'step', step: 'exit', reason: leaving.reason });
  if (leaving?.kind === 'goto') enter(draft, draft.run.stage, leaving.stage, { kind: 'step', step: 'goto' });
}

/** T7, T8, D3: dates and standing conditions are asked again once an input has done its work. */
function settle(draft: Draft): void {
  for (;;) {
    if (draft.run.endedAt !== undefined) return;
    const { at, always } = stageOf(draft.machine, draft.run.stage);
    if (at.length > 0) evaluateDates(draft, at);
    const taken = always.find(({ condition }) => holds(condition, draft.scope, draft.machine, draft.effects));
    if (!taken) return;
    const before = draft.stages;
    enter(draft, draft.run.stage, taken.to, { kind: 'always', condition: taken.condition?.source ?? '' });
    if (draft.stages === before) return;
  }
}

/** D1 to D4. One that was due and is held by a suspension stays. */
function evaluateDates(draft: Draft, ats: readonly CompiledAt[]): void {
  const { now } = draft.scope;
  const before = draft.run.dates;
  const dates = ats.map((at, index) => {
    const due = before?.[index] ?? null;
    if (due !== null && due <= now) return due;
    const date = dateOf(draft, at);
    if (!date) return null;
    if (at.yearly) return nextYearly(date.value, date.read, now);
    const instant = instantOf(date.value, date.read);
    return instant !== null && instant > now ? instant : null;
  });
  if (dates.some((date, index) => date !== before?.[index])) draft.run = { ...draft.run, dates };
}

function end(draft: Draft, cause: Cause): void {
  const { id, journey, stage } = draft.run;
  draft.run = over(draft.run, draft.scope.now);
  draft.effects.push({ kind: 'transition', journey, run: id, from: stage, to: null, cause });
}

type Growing = { -readonly [member in keyof Run]: Run[member] };

/** The run at the beginning of a stage: what belongs to the run as a whole is kept, and nothing else. */
function inStage(run: Run, stage: string, enteredAt: number): Run {
  const { id, journey, version, key, startedAt, by, sequence, start: begun, arms, answers, goalAt, past } = run;
  const next: Growing = { id, journey, version, key, stage, startedAt, enteredAt, sequence };
  if (by !== undefined) next.by = by;
  if (begun !== undefined) next.start = begun;
  if (arms !== undefined) next.arms = arms;
  if (answers !== undefined) next.answers = answers;
  if (goalAt !== undefined) next.goalAt = goalAt;
  if (past !== undefined) next.past = past;
  return next;
}

/** A run that is over keeps what admission and the reports ask of it. */
function over(run: Run, endedAt: number): Run {
  const { id, journey, version, key, stage, startedAt, enteredAt, sequence, goalAt, past } = run;
  const next: Growing = { id, journey, version, key, stage, startedAt, enteredAt, endedAt, sequence };
  if (goalAt !== undefined) next.goalAt = goalAt;
  if (past !== undefined) next.past = past;
  return next;
}

const causeOf = (event: EngineEvent): Cause => ({ kind: 'event', event: event.name, messageId: event.messageId });
