// A run while an input changes it: a copy, so the input stays as it was (P3), with what the input has made so far. Asking
// a condition, taking a value and naming an effect are here; what an input means is not.

import { findJsonFault, type Json, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { type CalendarDate, instantOf, isZone } from './calendar.ts';
import type { Condition } from './conditions.ts';
import type { Facts } from './facts.ts';
import type {
  Answer,
  CompiledDate,
  CompiledMember,
  CompiledTrigger,
  Effect,
  EngineEvent,
  KeptEvent,
  Machine,
  Run,
} from './machine.ts';
import { type Scope, scopeOf } from './scope.ts';

export interface Draft {
  readonly machine: Machine;
  run: Run;
  readonly effects: Effect[];
  scope: Scope;
  /** Q1: the program holds still. */
  readonly suspended: boolean;
  /** Instructions this input has run (S7), stages it has entered (T8). */
  instructions: number;
  stages: number;
}

export function draftOf(
  machine: Machine,
  run: Run,
  event: EngineEvent,
  facts: Facts,
  now: number,
  suspended: boolean,
): Draft {
  const scope = scopeFor(machine, run, event, facts, now);
  return { machine, run, effects: [], scope, suspended, instructions: 0, stages: 0 };
}

/** What conditions of a run see: with the event it began with and its answers, where the journey asks for them (C10, S16). */
export function scopeFor(machine: Machine, run: Run, event: EngineEvent, facts: Facts, now: number): Scope {
  const scope = scopeOf(event, facts, now);
  if (machine.keeps === null && machine.webhooks.length === 0) return scope;
  const answers: Record<string, Answer | null> = {};
  for (const webhook of machine.webhooks) answers[webhook] = run.answers?.[webhook] ?? null;
  const { name = '', messageId = '', properties = {} } = run.start ?? {};
  const kept: JsonObject = {};
  for (const property of machine.keeps ?? []) kept[property] = properties[property] ?? null;
  return { ...scope, start: { name, messageId, properties: kept }, answers };
}

/** C10: of the starting event what conditions name, unless it is large. */
export function keptOf(machine: Machine, event: EngineEvent): KeptEvent | null {
  if (machine.keeps === null) return null;
  const properties: JsonObject = {};
  for (const name of machine.keeps) {
    const value = Object.hasOwn(event.properties, name) ? event.properties[name] : undefined;
    if (value !== undefined && JSON.stringify(value).length <= LIMITS.keptCharsMax) properties[name] = value;
  }
  return { name: event.name, messageId: event.messageId, properties };
}

/** C2: an error is false, and is recorded. */
export function holds(condition: Condition | null, scope: Scope, machine: Machine, effects: Effect[]): boolean {
  if (condition === null) return true;
  const result = condition.evaluate(scope);
  if (result.ok) return result.value === true;
  effects.push(errorOf(machine.id, condition.pointer, result.detail));
  return false;
}

/** Whether a trigger is meant by this event at all, and its condition holds. */
export function fires(trigger: CompiledTrigger, scope: Scope, machine: Machine, effects: Effect[]): boolean {
  if (trigger.wants)
    for (const name in trigger.wants) if ((scope.event.properties[name] ?? null) !== trigger.wants[name]) return false;
  return holds(trigger.condition, scope, machine, effects);
}

/** S4: the value of an expression; undefined, and recorded, where it errs or is no JSON that an event could hold. */
export function jsonOf(draft: Draft, expression: Condition): Json | undefined {
  const result = expression.evaluate(draft.scope);
  const detail = result.ok ? findJsonFault(result.value)?.detail : result.detail;
  if (result.ok && detail === undefined) return result.value;
  draft.effects.push(errorOf(draft.machine.id, expression.pointer, detail ?? ''));
  return undefined;
}

/** Members whose expression errs are left out. */
export function membersOf(draft: Draft, members: readonly CompiledMember[]): JsonObject {
  const object: JsonObject = {};
  for (const { name, value } of members) {
    const given = jsonOf(draft, value);
    if (given !== undefined) object[name] = given;
  }
  return object;
}

/** Z1: the customer's own zone, else the journey's. */
export function zoneOf({ machine, scope }: Pick<Draft, 'machine' | 'scope'>, zone: string | null): string {
  if (zone !== null) return zone;
  const own = scope.traits['timezone'];
  return isZone(own) ? own : machine.zone;
}

/** The value of a date, and how it is read; null where there is none. What is there and is no date is recorded. */
export function dateOf(draft: Draft, date: CompiledDate): { readonly value: Json; readonly read: CalendarDate } | null {
  const value = jsonOf(draft, date.date) ?? null;
  if (value === null) return null;
  const read = { offset: date.offset, time: date.time, zone: zoneOf(draft, date.zone) };
  if (instantOf(value, read) !== null) return { value, read };
  draft.effects.push(
    errorOf(draft.machine.id, date.date.pointer, `${JSON.stringify(value).slice(0, 60)} is not a date`),
  );
  return null;
}

/** S5: the key of the next effect. */
export function nextKey(draft: Draft): string {
  const sequence = draft.run.sequence + 1;
  draft.run = { ...draft.run, sequence };
  return `${draft.run.id}/${sequence}`;
}

export const errorOf = (journey: string, pointer: string, detail: string): Effect => ({
  kind: 'error',
  journey,
  pointer,
  detail,
});

export function stageOf(machine: Machine, name: string) {
  const stage = machine.stages.get(name);
  if (!stage) throw new Error(`broken invariant: ${machine.id} version ${machine.version} has no stage ${name}`);
  return stage;
}
