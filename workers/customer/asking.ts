// A condition asked of a customer as they are, for an estimate: nothing is written.

import type { Catalog } from '../catalog/catalog.ts';
import type { Vocabulary } from '../engine/compile.ts';
import { belongs, type CompiledSegment, compileSegment } from '../knowledge/segments.ts';
import { stagesForDecision } from './answer.ts';
import { factsFromRows } from './facts.ts';
import type { CustomerState } from './state.ts';

/** The last condition that was asked for; an estimate asks one of many objects of an isolate. */
let compiled: {
  readonly source: string;
  readonly vocabulary: Vocabulary;
  readonly segment: CompiledSegment | null;
} | null = null;

/** SG11: whether a condition holds of the customer, `at` milliseconds; null where it is none. */
export function asked(
  sql: SqlStorage,
  state: CustomerState,
  catalog: Catalog,
  source: string,
  at: number,
): boolean | null {
  const { vocabulary } = catalog;
  if (compiled?.source !== source || compiled.vocabulary !== vocabulary) {
    const made = compileSegment({ id: 'asked', if: source }, 0, vocabulary);
    compiled = { source, vocabulary, segment: made.ok ? made.segment : null };
  }
  const { segment } = compiled;
  return segment && belongs(segment, factsFromRows(sql, state), stagesForDecision(catalog, state), at);
}
