// A journey document becomes a machine, once per version, or a list of findings. Everything a run could trip over is
// found here: what no schema can say (targets, conditions, delays) and what must be bounded. The steps: program.ts.

import type { EventDeclarations, WrittenDeclarations } from '../../schema/catalog.ts';
import {
  type After,
  type Always,
  type At,
  type Entry,
  Journey,
  type Stage,
  type Transition,
  type Trigger,
} from '../../schema/journey.ts';
import { escapePointer } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import {
  AFTER_MS_MIN,
  type Build,
  checkAnswers,
  checkTarget,
  compileDate,
  compileDuration,
  compileExpression,
  compileIf,
  compileZone,
  say,
  unknownStage,
} from './build.ts';
import { compileSchedule } from './calendar.ts';
import type { Condition } from './conditions.ts';
import { type Finding, findingsOf } from './findings.ts';
import {
  type CompiledAfter,
  type CompiledAt,
  type CompiledGoal,
  type CompiledSchedule,
  type CompiledStage,
  type CompiledTransition,
  type CompiledTrigger,
  type Machine,
  SYSTEM_EVENTS,
} from './machine.ts';
import { compileProgram } from './program.ts';

export type Compiled =
  | { readonly ok: true; readonly machine: Machine }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/** Aliases and declarations, prepared once for a catalog version. */
export interface Vocabulary {
  readonly declarations: EventDeclarations;
  readonly resolve: (event: string) => string;
}

export function vocabularyOf({ events, traits = {} }: WrittenDeclarations): Vocabulary {
  const names = new Map<string, string>();
  for (const [event, declaration] of Object.entries(events))
    for (const alias of declaration.aliases ?? []) names.set(alias, event);
  return { declarations: { events, traits }, resolve: (event) => names.get(event) ?? event };
}

export const EMPTY_VOCABULARY: Vocabulary = vocabularyOf({ events: {}, traits: {} });

/** Compiles a document of unknown shape. `version` is the one the machine will be published as. */
export function compileJourney(document: unknown, version: number, vocabulary: Vocabulary): Compiled {
  const parsed = Journey.safeParse(document);
  if (!parsed.success) return { ok: false, findings: findingsOf(parsed.error.issues, document) };
  const journey = parsed.data;
  const names = Object.keys(journey.stages);
  const build: Build = {
    id: journey.id,
    findings: [],
    vocabulary,
    stages: new Set(names),
    order: new Map((journey.order ?? []).map((name, index) => [name, index])),
    refusesRegress: journey.regress === 'refuse',
    keeps: null,
    webhooks: new Set(),
    answers: new Map(),
  };
  if (names.length > LIMITS.stagesMax)
    say(build, 'limit', '/stages', `has more than ${LIMITS.stagesMax} stages`, 'Split the journey.');
  if (!build.stages.has(journey.initial)) unknownStage(build, '/initial', journey.initial);
  checkOrder(journey, build);

  const { entry, schedules } = compileEntries(journey.entry, build);
  const exit = compileTriggers(journey.exit ?? [], '/exit', build);
  const goal = compileGoal(journey, build);
  const key =
    journey.key == null
      ? null
      : compileExpression(journey.key, { pointer: '/key', event: null, want: 'key', inRun: false }, build);
  const reentry =
    typeof journey.reentry === 'string'
      ? journey.reentry
      : { afterMs: compileDuration(journey.reentry.after, '/reentry/after', build) };
  const zone = compileZone(journey.zone, '/zone', build) ?? 'UTC';
  const heard = [...exit.keys(), ...(goal ? [goal.event] : [])];
  const inOrder = [...new Set([...(journey.order ?? []), ...names])];
  const stages = new Map<string, CompiledStage>();
  for (const name of names) {
    const stage = journey.stages[name];
    if (stage) stages.set(name, compileStage(name, inOrder.indexOf(name), stage, heard, build));
  }
  checkAnswers(build);
  if (journey.subject === 'account') checkNoSends(stages, build);
  const caps = compileCaps(journey, build);
  if (build.findings.length > 0) return { ok: false, findings: build.findings };
  const sends = [...stages.values()].some((stage) => stage.program.some((instruction) => instruction.op === 'send'));
  const { id, initial, priority = 0, tags = [], suspends = null, onMerge = 'later', subject = 'customer' } = journey;
  const keeps = build.keeps && [...build.keeps].sort();
  return {
    ok: true,
    machine: {
      ...{ id, version, journey, initial, key, reentry, caps, priority, tags, suspends, zone, sends, keeps },
      ...{ webhooks: [...build.webhooks], goal, entry, schedules, exit, stages, onMerge, subject },
    },
  };
}

