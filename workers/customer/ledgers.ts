// What the object keeps of items with caps: one part for each such item that was decided for the customer, read only when a
// decision or an event that names one asks for it. Owns these parts inside a commit; what they mean is workers/decide.

import { isObject, type JsonObject } from '../../schema/json.ts';
import type { Shown } from '../decide/decide.ts';
import type { Item } from '../decide/items.ts';
import { type ItemLedger, mergeLedgers, NO_LEDGER, OUTCOMES, withDecision, withOutcome } from '../decide/ledger.ts';
import type { EngineEvent } from '../engine/machine.ts';
import { itemKey } from '../experiments/compile.ts';
import { decisionOfCoupon } from './claims.ts';
import type { Commit } from './commit.ts';
import { ledgerParts, readPart, writePart } from './storage.ts';

const partOf = (item: Pick<Item, 'kind' | 'id'>): string => `ledger:${itemKey(item)}`;

const parsed = (body: string | null): ItemLedger => (body === null ? NO_LEDGER : (JSON.parse(body) as ItemLedger));

/** What is counted of an item. */
export const ledgerReader =
  (sql: SqlStorage) =>
  (item: Item): ItemLedger =>
    parsed(readPart(sql, partOf(item)));

function keep({ sql }: Commit, part: string, ledger: ItemLedger): void {
  writePart(sql, part, JSON.stringify(ledger));
}

/** H1: counts a decision. */
export function noteDecision(commit: Commit, { item }: Shown, { decisionId, placement, at, seen }: ShownAs): void {
  if (item.caps.length === 0) return;
  const part = partOf(item);
  const decided = withDecision(parsed(readPart(commit.sql, part)), decisionId, placement, at);
  keep(commit, part, (seen ? withOutcome(decided, decisionId, 'impression', at) : null) ?? decided);
}

/** How an item is shown. */
export interface ShownAs {
  readonly decisionId: string;
  readonly placement: string;
  /** Milliseconds. */
  readonly at: number;
  /** H6: the page shows what it gets. */
  readonly seen: boolean;
}

/** H1: an event that was just added to the history may say what came of a decision. Parsed only if its name may. */
export function noteReported(commit: Commit, name: string, event: () => EngineEvent, at: number): void {
  const kind = OUTCOMES.get(name);
  if (kind === undefined) return;
  const { properties } = event();
  const { decision_id: named } = properties;
  const decisionId = typeof named === 'string' ? named : decisionOfCoupon(commit.sql, properties);
  if (decisionId === null) return;
  for (const { name: part, body } of ledgerParts(commit.sql)) {
    if (!body.includes(JSON.stringify(decisionId))) continue;
    const next = withOutcome(parsed(body), decisionId, kind, at);
    if (next) keep(commit, part, next);
  }
}

/** H5: what another customer's object kept, whose history comes here. */
export function takeLedgers(commit: Commit, parts: readonly { readonly name: string; readonly body: string }[]): void {
  for (const { name, body } of parts)
    keep(commit, name, mergeLedgers(parsed(readPart(commit.sql, name)), parsed(body)));
}

/** A stored message, for what asks the history for more than the engine does. */
export const messageIn = (body: string): JsonObject => {
  const message: unknown = JSON.parse(body);
  return isObject(message) ? message : {};
};
