// The formula an item is ranked by (O1): CEL over what is known of the customer and a few words of the document's own. One
// that asks nothing of the customer is a number, and is computed once.

import type { Condition } from '../engine/conditions.ts';
import { factsOf } from '../engine/facts.ts';
import { NO_EVENT } from '../engine/step.ts';

/** What the words of a formula stand for. */
export interface RankWords {
  readonly id: string;
  readonly value: number;
  readonly weight: number;
  readonly priority: number;
  readonly topics: readonly string[];
}

/** The formula with its words written out, outside of texts and of members. */
export function rankSource(source: string, words: RankWords): string {
  const id = JSON.stringify(words.id);
  const interest = words.topics.map((topic) => `(${JSON.stringify(topic)} in traits.interests ? 1.0 : 0.0)`);
  const meanings: Readonly<Record<string, string>> = {
    value: numeral(words.value),
    weight: numeral(words.weight),
    priority: numeral(words.priority),
    propensity: `(has(traits.propensities) && ${id} in traits.propensities ? traits.propensities[${id}] : 0.0)`,
    interest: interest.length === 0 ? '0.0' : `(has(traits.interests) ? ${interest.join(' + ')} : 0.0)`,
  };
  return source.replaceAll(
    /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\.\s*\w+|\b[A-Za-z_]\w*\b/g,
    (token) => (Object.hasOwn(meanings, token) ? meanings[token] : undefined) ?? token,
  );
}

const numeral = (value: number): string => `(${Number.isInteger(value) ? value.toFixed(1) : value})`;

/** The score of an item whose formula asks nothing of the customer; null where it asks, or gives no number. */
export function constantScore({ source, asks, history, evaluate }: Condition): number | null {
  const { event, traits, time, start, answers } = asks;
  if (event || traits || time || start !== null || answers.length > 0 || history.length > 0) return null;
  if (/\b(?:stages|customer|context|now)\b/.test(source)) return null;
  const result = evaluate({ event: NO_EVENT, traits: {}, stages: {}, facts: factsOf([], {}), now: 0 });
  return result.ok && typeof result.value === 'number' && Number.isFinite(result.value) ? result.value : null;
}
