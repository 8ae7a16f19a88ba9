// One customer in memory around the pure engine: a history list, traits, runs. It does what every shell has to do and
// nothing more: timers that are due first, then the event, then the journeys it may enter (A4, A5, L1). Not a
// simulator: no outbox, no storage, no clock but the instants it is given.

import { EventDeclarations } from '../../schema/catalog.ts';
import type { Json, JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { concerns, forgettable, keyOf, mayEnter } from '../../workers/engine/admission.ts';
import { compileJourney, type Vocabulary, vocabularyOf } from '../../workers/engine/compile.ts';
import { type Facts, factsOf, type HistoryEntry } from '../../workers/engine/facts.ts';
import type { DueTimer, Effect, EngineEvent, Input, Machine, Run } from '../../workers/engine/machine.ts';
import { NO_EVENT, step } from '../../workers/engine/step.ts';
import { timersOf } from '../../workers/engine/timers.ts';

export const SECOND = 1_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;

/** Declarations in the short form tests need. */
export function vocabulary(declarations: { events?: object; traits?: object } = {}): Vocabulary {
  return vocabularyOf(EventDeclarations.parse({ events: {}, traits: {}, ...declarations }));
}

/** Compiles a journey that has to compile; members every journey needs are filled in. */
export function machineOf(journey: object, version = 1, words: Vocabulary = vocabulary()): Machine {
  const compiled = compileJourney(
    { id: 'test', entry: [{ event: 'Start' }], initial: 'first', ...journey },
    version,
    words,
  );
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings, null, 2));
  return compiled.machine;
}

let messages = 0;
export function eventOf(name: string, properties: JsonObject = {}, messageId = `m${++messages}`): EngineEvent {
  return { ...NO_EVENT, name, type: 'track', messageId, properties, userId: 'u1' };
}

/** An effect with the instant of its input. */
export type Logged = Effect & { readonly at: number };

export interface Options {
  readonly vocabulary?: Vocabulary;
  readonly traits?: JsonObject;
  /** Looks at every step: what went in, what came out. */
  readonly onStep?: (run: Run | null, input: Input, facts: Facts, now: number) => void;
  /** Every run goes through JSON between two inputs (P2). */
  readonly throughJson?: boolean;
}

export interface Driver {
  /** An event with its own time; applied at the later of it and the last input (L1). Gives the effects of its step alone. */
  readonly send: (name: string, at: number, properties?: JsonObject) => Logged[];
  /** Lets time pass: fires everything due up to and including this instant. */
  readonly advance: (until: number) => Logged[];
  /** The latest run of the journey. */
  readonly run: (journey?: string) => Run;
  readonly runs: (journey?: string) => Run[];
  readonly stage: (journey?: string) => string | null;
  readonly due: (journey?: string) => DueTimer[];
  readonly log: readonly Logged[];
  readonly traits: () => JsonObject;
}

const TIMERS_MAX = 100_000;

