// Conditions against each other: what contradicts itself, what always holds, and what something earlier always forestalls.
// Every finding here is proven by the solver.

import type { ASTNode } from '@marcbachmann/cel-js';
import type { Entry, Step } from '../../schema/journey.ts';
import { escapePointer } from '../../schema/json.ts';
import { durationMs } from '../engine/durations.ts';
import type { Code } from './codes.ts';
import type { Flow, Placed } from './flow.ts';
import { astOf, astOrNull, type Look, tell } from './look.ts';
import { alwaysHolds, canHold } from './solver.ts';

/** Something asked in order with others. */
interface Asked {
  readonly pointer: string;
  /** Null: without a condition, so it holds. */
  readonly condition: ASTNode | null;
}

const NEVER_REMEDY = 'Correct the condition, or remove it together with what hangs on it.';

export function checkConflicts(look: Look, flows: ReadonlyMap<string, Flow>): void {
  const { journey } = look;
  const { resolve } = look.around.vocabulary;
  const byEvent = <T extends { event: string; if?: string | undefined }>(list: readonly T[], base: string) =>
    group(list, ({ event }) => resolve(event), look, base);
  checkEntries(look);
  for (const [event, exits] of byEvent(journey.exit ?? [], '/exit')) {
    for (const { pointer, condition } of exits) checkAlone(look, `${pointer}/if`, condition, event);
    checkOrder(look, exits, [], event, 'exit-redundant', 'an earlier exit for this event always ends the run first');
  }
  const exits = byEvent(journey.exit ?? [], '/exit');
  if (journey.goal?.if !== undefined)
    checkAlone(look, '/goal/if', astOf(look, journey.goal.if), resolve(journey.goal.event));
  for (const [name, stage] of Object.entries(journey.stages)) {
    const base = `/stages/${escapePointer(name)}`;
    const transitions = byEvent(stage.on ?? [], `${base}/on`);
    for (const [event, list] of transitions) {
      for (const { pointer, condition } of list) checkAlone(look, `${pointer}/if`, condition, event);
      checkOrder(
        look,
        list,
        [...goalEnding(look, event), ...(exits.get(event) ?? [])],
        event,
        'transition-shadowed',
        'an earlier transition or exit for this event always wins',
      );
    }
    for (const kind of ['after', 'at', 'always'] as const)
      (stage[kind] ?? []).forEach((each, index) => {
        // `always` cannot be written without a condition, so "true" is the way to have none.
        checkAlone(look, `${base}/${kind}/${index}/if`, astOrNull(look, each.if), null);
      });
    const always = (stage.always ?? []).map((each, index) => ({
      pointer: `${base}/always/${index}`,
      condition: astOf(look, each.if),
    }));
    checkOrder(look, always, [], null, 'transition-shadowed', 'an earlier always is always taken first');
    checkTimers(look, name);
    for (const placed of flows.get(name)?.placed ?? [])
      checkStep(look, placed, (event) => [
        ...goalEnding(look, event),
        ...(exits.get(event) ?? []),
        ...(transitions.get(event) ?? []),
      ]);
  }
}

function group<T extends { if?: string | undefined }>(
  list: readonly T[],
  nameOf: (each: T) => string,
  look: Look,
  base: string,
): Map<string, Asked[]> {
  const groups = new Map<string, Asked[]>();
  list.forEach((each, index) => {
    const asked = { pointer: `${base}/${index}`, condition: astOrNull(look, each.if) };
    const name = nameOf(each);
    groups.set(name, [...(groups.get(name) ?? []), asked]);
  });
  return groups;
}

/** G2: a goal that ends the run is reached before anything else is asked. */
function goalEnding({ journey, around }: Look, event: string): Asked[] {
  const { goal } = journey;
  const ends = goal?.ends && goal.if === undefined && goal.within === undefined;
  return ends && around.vocabulary.resolve(goal.event) === event ? [{ pointer: '/goal', condition: null }] : [];
}

function checkEntries(look: Look): void {
  const { resolve } = look.around.vocabulary;
  const heard = (entry: Entry): string => {
    if ('event' in entry) return `event ${resolve(entry.event)}`;
    if ('audience' in entry) return `audience ${entry.audience}`;
    if ('journey' in entry) return `journey ${entry.journey}`;
    return 'api' in entry ? 'api' : `schedule ${JSON.stringify(entry.schedule)}`;
  };
  for (const [what, entries] of group(look.journey.entry, heard, look, '/entry')) {
    const event = what.startsWith('event ') ? what.slice('event '.length) : null;
    for (const { pointer, condition } of entries) checkAlone(look, `${pointer}/if`, condition, event);
    checkOrder(look, entries, [], event, 'entry-redundant', 'an earlier entry begins the run in every such case');
  }
}

