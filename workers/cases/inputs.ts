// What can be tried on a journey at any moment: the events it listens for with the values its conditions compare with, the
// passing of time, what is said of the customer, the answers of webhooks. Read from the machine once.

import type { CaseStep } from '../../schema/cases.ts';
import type { EventDeclarations } from '../../schema/catalog.ts';
import type { JsonObject } from '../../schema/json.ts';
import { armOf } from '../engine/experiments.ts';
import type { CompiledStage, CompiledTrigger, Machine } from '../engine/machine.ts';
import { SYSTEM_EVENTS } from '../engine/machine.ts';
import { newWorth, objectsOf, PAST, readDate, readWorth, type Worth } from './values.ts';

/** Steps that stand together as one thing to try. */
export type Trial = readonly CaseStep[];

export interface Trials {
  /** By the stage a run stands in; null: no run is live. */
  readonly of: (stage: string | null) => readonly Trial[];
  /** Times worth letting pass beyond the next timer, milliseconds. */
  readonly passes: readonly number[];
  /** Customers to try: one for each arm of each experiment, and one that is held out. */
  readonly customers: readonly string[];
  /** Events whose past conditions ask about. */
  readonly remembered: ReadonlyMap<string, Remembered>;
  /** Longer ago than this is all the same to them. */
  readonly lookBackMs: number;
}

export interface Remembered {
  /** How many of the last ones matter. */
  readonly most: number;
  readonly properties: readonly string[];
}

const PROPERTIES_MAX = 24;
const TRAITS_MAX = 8;

/** @param at milliseconds; dates are tried some time after it */
export function trialsOf(machine: Machine, declarations: EventDeclarations, at: number): Trials {
  const worths = new Map<string, Worth>();
  const everywhere = newWorth();
  const worthOf = (event: string): Worth => {
    const known = worths.get(event) ?? newWorth();
    worths.set(event, known);
    return known;
  };
  const asks = (event: string | null, source: string | undefined): void => {
    if (source !== undefined) readWorth(event === null ? everywhere : worthOf(event), source, declarations, at);
  };
  const triggers = (map: ReadonlyMap<string, readonly CompiledTrigger[]>): void => {
    for (const [event, list] of map) for (const { condition } of list) asks(event, condition?.source);
  };
  triggers(machine.entry);
  triggers(machine.exit);
  if (machine.goal) asks(machine.goal.event, machine.goal.condition?.source);
  for (const { condition } of machine.schedules) asks(null, condition?.source);
  for (const stage of machine.stages.values()) {
    triggers(stage.on);
    for (const { condition } of [...stage.after, ...stage.at, ...stage.always]) asks(null, condition?.source);
    for (const { date } of stage.at) readDate(everywhere, date.source, at);
    readProgram(stage);
  }
  function readProgram({ program }: CompiledStage): void {
    for (const instruction of program)
      if (instruction.op === 'unless') asks(null, instruction.condition.source);
      else if (instruction.op === 'waitFor')
        for (const { source } of instruction.conditions) asks(instruction.event, source);
      else if (instruction.op === 'waitDate') readDate(everywhere, instruction.date.date.source, at);
  }

  const all = [everywhere, ...worths.values()];
  const key = machine.key?.source;
  const keyed = newWorth();
  if (key !== undefined) readWorth(keyed, key, declarations, at);
  const keys = objectsOf([keyed], ['properties'], 2).at(-1) ?? {};

  const remembered = rememberedIn(all);

  const eventTrials = new Map<string, Trial[]>();
  const trialsWith = (event: string): Trial[] => {
    const known = eventTrials.get(event);
    if (known) return known;
    const isEntry = machine.entry.has(event);
    const wanted = (machine.entry.get(event) ?? []).flatMap(({ wants }) => (wants ? [wants] : []));
    const fixed: JsonObject[] = wanted.length === 0 ? [{}] : wanted.map(withoutNulls);
    // Every condition may look back at this event's properties; a step's own may ask for them too.
    const objects = [
      ...objectsOf([worthOf(event), everywhere], ['properties'], PROPERTIES_MAX),
      ...objectsOf(all, [`${PAST}${event}`, ...(isEntry ? ['start'] : [])], PROPERTIES_MAX),
    ];
    const steps = fixed.flatMap((base) =>
      objects.map((object): CaseStep => said(event, { ...keys, ...base, ...object })),
    );
    const distinct = [...new Map(steps.map((step) => [JSON.stringify(step), step])).values()];
    const times = new Set(all.flatMap((worth) => [...(worth.times.get(event) ?? [])]));
    const first = distinct[0];
    const trials = [
      ...distinct.map((step): Trial => [step]),
      ...(first
        ? [...times].filter((count) => count > 1).map((count): Trial => Array<CaseStep>(count).fill(first))
        : []),
    ];
    eventTrials.set(event, trials);
    return trials;
  };

  const traits = objectsOf(all, ['traits'], TRAITS_MAX).filter((object) => Object.keys(object).length > 0);
  const identify = traits.map((object): Trial => [{ event: 'identify', traits: object }]);
  const answers = machine.webhooks.flatMap((webhook) => answersOf(webhook, all));
  const of = (stage: string | null): readonly Trial[] => {
    const compiled = stage === null ? undefined : machine.stages.get(stage);
    const events = new Set([...machine.entry.keys(), ...(compiled?.hears ?? []), ...remembered.keys()]);
    events.delete(SYSTEM_EVENTS.scheduled);
    return [...[...events].flatMap(trialsWith), ...identify, ...(compiled ? answers : [])];
  };
  const cache = new Map<string | null, readonly Trial[]>();
  const ownPasses = all.flatMap((worth) => [...worth.passes]);
  return {
    of: (stage) => {
      const known = cache.get(stage) ?? of(stage);
      cache.set(stage, known);
      return known;
    },
    passes: [...new Set([...ownPasses, ...passesOf(machine)])],
    lookBackMs: Math.max(0, ...ownPasses),
    customers: customersOf(machine),
    remembered,
  };
}

