// Who is calling: keys are looked up by their SHA-256 and compared in constant time; a write key is public, so it may
// report and ask, never read what is personal without a customer token (I8; token.ts). Admin routes are closed by default.

import { timingSafeEqual } from 'node:crypto';
import type { Catalog, KeyRow } from '../catalog/catalog.ts';
import { hashKey } from '../catalog/keys.ts';

export type Keys = ReadonlyMap<string, KeyRow>;

/** Write keys found in a catalog: they are public, so a plain look-up gives nothing away, and it spares a hash an event. */
const publicKeys = new WeakMap<Catalog, Map<string, KeyRow>>();

/** The same by the header they came in, which then need not be taken apart; of each key its first few spellings. */
const publicHeaders = new WeakMap<Catalog, Map<string, KeyRow>>();
const HEADERS_MAX = 1_000;

/** The write key of this header, where a call before has had the very same. */
export const knownByHeader = (request: Request, catalog: Catalog | null): KeyRow | null => {
  const header = catalog && request.headers.get('authorization');
  return header ? (publicHeaders.get(catalog)?.get(header) ?? null) : null;
};

/** Lets the next call with this header be known by it. Only write keys of the catalog itself, which are public. */
export function rememberHeader(request: Request, catalog: Catalog, row: KeyRow): void {
  const header = request.headers.get('authorization');
  if (header === null || row.role !== 'write' || catalog.keys.get(row.hash) !== row) return;
  const known = publicHeaders.get(catalog) ?? new Map<string, KeyRow>();
  if (known.size < HEADERS_MAX) publicHeaders.set(catalog, known.set(header, row));
}

/** The row of a key, or null. Local keys exist in local mode only. */
export function findKey(key: string | null, catalog: Catalog | null, localKeys: Keys | null): KeyRow | null {
  if (key === null || key === '' || key.length > KEY_CHARS_MAX) return null;
  const known = catalog && publicKeys.get(catalog)?.get(key);
  if (known) return known;
  const hash = hashKey(key);
  const row = catalog?.keys.get(hash) ?? localKeys?.get(hash) ?? null;
  if (!row || !timingSafeEqual(Buffer.from(hash), Buffer.from(row.hash))) return null;
  if (catalog && row.role === 'write') {
    const keys = publicKeys.get(catalog) ?? new Map<string, KeyRow>();
    publicKeys.set(catalog, keys.set(key, row));
  }
  return row;
}

const KEY_CHARS_MAX = 512;

/** The key a request carries: Bearer, the Basic user name, `writeKey` in the body or in the query. */
export function keyOf(request: Request, inBody: unknown): string | null {
  const header = request.headers.get('authorization');
  if (header !== null) return keyOfHeader(header);
  if (typeof inBody === 'string') return inBody;
  const query = request.url.indexOf('?');
  return query < 0 ? null : new URLSearchParams(request.url.slice(query + 1)).get('writeKey');
}

export function bearerOf(request: Request): string | null {
  const header = request.headers.get('authorization');
  return header !== null && /^bearer /i.test(header) ? header.slice(7).trim() : null;
}

function keyOfHeader(header: string): string | null {
  const scheme = header.slice(0, header.indexOf(' ')).toLowerCase();
  const rest = header.slice(header.indexOf(' ') + 1).trim();
  if (scheme === 'bearer') return rest;
  if (scheme !== 'basic') return null;
  try {
    return atob(rest).split(':')[0] ?? null;
  } catch {
    return null;
  }
}
