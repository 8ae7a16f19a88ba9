// A template rendered for tests: its text, or how it was refused.

import type { JsonObject } from '../../schema/json.ts';
import { type Fragments, NO_FRAGMENTS } from '../../workers/decide/fragments.ts';
import { compileField, type Medium, type Reading, renderFields } from '../../workers/decide/templates.ts';

const EN: Reading = { locale: 'en', zone: 'UTC' };

export interface Given {
  readonly values?: JsonObject;
  readonly reading?: Reading;
  readonly medium?: Medium;
  readonly fragments?: Fragments;
  readonly languages?: readonly string[];
}

export function compiled(
  source: string,
  { medium = 'plain', fragments = NO_FRAGMENTS, languages = ['en'] }: Given = {},
) {
  return compileField('field', source, medium, { fragments, languages });
}

/** The text, null where rendering fails, or the code of the fault. */
export function rendered(source: string, given: Given = {}): string | null {
  const result = compiled(source, given);
  if ('fault' in result) return `refused: ${result.fault.code}`;
  const fields = renderFields([result.field], given.values ?? {}, given.reading ?? EN);
  return fields && String(fields['field']);
}

/** Tags in tags. */
export const nested = (depth: number): string => `${'{% if v %}'.repeat(depth)}x${'{% endif %}'.repeat(depth)}`;
