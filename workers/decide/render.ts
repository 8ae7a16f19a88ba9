// What an item comes to for one customer: the language that fits, and its fields with the customer's values in them.

import type { JsonObject } from '../../schema/json.ts';
import type { EngineEvent } from '../engine/machine.ts';
import type { Item } from './items.ts';
import { type FieldValue, renderFields } from './templates.ts';

export interface Chosen {
  readonly kind: 'content' | 'offer';
  readonly id: string;
  readonly version: number;
  readonly locale: string;
  readonly fields: Record<string, FieldValue>;
}

export interface Reader {
  readonly customerId: string;
  readonly stages: { readonly [journey: string]: string };
  readonly facts: { readonly traits: JsonObject };
  readonly event: EngineEvent | null;
  readonly context: JsonObject;
  /** Languages to try, in order, BCP 47. */
  readonly locales: readonly string[];
}

/** Null where a template fails with this customer's values. */
export function render(item: Item, reader: Reader): Chosen | null {
  const locale = chooseLocale(item.locales, reader.locales);
  const fields = locale === null ? undefined : item.locales.get(locale);
  if (locale === null || !fields) return null;
  const rendered = renderFields(fields, {
    traits: reader.facts.traits,
    stages: reader.stages,
    event: { name: reader.event?.name ?? '', properties: reader.event?.properties ?? {} },
    context: reader.context,
    customer: { id: reader.customerId },
  });
  return rendered && { kind: item.kind, id: item.id, version: item.version, locale, fields: rendered };
}

/** RFC 4647 lookup: each wanted tag, then the tag cut shorter; else the first language the item has. */
export function chooseLocale(available: ReadonlyMap<string, unknown>, wanted: readonly string[]): string | null {
  for (const range of wanted) {
    const subtags = range.replaceAll('_', '-').split('-');
    for (let length = subtags.length; length > 0; length--) {
      const tag = subtags.slice(0, length).join('-').toLowerCase();
      for (const locale of available.keys()) if (locale.toLowerCase() === tag) return locale;
    }
  }
  return available.keys().next().value ?? null;
}
