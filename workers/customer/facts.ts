// What conditions ask of a customer, answered from the object's rows.

import { isObject, type Json } from '../../schema/json.ts';
import { viewOf } from '../accounts/state.ts';
import type { Chronicle, Facts } from '../engine/facts.ts';
import { membershipsOf, toldTraits } from '../engine/learner.ts';
import { engineEventOf } from '../engine/message.ts';
import type { CustomerState } from './state.ts';
import { nullable, SQL } from './storage.ts';

const TIME_MIN = -9_000_000_000_000_000;

/** Who the facts are about. */
type About = Pick<CustomerState, 'id' | 'traits' | 'lastActivityAt' | 'known' | 'account'>;

/** Facts answered from the rows, which include everything this transaction has written so far (C6). */
export function factsFromRows(sql: SqlStorage, about: About): Chronicle {
  const { id, lastActivityAt, known } = about;
  const traits = toldTraits(about);
  const segments = membershipsOf(known);
  const bound = (from: number) => Math.max(from, TIME_MIN);
  /** One by one: a long history is read, never held. */
  function* values(event: string, property: string, from: number, to: number): Generator<Json> {
    for (const row of sql.exec<{ body: string }>(SQL.bodiesBetween, event, bound(from), to))
      yield propertyOf(row.body, property);
  }
  const one = (statement: string, event: string, property: string, from: number, to: number): Json => {
    const row = sql.exec<{ body: string }>(statement, event, bound(from), to).toArray()[0];
    return row ? propertyOf(row.body, property) : null;
  };
  return {
    traits,
    lastActivityAt: lastActivityAt ?? -Infinity,
    customerId: id,
    segments,
    account: viewOf(about.account),
    count: (event, from, to) => Number(sql.exec(SQL.count, event, bound(from), to).one()['n']),
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
    first: (event, property, from, to) => one(SQL.firstBody, event, property, from, to),
    last: (event, property, from, to) => one(SQL.lastBody, event, property, from, to),
    lastAt: (event, to) => nullable(sql.exec(SQL.lastAt, event, to).toArray()[0]?.['at']),
    nextAt: (event, after) => nullable(sql.exec(SQL.nextAt, event, bound(after)).toArray()[0]?.['at']),
    each: function* (event, from, to) {
      for (const row of sql.exec(SQL.eventsBetweenTimes, event, bound(from), to)) {
        const message: unknown = JSON.parse(String(row['body']));
        yield { at: Number(row['at']), event: engineEventOf(event, String(row['message_id'] ?? ''), message) };
      }
    },
  };
}

function propertyOf(body: string, property: string): Json {
  const event: unknown = JSON.parse(body);
  const properties = isObject(event) ? event['properties'] : null;
  return isObject(properties) && Object.hasOwn(properties, property) ? (properties[property] ?? null) : null;
}

/** Answers about the whole of a history, of objects in memory: they stand until something is added to it. */
const standing = new WeakMap<SqlStorage, { readonly nextSeq: number; readonly counts: Map<string, number> }>();

/**
 * The facts of a customer in whose transaction nothing was written yet, so that what is known from before still holds.
 * @param nextSeq of the customer: another one says that the history has grown
 */
export function standingFacts(sql: SqlStorage, nextSeq: number, facts: Facts): Facts {
  let known = standing.get(sql);
  if (known?.nextSeq !== nextSeq) {
    known = { nextSeq, counts: new Map() };
    standing.set(sql, known);
  }
  const { counts } = known;
  return {
    ...facts,
    count: (event, from, to) => {
      if (from !== Number.NEGATIVE_INFINITY) return facts.count(event, from, to);
      const before = counts.get(event);
      if (before !== undefined) return before;
      const count = facts.count(event, from, to);
      // With an event that lies ahead the answer would change by time alone.
      if (facts.count(event, from, Number.MAX_SAFE_INTEGER) === count) counts.set(event, count);
      return count;
    },
  };
}
