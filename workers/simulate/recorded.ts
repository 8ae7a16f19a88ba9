// A recorded population: messages of the tracking API, one JSON object a line, each with a timestamp, become the lives of
// their customers. An anonymous visitor who is identified later counts as that user from the start.

import { customerIdOf, type Event, eventNameOf, mergedIdsOf, readEvent } from '../../schema/event.ts';
import { findJsonFault, isObject, type Json, type JsonObject, parseJsonText, pointerOf } from '../../schema/json.ts';
import type { SimulatedEvent } from './customer.ts';
import type { Life } from './simulate.ts';

export interface MessageFault {
  /** Counted from 1: the line, or the place in a list. */
  readonly line: number;
  readonly pointer: string;
  readonly detail: string;
}

export type Recorded =
  | {
      readonly ok: true;
      readonly lives: readonly Life[];
      readonly events: number;
      /** Of the first and the last event, milliseconds; null where there is none. */
      readonly first: number | null;
      readonly last: number | null;
    }
  | { readonly ok: false; readonly faults: readonly MessageFault[] };

const FAULTS_MAX = 20;

interface Taken {
  readonly customer: string;
  readonly event: SimulatedEvent;
}

/** @param lines one message each, as JSON; empty lines are passed over */
export const readRecorded = (lines: Iterable<string>, resolve: (event: string) => string): Recorded =>
  recordedOf(parsed(lines), resolve);

type Parsed = ReturnType<typeof parseJsonText> | null;

function* parsed(lines: Iterable<string>): Generator<Parsed> {
  for (const line of lines) yield line.trim() === '' ? null : parseJsonText(line);
}

/** The same of messages that are parsed already. */
export const livesOf = (messages: readonly Json[], resolve: (event: string) => string): Recorded =>
  recordedOf(
    messages.map((value): Parsed => ({ ok: true, value })),
    resolve,
  );

function recordedOf(messages: Iterable<Parsed>, resolve: (event: string) => string): Recorded {
  const faults: MessageFault[] = [];
  const taken: Taken[] = [];
  const become = new Map<string, string>();
  let line = 0;
  for (const message of messages) {
    line++;
    if (message === null) continue;
    const read = message.ok ? readMessage(message.value, line, resolve) : message;
    if (!read.ok) {
      if (faults.length < FAULTS_MAX) faults.push({ line, ...read.fault });
      continue;
    }
    taken.push({ customer: read.customer, event: read.event });
    for (const source of read.merges) if (!become.has(source)) become.set(source, read.customer);
  }
  if (faults.length > 0) return { ok: false, faults };
  const byCustomer = new Map<string, SimulatedEvent[]>();
  for (const { customer, event } of taken) {
    const id = endOf(become, customer);
    const list = byCustomer.get(id);
    if (list) list.push(event);
    else byCustomer.set(id, [event]);
  }
  const lives = [...byCustomer].map(([id, events]): Life => {
    // Stable: of one instant, the order of the lines.
    events.sort((one, other) => one.at - other.at);
    return { id, from: events[0]?.at ?? 0, events };
  });
  const times = taken.map(({ event }) => event.at);
  const extreme = (better: (one: number, other: number) => number) =>
    times.length === 0 ? null : times.reduce(better);
  return {
    ok: true,
    lives,
    events: taken.length,
    first: extreme((one, other) => Math.min(one, other)),
    last: extreme((one, other) => Math.max(one, other)),
  };
}

/** Whom an id stands for after all that was said; a circle ends where it began. */
function endOf(become: ReadonlyMap<string, string>, id: string): string {
  const seen = new Set([id]);
  let current = id;
  for (let next = become.get(current); next !== undefined && !seen.has(next); next = become.get(current)) {
    seen.add(next);
    current = next;
  }
  return current;
}

type Read =
  | { readonly ok: true; readonly customer: string; readonly event: SimulatedEvent; readonly merges: readonly string[] }
  | { readonly ok: false; readonly fault: { readonly pointer: string; readonly detail: string } };

const refuse = (pointer: string, detail: string): Read => ({ ok: false, fault: { pointer, detail } });

function readMessage(value: Json, line: number, resolve: (event: string) => string): Read {
  if (!isObject(value)) return refuse('', 'an event must be a JSON object');
  const fault = findJsonFault(value);
  if (fault) return { ok: false, fault };
  const read = readEvent(value);
  if (!read.ok) {
    const [issue] = read.issues;
    return refuse(pointerOf(issue?.path ?? []), issue?.message ?? 'is not an event of the tracking API');
  }
  const { event } = read;
  const customer = customerIdOf(event);
  const at = event.originalTimestamp ?? event.timestamp;
  if (customer === null) return refuse('/userId', 'name the customer by userId or anonymousId');
  if (at === undefined) return refuse('/timestamp', 'a recorded event needs a timestamp');
  const messageId = event.messageId ?? `line-${line}`;
  return {
    ok: true,
    customer,
    event: { messageId, name: resolve(eventNameOf(event)), type: event.type, at, message: kept(value, event) },
    merges: mergedIdsOf(event) ?? [],
  };
}

/** The ids as they were understood: a number is a text. */
const kept = (message: JsonObject, { userId, anonymousId }: Event): JsonObject => ({
  ...message,
  ...(userId === undefined ? {} : { userId }),
  ...(anonymousId === undefined ? {} : { anonymousId }),
});
