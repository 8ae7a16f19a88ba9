// Traits that are worked out from the history, compiled: which event each asks for, which values of it, over which window.
// What cannot be worked out is a finding. Not the working out: tallies.ts.

import type { EventDeclarations, FieldDeclaration, TraitDeclaration } from '../../schema/catalog.ts';
import type { Computed } from '../../schema/computed.ts';
import { escapePointer, isObject, type Json } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { Vocabulary } from '../engine/compile.ts';
import { type Condition, compileCondition } from '../engine/conditions.ts';
import { durationMs } from '../engine/durations.ts';
import { factsOf } from '../engine/facts.ts';
import type { Finding } from '../engine/findings.ts';
import type { EngineEvent } from '../engine/machine.ts';
import { nearest } from '../engine/nearest.ts';
import { scopeOf } from '../engine/scope.ts';

export type Measure = 'count' | 'sum' | 'average' | 'distinct' | 'mostFrequent' | 'first' | 'last' | 'averageInterval';

export type Scalar = string | number | boolean;

export interface ComputedTrait {
  readonly name: string;
  readonly measure: Measure;
  /** The declared name. */
  readonly event: string;
  /** The way to the values below the event's properties; null where none are asked for. */
  readonly path: readonly string[] | null;
  readonly where: Condition | null;
  /** Milliseconds; null: the whole history. */
  readonly windowMs: number | null;
  /** What it says, as a text: another one is another trait. */
  readonly source: string;
}

const MEASURES: readonly Measure[] = [
  ...(['count', 'sum', 'average', 'distinct', 'mostFrequent', 'first', 'last', 'averageInterval'] as const),
];

/** Those of a vocabulary that can be worked out: it was published without findings. */
export const computedIn = (vocabulary: Vocabulary): ComputedTrait[] => compileComputed(vocabulary).traits;

/** CT1, and what in it cannot be worked out. Pointers lead into events.json. */
export function compileComputed(vocabulary: Vocabulary): {
  readonly traits: ComputedTrait[];
  readonly findings: readonly Finding[];
} {
  const findings: Finding[] = [];
  const traits: ComputedTrait[] = [];
  const declared = Object.entries(vocabulary.declarations.traits).filter(([, { computed }]) => computed !== undefined);
  if (declared.length > LIMITS.computedMax)
    findings.push({
      ...{ code: 'limit', pointer: '/traits', message: `has more than ${LIMITS.computedMax} computed traits` },
      remedy: 'Take out those that nobody asks for.',
    });
  for (const [name, trait] of declared) {
    const compiled = compileTrait(name, trait, vocabulary, findings);
    if (compiled) traits.push(compiled);
  }
  return { traits, findings };
}

function compileTrait(
  name: string,
  { computed, type }: TraitDeclaration,
  vocabulary: Vocabulary,
  findings: Finding[],
): ComputedTrait | null {
  const measure = MEASURES.find((candidate) => computed && Object.hasOwn(computed, candidate));
  if (!computed || !measure) return null;
  const place = `/traits/${escapePointer(name)}`;
  const before = findings.length;
  const say = (code: Finding['code'], pointer: string, message: string, remedy: string): void => {
    findings.push({ code, pointer: place + pointer, message, remedy });
  };
  const { declarations, resolve } = vocabulary;
  const { window, where: source, of } = { of: undefined, ...computed };
  const event = resolve(eventOf(computed, measure));
  if (!Object.hasOwn(declarations.events, event))
    say(
      'computed-event',
      `/computed/${measure}`,
      `asks for ${JSON.stringify(event)}, which is not declared`,
      `${nearest(event, Object.keys(declarations.events))}Correct it, or declare the event.`,
    );
  const path = of === undefined ? null : of.split('.');
  const given = typesOf(measure, path && fieldAt(declarations, event, path));
  if (!given.includes(type))
    say(
      'computed-type',
      '/type',
      `is declared ${type}, but ${measure} gives ${given.join(' or ')}`,
      `Declare it ${given[0] ?? 'string'}.`,
    );
  const windowMs = window === undefined ? null : durationMs(window);
  if (windowMs !== null && windowMs <= 0)
    say('duration', '/computed/window', 'is no time at all', 'Give a duration such as P90D.');
  const where =
    source === undefined ? null : compileWhere(source, `${place}/computed/where`, event, vocabulary, findings);
  if (findings.length > before) return null;
  return { name, measure, event, path, where, windowMs, source: JSON.stringify([name, type, event, computed]) };
}

