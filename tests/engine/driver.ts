// One customer in memory around travel.ts: a history list, traits, runs, and what came of every step. Not a simulator: no
// outbox, no storage, no clock but the instants it is given.

import { EventDeclarations } from '../../schema/catalog.ts';
import type { JsonObject } from '../../schema/json.ts';
import { compileJourney, type Vocabulary, vocabularyOf } from '../../workers/engine/compile.ts';
import { nextWakeAt } from '../../workers/engine/due.ts';
import { type Chronicle, type Facts, factsOf, type HistoryEntry } from '../../workers/engine/facts.ts';
import { type Known, type Learner, membershipsOf, toldTraits } from '../../workers/engine/learner.ts';
import type { DueTimer, Effect, EngineEvent, Input, Machine, Run } from '../../workers/engine/machine.ts';
import { NO_EVENT } from '../../workers/engine/step.ts';
import { timersOf } from '../../workers/engine/timers.ts';
import { fireTimers, noteEvent, noteTraits, offerEvent } from '../../workers/engine/travel.ts';
import { type Journeying, openingsOf, type World } from '../../workers/engine/traveller.ts';

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
  /** Works out computed traits and segments. */
  readonly learner?: Learner;
  readonly vocabulary?: Vocabulary;
  readonly traits?: JsonObject;
  /** The customer's id, and since when there is one. */
  readonly id?: string;
  readonly from?: number;
  /** Runs the customer has already. */
  readonly runs?: readonly Run[];
  /** Looks at every step: what goes in. */
  readonly onStep?: (run: Run | null, input: Input, facts: Facts, now: number) => void;
  /** Every run goes through JSON between two inputs (P2). */
  readonly throughJson?: boolean;
}

export interface Driver {
  /** An event with its own time; applied then or when told, not before the last input (L1). Gives the effects of its step alone. */
  readonly send: (name: string, at: number, properties?: JsonObject, appliedAt?: number) => Logged[];
  /** The customer's traits change, by an identify call. */
  readonly learn: (traits: JsonObject, at: number) => Logged[];
  /** When it has to be looked at next. */
  readonly wakeAt: () => number | null;
  /** Something else is published. */
  readonly publish: (learner: Learner) => void;
  readonly history: () => readonly HistoryEntry[];
  /** Lets time pass: fires everything due up to and including this instant. */
  readonly advance: (until: number) => Logged[];
  /** The latest run of the journey. */
  readonly run: (journey?: string) => Run;
  readonly runs: (journey?: string) => Run[];
  readonly stage: (journey?: string) => string | null;
  readonly due: (journey?: string) => DueTimer[];
  readonly log: readonly Logged[];
  readonly traits: () => JsonObject;
  readonly known: () => Known | null;
  /** Ids of the segments and audiences the customer is in. */
  readonly segments: () => string[];
}

const TIMERS_MAX = 100_000;

export function makeDriver(machines: readonly Machine[], options: Options = {}): Driver {
  const byId = new Map(machines.map((machine) => [machine.id, machine]));
  const resolve = options.vocabulary?.resolve ?? ((name: string) => name);
  const history: HistoryEntry[] = [];
  const appended = new Set<string>();
  const runs = new Map((options.runs ?? []).map((run) => [run.id, run]));
  const log: Logged[] = [];
  const state = {
    id: options.id ?? '',
    runs,
    lastActivityAt: null as number | null,
    lastInputAt: options.from ?? -Infinity,
    runsStarted: runs.size,
    traits: options.traits ?? {},
    known: null as Known | null,
  };
  const machineOf = (run: Run): Machine => {
    const machine = byId.get(run.journey);
    if (!machine) throw new Error(`no journey ${run.journey}`);
    return machine;
  };
  const of: { -readonly [member in keyof Journeying]: Journeying[member] } = {
    state,
    machineOf,
    openings: openingsOf(machines, () => -Infinity, options.learner),
  };
  const runsOf = (journey: string): Run[] => [...runs.values()].filter((run) => run.journey === journey);
  const facts = (): Chronicle => ({
    ...factsOf([...history], toldTraits(state), state.lastActivityAt ?? -Infinity, state.id),
    segments: membershipsOf(state.known),
  });

  const world: World<Journeying> = {
    facts,
    apply: (_, before, after, effects, at) => {
      if (after) {
        const next: Run = options.throughJson ? JSON.parse(JSON.stringify(after)) : after;
        if (after !== before) runs.set(next.id, next);
      }
      for (const effect of effects) {
        if (effect.kind === 'set') state.traits = { ...state.traits, [effect.trait]: effect.value };
        log.push({ ...effect, at });
      }
    },
    forget: (_, run) => void runs.delete(run),
    watch: (_, run, input, facts, now) => options.onStep?.(run, input, facts, now),
    append: (_, event, at) => {
      if (appended.has(event.messageId)) return false;
      appended.add(event.messageId);
      history.push({ name: event.name, at, properties: event.properties });
      return true;
    },
    learned: () => undefined,
  };

  function advance(until: number): Logged[] {
    const before = log.length;
    if (fireTimers(world, of, until, TIMERS_MAX).more) throw new Error('timers without end');
    return log.slice(before);
  }

  function send(written: string, at: number, properties: JsonObject = {}, appliedAt = at): Logged[] {
    const name = resolve(written);
    const now = Math.max(appliedAt, state.lastInputAt);
    advance(now);
    noteEvent(state, name, now);
    history.push({ name, at, properties });
    const event = eventOf(name, properties, `m${history.length}`);
    const before = log.length;
    offerEvent(world, of, name, () => event, at, now);
    return log.slice(before);
  }

  function learn(traits: JsonObject, at: number): Logged[] {
    const now = Math.max(at, state.lastInputAt);
    advance(now);
    state.lastInputAt = now;
    state.traits = { ...state.traits, ...traits };
    const before = log.length;
    noteTraits(world, of, now);
    return log.slice(before);
  }

  const first = machines.map(({ id }) => id).sort()[0] ?? '';
  const runOf = (journey = first) => runsOf(journey).at(-1) ?? null;
  return {
    send,
    learn,
    advance,
    log,
    run: (journey) => {
      const run = runOf(journey);
      if (!run) throw new Error('the customer has no such run');
      return run;
    },
    runs: (journey = first) => runsOf(journey),
    stage: (journey) => runOf(journey)?.stage ?? null,
    due: (journey = first) => {
      const machine = byId.get(journey);
      const run = runOf(journey);
      return machine && run ? timersOf(machine, run, state.lastActivityAt ?? -Infinity) : [];
    },
    traits: () => toldTraits(state),
    known: () => state.known,
    segments: () => Object.keys(membershipsOf(state.known) ?? {}).sort(),
    wakeAt: () => nextWakeAt(state, machineOf, of.openings),
    publish: (learner) => {
      of.openings = openingsOf(machines, () => -Infinity, learner);
    },
    history: () => history,
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
