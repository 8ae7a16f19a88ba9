// How inputs move a customer: timers that are due, then the event, then the machines it may enter (I2, A4, A5, E1).
// Works on a commit under way; the engine decides, this applies.

import { isObject, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { concerns, forgettable, keyOf, mayEnter } from '../engine/admission.ts';
import type { Facts } from '../engine/facts.ts';
import type { DueTimer, EngineEvent, Machine, Run } from '../engine/machine.ts';
import { listens, step } from '../engine/step.ts';
import { nextTimer } from '../engine/timers.ts';
import { type Commit, learn, record } from './commit.ts';
import { apply, forget } from './effects.ts';
import type { IncomingEvent } from './messages.ts';
import { liveRuns } from './state.ts';
import { factsFromRows, insertEntry } from './storage.ts';

/**
 * Fires what is due up to and including `until`, each timer at its own instant, at most `timersPerCommitMax` of them.
 * @returns whether more is due
 */
export function fireTimers(commit: Commit, until: number): boolean {
  const { state, sql } = commit;
  for (let count = 0; count < LIMITS.timersPerCommitMax; count++) {
    const due = nextDue(commit, until);
    if (!due) return false;
    const { run, timer } = due;
    state.lastInputAt = Math.max(state.lastInputAt, timer.dueAt);
    const facts = factsFromRows(sql, state.traits, state.lastActivityAt);
    const outcome = step(commit.machineOf(run), run, { kind: 'timer', timer }, facts, timer.dueAt);
    apply(commit, run, outcome.run, outcome.effects, timer.dueAt);
    commit.timersFired++;
    commit.head = true;
  }
  return nextDue(commit, until) !== null;
}

function nextDue(commit: Commit, until: number): { run: Run; timer: DueTimer } | null {
  let first: { run: Run; timer: DueTimer } | null = null;
  for (const run of liveRuns(commit.state)) {
    const timer = nextTimer(commit.machineOf(run), run, commit.state.lastActivityAt ?? -Infinity);
    if (timer && timer.dueAt <= until && (!first || timer.dueAt < first.timer.dueAt)) first = { run, timer };
  }
  return first;
}

/**
 * Appends an event to the history and offers it to every run and every entry that listens. `now` in milliseconds.
 * The message is parsed only when somebody listens: most events of a shop concern no journey.
 * @returns false for an event this customer has already; nothing has changed then
 */
export function applyEvent(commit: Commit, catalog: Catalog, incoming: IncomingEvent, now: number): boolean {
  const { state, sql } = commit;
  const { at, name, messageId, body } = incoming;
  const lastInputAt = state.lastInputAt;
  state.lastInputAt = now;
  if (!insertEntry(sql, { seq: state.nextSeq, at, appliedAt: now, kind: 'event', name, messageId, body })) {
    state.lastInputAt = lastInputAt;
    return false;
  }
  state.nextSeq++;
  state.lastActivityAt = Math.max(state.lastActivityAt ?? now, now);
  state.events++;
  commit.head = true;
  let parsed: EngineEvent | null = null;
  const event = (): EngineEvent => {
    parsed ??= engineEventOf(incoming);
    return parsed;
  };
  if (incoming.type === 'identify' && Object.keys(event().traits).length > 0) learn(commit, event().traits, now);

  const facts = (): Facts => factsFromRows(sql, state.traits, state.lastActivityAt);
  const endedNow = new Set<string>();
  for (const run of liveRuns(state)) {
    const machine = commit.machineOf(run);
    if (!listens(machine, run, name)) continue;
    if (machine.key !== null && !concerns(machine, run, keyOf(machine, event(), facts(), now))) continue;
    const outcome = step(machine, run, { kind: 'event', event: event() }, facts(), now);
    apply(commit, run, outcome.run, outcome.effects, now);
    if (outcome.run?.endedAt !== undefined) endedNow.add(run.id);
  }
  for (const machine of catalog.entries.get(name) ?? []) {
    const key = machine.key === null ? null : keyOf(machine, event(), facts(), now);
    if (mayEnter(machine, state.runs.values(), { key, endedNow, now })) startRun(commit, machine, key, event(), now);
  }
  return true;
}

function startRun(commit: Commit, machine: Machine, key: string | null, event: EngineEvent, now: number): void {
  const { state, sql } = commit;
  if (liveRuns(state).length >= LIMITS.runsPerCustomerMax) {
    const detail = `not entered: the customer is in ${LIMITS.runsPerCustomerMax} journeys already`;
    record(commit, 'error', now, { journey: machine.id, pointer: '', detail });
    return;
  }
  const id = `${machine.id}.${state.runsStarted + 1}`;
  const facts = factsFromRows(sql, state.traits, state.lastActivityAt);
  const outcome = step(machine, null, { kind: 'start', id, key, event }, facts, now);
  if (outcome.run) {
    state.runsStarted++;
    for (const past of forgettable(state.runs.values(), outcome.run, LIMITS.endedRunsMax)) forget(commit, past);
  }
  apply(commit, null, outcome.run, outcome.effects, now);
}

const EMPTY: JsonObject = {};

/** The stored message as conditions see it. */
export function engineEventOf(incoming: IncomingEvent): EngineEvent {
  const message: unknown = JSON.parse(incoming.body);
  const members = isObject(message) ? message : EMPTY;
  const object = (name: string): JsonObject => {
    const value = members[name];
    return isObject(value) ? value : EMPTY;
  };
  const text = (name: string): string | null => {
    const value = members[name];
    return typeof value === 'string' ? value : null;
  };
  return {
    name: incoming.name,
    type: text('type') ?? '',
    messageId: incoming.messageId,
    properties: object('properties'),
    traits: object('traits'),
    context: object('context'),
    userId: text('userId'),
    anonymousId: text('anonymousId'),
  };
}