function eventOf(computed: Computed, measure: Measure): string {
  const event: unknown = Reflect.get(computed, measure);
  return typeof event === 'string' ? event : '';
}

function compileWhere(
  source: string,
  pointer: string,
  event: string,
  vocabulary: Vocabulary,
  findings: Finding[],
): Condition | null {
  const { declarations, resolve } = vocabulary;
  const compiled = compileCondition(source, pointer, { declarations, resolve, event });
  if (!compiled.ok) {
    const { code, detail, remedy } = compiled.fault;
    findings.push({ code, pointer, message: detail, remedy });
    return null;
  }
  const { asks, history } = compiled.condition;
  if (asks.traits || asks.stages || asks.time || history.length > 0 || asks.start !== null) {
    findings.push({
      ...{ code: 'computed-where', pointer, message: 'asks for more than the event it counts' },
      remedy: 'Ask for event alone: what else is known of the customer may be another when the event is counted again.',
    });
    return null;
  }
  return compiled.condition;
}

/** The declaration a path leads to, lists stepped into; null where none does. */
function fieldAt({ events }: EventDeclarations, event: string, path: readonly string[]): FieldDeclaration | null {
  let fields = Object.hasOwn(events, event) ? events[event]?.properties : undefined;
  let field: FieldDeclaration | undefined;
  for (const name of path) {
    field = fields && Object.hasOwn(fields, name) ? fields[name] : undefined;
    while (field?.type === 'list') field = field.items;
    fields = field?.fields;
  }
  return field ?? null;
}

const ANY_TYPE = ['string', 'number', 'integer', 'boolean', 'timestamp'] as const;

function typesOf(measure: Measure, field: FieldDeclaration | null): readonly FieldDeclaration['type'][] {
  switch (measure) {
    case 'count':
    case 'distinct':
      return ['integer', 'number'];
    case 'sum':
    case 'average':
    case 'averageInterval':
      return ['number', ...(field?.type === 'integer' && measure === 'sum' ? (['integer'] as const) : [])];
    default:
      return field && field.type !== 'map' && field.type !== 'list' ? [field.type] : ANY_TYPE;
  }
}

/** Whether the event counts. */
export function counts({ where }: ComputedTrait, event: EngineEvent, at: number): boolean {
  if (!where) return true;
  const answer = where.evaluate(scopeOf(event, NOTHING_KNOWN, at));
  return answer.ok && answer.value === true;
}

const NOTHING_KNOWN = factsOf([], {});

/** CT4: the values of an event, in the order they stand in it. */
export function valuesIn(path: readonly string[], { properties }: Pick<EngineEvent, 'properties'>): Scalar[] {
  const values: Scalar[] = [];
  collect(properties, path, 0, values);
  return values;
}

function collect(value: Json, path: readonly string[], depth: number, values: Scalar[]): void {
  if (Array.isArray(value)) {
    for (const element of value) collect(element, path, depth, values);
    return;
  }
  const name = path[depth];
  if (name !== undefined) {
    if (isObject(value) && Object.hasOwn(value, name)) collect(value[name] ?? null, path, depth + 1, values);
  } else if (isKept(value)) values.push(value);
}

const NUMBER_MAX = 1e300;

const isKept = (value: Json): value is Scalar =>
  (typeof value === 'string' && value.length <= LIMITS.computedCharsMax) ||
  (typeof value === 'number' && Math.abs(value) <= NUMBER_MAX) ||
  typeof value === 'boolean';
