// What a condition may ask of a customer: traits and history. The shell answers from its rows, tests and the simulator
// from a list; both answer the same (one contract suite). Not a store: it never changes while a step runs.

import type { Json, JsonObject } from '../../schema/json.ts';
import type { EngineEvent } from './machine.ts';
import { engineEventOf } from './message.ts';

/** Bounds are instants in milliseconds: from is exclusive, -Infinity without a window; to is inclusive. */
export interface Facts {
  readonly traits: JsonObject;
  /** The customer's last event, milliseconds; when there was none, -Infinity. */
  readonly lastActivityAt: number;
  /** Whose facts these are: what an experiment draws the arm by (S11). */
  readonly customerId?: string;
  /** The segments and audiences the customer is in: since when, milliseconds. Absent: none. */
  readonly segments?: Memberships | undefined;
  /** The account the customer acts for (AC8). Absent: none. */
  readonly account?: AccountFacts | undefined;
  count(event: string, from: number, to: number): number;
  sum(event: string, property: string, from: number, to: number): number;
  distinct(event: string, property: string, from: number, to: number): number;
  first(event: string, property: string, from: number, to: number): Json;
  last(event: string, property: string, from: number, to: number): Json;
  /** When the latest such event happened, milliseconds, or null. */
  lastAt(event: string, to: number): number | null;
}

/** Facts of which single events can be read too: what computed traits and segments are worked out from. */
export interface Chronicle extends Facts {
  /** Events of a name in order of time, then of arrival. */
  each(event: string, from: number, to: number): Iterable<{ readonly at: number; readonly event: EngineEvent }>;
  /** When the first such event after an instant happened or will, or null. */
  nextAt(event: string, after: number): number | null;
}

export interface AccountFacts {
  readonly id: string | null;
  readonly traits: JsonObject;
  readonly stages: { readonly [journey: string]: string };
}

export const NO_ACCOUNT: AccountFacts = Object.freeze({ id: null, traits: {}, stages: {} });

export interface Memberships {
  readonly [id: string]: number;
}

export interface HistoryEntry {
  name: string;
  at: number;
  properties: JsonObject;
}

/** Facts over a list of entries in order of arrival. */
export function factsOf(
  history: readonly HistoryEntry[],
  traits: JsonObject,
  lastActivityAt = -Infinity,
  customerId = '',
): Chronicle {
  const within = (event: string, from: number, to: number) =>
    history.filter((entry) => entry.name === event && entry.at > from && entry.at <= to).sort((a, b) => a.at - b.at);
  const values = (event: string, property: string, from: number, to: number) =>
    within(event, from, to).map(({ properties }) =>
      Object.hasOwn(properties, property) ? (properties[property] ?? null) : null,
    );
  return {
    traits,
    lastActivityAt,
    customerId,
    count: (event, from, to) => within(event, from, to).length,
    sum: (event, property, from, to) =>
      values(event, property, from, to).reduce<number>(
        (sum, value) => sum + (typeof value === 'number' ? value : 0),
        0,
      ),
    distinct: (event, property, from, to) =>
      new Set(
        values(event, property, from, to)
          .filter((value) => value !== null)
          .map((value) => JSON.stringify(value)),
      ).size,
    first: (event, property, from, to) => values(event, property, from, to)[0] ?? null,
    last: (event, property, from, to) => values(event, property, from, to).at(-1) ?? null,
    lastAt: (event, to) => within(event, -Infinity, to).at(-1)?.at ?? null,
    nextAt: (event, after) => within(event, after, Infinity)[0]?.at ?? null,
    each: (event, from, to) =>
      within(event, from, to).map(({ at, properties }) => ({ at, event: engineEventOf(event, '', { properties }) })),
  };
}

/** The same facts, each asked for once: for a while in which nothing happens to the customer. */
export function askedOnce(facts: Facts): Facts {
  const answers = new Map<string, Json>();
  const once = <T extends Json>(key: string, ask: () => T): T => {
    const known = answers.get(key);
    // What was kept under a key is what its question gave.
    if (known !== undefined) return known as T;
    const answer = ask();
    answers.set(key, answer);
    return answer;
  };
  const { traits, lastActivityAt, customerId = '', segments, account } = facts;
  return {
    ...{ traits, lastActivityAt, customerId, segments, account },
    count: (event, from, to) => once(`count ${from} ${to} ${event}`, () => facts.count(event, from, to)),
    sum: (event, name, from, to) =>
      once(`sum ${from} ${to} ${name.length} ${name}${event}`, () => facts.sum(event, name, from, to)),
    distinct: (event, name, from, to) =>
      once(`distinct ${from} ${to} ${name.length} ${name}${event}`, () => facts.distinct(event, name, from, to)),
    first: (event, name, from, to) =>
      once(`first ${from} ${to} ${name.length} ${name}${event}`, () => facts.first(event, name, from, to)),
    last: (event, name, from, to) =>
      once(`last ${from} ${to} ${name.length} ${name}${event}`, () => facts.last(event, name, from, to)),
    lastAt: (event, to) => once(`lastAt ${to} ${event}`, () => facts.lastAt(event, to)),
  };
}
