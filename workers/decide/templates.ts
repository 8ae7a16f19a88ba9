// Liquid templates of content and messages: parsed once at publish, rendered with bounded memory and work, output escaped for
// HTML unless it is plain text. A text without Liquid is kept as it is. Templates see own properties only.

import { Liquid, type Template } from 'liquidjs';
import type { JsonObject } from '../../schema/json.ts';

const LIMITED = {
  ownPropertyOnly: true,
  memoryLimit: 1_000_000,
  parseLimit: 100_000,
  renderLimit: 100,
  strictFilters: true,
  relativeReference: false,
  cache: false,
  templates: {},
} as const;

/** What a value is put into: HTML escapes it, plain text keeps it. */
export type Medium = 'html' | 'plain';

const engines: Record<Medium, Liquid> = {
  html: new Liquid({ ...LIMITED, outputEscape: 'escape' }),
  plain: new Liquid(LIMITED),
};

export type FieldValue = string | number | boolean | null;
export type CompiledField = { readonly name: string } & (
  | { readonly kind: 'fixed'; readonly value: FieldValue }
  | { readonly kind: 'template'; readonly medium: Medium; readonly template: Template[] }
);

/** A list of a customer has at most 1,000 elements, so one loop is bounded; the platform's clock cannot bound nested ones. */
const LOOP_DEPTH_MAX = 1;

const LOOPS: readonly unknown[] = ['for', 'tablerow'];

/** By the parsed tree: in the text a loop may hide in a liquid tag, and the end of one in a comment. */
function loopDepthOf(node: unknown): number {
  if (Array.isArray(node)) return Math.max(0, ...node.map(loopDepthOf));
  if (typeof node !== 'object' || node === null) return 0;
  const own = 'name' in node && LOOPS.includes(node.name) ? 1 : 0;
  // What a node holds stands in lists: its templates, or branches that have some.
  return own + Math.max(0, ...Object.values(node).filter(Array.isArray).map(loopDepthOf));
}

/** @returns the compiled field, or the fault in words */
export function compileField(
  name: string,
  value: FieldValue,
  medium: Medium = 'html',
): { field: CompiledField } | { fault: string } {
  if (typeof value !== 'string' || !(value.includes('{{') || value.includes('{%')))
    return { field: { name, kind: 'fixed', value } };
  try {
    const template = engines[medium].parse(value);
    if (loopDepthOf(template) > LOOP_DEPTH_MAX)
      return { fault: 'loops are nested; one loop inside another multiplies the work' };
    return { field: { name, kind: 'template', medium, template } };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}

/** The rendered fields; null when a template fails with this customer's values. */
export function renderFields(fields: readonly CompiledField[], values: JsonObject): Record<string, FieldValue> | null {
  const rendered: Record<string, FieldValue> = {};
  try {
    for (const field of fields)
      rendered[field.name] =
        field.kind === 'fixed' ? field.value : String(engines[field.medium].renderSync(field.template, values));
  } catch {
    return null;
  }
  return rendered;
}
