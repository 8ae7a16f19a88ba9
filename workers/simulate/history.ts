// A customer's history in memory, and facts answered from it: what the object's rows answer, without SQL. Events of one
// name are kept in order of time, so that a window is found by bisection; two years of a customer stay quick.

import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { type Membership, viewOf } from '../accounts/state.ts';
import type { Chronicle } from '../engine/facts.ts';
import { type Known, membershipsOf, toldTraits } from '../engine/learner.ts';
import { engineEventOf } from '../engine/message.ts';

interface Happened {
  readonly at: number;
  readonly messageId: string;
  readonly message: JsonObject;
}

export interface History {
  /** @returns false where this message id is here already; nothing has changed then (I1) */
  readonly add: (name: string, messageId: string, at: number, message: JsonObject) => boolean;
  readonly byMessage: (messageId: string) => JsonObject | null;
  /** The messages of a name, the latest first. */
  readonly latest: (name: string) => Iterable<JsonObject>;
  /** @param of who the facts are about; looked at anew each time */
  readonly facts: (of: {
    readonly id: string;
    readonly traits: JsonObject;
    readonly lastActivityAt: number | null;
    readonly known: Known | null;
    readonly account?: Membership | null;
  }) => Chronicle;
}

export function newHistory(): History {
  const byName = new Map<string, Happened[]>();
  const byMessage = new Map<string, JsonObject>();

  /** The events with from < at <= to, which lie together. */
  const within = (name: string, from: number, to: number): readonly [readonly Happened[], number, number] => {
    const list = byName.get(name) ?? NONE;
    return [list, firstAfter(list, from), firstAfter(list, to)];
  };

  function* values(event: string, property: string, from: number, to: number): Generator<Json> {
    const [list, start, end] = within(event, from, to);
    for (let index = start; index < end; index++) yield propertyOf(list[index], property);
  }

  return {
    add: (name, messageId, at, message) => {
      if (byMessage.has(messageId)) return false;
      byMessage.set(messageId, message);
      const list = byName.get(name);
      if (!list) byName.set(name, [{ at, messageId, message }]);
      // Of one instant the later arrival stands later.
      else list.splice(firstAfter(list, at), 0, { at, messageId, message });
      return true;
    },
    byMessage: (messageId) => byMessage.get(messageId) ?? null,
    latest: function* (name) {
      const list = byName.get(name) ?? NONE;
      for (let index = list.length - 1; index >= 0; index--) yield list[index]?.message ?? {};
    },
    facts: (of) => ({
      get traits() {
        return toldTraits(of);
      },
      get lastActivityAt() {
        return of.lastActivityAt ?? -Infinity;
      },
      customerId: of.id,
      get account() {
        return viewOf(of.account ?? null);
      },
      get segments() {
        return membershipsOf(of.known);
      },
      count: (event, from, to) => {
        const [, start, end] = within(event, from, to);
        return Math.max(0, end - start);
      },
      sum: (event, property, from, to) => {
        let sum = 0;
        for (const value of values(event, property, from, to)) if (typeof value === 'number') sum += value;
        return sum;
      },
      distinct: (event, property, from, to) => {
        const seen = new Set<string>();
        for (const value of values(event, property, from, to)) if (value !== null) seen.add(JSON.stringify(value));
        return seen.size;
      },
      first: (event, property, from, to) => {
        const [list, start, end] = within(event, from, to);
        return start < end ? propertyOf(list[start], property) : null;
      },
      last: (event, property, from, to) => {
        const [list, start, end] = within(event, from, to);
        return start < end ? propertyOf(list[end - 1], property) : null;
      },
      lastAt: (event, to) => {
        const [list, , end] = within(event, -Infinity, to);
        return list[end - 1]?.at ?? null;
      },
      nextAt: (event, after) => {
        const [list, start] = within(event, after, after);
        return list[start]?.at ?? null;
      },
      each: function* (event, from, to) {
        const [list, start, end] = within(event, from, to);
        for (const { at, messageId, message } of list.slice(start, Math.max(start, end)))
          yield { at, event: engineEventOf(event, messageId, message) };
      },
    }),
  };
}

const NONE: readonly Happened[] = [];

/** The index of the first that is later than `at`. */
function firstAfter(list: readonly Happened[], at: number): number {
  let low = 0;
  let high = list.length;
  const last = list[high - 1];
  if (!last || last.at <= at) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle]?.at ?? Infinity) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function propertyOf(happened: Happened | undefined, property: string): Json {
  const properties = happened?.message['properties'];
  return isObject(properties) && Object.hasOwn(properties, property) ? (properties[property] ?? null) : null;
}
