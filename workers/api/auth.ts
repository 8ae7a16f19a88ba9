// Who is calling: keys are looked up by their SHA-256 and compared in constant time; a write key is public, so it may
// report and ask, never read what is personal without a customer token (I8). Admin routes are closed by default.

import { timingSafeEqual } from 'node:crypto';
import { jwtVerify } from 'jose';
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

export type Proof = 'proven' | 'unproven';

/**
 * Whether a caller may see and move what belongs to a known user. A secret key proves it; a write key as its mode says:
 * off asks for nothing, optional believes an absent token and not a false one, required believes a valid token only.
 * A visitor (`userId` null) proves nothing: his id may by now lead to a known user.
 * Source of the token's form: RFC 7519 with HS256; `sub` is the user id.
 */
export function proofOf(
  key: KeyRow,
  token: string | null,
  userId: string | null,
  nowMs: number,
): Proof | Promise<Proof> {
  if (key.role !== 'write' || key.tokenMode === 'off') return 'proven';
  if (token === null || token === '') return key.tokenMode === 'optional' ? 'proven' : 'unproven';
  if (!key.tokenSecret || userId === null) return 'unproven';
  return verified(token, key.tokenSecret, userId, nowMs);
}

async function verified(token: string, secret: string, userId: string, nowMs: number): Promise<Proof> {
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(secret), {
      algorithms: ['HS256'],
      requiredClaims: ['sub', 'exp'],
      currentDate: new Date(nowMs),
    });
    return payload.sub === userId ? 'proven' : 'unproven';
  } catch {
    return 'unproven';
  }
}
