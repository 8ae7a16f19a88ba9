// The last catalog this location has seen, in the platform's cache: what a fresh isolate serves from while D1 does not
// answer. Holds hashes of keys and no secret: without its secret a customer token counts as missing, never as valid.

import type { DocumentRow, KeyRow } from './catalog.ts';

export interface CatalogRows {
  readonly version: number;
  readonly documents: readonly DocumentRow[];
  readonly keys: readonly KeyRow[];
}

const CACHE = 'waymark-catalog';
/** A name for the entry, not an address: nothing is ever fetched from it. */
const ENTRY = 'https://catalog.waymark.invalid/current';
const KEPT_SECONDS = 7 * 86_400;

export async function saveCopy(rows: CatalogRows): Promise<void> {
  const kept = { ...rows, keys: rows.keys.map((key) => ({ ...key, tokenSecret: null, tokenKeys: [] })) };
  const headers = { 'content-type': 'application/json', 'cache-control': `max-age=${KEPT_SECONDS}` };
  await (await caches.open(CACHE)).put(ENTRY, new Response(JSON.stringify(kept), { headers }));
}

/** Null when this location has seen none. */
export async function readCopy(): Promise<CatalogRows | null> {
  const kept = await (await caches.open(CACHE)).match(ENTRY);
  return kept ? kept.json<CatalogRows>() : null;
}
