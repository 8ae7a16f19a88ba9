// What the journeys of a setting listen to and ask about: the events a synthetic population has to send, and the values that
// make a difference to their conditions. Read from the documents, so that a new construct is seen as soon as it names an event.

import type { EventDeclarations } from '../../schema/catalog.ts';
import { isObject, type Json } from '../../schema/json.ts';
import type { Machine } from '../engine/machine.ts';

export interface Spoken {
  /** Declared names, in order: what journeys name, with what conditions count. */
  readonly events: readonly string[];
  /** Of these, the ones that only end journeys. */
  readonly endings: ReadonlySet<string>;
  /** Texts and numbers written in conditions. */
  readonly texts: readonly string[];
  readonly numbers: readonly number[];
  /** Properties and traits that conditions and keys name. */
  readonly members: ReadonlySet<string>;
}

export function spokenIn(
  machines: Iterable<Machine>,
  resolve: (event: string) => string,
  declarations: EventDeclarations,
): Spoken {
  const named = new Set<string>();
  const ending = new Set<string>();
  const texts = new Set<string>();
  const numbers = new Set<number>();
  const members = new Set<string>();
  for (const { journey } of machines) {
    // A journey is JSON that was parsed; its declared type is not recursive.
    const document: unknown = journey;
    walk(document as Json, (member, value) => {
      if (member === 'event' && typeof value === 'string') named.add(resolve(value));
      if (typeof value === 'string' && EXPRESSIONS.has(member)) {
        for (const [, one, other] of value.matchAll(/'([^'\\]*)'|"([^"\\]*)"/g)) texts.add(one ?? other ?? '');
        for (const [number] of value.replaceAll(/'[^']*'|"[^"]*"/g, '').matchAll(/(?<![\w.])\d+(\.\d+)?/g))
          numbers.add(Number(number));
        for (const [, name] of value.matchAll(/(?:properties|traits)\.([A-Za-z_]\w*)/g)) members.add(name ?? '');
      }
    });
    for (const { event } of journey.exit ?? []) ending.add(resolve(event));
  }
  for (const text of texts) {
    const event = resolve(text);
    if (Object.hasOwn(declarations.events, event)) named.add(event);
  }
  const others = new Set<string>();
  for (const { journey } of machines) {
    const { exit: _, ...rest } = journey;
    const document: unknown = rest;
    walk(document as Json, (member, value) => {
      if (member === 'event' && typeof value === 'string') others.add(resolve(value));
    });
  }
  return {
    events: [...named].sort(),
    endings: new Set([...ending].filter((event) => !others.has(event))),
    texts: [...texts].filter((text) => !/^P(?=\d|T\d)/.test(text) && !named.has(resolve(text))).sort(),
    numbers: [...numbers].sort((one, other) => one - other),
    members,
  };
}

/** Members of a journey that hold an expression. */
const EXPRESSIONS = new Set(['if', 'value', 'key', 'match', 'until', 'at']);

function walk(value: Json, visit: (member: string, value: Json) => void): void {
  if (Array.isArray(value)) for (const item of value) walk(item, visit);
  else if (isObject(value))
    for (const [member, inner] of Object.entries(value)) {
      visit(member, inner);
      walk(inner, visit);
    }
}
