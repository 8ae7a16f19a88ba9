// What a condition sees while it is evaluated, and what evaluating comes to. Both ways of running a condition (closures
// and the CEL library) read the same scope and ask the history through the same function.

import type { Json, JsonObject } from '../../schema/json.ts';
import type { Facts } from './facts.ts';
import type { Answer, EngineEvent, KeptEvent } from './machine.ts';

export interface Scope {
  readonly event: EngineEvent;
  readonly traits: JsonObject;
  readonly stages: { readonly [journey: string]: string };
  readonly facts: Facts;
  /** Milliseconds; the end of every window. */
  readonly now: number;
  /** The event the run began with; absent members are null (C10). */
  readonly start?: KeptEvent;
  /** What the run's webhooks answered; null where nothing has come. */
  readonly answers?: { readonly [webhook: string]: Answer | null };
}

const NO_STAGES = Object.freeze({});

export function scopeOf(event: EngineEvent, facts: Facts, now: number): Scope {
  return { event, traits: facts.traits, stages: NO_STAGES, facts, now };
}

export type Evaluated = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly detail: string };

/** The declared name of an event, aliases resolved (T5). */
export type Resolve = (event: string) => string;

/** Members of the event's properties and of the traits that are null when absent, because they are declared (C3). */
export interface DeclaredMembers {
  readonly traits: ReadonlySet<string>;
  readonly properties: ReadonlySet<string>;
}

/** The history functions (C5 to C7). `from` is an instant, exclusive. */
export function askHistory(name: string, event: string, property: string, from: number, scope: Scope): Json {
  const { facts, now } = scope;
  switch (name) {
    case 'count':
      return facts.count(event, from, now);
    case 'sum':
      return facts.sum(event, property, from, now);
    case 'distinct':
      return facts.distinct(event, property, from, now);
    case 'first':
      return facts.first(event, property, from, now);
    case 'last':
      return facts.last(event, property, from, now);
    case 'daysSince': {
      const at = facts.lastAt(event, now);
      return at === null ? null : (now - at) / 86_400_000;
    }
    default:
      throw new Error(`unknown history function ${name}`);
  }
}
