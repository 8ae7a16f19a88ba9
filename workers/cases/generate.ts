// Finds the cases a journey lacks: a walk over what can happen to a customer, breadth first as long as that is not too wide,
// so that the first path to an element is a shortest one. Every path is played on the engine itself. Bounded: what is not found within the bound is
// named as not reached, which is not a proof that it cannot be.

import type { Case, CaseStep, Expectation } from '../../schema/cases.ts';
import type { EventDeclarations } from '../../schema/catalog.ts';
import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { nextWakeAt } from '../engine/due.ts';
import { timersOf } from '../engine/timers.ts';
import { isSuspended } from '../engine/traveller.ts';
import { type Trial, type Trials, trialsOf } from './inputs.ts';
import { type Element, elementsOf } from './observe.ts';
import {
  type Begin,
  CUSTOMER,
  type Happened,
  openPlay,
  type Play,
  type Scene,
  type Stand,
  sceneOf,
  together,
} from './play.ts';

export interface Generated {
  readonly cases: readonly Case[];
  /** Elements the walk did not come to. */
  readonly unreached: readonly Element[];
  /** Inputs the walk tried. */
  readonly tried: number;
}

/** Inputs tried before the walk gives up. */
const TRIED_MAX = 60_000;

interface Path {
  readonly begin: Begin;
  readonly steps: readonly CaseStep[];
}

/** @param wanted pointers of the elements to come to */
export function generateCases(
  stand: Stand,
  declarations: EventDeclarations,
  wanted: ReadonlySet<string>,
  triedMax = TRIED_MAX,
): Generated {
  const elements = elementsOf(stand.machine).filter(({ pointer }) => wanted.has(pointer));
  const missing = new Set(elements.map(({ pointer }) => pointer));
  const found = new Map<string, { readonly path: Path; readonly reached: ReadonlySet<string> }>();
  const scene = sceneOf(stand);
  const trials = trialsOf(stand.machine, declarations, openPlay(scene, {}).now());
  let tried = 0;

  // First by timers alone, as a designer thinks of time, breadth first. Where that is too wide, evenly over the stages and
  // their steps; where it is not enough, also by the times that conditions look back on, and by stopping short of timers.
  const ended = walk('breadth', null, triedMax / 4);
  if (!ended) walk('spread', null, triedMax / 4);
  walk('spread', trials.passes, triedMax / 2);

  /** @returns whether there was nothing left to try */
  function walk(order: 'breadth' | 'spread', passes: readonly number[] | null, triesMax: number): boolean {
    const seen = new Set<string>();
    const queue = newQueue(order);
    for (const customer of trials.customers) queue.add('', { begin: beginOf(stand, customer), steps: [] });
    const triedBefore = tried;
    for (let path = queue.next(); path; path = queue.next())
      for (const trial of nextTrials(playOf(scene, path), trials, passes)) {
        if (missing.size === 0 || tried - triedBefore >= triesMax) return missing.size === 0;
        tried++;
        follow(path, trial, seen, queue);
      }
    return true;
  }

  function follow(path: Path, trial: Trial, seen: Set<string>, queue: Queue): void {
    if (path.steps.length + trial.length > LIMITS.caseStepsMax) return;
    const play = playOf(scene, path);
    if (trial.map((step) => play.take(step)).some(({ runaway }) => runaway)) return;
    const grown = { begin: path.begin, steps: [...path.steps, ...trial] };
    for (const pointer of play.reached)
      if (missing.delete(pointer)) found.set(pointer, { path: grown, reached: play.reached });
    const key = `${path.begin.customer} ${stateOf(play, trials)}`;
    if (seen.has(key)) return;
    seen.add(key);
    queue.add(`${path.begin.customer} ${placeOf(play)}`, grown);
  }

  return {
    cases: casesOf(scene, elements, found),
    unreached: elements.filter(({ pointer }) => missing.has(pointer)),
    tried,
  };
}

interface Queue {
  /** @param place where the path leads to: its stage and step */
  readonly add: (place: string, path: Path) => void;
  readonly next: () => Path | undefined;
}