/** AC6. */
function checkNoSends(stages: ReadonlyMap<string, CompiledStage>, build: Build): void {
  for (const [name, { program }] of stages)
    if (program.some((instruction) => instruction.op === 'send'))
      say(
        build,
        'account-send',
        `/stages/${escapePointer(name)}/steps`,
        'sends, but a journey of an account has nobody to send to',
        'Let a journey of the member enter by Account Changed and send.',
      );
}

/** R1. */
function checkOrder({ order = [], regress }: Journey, build: Build): void {
  order.forEach((name, index) => {
    if (!build.stages.has(name)) unknownStage(build, `/order/${index}`, name);
    if (order.indexOf(name) !== index)
      say(build, 'order', `/order/${index}`, `${name} stands in the order twice`, 'Name each stage once.');
  });
  if (regress === 'refuse' && order.length === 0)
    say(build, 'order', '/regress', 'there is no order to go back in', 'Add order, or remove regress.');
}

function compileCaps({ caps }: Journey, build: Build): Machine['caps'] {
  const entries = caps?.entries;
  return {
    entries: entries
      ? { max: entries.max, withinMs: compileDuration(entries.within, '/caps/entries/within', build) }
      : null,
    concurrent: caps?.concurrent ?? Number.POSITIVE_INFINITY,
  };
}

function compileGoal({ goal }: Journey, build: Build): CompiledGoal | null {
  if (!goal) return null;
  const event = build.vocabulary.resolve(goal.event);
  return {
    event,
    condition: compileIf(goal.if, { pointer: '/goal/if', event }, build),
    withinMs:
      goal.within === undefined ? Number.POSITIVE_INFINITY : compileDuration(goal.within, '/goal/within', build),
    ends: goal.ends ?? false,
  };
}

/** N1 to N4: every entry but a schedule is an event; some want properties of it. */
function compileEntries(
  entries: readonly Entry[],
  build: Build,
): { entry: Map<string, CompiledTrigger[]>; schedules: CompiledSchedule[] } {
  const byEvent = new Map<string, CompiledTrigger[]>();
  const schedules: CompiledSchedule[] = [];
  entries.forEach((entry, index) => {
    const pointer = `/entry/${index}`;
    if ('schedule' in entry) {
      const zone = compileZone(entry.schedule.zone, `${pointer}/schedule/zone`, build);
      const compiled = compileSchedule(entry.schedule);
      const condition = compileIf(entry.if, { pointer: `${pointer}/if`, event: null, inRun: false }, build);
      if ('next' in compiled) schedules.push({ next: compiled.next, zone, index, condition });
      else
        say(
          build,
          'schedule',
          `${pointer}/schedule/rrule`,
          `the rule cannot be used: ${compiled.fault}`,
          'Write it as RFC 5545 has it, such as FREQ=WEEKLY;BYDAY=MO, at most once an hour.',
        );
      return;
    }
    const [written, wants] = heardBy(entry, build);
    const event = build.vocabulary.resolve(written);
    const condition = compileIf(entry.if, { pointer: `${pointer}/if`, event, inRun: false }, build);
    append(byEvent, event, { condition, ...(wants ? { wants } : {}) });
  });
  return { entry: byEvent, schedules };
}

function heardBy(
  entry: Exclude<Entry, { schedule: unknown }>,
  build: Build,
): [string, CompiledTrigger['wants'] | null] {
  if ('event' in entry) return [entry.event, null];
  if ('audience' in entry) return [SYSTEM_EVENTS.joined, { audience: entry.audience }];
  if ('journey' in entry) return [SYSTEM_EVENTS.requested, { journey: build.id, from: entry.journey }];
  return [SYSTEM_EVENTS.requested, { journey: build.id, from: null }];
}

function compileTriggers(triggers: readonly Trigger[], base: string, build: Build): Map<string, CompiledTrigger[]> {
  const byEvent = new Map<string, CompiledTrigger[]>();
  triggers.forEach((trigger, index) => {
    const event = build.vocabulary.resolve(trigger.event);
    const condition = compileIf(trigger.if, { pointer: `${base}/${index}/if`, event }, build);
    append(byEvent, event, { condition });
  });
  return byEvent;
}

