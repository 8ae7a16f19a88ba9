// Items for the tests of this folder, compiled from documents as a designer writes them, and a situation to decide in.

import type { JsonObject } from '../../schema/json.ts';
import type { Situation } from '../../workers/decide/decide.ts';
import { compileItem, type Item } from '../../workers/decide/items.ts';
import { EMPTY_VOCABULARY } from '../../workers/engine/compile.ts';
import { factsOf, type HistoryEntry } from '../../workers/engine/facts.ts';

export const NOW = Date.parse('2026-11-22T12:00:00Z');

/** Content for the placement `home` in every stage, unless the document says otherwise. */
export function contentOf(id: string, document: JsonObject = {}, version = 1): Item {
  return itemOf('content', { id, kind: 'banner', ...common, ...document }, version);
}

export function offerOf(id: string, document: JsonObject = {}, version = 1): Item {
  return itemOf('offer', { id, benefit: { kind: 'gift' }, ...common, ...document }, version);
}

const common = { placements: ['home'], stages: [], locales: { en: { title: 'Hello' } } };

function itemOf(kind: 'content' | 'offer', document: JsonObject, version: number): Item {
  const compiled = compileItem(kind, document, version, EMPTY_VOCABULARY);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  return compiled.item;
}

export interface Given extends Partial<Omit<Situation, 'facts'>> {
  readonly traits?: JsonObject;
  readonly history?: readonly HistoryEntry[];
}

export function situationOf({ traits = {}, history = [], ...given }: Given = {}): Situation {
  return {
    customerId: 'u:1',
    stages: {},
    facts: factsOf(history, traits),
    event: null,
    context: {},
    locales: ['en'],
    now: NOW,
    ...given,
  };
}
