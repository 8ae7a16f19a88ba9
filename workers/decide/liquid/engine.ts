// The Liquid of templates: one engine for HTML and one for plain text, and such engines with the fragments of a language. The
// library without what reads files, writes unescaped, changes values for others, or means another thing each time.

import { Context, Liquid, type Template } from 'liquidjs';
import { LIMITS } from '../../../schema/limits.ts';
import { escapeHtml, meteredFilters } from './filters.ts';
import { beginRendering, chargeValues, renderMetered, textOf } from './meter.ts';
import type { Reading } from './reading.ts';

/** What a value is put into: HTML escapes it, plain text keeps it. */
export type Medium = 'html' | 'plain';

export type Engine = Liquid;

const NO_TAGS = ['include', 'layout', 'block', 'cycle', 'increment', 'decrement'];

function escaping(this: unknown, value: unknown): string {
  const text = textOf(value);
  if (typeof this === 'object' && this !== null && 'context' in this && this.context instanceof Context)
    chargeValues(this.context, [text]);
  return escapeHtml(text);
}

/** @param fragments sources by name; they are parsed when they are first asked for, and kept */
export function engineOf(medium: Medium, fragments: ReadonlyMap<string, string>): Engine {
  const engine = new Liquid({
    ownPropertyOnly: true,
    memoryLimit: LIMITS.templateWorkCharsMax,
    parseLimit: LIMITS.templateCharsMax,
    strictFilters: true,
    relativeReference: false,
    cache: true,
    templates: Object.fromEntries(fragments),
    ...(medium === 'html' ? { outputEscape: escaping } : {}),
  });
  engine.renderer.renderTemplates = renderMetered;
  for (const name of NO_TAGS) delete engine.tags[name];
  for (const name of Object.keys(engine.filters)) delete engine.filters[name];
  // Escaped once where a template says so and HTML does so anyway.
  const escaped = { raw: true, handler: medium === 'html' ? escaping : (value: unknown) => escapeHtml(textOf(value)) };
  for (const [name, filter] of meteredFilters(escaped)) engine.filters[name] = filter;
  // A name is looked up in these: what every object has is no tag and no filter.
  Object.setPrototypeOf(engine.tags, null);
  Object.setPrototypeOf(engine.filters, null);
  return engine;
}

const NONE: ReadonlyMap<string, string> = new Map();
export const ENGINES: Readonly<Record<Medium, Engine>> = {
  html: engineOf('html', NONE),
  plain: engineOf('plain', NONE),
};

/** @throws where the template fails with these values, or costs more than it may */
export function renderWith(engine: Engine, template: Template[], values: object, reading: Reading): string {
  // As globals, for fragments see globals alone. Nothing in a template can change them.
  beginRendering(values, reading);
  return String(engine.renderSync(template, {}, { globals: values }));
}
