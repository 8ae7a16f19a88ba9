// How the object comes by what totals allow: asks shards before a decision, keeps what they granted in the commit of the
// decision, and tells them by the outbox what came of it. What claims mean is workers/decide/claims.ts.

import { v7 as uuid } from 'uuid';
import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { within } from '../catalog/cache.ts';
import {
  decisionMeant,
  heldOf,
  type ItemClaims,
  mergeClaims,
  NO_CLAIMS,
  type OpenClaim,
  potsIn,
  refunded,
  type Said,
  type Settlement,
  settled,
  without,
  withShown,
} from '../decide/claims.ts';
import type { Shown } from '../decide/decide.ts';
import type { Item } from '../decide/items.ts';
import { OUTCOMES } from '../decide/ledger.ts';
import type { Total } from '../decide/totals.ts';
import type { EngineEvent } from '../engine/machine.ts';
import { itemKey } from '../experiments/compile.ts';
import { type Granted, shardName, shardsOf, type TotalsNamespace } from '../totals/messages.ts';
import type { Commit } from './commit.ts';
import type { ShownAs } from './ledgers.ts';
import { claimParts, readPart, writeOutbox, writePart } from './storage.ts';

const partOf = (item: Pick<Item, 'kind' | 'id'>): string => `claims:${itemKey(item)}`;

const parsed = (body: string | null): ItemClaims => (body === null ? NO_CLAIMS : (JSON.parse(body) as ItemClaims));

const keep = (sql: SqlStorage, part: string, claims: ItemClaims): void => writePart(sql, part, JSON.stringify(claims));

/** What this decision has asked for. */
export interface Asked {
  /** By item and pot: a claim that was granted, or null where there was none. */
  readonly answers: Map<string, OpenClaim | null>;
  /** Claims of which nobody knows whether they were granted: they are given up. */
  readonly lost: Settlement[];
}

export const nothingAsked = (): Asked => ({ answers: new Map(), lost: [] });

const askedKey = (item: Item, pot: string): string => `${itemKey(item)}|${pot}`;

/**
 * The pot that has nothing for this customer, of an item in a placement.
 * @param isFinal what was not asked for counts as nothing: there is no more time to ask
 */
export const exhaustedFor =
  (sql: SqlStorage, asked: Asked, now: number, isFinal: boolean) =>
  (item: Item, placement: string): string | null => {
    const claims = parsed(readPart(sql, partOf(item)));
    for (const total of potsIn(item.totals, placement, now)) {
      const answer = asked.answers.get(askedKey(item, total.pot));
      if (answer === null) return total.pot;
      if (answer === undefined && isFinal && !heldOf(claims, total, now)) return total.pot;
    }
    return null;
  };

/** A claim that what would be shown needs. */
export interface Wanted {
  readonly item: Item;
  readonly total: Total;
}

export const wantedFor = (
  sql: SqlStorage,
  asked: Asked,
  now: number,
  shown: ReadonlyMap<string, readonly Shown[]>,
): Wanted[] =>
  [...shown].flatMap(([placement, list]) =>
    list
      .filter(({ item }) => item.totals.length > 0)
      .flatMap(({ item }) => {
        const claims = parsed(readPart(sql, partOf(item)));
        return potsIn(item.totals, placement, now)
          .filter(({ pot }) => !asked.answers.has(askedKey(item, pot)))
          .filter((total) => !heldOf(claims, total, now))
          .map((total) => ({ item, total }));
      }),
  );

/** Whom a claim is for, by which catalog, when. */
export interface Claimant {
  readonly customerId: string;
  readonly catalogVersion: number;
  /** Milliseconds. */
  readonly at: number;
}

/** Asks the shard of this customer; one that does not answer in time has nothing. Never throws. */
export async function askFor(
  totals: TotalsNamespace,
  asked: Asked,
  { item, total }: Wanted,
  { customerId, catalogVersion, at }: Claimant,
): Promise<void> {
  const { pot, unit, most, amount, event, holdMs } = total;
  const terms = { unit, most, version: catalogVersion };
  const shard = shardName(pot, hash(customerId) % shardsOf(terms));
  const key = uuid();
  const until = at + holdMs;
  const asking = Promise.resolve().then(() => totals.getByName(shard).claim({ key, amount, until, terms }));
  const granted = await within<Granted | null>(
    asking.catch(() => null),
    LIMITS.claimWaitMs,
    null,
  );
  if (!granted) asked.lost.push({ shard, key, what: 'release', amount });
  const claim: OpenClaim | null = granted?.granted
    ? { key, shard, pot, unit, event, amount, until, code: granted.code, decisions: [] }
    : null;
  asked.answers.set(askedKey(item, pot), claim);
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}