function append<T>(map: Map<string, T[]>, name: string, item: T): void {
  const list = map.get(name);
  if (list) list.push(item);
  else map.set(name, [item]);
}

function compileStage(
  name: string,
  index: number,
  stage: Stage,
  heard: readonly string[],
  build: Build,
): CompiledStage {
  const base = `/stages/${escapePointer(name)}`;
  const parts = [stage.on, stage.after, stage.at, stage.always, stage.steps];
  if (stage.final && parts.some((part) => part && part.length > 0))
    say(
      build,
      'final-stage',
      base,
      'a final stage ends the run, so it has neither transitions nor timers nor steps',
      'Remove them, or remove final.',
    );
  const { instructions: program, pointers } = compileProgram(stage.steps ?? [], name, `${base}/steps`, build);
  const on = compileTransitions(stage.on ?? [], name, `${base}/on`, build);
  const after = (stage.after ?? []).map((each, place) => compileAfter(each, name, `${base}/after/${place}`, build));
  const at = (stage.at ?? []).flatMap((each, place) => compileAt(each, name, `${base}/at/${place}`, build));
  const always = (stage.always ?? []).flatMap((each, place) =>
    compileAlways(each, name, `${base}/always/${place}`, build),
  );
  const watched = [...always.flatMap(({ condition }) => condition ?? []), ...at.map(({ date }) => date)];
  const awaited = program.flatMap((instruction) => (instruction.op === 'waitFor' ? [instruction.event] : []));
  return {
    ...{ name, index, final: stage.final ?? false, on, after, at, always, program, pointers },
    hears: new Set([...heard, ...on.keys(), ...awaited, ...watched.flatMap(({ history }) => history)]),
    hearsTraits: watched.some(({ asks }) => asks.traits) || at.some(({ zone }) => zone === null),
  };
}

function compileTransitions(
  transitions: readonly Transition[],
  from: string,
  base: string,
  build: Build,
): Map<string, CompiledTransition[]> {
  const byEvent = new Map<string, CompiledTransition[]>();
  transitions.forEach((transition, index) => {
    checkTarget(build, `${base}/${index}/to`, from, transition.to, transition.back);
    const event = build.vocabulary.resolve(transition.event);
    append(byEvent, event, {
      condition: compileIf(transition.if, { pointer: `${base}/${index}/if`, event }, build),
      to: transition.to,
    });
  });
  return byEvent;
}

function compileAfter(after: After, from: string, base: string, build: Build): CompiledAfter {
  checkTarget(build, `${base}/to`, from, after.to, after.back);
  const delayMs = compileDuration(after.delay, `${base}/delay`, build);
  if (delayMs < AFTER_MS_MIN)
    say(build, 'delay-too-short', `${base}/delay`, 'a timer needs a delay of at least a second', 'Write PT1S or more.');
  return {
    delayMs,
    delay: after.delay,
    since: after.since,
    to: after.to,
    condition: compileIf(after.if, { pointer: `${base}/if`, event: null }, build),
  };
}

/** D1. */
function compileAt(at: At, from: string, base: string, build: Build): CompiledAt[] {
  checkTarget(build, `${base}/to`, from, at.to, at.back);
  const condition = compileIf(at.if, { pointer: `${base}/if`, event: null }, build);
  const date = compileDate(at, base, build);
  if (!date) return [];
  refuseFleeting(date.date, `${base}/date`, 'a date', build);
  return [{ ...date, yearly: at.every === 'year', to: at.to, condition }];
}

/** T7. */
function compileAlways(always: Always, from: string, base: string, build: Build): CompiledTransition[] {
  checkTarget(build, `${base}/to`, from, always.to, always.back);
  const condition = compileExpression(always.if, { pointer: `${base}/if`, event: null }, build);
  if (!condition) return [];
  refuseFleeting(condition, `${base}/if`, 'always', build);
  return [{ condition, to: always.to }];
}

/** What is asked again whenever something changes cannot ask what no input tells of, or what only one input knows. */
function refuseFleeting({ asks }: Condition, pointer: string, what: string, build: Build): void {
  if (asks.time)
    say(
      build,
      'time-alone',
      pointer,
      `${what} cannot ask for a window of the history or for days since: that changes with time alone, and nothing would notice`,
      'Ask it where an event is heard (on), or say when with after or at.',
    );
  if (asks.event)
    say(
      build,
      'no-event',
      pointer,
      `${what} cannot ask for the event: it is asked again when there is another event or none`,
      'Ask for traits, the history, or start, the event the run began with.',
    );
}
