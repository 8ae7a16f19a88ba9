// Languages of documents and of customers: which of a document's languages somebody gets, what a variant that says only
// part of it takes from others, and how the site orders its languages (journeys/site.json).

import { Site } from '../../schema/site.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';

export interface Languages {
  /** Those every document should be there in; none where the site does not say. */
  readonly all: readonly string[];
  /** What follows a language before its shorter forms. */
  readonly fallbacks: ReadonlyMap<string, readonly string[]>;
}

export const NO_LANGUAGES: Languages = { all: [], fallbacks: new Map() };

export type CompiledSite =
  | { readonly ok: true; readonly languages: Languages }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export function compileSite(document: unknown): CompiledSite {
  const parsed = Site.safeParse(document);
  if (!parsed.success) return { ok: false, findings: findingsOf(parsed.error.issues, document) };
  const { languages, fallbacks = {} } = parsed.data;
  return { ok: true, languages: { all: languages, fallbacks: new Map(Object.entries(fallbacks)) } };
}

/** RFC 4647 lookup: each wanted tag, then the tag cut shorter; else the first language there is. */
export function chooseLocale(available: ReadonlyMap<string, unknown>, wanted: readonly string[]): string | null {
  for (const range of wanted) {
    if (available.has(range)) return range;
    for (const tag of cuts(range))
      for (const locale of available.keys()) if (locale.toLowerCase() === tag.toLowerCase()) return locale;
  }
  return available.keys().next().value ?? null;
}

function cuts(range: string): string[] {
  const subtags = range.replaceAll('_', '-').split('-');
  return subtags.map((_, index) => subtags.slice(0, subtags.length - index).join('-'));
}

/**
 * A language and what stands in for it, the nearest first: what the site says follows it, then its shorter forms (RFC 4647
 * lookup), each once. A circle in what the site says ends where it began.
 */
export function chainOf(locale: string, { fallbacks }: Languages): string[] {
  const chain: string[] = [];
  const follow = (tag: string): void => {
    if (chain.includes(tag)) return;
    chain.push(tag);
    for (const next of fallbacks.get(tag) ?? []) follow(next);
    const shorter = tag.slice(0, Math.max(0, tag.lastIndexOf('-')));
    if (shorter !== '') follow(shorter);
  };
  follow(locale);
  return chain;
}

/** What a document says in a language: its own fields, and those it lacks from the nearest in the chain that has them. */
export function variantOf<Field>(
  locales: { readonly [locale: string]: { readonly [field: string]: Field } },
  chain: readonly string[],
): Map<string, { readonly value: Field; readonly from: string }> {
  const fields = new Map<string, { value: Field; from: string }>();
  for (const from of chain)
    for (const [name, value] of Object.entries(Object.hasOwn(locales, from) ? (locales[from] ?? {}) : {}))
      if (!fields.has(name)) fields.set(name, { value, from });
  return fields;
}

/** What was asked before, of each site: pages ask for the same few languages over and over. */
const orders = new WeakMap<Languages, Map<string, readonly string[]>>();
const ORDERS_MAX = 500;

/** Languages a customer wants, each with what the site lets stand in for it; then those of the site, in its order. */
export function withFallbacks(wanted: readonly string[], languages: Languages): readonly string[] {
  const { all, fallbacks } = languages;
  if (all.length === 0 && fallbacks.size === 0) return wanted;
  const known = orders.get(languages) ?? new Map<string, readonly string[]>();
  const key = wanted.join(' ');
  const before = known.get(key);
  if (before) return before;
  const order =
    fallbacks.size === 0 ? [...wanted, ...all] : [...wanted.flatMap((tag) => chainOf(tag, languages)), ...all];
  if (known.size < ORDERS_MAX) orders.set(languages, known.set(key, order));
  return order;
}

const READABLE = /^[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|\d{3}))?$/i;

/** How numbers and dates are written in a text of this language: as the customer's region does, where it is one of it. */
export function readingLocale(locale: string, wanted: readonly string[]): string {
  const language = locale.split('-')[0];
  const asked = wanted.find((range) => range.split(/[-_]/)[0]?.toLowerCase() === language);
  const tag = asked?.replaceAll('_', '-');
  return tag !== undefined && READABLE.test(tag) ? tag : locale;
}