/** The item is shown: its claims are this customer's, one of decisions is final. @returns the code it is shown with */
export function noteShown(
  commit: Commit,
  asked: Asked,
  { item }: Shown,
  { decisionId, placement, at: now, seen }: ShownAs,
): string | null {
  const part = partOf(item);
  let claims = parsed(readPart(commit.sql, part));
  let code: string | null = null;
  for (const total of potsIn(item.totals, placement, now)) {
    const key = askedKey(item, total.pot);
    const held = heldOf(claims, total, now);
    const claim = held ?? asked.answers.get(key);
    if (!claim) continue;
    if (!held) asked.answers.delete(key);
    if (total.event === 'decision' || (seen && total.event === 'impression')) {
      tell(commit, { ...claim, what: 'confirm' }, now);
      claims = without(claims, claim);
    } else claims = withShown(claims, claim, decisionId);
    code ??= claim.code;
  }
  keep(commit.sql, part, claims);
  return code;
}

/** What was granted and is not shown after all goes back at once, and so does what may have been granted. */
export function releaseUnused(commit: Commit, asked: Asked, now: number): void {
  for (const claim of asked.answers.values()) if (claim) tell(commit, { ...claim, what: 'release' }, now);
  for (const settlement of asked.lost.splice(0)) tell(commit, settlement, now);
  asked.answers.clear();
}

/** By the outbox, so that it arrives whatever happens. */
function tell(commit: Commit, { shard, key, what, amount, spent }: Settlement, now: number): void {
  commit.outbox = true;
  commit.wrote = true;
  const request = { key, what, amount, ...(spent === undefined ? {} : { spent }) };
  writeOutbox(commit.sql, `total:${key}:${what}:${amount}`, JSON.stringify({ kind: 'total', shard, request }), now);
}

const REFUND = 'Order Refunded';
/** B4: a coupon in a cart is not redeemed yet. */
const APPLIED = 'Coupon Applied';

/** B4, B5: an event that was just added to the history may say what came of a claim. Parsed only if its name may. */
export function noteClaimed(commit: Commit, name: string, event: () => EngineEvent, now: number): void {
  const kind = name === APPLIED ? undefined : OUTCOMES.get(name);
  if ((kind === undefined && name !== REFUND) || commit.silence !== null) return;
  const parts = claimParts(commit.sql);
  if (parts.length === 0) return;
  const { properties } = event();
  for (const { name: part, body } of parts) {
    const claims = parsed(body);
    const order = textIn(properties, 'order_id');
    const outcome = kind
      ? settled(claims, saidBy(properties, kind))
      : order === null
        ? null
        : refunded(claims, order, numberIn(properties, 'total'));
    if (!outcome) continue;
    keep(commit.sql, part, outcome.claims);
    for (const settlement of outcome.tell) tell(commit, settlement, now);
  }
}

/** The decision whose code an event names, for an event that names no decision itself. */
export function decisionOfCoupon(sql: SqlStorage, properties: JsonObject): string | null {
  const coupon = couponIn(properties);
  if (coupon === null) return null;
  for (const { body } of claimParts(sql)) {
    const claims = parsed(body);
    const decision = body.includes(JSON.stringify(coupon).slice(1, -1))
      ? decisionMeant(claims, saidBy(properties, 'redemption'))
      : null;
    if (decision !== null) return decision;
  }
  return null;
}

const saidBy = (properties: JsonObject, event: Said['event']): Said => ({
  event,
  decisionId: textIn(properties, 'decision_id'),
  coupon: couponIn(properties),
  order: textIn(properties, 'order_id'),
  total: numberIn(properties, 'total') ?? numberIn(properties, 'revenue'),
  discount: numberIn(properties, 'discount'),
});

const couponIn = (properties: JsonObject): string | null =>
  textIn(properties, 'coupon') ?? textIn(properties, 'coupon_id');

function textIn(properties: JsonObject, member: string): string | null {
  const { [member]: value } = properties;
  return typeof value === 'string' && value !== '' ? value : null;
}

function numberIn(properties: JsonObject, member: string): number | null {
  const { [member]: value } = properties;
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** B6: what another customer's object kept, whose history comes here. */
export function takeClaims(
  commit: Commit,
  parts: readonly { readonly name: string; readonly body: string }[],
  now: number,
): void {
  for (const { name, body } of parts) {
    const { claims, tell: told } = mergeClaims(parsed(readPart(commit.sql, name)), parsed(body));
    keep(commit.sql, name, claims);
    for (const settlement of told) tell(commit, settlement, now);
  }
}