/** Where the latest run stands: its stage, step and timers. */
function placeOf({ runs, customer, now }: Play): string {
  const last = runs().at(-1);
  if (!last || last.endedAt !== undefined) return '';
  const wake = nextWakeAt(customer.state, customer.machineOf, customer.openings);
  return JSON.stringify([last.stage, last.at, last.spent, wake === null ? null : wake - now()]);
}

/** The paths to follow: the oldest first, or the oldest of the place that was left least often. */
function newQueue(order: 'breadth' | 'spread'): Queue {
  const places = new Map<string, { readonly paths: Path[]; left: number }>();
  return {
    add: (place, path) => {
      const name = order === 'breadth' ? '' : place;
      const known = places.get(name) ?? { paths: [], left: 0 };
      known.paths.push(path);
      places.set(name, known);
    },
    next: () => {
      let least: { readonly paths: Path[]; left: number } | null = null;
      for (const place of places.values())
        if (place.paths.length > place.left && (least === null || place.left < least.left)) least = place;
      return least?.paths[least.left++];
    },
  };
}

/** Where the journey sends, the customer can be written to, so that what it sends goes out. */
function beginOf({ machine }: Stand, customer: string): Begin {
  const sends = [...machine.stages.values()].flatMap(({ program }) =>
    program.flatMap((each) => (each.op === 'send' ? [each.purpose] : [])),
  );
  return {
    ...(customer === CUSTOMER ? {} : { customer }),
    ...(sends.length > 0 ? { traits: { email: 'customer@example.com' } } : {}),
    ...(sends.includes('marketing') ? { consents: ['marketing'] } : {}),
  };
}

function playOf(scene: Scene, { begin, steps }: Path): Play {
  const play = openPlay(scene, begin);
  for (const step of steps) play.take(step);
  return play;
}

function nextTrials({ customer, now, runs }: Play, trials: Trials, more: readonly number[] | null): Trial[] {
  const last = runs().at(-1);
  const wake = nextWakeAt(customer.state, customer.machineOf, customer.openings);
  const toWake = wake === null ? [] : [wake - now()];
  // Shortly before a timer, something may happen yet that its condition asks about.
  const passes = more === null ? toWake : [...toWake, ...toWake.map((ms) => ms - HOUR), ...more];
  return [
    ...[...new Set(passes)].filter((ms) => ms > 0).map((ms): Trial => [{ pass: durationOf(ms) }]),
    ...trials.of(last && last.endedAt === undefined ? last.stage : null),
  ];
}

const HOUR = 3_600_000;

const UNITS = [
  ['D', 86_400_000],
  ['H', HOUR],
  ['M', 60_000],
] as const;

/** Milliseconds as an ISO 8601 duration. */
export function durationOf(ms: number): string {
  let left = ms;
  const [days = 0, hours = 0, minutes = 0] = UNITS.map(([, unit]) => {
    const count = Math.floor(left / unit);
    left -= count * unit;
    return count;
  });
  const time = `${hours > 0 ? `${hours}H` : ''}${minutes > 0 ? `${minutes}M` : ''}${left > 0 ? `${left / 1_000}S` : ''}`;
  return `P${days > 0 ? `${days}D` : ''}${time === '' ? '' : `T${time}`}`;
}

