// What was counted of a customer by an instant, rebuilt from the record: decisions with what came of them, and the arms
// that were met. Pure; for explaining a decision that was made, or would have been.

import { isObject, type JsonObject } from '../../schema/json.ts';
import type { Exposure } from '../experiments/exposure.ts';
import { type ItemLedger, NO_LEDGER, OUTCOMES, withDecision, withOutcome } from './ledger.ts';

/** A line of the timeline. Instants in milliseconds; `name` of events. */
export interface PastLine {
  readonly kind: string;
  readonly name: string | null;
  readonly appliedAt: number;
  readonly body: JsonObject;
}

export interface Past {
  /** By `kind:id` of the item. */
  readonly ledgers: ReadonlyMap<string, ItemLedger>;
  /** By experiment. */
  readonly exposures: ReadonlyMap<string, Exposure>;
}

/** @param hadCaps whether that version of an item had caps, for only then was it counted (H4) */
export function pastOf(
  lines: readonly PastLine[],
  hadCaps: (kind: string, id: string, version: number) => boolean,
): Past {
  const ledgers = new Map<string, ItemLedger>();
  const exposures = new Map<string, Exposure>();
  for (const { kind, name, appliedAt, body } of lines) {
    if (kind === 'decision') noteDecisions(ledgers, body, appliedAt, hadCaps);
    else if (kind === 'exposure') {
      const { experiment, version, arm, context, snapshot } = body;
      if (typeof experiment === 'string' && typeof arm === 'string')
        exposures.set(experiment, {
          ...{ experiment, arm, version: Number(version), context: String(context), at: appliedAt },
          ...{ until: Number.POSITIVE_INFINITY, shares: {}, snapshot: Number(snapshot), convertedAt: null },
        });
    } else if (name !== null) {
      const counted = OUTCOMES.get(name);
      const { properties } = body;
      const decisionId = isObject(properties) ? properties['decision_id'] : undefined;
      if (!counted || typeof decisionId !== 'string') continue;
      for (const [item, ledger] of ledgers) {
        const next = withOutcome(ledger, decisionId, counted, appliedAt);
        if (next) ledgers.set(item, next);
      }
    }
  }
  return { ledgers, exposures };
}

function noteDecisions(
  ledgers: Map<string, ItemLedger>,
  { placements, impressions }: JsonObject,
  at: number,
  hadCaps: (kind: string, id: string, version: number) => boolean,
): void {
  for (const [placement, list] of Object.entries(isObject(placements) ? placements : {}))
    for (const shown of Array.isArray(list) ? list : []) {
      if (!isObject(shown)) continue;
      const { kind, id, version, decisionId } = shown;
      if (typeof kind !== 'string' || typeof id !== 'string' || typeof decisionId !== 'string') continue;
      if (!hadCaps(kind, id, Number(version))) continue;
      const decided = withDecision(ledgers.get(`${kind}:${id}`) ?? NO_LEDGER, decisionId, placement, at);
      const seen = impressions === true ? withOutcome(decided, decisionId, 'impression', at) : null;
      ledgers.set(`${kind}:${id}`, seen ?? decided);
    }
}
