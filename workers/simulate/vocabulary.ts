// What the journeys of a setting listen to and ask about: the events a synthetic population has to send, and the values that
// make a difference to their conditions. Events come from the compiled journeys, values from the expressions as written.

import type { EventDeclarations } from '../../schema/catalog.ts';
import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { type CompiledTrigger, type Machine, SYSTEM_EVENTS } from '../engine/machine.ts';

export interface Spoken {
  /** Declared names, in order: what journeys hear, with what conditions count. */
  readonly events: readonly string[];
  /** Of these, the ones that only end journeys. */
  readonly endings: ReadonlySet<string>;
  /** Properties that triggers insist on, by event. */
  readonly wants: ReadonlyMap<string, readonly JsonObject[]>;
  /** Texts and numbers written in conditions. */
  readonly texts: readonly string[];
  readonly numbers: readonly number[];
  /** Properties and traits that expressions name. */
  readonly members: ReadonlySet<string>;
}

export function spokenIn(
  machines: Iterable<Machine>,
  resolve: (event: string) => string,
  declarations: EventDeclarations,
): Spoken {
  const named = new Set<string>();
  const ending = new Set<string>();
  const moving = new Set<string>();
  const wants = new Map<string, JsonObject[]>();
  const texts = new Set<string>();
  const numbers = new Set<number>();
  const members = new Set<string>();
  const want = (triggers: ReadonlyMap<string, readonly CompiledTrigger[]>): void => {
    for (const [event, list] of triggers)
      for (const trigger of list) if (trigger.wants) wants.set(event, [...(wants.get(event) ?? []), trigger.wants]);
  };
  for (const machine of machines) {
    for (const event of machine.entry.keys()) moving.add(event);
    for (const event of machine.exit.keys()) ending.add(event);
    for (const stage of machine.stages.values())
      for (const event of stage.hears) if (!machine.exit.has(event) || stage.on.has(event)) moving.add(event);
    want(machine.entry);
    want(machine.exit);
    // A journey is JSON that was parsed; its declared type is not recursive.
    const document: unknown = machine.journey;
    walk(document as Json, (member, value) => {
      if (typeof value !== 'string' || !(EXPRESSIONS.has(member) || value.search(MEMBERS) >= 0)) return;
      for (const [, one, other] of value.matchAll(/'([^'\\]*)'|"([^"\\]*)"/g)) texts.add(one ?? other ?? '');
      for (const [number] of value.replaceAll(/'[^']*'|"[^"]*"/g, '').matchAll(/(?<![\w.])\d+(\.\d+)?/g))
        numbers.add(Number(number));
      for (const [, name] of value.matchAll(MEMBERS)) members.add(name ?? '');
    });
  }
  for (const event of [...moving, ...ending]) named.add(event);
  for (const text of texts) {
    const event = resolve(text);
    if (Object.hasOwn(declarations.events, event)) named.add(event);
  }
  // They come of time: what is simulated makes them happen by itself.
  for (const event of [SYSTEM_EVENTS.scheduled, SYSTEM_EVENTS.overdue]) named.delete(event);
  // Whoever leaves has to be told from which audience.
  if (!wants.has(SYSTEM_EVENTS.left)) named.delete(SYSTEM_EVENTS.left);
  return {
    events: [...named].sort(),
    endings: new Set([...ending].filter((event) => !moving.has(event))),
    wants,
    texts: [...texts].filter((text) => !/^P(?=\d|T\d)/.test(text) && !named.has(resolve(text))).sort(),
    numbers: [...numbers].sort((one, other) => one - other),
    members,
  };
}

/** Members of a journey that hold an expression, whatever it names. */
const EXPRESSIONS = new Set(['if', 'value', 'key', 'match']);
const MEMBERS = /\b(?:properties|traits)\.([A-Za-z_]\w*)/g;

function walk(value: Json, visit: (member: string, value: Json) => void): void {
  if (Array.isArray(value)) for (const item of value) walk(item, visit);
  else if (isObject(value))
    for (const [member, inner] of Object.entries(value)) {
      visit(member, inner);
      walk(inner, visit);
    }
}
