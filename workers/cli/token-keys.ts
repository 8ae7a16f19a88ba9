// What `npm run keys` does with the keys of customer tokens: a public key read from a PEM or JWK file, a secret made here,
// and the SQL that puts a new one in force beside the one before it or takes the older out of force. Rules TK of
// workers/identity/SPEC.md.

import { createPublicKey } from 'node:crypto';
import { TOKEN } from '../../schema/limits.ts';
import type { TokenKeyRow } from '../catalog/catalog.ts';
import { readTokenKey, type TokenAlgorithm, type WrittenTokenKey } from '../identity/tokens.ts';

/** What a token may have to state, beside its signature. */
export interface Pinned {
  readonly kid: string | null;
  readonly issuer: string | null;
  readonly audience: string | null;
}

export type ReadFile =
  | { readonly ok: true; readonly written: WrittenTokenKey }
  | { readonly ok: false; readonly reason: string };

/** The key of a file: PEM (SubjectPublicKeyInfo, PKCS#1 or a certificate) or JWK. Which algorithm it is for follows from its kind. */
export function readPublicKey(text: string, pinned: Pinned): ReadFile {
  const jwk = text.trimStart().startsWith('{') ? objectIn(text) : fromPem(text);
  if (typeof jwk === 'string') return { ok: false, reason: jwk };
  const algorithm: TokenAlgorithm | null = jwk['kty'] === 'RSA' ? 'RS256' : jwk['kty'] === 'EC' ? 'ES256' : null;
  if (algorithm === null) return { ok: false, reason: 'it is neither an RSA key nor an EC key of the curve P-256' };
  const named = typeof jwk['kid'] === 'string' ? jwk['kid'] : null;
  const written = { ...pinned, kid: pinned.kid ?? named, alg: algorithm, material: JSON.stringify(jwk) };
  const read = readTokenKey(written);
  if (!read.ok) return read;
  return { ok: true, written: { ...written, material: 'jwk' in read.key ? JSON.stringify(read.key.jwk) : '' } };
}

function objectIn(text: string): Record<string, unknown> | string {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : 'it is not a JSON object';
  } catch {
    return 'it is not JSON';
  }
}

function fromPem(text: string): Record<string, unknown> | string {
  if (text.includes('PRIVATE KEY')) return 'it holds a private key: give the public one';
  try {
    return { ...createPublicKey(text).export({ format: 'jwk' }) };
  } catch {
    return 'it is neither PEM nor JWK';
  }
}

/** A literal of SQLite: the quote is the only character that means something inside one. */
export const quoted = (text: string | null): string => (text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`);

/** Isolates read keys anew when this has moved, so it comes last. */
export const MOVE_CATALOG =
  'INSERT INTO catalog_head (id, version) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET version = version + 1;';

/** Puts a token key in force for a write key that asks for tokens; of another key, or of none, nothing is changed. */
export function insertTokenKey({ keyHash, createdAt, alg, kid, issuer, audience, material }: TokenKeyRow): string {
  const values = [String(createdAt), ...[alg, kid, issuer, audience, material].map(quoted)].join(', ');
  return [
    'INSERT INTO token_keys (key_hash, created_at, alg, kid, issuer, audience, material)',
    `SELECT hash, ${values} FROM keys WHERE hash = ${quoted(keyHash)} AND role = 'write' AND token_mode <> 'off';`,
  ].join(' ');
}

/** The new key in force, the one before it too, and nothing older. */
export const rotateStatements = (row: TokenKeyRow): string =>
  [insertTokenKey(row), keepNewest(row.keyHash, TOKEN.keysMax), MOVE_CATALOG].join('\n');

/** Only the newest key in force. */
export const retireStatements = (keyHash: string): string => [keepNewest(keyHash, 1), MOVE_CATALOG].join('\n');

/** The secret beside the key is the oldest of all: it goes as soon as there are so many others. */
function keepNewest(keyHash: string, count: number): string {
  const own = `key_hash = ${quoted(keyHash)}`;
  const newest = `SELECT created_at FROM token_keys WHERE ${own} ORDER BY created_at DESC LIMIT ${count}`;
  return [
    `DELETE FROM token_keys WHERE ${own} AND created_at NOT IN (${newest});`,
    `UPDATE keys SET token_secret = NULL WHERE hash = ${quoted(keyHash)} AND (SELECT count(*) FROM token_keys WHERE ${own}) >= ${count};`,
  ].join('\n');
}