export function makeDriver(machines: readonly Machine[], options: Options = {}): Driver {
  const ordered = [...machines].sort((a, b) => (a.id < b.id ? -1 : 1));
  const resolve = options.vocabulary?.resolve ?? ((name: string) => name);
  const history: HistoryEntry[] = [];
  const runs = new Map<string, Run>();
  const log: Logged[] = [];
  let traits: JsonObject = options.traits ?? {};
  let lastActivityAt = -Infinity;
  let lastInputAt = -Infinity;

  const started = new Map<string, number>();
  const runsOf = (journey: string): Run[] => [...runs.values()].filter((run) => run.journey === journey);
  const facts = (): Facts => factsOf([...history], traits, lastActivityAt);

  function take(machine: Machine, run: Run | null, input: Input, now: number): Logged[] {
    options.onStep?.(run, input, facts(), now);
    const outcome = step(machine, run, input, facts(), now);
    if (outcome.run) {
      const next: Run = options.throughJson ? JSON.parse(JSON.stringify(outcome.run)) : outcome.run;
      runs.set(next.id, next);
    }
    for (const effect of outcome.effects) if (effect.kind === 'set') learn(effect.trait, effect.value);
    const logged = outcome.effects.map((effect) => ({ ...effect, at: now }));
    log.push(...logged);
    return logged;
  }

  function learn(trait: string, value: Json): void {
    traits = { ...traits, [trait]: value };
  }

  function nextDue(until: number): { machine: Machine; run: Run; timer: DueTimer } | null {
    let first: { machine: Machine; run: Run; timer: DueTimer } | null = null;
    for (const machine of ordered)
      for (const run of runsOf(machine.id)) {
        const timer = timersOf(machine, run, lastActivityAt)[0];
        if (timer && timer.dueAt <= until && (!first || timer.dueAt < first.timer.dueAt))
          first = { machine, run, timer };
      }
    return first;
  }

  function advance(until: number): Logged[] {
    const before = log.length;
    for (let count = 0; ; count++) {
      const due = nextDue(until);
      if (!due) break;
      if (count > TIMERS_MAX) throw new Error('timers without end');
      lastInputAt = due.timer.dueAt;
      take(due.machine, due.run, { kind: 'timer', timer: due.timer }, due.timer.dueAt);
    }
    return log.slice(before);
  }

  function send(written: string, at: number, properties: JsonObject = {}): Logged[] {
    const name = resolve(written);
    const now = Math.max(at, lastInputAt);
    advance(now);
    lastInputAt = now;
    lastActivityAt = Math.max(lastActivityAt, now);
    history.push({ name, at, properties });
    const event = eventOf(name, properties, `m${history.length}`);
    const before = log.length;
    for (const machine of ordered) {
      const key = keyOf(machine, event, facts(), now);
      const endedNow = new Set<string>();
      const live = runsOf(machine.id).filter((run) => run.endedAt === undefined);
      for (const run of runsOf(machine.id)) {
        if (!concerns(machine, run, key)) continue;
        take(machine, run, { kind: 'event', event }, now);
        if (live.includes(run) && runs.get(run.id)?.endedAt !== undefined) endedNow.add(run.id);
      }
      if (!machine.entry.has(name) || !mayEnter(machine, runs.values(), { key, endedNow, now })) continue;
      const count = started.get(machine.id) ?? 0;
      const id = count === 0 ? machine.id : `${machine.id}.${count}`;
      take(machine, null, { kind: 'start', id, key, event }, now);
      const run = runs.get(id);
      if (!run) continue;
      started.set(machine.id, count + 1);
      const others = [...runs.values()].filter((other) => other !== run);
      for (const past of forgettable(others, run, LIMITS.endedRunsMax)) runs.delete(past);
    }
    return log.slice(before);
  }

  const runOf = (journey = ordered[0]?.id ?? '') => runsOf(journey).at(-1) ?? null;
  return {
    send,
    advance,
    log,
    run: (journey) => {
      const run = runOf(journey);
      if (!run) throw new Error('the customer has no such run');
      return run;
    },
    runs: (journey = ordered[0]?.id ?? '') => runsOf(journey),
    stage: (journey) => runOf(journey)?.stage ?? null,
    due: (journey = ordered[0]?.id ?? '') => {
      const machine = ordered.find(({ id }) => id === journey);
      const run = runOf(journey);
      return machine && run ? timersOf(machine, run, lastActivityAt) : [];
    },
    traits: () => traits,
  };
}

/** The transitions of a log as `from > to`. */
export const moves = (log: readonly Effect[]): string[] =>
  log.flatMap((effect) => (effect.kind === 'transition' ? [`${effect.from ?? '-'} > ${effect.to ?? '-'}`] : []));

/** The messages sent, in order. */
export const sends = (log: readonly Effect[]): string[] =>
  log.flatMap((effect) => (effect.kind === 'send' ? [effect.message] : []));

export const errors = (log: readonly Effect[]): { pointer: string; detail: string }[] =>
  log.flatMap((effect) => (effect.kind === 'error' ? [{ pointer: effect.pointer, detail: effect.detail }] : []));

export const send = (message: string) => ({ send: message, channel: 'email', purpose: 'service' });