/** What the future of a customer hangs on, relative to now: two paths with the same state need not both be followed. */
function stateOf({ customer, now }: Play, { remembered, lookBackMs }: Trials): string {
  const { state, machineOf, history } = customer;
  const at = now();
  const runs = [...state.runs.values()].map((run): Json => {
    const machine = machineOf(run);
    if (run.endedAt !== undefined)
      return [run.journey, run.key, typeof machine.reentry === 'object' ? at - run.endedAt : 0];
    const timers = timersOf(machine, run, state.lastActivityAt ?? -Infinity);
    const inGoal = machine.goal !== null && at - run.startedAt <= machine.goal.withinMs;
    return [
      ...[run.journey, run.key, run.stage, run.at ?? -1, run.held ?? false, run.goalAt !== undefined, inGoal],
      ...[[...(run.spent ?? [])], timers.map(({ kind, index, dueAt }): Json => [kind, index, dueAt - at])],
      isSuspended(machine, state, machineOf),
      JSON.stringify([run.start?.properties, run.answers]),
    ];
  });
  const past = [...remembered].map(([event, { most, properties }]): Json => {
    const events: Json[] = [];
    for (const message of history.latest(event)) {
      if (events.length >= most) break;
      const said = message['properties'];
      events.push(properties.map((name) => (isObject(said) ? (said[name] ?? null) : null)));
    }
    // A window empties with time, so how long ago matters, until it is longer than anybody looks back.
    const last = customer.facts.lastAt(event, at);
    return [event, events, last === null ? -1 : Math.min(at - last, lookBackMs)];
  });
  return JSON.stringify([runs, state.traits, past]);
}

/** The longest paths first: what they come to on their way needs no case of its own. */
function casesOf(
  scene: Scene,
  elements: readonly Element[],
  found: ReadonlyMap<string, { readonly path: Path; readonly reached: ReadonlySet<string> }>,
): Case[] {
  const covered = new Set<string>();
  const labels = new Map(elements.map(({ pointer, label }) => [pointer, label]));
  const ordered = [...found].sort(([, one], [, other]) => other.path.steps.length - one.path.steps.length);
  const cases: Case[] = [];
  for (const [pointer, { path, reached }] of ordered) {
    if (covered.has(pointer)) continue;
    for (const each of reached) covered.add(each);
    cases.push(caseOf(scene, labels.get(pointer) ?? pointer, path));
  }
  return cases.reverse();
}

/** The path as a case, with what came of it as what is expected. */
function caseOf(scene: Scene, name: string, { begin, steps }: Path): Case {
  const play = openPlay(scene, begin);
  const all: Happened[] = [];
  let stage: string | null = null;
  const written = steps.map((step): CaseStep => {
    const happened = play.take(step);
    all.push(happened);
    const now = play.runs().at(-1)?.stage ?? null;
    const expect = expectationOf(happened, now === stage ? undefined : now);
    stage = now;
    return Object.keys(expect).length === 0 ? step : { ...step, expect };
  });
  const last = play.runs().at(-1);
  const { errors } = together(all);
  return {
    name,
    ...begin,
    steps: written,
    expect: {
      stage: last?.stage ?? null,
      ...(last ? { over: last.endedAt !== undefined } : {}),
      ...(errors.length > 0 ? { errors: errors.map((error) => error.pointer) } : {}),
    },
  };
}

function expectationOf(happened: Happened, stage: string | null | undefined): Expectation {
  const { transitions, messages, suppressed, effects } = happened;
  return {
    ...(stage === undefined ? {} : { stage }),
    ...(transitions.length > 0 ? { transitions: [...transitions] } : {}),
    ...(messages.length > 0 ? { messages: [...messages] } : {}),
    ...(suppressed.length > 0 ? { suppressed: [...suppressed] } : {}),
    ...(effects.length > 0 ? { effects: effects.map(readable) } : {}),
  };
}

/** Instants as dates and times, as a designer would write them; what is null says nothing. */
function readable(effect: JsonObject): JsonObject & { kind: string } {
  const members = Object.entries(effect).flatMap(([name, value]): [string, Json][] => {
    if (value === null) return name === 'arm' ? [[name, value]] : [];
    const isInstant = typeof value === 'number' && /(^|[a-z])At$|^at$/.test(name);
    if (isInstant) return [[name, new Date(value).toISOString()]];
    return [[name, typeof value === 'object' && !Array.isArray(value) ? readableMember(value) : value]];
  });
  return { kind: String(effect['kind']), ...Object.fromEntries(members) };
}

function readableMember(value: JsonObject): JsonObject {
  const { kind: _, ...rest } = readable({ kind: '', ...value });
  return rest;
}