function rememberedIn(worths: readonly Worth[]): Map<string, Remembered> {
  const remembered = new Map<string, Remembered>();
  const note = (event: string, most: number, properties: readonly string[]): void => {
    const known = remembered.get(event) ?? { most: 1, properties: [] };
    const all = new Set([...known.properties, ...properties]);
    remembered.set(event, { most: Math.max(known.most, most), properties: [...all] });
  };
  for (const worth of worths) {
    for (const [event, times] of worth.times) note(event, Math.max(...times), []);
    for (const { path } of worth.values.values())
      if (path.root.startsWith(PAST)) note(path.root.slice(PAST.length), 2, path.members.slice(0, 1));
  }
  return remembered;
}

const said = (event: string, properties: JsonObject): CaseStep =>
  Object.keys(properties).length === 0 ? { event } : { event, properties };

const withoutNulls = (object: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));

function answersOf(webhook: string, worths: readonly Worth[]): Trial[] {
  const answers = objectsOf(worths, ['answers'], PROPERTIES_MAX).flatMap((object) => {
    const answer = object[webhook];
    return typeof answer === 'object' && answer !== null && !Array.isArray(answer) ? [answer] : [];
  });
  const bodies = [{}, ...answers].map(
    ({ status, body }): CaseStep => ({
      answer: webhook,
      ...(typeof status === 'number' && status >= 0 && status <= 599 ? { status } : {}),
      ...(body === undefined ? {} : { body }),
    }),
  );
  return [...bodies, { answer: webhook, status: 500 }].map((step): Trial => [step]);
}

/** Times a journey itself names beyond its timers: until it may be begun again. */
function passesOf({ reentry, caps }: Machine): number[] {
  return [...(typeof reentry === 'object' ? [reentry.afterMs] : []), ...(caps.entries ? [caps.entries.withinMs] : [])];
}

const CUSTOMERS_TRIED = 2_000;

function customersOf({ stages }: Machine): string[] {
  const chosen = new Map<string, string>();
  for (const { program } of stages.values())
    for (const instruction of program) {
      if (instruction.op !== 'experiment') continue;
      const { experiment, holdout, arms } = instruction;
      const wanted = arms.length + (holdout > 0 ? 1 : 0);
      const found = new Set<string | null>();
      for (let number = 1; number <= CUSTOMERS_TRIED && found.size < wanted; number++) {
        const customer = `customer-${number}`;
        const arm = armOf(customer, experiment, holdout, arms);
        if (!found.has(arm)) chosen.set(`${experiment}/${arm}`, customer);
        found.add(arm);
      }
    }
  return chosen.size === 0 ? ['customer-1'] : [...new Set(chosen.values())].sort();
}
