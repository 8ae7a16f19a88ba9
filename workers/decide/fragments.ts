// Fragments: parts of templates that many documents render by name. A set of them gives engines that know them all in one
// medium and one order of languages; what a fragment says is resolved there once, and not while somebody reads.

import { Fragment } from '../../schema/fragment.ts';
import { escapePointer } from '../../schema/json.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';
import { chainOf, compileSite, type Languages, NO_LANGUAGES, variantOf } from './languages.ts';
import { ENGINES, type Engine, engineOf, type Medium } from './liquid/engine.ts';
import { hasLiquid, parseTemplate } from './liquid/parse.ts';
import type { Known, Walked } from './liquid/walk.ts';

export interface FragmentEngine {
  readonly engine: Engine;
  readonly known: Known;
}

export interface Fragments {
  readonly ids: readonly string[];
  /** @param languages the document's own first */
  readonly within: (medium: Medium, languages: readonly string[]) => FragmentEngine;
}

/** What documents are written with: the fragments there are, and the languages of the site. */
export interface Wording {
  readonly fragments: Fragments;
  readonly languages: Languages;
}

const none = (): null => null;

export const NO_FRAGMENTS: Fragments = {
  ids: [],
  within: (medium) => ({ engine: ENGINES[medium], known: { sourceOf: none, ids: [] } }),
};

export const NO_WORDING: Wording = { fragments: NO_FRAGMENTS, languages: NO_LANGUAGES };

/** Documents that have their shape; those that do not are left out. */
export function fragmentsOf(documents: readonly unknown[]): Fragments {
  const fragments = documents.flatMap((document) => Fragment.safeParse(document).data ?? []);
  if (fragments.length === 0) return NO_FRAGMENTS;
  const ids = fragments.map(({ id }) => id);
  const made = new Map<string, FragmentEngine>();
  const within = (medium: Medium, languages: readonly string[]): FragmentEngine => {
    const key = [medium, ...languages].join(' ');
    const known = made.get(key);
    if (known) return known;
    const sources = new Map(fragments.map((fragment) => [fragment.id, sourceIn(fragment, medium, languages)]));
    const fresh = {
      engine: engineOf(medium, sources),
      known: { sourceOf: (fragment: string): string | null => sources.get(fragment) ?? null, ids },
    };
    made.set(key, fresh);
    return fresh;
  };
  return { ids, within };
}

/** Where only one of text and HTML is written, it stands for both; in no language of these, the first there is. */
function sourceIn({ locales }: Fragment, medium: Medium, languages: readonly string[]): string {
  const [first = ''] = Object.keys(locales);
  const fields = variantOf(locales, [...languages, first]);
  const [html, text] = [fields.get('html')?.value, fields.get('text')?.value];
  return (medium === 'html' ? (html ?? text) : (text ?? html)) ?? '';
}

/** @param site the document of the site; one that does not have its shape says nothing, nor does none */
export function wordingOf(fragments: readonly unknown[], site: unknown): Wording {
  const compiled = site === undefined ? null : compileSite(site);
  return { fragments: fragmentsOf(fragments), languages: compiled?.ok ? compiled.languages : NO_LANGUAGES };
}

/** What a fragment reads, by where it is written; or why it cannot be published beside the others. */
export type CompiledFragment =
  | { readonly ok: true; readonly reads: readonly { readonly pointer: string; readonly reads: Walked['reads'] }[] }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export function compileFragment(document: unknown, { fragments, languages }: Wording): CompiledFragment {
  const parsed = Fragment.safeParse(document);
  if (!parsed.success) return { ok: false, findings: findingsOf(parsed.error.issues, document) };
  const { id, locales } = parsed.data;
  const written = Object.entries(locales).flatMap(([locale, sources]) =>
    (['html', 'text'] as const).flatMap((member) => {
      const source = sources[member];
      if (source === undefined || !hasLiquid(source)) return [];
      const pointer = `/locales/${escapePointer(locale)}/${member}`;
      const { engine, known } = fragments.within(member === 'html' ? 'html' : 'plain', chainOf(locale, languages));
      // By itself, for its places; then by its name, so that a circle back to it is seen.
      const own = parseTemplate(engine, source, known);
      const named = 'fault' in own ? own : parseTemplate(engine, `{% render "${id}" %}`, known);
      return 'fault' in named ? { pointer, ...named } : { pointer, ...own };
    }),
  );
  const findings = written.flatMap(({ pointer, ...each }): Finding[] =>
    'fault' in each ? [{ pointer, ...each.fault }] : [],
  );
  if (findings.length > 0) return { ok: false, findings };
  const reads = written.flatMap(({ pointer, ...each }) =>
    'fault' in each ? [] : [{ pointer, reads: each.walked.reads }],
  );
  return { ok: true, reads };
}
