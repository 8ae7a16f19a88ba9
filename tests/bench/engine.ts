// What one step of the engine costs on one core, beside XState's pure transition and a reducer written by hand:
//   npx node tests/bench/engine.ts
// A journey of five stages, each left by an event under a condition on the event and a trait; half of the events match.
// Rounds of all subjects take turns and the median counts; a second is one of this thread's own CPU time, so that what
// else the machine does changes the figures little.

import { initialTransition, setup, transition } from 'xstate';
import { EventDeclarations } from '../../schema/catalog.ts';
import type { JsonObject } from '../../schema/json.ts';
import { compileJourney, vocabularyOf } from '../../workers/engine/compile.ts';
import { factsOf } from '../../workers/engine/facts.ts';
import type { EngineEvent, Input, Run } from '../../workers/engine/machine.ts';
import { NO_EVENT, step } from '../../workers/engine/step.ts';
import { median, paceOf, type Subject, whole } from './pace.ts';

const STAGES = ['one', 'two', 'three', 'four', 'five'];
const EVENT = 'Order Completed';
const TRAITS: JsonObject = { tier: 'gold', email: 'someone@example.com', interests: ['garden', 'workshop'] };
const NOW = Date.UTC(2026, 10, 22);
const stageAfter = (index: number): string => STAGES[(index + 1) % STAGES.length] ?? '';

/** Steps per second, medians. */
export interface EngineFigures {
  readonly memory: number;
  readonly json: number;
  readonly xstateMemory: number;
  readonly xstateJson: number;
  readonly reducerJson: number;
  /** The run as JSON, bytes. */
  readonly runBytes: number;
  /** The state of the reducer as JSON, bytes. */
  readonly reducerBytes: number;
}

const values = [50, 150];
const properties = (value: number): JsonObject => ({ value, currency: 'EUR', order_id: 'o-1', products: [] });

function engine(): { memory: Subject; json: Subject; runBytes: number } {
  const stages = Object.fromEntries(
    STAGES.map((stage, index) => [
      stage,
      {
        on: [{ event: EVENT, if: "event.properties.value > 100 && traits.tier == 'gold'", to: stageAfter(index) }],
        after: [{ delay: 'P30D', since: 'activity', to: 'one' }],
      },
    ]),
  );
  const words = vocabularyOf(
    EventDeclarations.parse({
      events: { [EVENT]: { properties: { value: { type: 'number' } } } },
      traits: { tier: { type: 'string' } },
    }),
  );
  const compiled = compileJourney({ id: 'bench', entry: [{ event: 'page' }], initial: 'one', stages }, 1, words);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  const { machine } = compiled;
  const facts = factsOf([], TRAITS, NOW);
  const event = (value: number): EngineEvent => ({
    ...NO_EVENT,
    name: EVENT,
    type: 'track',
    messageId: 'm-1',
    userId: 'u-1',
    properties: properties(value),
  });
  const inputs: Input[] = values.map((value) => ({ kind: 'event', event: event(value) }));
  const start: Input = { kind: 'start', id: 'bench.1', key: null, event: { ...NO_EVENT, name: 'page' } };
  const started = step(machine, null, start, facts, NOW).run;
  if (!started) throw new Error('the journey does not start');

  let run: Run = started;
  let text = JSON.stringify(started);
  const next = (from: Run, index: number) => {
    const input = inputs[index % 2];
    if (!input) throw new Error('no input');
    return step(machine, from, input, facts, NOW + index);
  };
  return {
    memory: (count) => {
      let moves = 0;
      for (let index = 0; index < count; index++) {
        const outcome = next(run, index);
        if (outcome.effects.length > 0) moves++;
        if (outcome.run) run = outcome.run;
      }
      return moves;
    },
    json: (count) => {
      let moves = 0;
      for (let index = 0; index < count; index++) {
        const outcome = next(JSON.parse(text), index);
        if (outcome.effects.length > 0) moves++;
        text = JSON.stringify(outcome.run);
      }
      return moves;
    },
    runBytes: text.length,
  };
}

function xstate(): { memory: Subject; json: Subject } {
  type Context = { traits: JsonObject };
  const machine = setup({
    types: { context: {} as Context, events: {} as { type: typeof EVENT; value: number } },
    guards: { matches: ({ context, event }) => event.value > 100 && context.traits.tier === 'gold' },
    delays: { month: 30 * 86_400_000 },
  }).createMachine({
    context: { traits: TRAITS },
    initial: 'one',
    states: Object.fromEntries(
      STAGES.map((stage, index) => [
        stage,
        { on: { [EVENT]: { guard: 'matches', target: stageAfter(index) } }, after: { month: 'one' } },
      ]),
    ),
  });
  const events = values.map((value) => ({ type: EVENT, value }) as const);
  let snapshot = initialTransition(machine)[0];
  let text = JSON.stringify(snapshot);
  const eventAt = (index: number) => events[index % 2] ?? { type: EVENT, value: 0 };
  return {
    memory: (count) => {
      let moves = 0;
      for (let index = 0; index < count; index++) {
        const next = transition(machine, snapshot, eventAt(index))[0];
        if (next.value !== snapshot.value) moves++;
        snapshot = next;
      }
      return moves;
    },
    json: (count) => {
      let moves = 0;
      for (let index = 0; index < count; index++) {
        const { value, context } = JSON.parse(text);
        const next = transition(machine, machine.resolveState({ value, context }), eventAt(index))[0];
        if (next.value !== value) moves++;
        text = JSON.stringify(next);
      }
      return moves;
    },
  };
}

