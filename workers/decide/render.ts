// What an item comes to for one customer: the language that fits, and its fields with the customer's values in them.

import type { JsonObject } from '../../schema/json.ts';
import type { EngineEvent } from '../engine/machine.ts';
import type { Item } from './items.ts';
import { chooseLocale, readingLocale, withFallbacks } from './languages.ts';
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
  /** Where times are read; UTC unless said. */
  readonly zone?: string;
}

/** Null where a template fails with this customer's values. */
export function render(item: Item, reader: Reader): Chosen | null {
  const locale = chooseLocale(item.locales, withFallbacks(reader.locales, item.languages));
  const fields = locale === null ? undefined : item.locales.get(locale);
  if (locale === null || !fields) return null;
  const values = {
    traits: reader.facts.traits,
    stages: reader.stages,
    event: { name: reader.event?.name ?? '', properties: reader.event?.properties ?? {} },
    context: reader.context,
    customer: { id: reader.customerId },
  };
  const reading = { locale: readingLocale(locale, reader.locales), zone: reader.zone ?? 'UTC' };
  const rendered = renderFields(fields, values, reading);
  return rendered && { kind: item.kind, id: item.id, version: item.version, locale, fields: rendered };
}
