// Whether an item fits where a page is shown and what the customer has bought (F4, F5). What the page does not say, and
// what nobody bought, never holds.

import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { wallClock } from '../engine/calendar.ts';

export interface Circumstances {
  readonly country: ReadonlySet<string> | null;
  readonly device: ReadonlySet<string> | null;
  readonly referrer: readonly string[] | null;
  readonly hours: { readonly from: string; readonly until: string } | null;
}

/** Products and categories. */
export interface Owning {
  readonly any: readonly string[] | null;
  readonly none: readonly string[];
}

/** @returns the member that does not hold, or null. `zone` is the customer's. */
export function circumstanceMissed(
  asked: Circumstances,
  context: JsonObject,
  zone: string,
  now: number,
): string | null {
  if (asked.country && !isOneOf(asked.country, context['country'])) return 'country';
  const { device } = context;
  if (asked.device && !isOneOf(asked.device, isObject(device) ? device['type'] : device)) return 'device';
  if (asked.referrer && !isReferred(asked.referrer, context)) return 'referrer';
  return asked.hours && !isWithin(asked.hours, wallClock(now, zone)) ? 'hours' : null;
}

const isOneOf = (wanted: ReadonlySet<string>, said: Json | undefined): boolean =>
  typeof said === 'string' && wanted.has(said);

function isReferred(hosts: readonly string[], context: JsonObject): boolean {
  const page = context['page'];
  const referrer = context['referrer'] ?? (isObject(page) ? page['referrer'] : null);
  if (typeof referrer !== 'string' || !URL.canParse(referrer)) return false;
  const { hostname } = new URL(referrer);
  return hosts.some((host) => hostname === host || hostname.endsWith(`.${host}`));
}

/** From inclusive, until exclusive; over midnight where until is not later. */
const isWithin = ({ from, until }: { from: string; until: string }, time: string): boolean =>
  from < until ? from <= time && time < until : from <= time || time < until;

export const owningMissed = ({ any, none }: Owning, owned: ReadonlySet<string>): 'any' | 'none' | null => {
  if (none.some((term) => owned.has(term))) return 'none';
  return any && !any.some((term) => owned.has(term)) ? 'any' : null;
};

/** What is bought and not refunded since. Messages of orders and refunds, the latest first. */
export function ownedOf(orders: Iterable<JsonObject>, refunds: Iterable<JsonObject>): ReadonlySet<string> {
  const whole = new Set<string>();
  /** Pieces given back of an order, by product. */
  const back = new Set<string>();
  for (const { order, products } of mapped(refunds))
    if (products.length === 0) whole.add(order);
    else for (const product of products) for (const term of termsOf(product, IDS)) back.add(`${order} ${term}`);
  const owned = new Set<string>();
  for (const { order, products } of mapped(orders)) {
    if (order !== '' && whole.has(order)) continue;
    for (const product of products) {
      if (termsOf(product, IDS).some((term) => back.has(`${order} ${term}`))) continue;
      for (const term of termsOf(product, [...IDS, 'category'])) owned.add(term);
    }
  }
  return owned;
}

const IDS = ['product_id', 'sku'];

const termsOf = (product: JsonObject, names: readonly string[]): string[] =>
  names.flatMap((name) => {
    const said = product[name];
    return typeof said === 'string' || typeof said === 'number' ? String(said) : [];
  });

function* mapped(messages: Iterable<JsonObject>): Generator<{ order: string; products: JsonObject[] }> {
  for (const { properties } of messages) {
    if (!isObject(properties)) continue;
    const { order_id: order, products } = properties;
    const said = typeof order === 'string' || typeof order === 'number' ? String(order) : '';
    yield { order: said, products: Array.isArray(products) ? products.filter(isObject) : [] };
  }
}
