// Customer tokens: whether one was signed by a key of the shop, and so whom it proves. What a token has to look like and
// to claim is workers/identity/tokens.ts; here the signature is checked, each with the one algorithm its key is for. A key
// is read and imported once an isolate and catalog; no key is ever taken from a token or fetched from an address in it.

import { compactVerify, importJWK } from 'jose';
import { TOKEN } from '../../schema/limits.ts';
import type { KeyRow } from '../catalog/catalog.ts';
import type { IncomingEvent } from '../customer/messages.ts';
import {
  accountsIn,
  keysFor,
  objectOf,
  readTokenKey,
  subjectOf,
  type TokenKey,
  tokenHeader,
  type WrittenTokenKey,
} from '../identity/tokens.ts';

export type Proof = 'proven' | 'unproven';

/**
 * Whether a caller may see and move what belongs to a known user. A secret key proves it; a write key as its mode says:
 * off asks for nothing, optional believes an absent token and not a false one, required believes a valid token only.
 * A visitor (`userId` null) proves nothing: his id may by now lead to a known user.
 */
export function proofOf(
  key: KeyRow,
  token: string | null,
  userId: string | null,
  nowMs: number,
): Proof | Promise<Proof> {
  if (key.role !== 'write' || key.tokenMode === 'off') return 'proven';
  if (token === null || token === '') return key.tokenMode === 'optional' ? 'proven' : 'unproven';
  if (userId === null) return 'unproven';
  return provenUser(key, token, nowMs).then((proven) => (proven === userId ? 'proven' : 'unproven'));
}

/** Whether more than a public key stands behind what a caller says: a secret one, or a token that was found valid. */
export const isVouched = ({ role, tokenMode }: KeyRow, token: string | null, proven: boolean): boolean =>
  role !== 'write' || (proven && tokenMode !== 'off' && token !== null && token !== '');

/** The event as its customer's object is to take it: what it may move, and what stands behind what it states. */
export function asProven(event: IncomingEvent, proven: boolean, vouched: boolean): IncomingEvent {
  if (!proven) return { ...event, merges: null };
  const states = event.type === 'identify' || event.externalIds;
  return vouched && states ? { ...event, vouched: true } : event;
}

/** The user whom a token proves to this write key, whatever the key's mode; null where it proves nobody. */
export async function provenUser(row: KeyRow, token: string, nowMs: number): Promise<string | null> {
  const header = row.role === 'write' ? tokenHeader(token) : null;
  if (!header) return null;
  for (const key of keysFor(header, keysOf(row))) {
    const user = subjectOf(await signedClaims(token, key), key, nowMs);
    if (user !== null) return user;
  }
  return null;
}

/** The accounts a token of this user names; none where it does not prove the user. */
export async function provenAccounts(
  row: KeyRow,
  token: string,
  userId: string,
  nowMs: number,
): Promise<readonly string[]> {
  const header = row.role === 'write' ? tokenHeader(token) : null;
  if (!header) return [];
  for (const key of keysFor(header, keysOf(row))) {
    const claims = await signedClaims(token, key);
    if (claims && subjectOf(claims, key, nowMs) === userId) return accountsIn(claims);
  }
  return [];
}

async function signedClaims(token: string, key: TokenKey): Promise<ReturnType<typeof objectOf>> {
  try {
    return objectOf((await compactVerify(token, await imported(key), { algorithms: [key.alg] })).payload);
  } catch {
    return null;
  }
}

type Imported = Awaited<ReturnType<typeof importJWK>>;

const readKeys = new WeakMap<KeyRow, readonly TokenKey[]>();
const importedKeys = new WeakMap<TokenKey, Imported>();

/** The newest first, the secret beside the key the oldest; one that cannot be believed lets no older one in (TK7, TK8). */
function keysOf(row: KeyRow): readonly TokenKey[] {
  const known = readKeys.get(row);
  if (known) return known;
  const beside = { alg: 'HS256', kid: null, issuer: null, audience: null } as const;
  const written: WrittenTokenKey[] = [...(row.tokenKeys ?? [])].sort((one, other) => other.createdAt - one.createdAt);
  if (row.tokenSecret) written.push({ ...beside, material: row.tokenSecret });
  const keys = written.slice(0, TOKEN.keysMax).flatMap((each) => {
    const read = readTokenKey(each);
    if (!read.ok) console.error(`A token key of ${row.name} is not believed: ${read.reason}.`);
    return read.ok ? [read.key] : [];
  });
  readKeys.set(row, keys);
  return keys;
}

async function imported(key: TokenKey): Promise<Imported> {
  const known = importedKeys.get(key);
  if (known) return known;
  const made = key.alg === 'HS256' ? new TextEncoder().encode(key.secret) : await importJWK({ ...key.jwk }, key.alg);
  importedKeys.set(key, made);
  return made;
}
