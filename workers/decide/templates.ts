// Liquid templates of content, offers, messages and fragments: parsed once at publish with the fragments they render, and
// rendered with bounded work, output escaped for HTML unless it is plain text. A text without Liquid is kept as it is.
// Templates see own properties only. What is bounded, and how: liquid/meter.ts.

import type { Template } from 'liquidjs';
import type { JsonObject } from '../../schema/json.ts';
import { type Fragments, NO_FRAGMENTS } from './fragments.ts';
import { type Engine, type Medium, renderWith } from './liquid/engine.ts';
import type { Fault } from './liquid/faults.ts';
import { hasLiquid, parseTemplate } from './liquid/parse.ts';
import type { Reading } from './liquid/reading.ts';
import type { Walked } from './liquid/walk.ts';

export type { Medium } from './liquid/engine.ts';
export type { Reading } from './liquid/reading.ts';

export type FieldValue = string | number | boolean | null;
export type CompiledField = { readonly name: string } & (
  | { readonly kind: 'fixed'; readonly value: FieldValue }
  | {
      readonly kind: 'template';
      readonly engine: Engine;
      readonly template: Template[];
      readonly reads: Walked['reads'];
    }
);

/** What a field is written in: the fragments there are, and its languages, the own one first. */
export interface Setting {
  readonly fragments: Fragments;
  readonly languages: readonly string[];
}

export const NO_SETTING: Setting = { fragments: NO_FRAGMENTS, languages: [] };

/** @returns the compiled field, or the fault in words */
export function compileField(
  name: string,
  value: FieldValue,
  medium: Medium = 'html',
  { fragments, languages }: Setting = NO_SETTING,
): { field: CompiledField } | { fault: Fault } {
  if (typeof value !== 'string' || !hasLiquid(value)) return { field: { name, kind: 'fixed', value } };
  const { engine, known } = fragments.within(medium, languages);
  const parsed = parseTemplate(engine, value, known);
  if ('fault' in parsed) return parsed;
  return { field: { name, kind: 'template', engine, template: parsed.template, reads: parsed.walked.reads } };
}

/** The rendered fields; null when a template fails with this customer's values. */
export function renderFields(
  fields: readonly CompiledField[],
  values: JsonObject,
  reading: Reading,
): Record<string, FieldValue> | null {
  const rendered: Record<string, FieldValue> = {};
  try {
    for (const field of fields)
      rendered[field.name] =
        field.kind === 'fixed' ? field.value : renderWith(field.engine, field.template, values, reading);
  } catch {
    return null;
  }
  return rendered;
}