/** @returns whether it can hold at all */
function checkAlone(look: Look, pointer: string, condition: ASTNode | null, event: string | null): boolean {
  if (!condition || condition.op === 'value') {
    if (condition?.args !== false) return true;
  } else if (canHold([condition], [], { event })) {
    if (alwaysHolds(condition, { event }))
      tell(look, 'condition-always', pointer, 'always holds', 'Leave the condition out, or correct it.');
    return true;
  }
  tell(look, 'condition-never', pointer, 'contradicts itself: it never holds', NEVER_REMEDY);
  look.never.add(pointer.slice(0, -'/if'.length));
  return false;
}

/** Each that comes too late: whenever it holds, one of `before` or one earlier in the list does. */
function checkOrder(
  look: Look,
  list: readonly Asked[],
  before: readonly Asked[],
  event: string | null,
  code: Code,
  message: string,
): void {
  list.forEach(({ pointer, condition }, index) => {
    const own = condition ? [condition] : [];
    const earlier = [...before, ...list.slice(0, index)];
    if (!canHold(own, [], { event })) return;
    const failing = earlier.flatMap((each) => each.condition ?? []);
    const forestalled = earlier.some((each) => each.condition === null) || !canHold(own, failing, { event });
    if (earlier.length === 0 || !forestalled) return;
    look.never.add(pointer);
    tell(look, code, pointer, message, 'Put it before the other, give the other a condition, or remove it.');
  });
}

/** A1, A2, A4: of two timers one may always be due before the other. */
function checkTimers(look: Look, name: string): void {
  const after = look.journey.stages[name]?.after ?? [];
  after.forEach((timer, index) => {
    const ms = durationMs(timer.delay) ?? 0;
    const winner = after.findIndex((other, place) => {
      if (place === index || (other.if !== undefined && other.if !== 'true')) return false;
      if (other.since === 'activity' && timer.since !== 'activity') return false;
      const otherMs = durationMs(other.delay) ?? 0;
      return otherMs < ms || (otherMs === ms && place < index);
    });
    if (winner < 0) return;
    const pointer = `/stages/${escapePointer(name)}/after/${index}`;
    look.never.add(pointer);
    tell(
      look,
      'transition-shadowed',
      pointer,
      `the timer of ${after[winner]?.delay} is always due first`,
      'Shorten the delay, give the other timer a condition, or remove this one.',
    );
  });
}

function checkStep(look: Look, placed: Placed, leading: (event: string) => Asked[]): void {
  const { step, pointer } = placed;
  if ('branch' in step) checkBranch(look, placed, step);
  if ('waitFor' in step) {
    const event = look.around.vocabulary.resolve(step.waitFor.event);
    const own = [step.waitFor.if, step.waitFor.match].flatMap((source) => astOrNull(look, source) ?? []);
    let possible = true;
    for (const member of ['if', 'match'] as const)
      possible =
        checkAlone(look, `${pointer}/waitFor/${member}`, astOrNull(look, step.waitFor[member]), event) && possible;
    const before = leading(event);
    const failing = before.flatMap(({ condition }) => condition ?? []);
    const always = before.some(({ condition }) => condition === null) || !canHold(own, failing, { event });
    if (possible && before.length > 0 && always)
      tell(
        look,
        'wait-never',
        `${pointer}/waitFor/event`,
        'a transition or an exit for this event always leaves the stage before the wait hears it',
        'Wait for another event, or give the transition a condition.',
      );
  }
}

function checkBranch(look: Look, placed: Placed, step: Extract<Step, { branch: unknown }>): void {
  const { pointer, holding, failing } = placed;
  const asked = step.branch.map((arm) => astOf(look, arm.if));
  asked.forEach((condition, index) => {
    const place = `${pointer}/branch/${index}/if`;
    if (!checkAlone(look, place, condition, null)) return;
    if (!canHold([...holding, condition], [...failing, ...asked.slice(0, index)]))
      tell(
        look,
        'branch-shadowed',
        place,
        index > 0 ? 'an earlier branch always wins' : 'the branch around it leaves no such case',
        'Put it before the other, or correct the condition.',
      );
  });
  if (step.else && step.else.length > 0 && !canHold(holding, [...failing, ...asked]))
    tell(
      look,
      'dead-else',
      `${pointer}/else`,
      'the branches cover every case, so this never runs',
      'Remove else, or correct the conditions.',
    );
  const arms = [...step.branch.map(({ steps }) => steps), step.else ?? []];
  if (arms.every((steps) => steps.length === 0))
    tell(look, 'branch-empty', pointer, 'no branch has a step', 'Add steps, or remove the branch.');
}