/** What a shop writes without an engine: one state of a customer with everything in it, parsed and written each time. */
function reducer(): { json: Subject; reducerBytes: number } {
  const recent = Array.from({ length: 5 }, (_, index) => ({ name: EVENT, at: NOW + index, value: 50 + index }));
  const initial = {
    customer: { id: 'u-1', traits: TRAITS },
    stage: 'one',
    enteredAt: NOW,
    startedAt: NOW,
    lastActivityAt: NOW,
    counters: { orders: 0, revenue: 0, views: 12, visits: 34 },
    timers: [{ kind: 'dormant', dueAt: NOW + 30 * 86_400_000 }],
    recent,
    consents: { email: true, sms: false, push: true, letter: false },
  };
  let text = JSON.stringify(initial);
  const reduce = (state: typeof initial, value: number, at: number): typeof initial => {
    const matches = value > 100 && state.customer.traits.tier === 'gold';
    const counters = { ...state.counters, orders: state.counters.orders + 1, revenue: state.counters.revenue + value };
    return {
      ...state,
      stage: matches ? stageAfter(STAGES.indexOf(state.stage)) : state.stage,
      enteredAt: matches ? at : state.enteredAt,
      lastActivityAt: at,
      counters,
      timers: [{ kind: 'dormant', dueAt: at + 30 * 86_400_000 }],
      recent: [...state.recent.slice(1), { name: EVENT, at, value }],
    };
  };
  return {
    json: (count) => {
      let moves = 0;
      for (let index = 0; index < count; index++) {
        const state: typeof initial = JSON.parse(text);
        const next = reduce(state, values[index % 2] ?? 0, NOW + index);
        if (next.stage !== state.stage) moves++;
        text = JSON.stringify(next);
      }
      return moves;
    },
    reducerBytes: text.length,
  };
}

export function benchEngine(rounds = 7, roundMs = 250): EngineFigures {
  const ours = engine();
  const theirs = xstate();
  const byHand = reducer();
  const subjects = {
    memory: ours.memory,
    json: ours.json,
    xstateMemory: theirs.memory,
    xstateJson: theirs.json,
    reducerJson: byHand.json,
  };
  const speeds = { memory: [0], json: [0], xstateMemory: [0], xstateJson: [0], reducerJson: [0] };
  const names = ['memory', 'json', 'xstateMemory', 'xstateJson', 'reducerJson'] as const;
  for (const name of names) {
    paceOf(subjects[name], 0.5, roundMs);
    speeds[name] = [];
  }
  for (let round = 0; round < rounds; round++)
    for (const name of names) speeds[name].push(paceOf(subjects[name], 0.5, roundMs));
  return {
    memory: median(speeds.memory),
    json: median(speeds.json),
    xstateMemory: median(speeds.xstateMemory),
    xstateJson: median(speeds.xstateJson),
    reducerJson: median(speeds.reducerJson),
    runBytes: ours.runBytes,
    reducerBytes: byHand.reducerBytes,
  };
}

/** Steps per second below which the engine has become too slow; sought is twice and a fifth more. */
export const ENGINE_GOALS = { memory: 500_000, json: 250_000 } as const;

export function renderEngine(figures: EngineFigures): string {
  const goal = (value: number, wanted: number) => `goal ${whole(wanted)}${value < wanted ? ', MISSED' : ''}`;
  return [
    `engine step ${whole(figures.memory)}/s in memory   (${goal(figures.memory, ENGINE_GOALS.memory)})`,
    `engine step ${whole(figures.json)}/s with JSON   (${goal(figures.json, ENGINE_GOALS.json)}; run of ${figures.runBytes} bytes)`,
    `xstate transition ${whole(figures.xstateMemory)}/s in memory`,
    `xstate transition ${whole(figures.xstateJson)}/s with JSON`,
    `reducer by hand ${whole(figures.reducerJson)}/s with JSON   (state of ${figures.reducerBytes} bytes)`,
  ].join('\n');
}

if (import.meta.main) process.stdout.write(`${renderEngine(benchEngine())}\n`);
