// What a customer token has to look like and to claim, apart from its signature: the reading of its header and claims, and
// of the keys a shop signs with. Rules TK of SPEC.md; the signature itself is checked in workers/api/token.ts.

import { z } from 'zod';
import { isObject, type JsonObject } from '../../schema/json.ts';
import { LIMITS, TOKEN } from '../../schema/limits.ts';

export const TOKEN_ALGORITHMS = ['HS256', 'RS256', 'ES256'] as const;
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number];

/** A public key as RFC 7517 writes it, nothing else of the document kept. */
export type PublicJwk =
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
  | { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string };

interface Pinned {
  /** Null where tokens name no key. */
  readonly kid: string | null;
  readonly issuer: string | null;
  readonly audience: string | null;
}

/** One key that tokens may be signed with, and the one algorithm it is for. */
export type TokenKey = Pinned &
  ({ readonly alg: 'HS256'; readonly secret: string } | { readonly alg: 'RS256' | 'ES256'; readonly jwk: PublicJwk });

/** As a row of D1 has it: `material` is a secret, or a JWK as JSON. */
export interface WrittenTokenKey extends Pinned {
  readonly alg: TokenAlgorithm;
  readonly material: string;
}

export type ReadKey = { readonly ok: true; readonly key: TokenKey } | { readonly ok: false; readonly reason: string };

const refused = (reason: string): ReadKey => ({ ok: false, reason });

/** The key of a row, or why it cannot be believed (TK8). */
export function readTokenKey({ alg, material, kid, issuer, audience }: WrittenTokenKey): ReadKey {
  const pinned = { kid, issuer, audience };
  if (alg === 'HS256')
    return material === '' ? refused('the secret is empty') : { ok: true, key: { ...pinned, alg, secret: material } };
  const jwk = parsedObject(material);
  if (!jwk) return refused('the key is not a JSON object');
  const read = alg === 'RS256' ? readRsa(jwk) : readEc(jwk);
  return typeof read === 'string' ? refused(read) : { ok: true, key: { ...pinned, alg, jwk: read } };
}

const PRIVATE_PARTS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const PRIVATE = 'it holds a private key: give the public one, and treat the private one as known to others';

function readRsa(jwk: JsonObject): PublicJwk | string {
  const { kty, n, e } = jwk;
  if (PRIVATE_PARTS.some((part) => part in jwk)) return PRIVATE;
  if (kty !== 'RSA' || typeof n !== 'string' || typeof e !== 'string') return 'it is not an RSA key';
  if (typeof jwk['alg'] === 'string' && jwk['alg'] !== 'RS256')
    return `it is for ${jwk['alg'].slice(0, 20)}, not for RS256`;
  const [modulus, exponent] = [unsigned(n), unsigned(e)];
  if (modulus === null || exponent === null) return 'its numbers are not base64url';
  const bits = modulus.toString(2).length;
  if (bits < TOKEN.rsaBitsMin || bits > TOKEN.rsaBitsMax)
    return `its modulus has ${bits} bits; ${TOKEN.rsaBitsMin} to ${TOKEN.rsaBitsMax} are taken`;
  if (exponent < 65_537n || exponent > 1n << 32n || exponent % 2n === 0n)
    return 'its exponent is not an odd number from 65537 to 2^32';
  return { kty, n, e };
}

function readEc(jwk: JsonObject): PublicJwk | string {
  const { kty, crv, x, y } = jwk;
  if (PRIVATE_PARTS.some((part) => part in jwk)) return PRIVATE;
  if (kty !== 'EC' || crv !== 'P-256' || typeof x !== 'string' || typeof y !== 'string')
    return 'it is not an EC key of the curve P-256';
  if (typeof jwk['alg'] === 'string' && jwk['alg'] !== 'ES256')
    return `it is for ${jwk['alg'].slice(0, 20)}, not for ES256`;
  if (x.length !== COORDINATE_CHARS || y.length !== COORDINATE_CHARS) return 'its point is not two times 32 bytes';
  const [px, py] = [unsigned(x), unsigned(y)];
  if (px === null || py === null) return 'its numbers are not base64url';
  return isOnP256(px, py) ? { kty, crv, x, y } : 'its point does not lie on P-256';
}

/** 32 bytes as base64url. */
const COORDINATE_CHARS = 43;

/** Of P-256: FIPS 186-5, SP 800-186 3.2.1.3. Its cofactor is 1, so every point on the curve is in the group. */
const P = (1n << 256n) - (1n << 224n) + (1n << 192n) + (1n << 96n) - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

export function isOnP256(x: bigint, y: bigint): boolean {
  if (x >= P || y >= P) return false;
  return (y * y - (x * x * x - 3n * x + B)) % P === 0n;
}

function unsigned(text: string): bigint | null {
  const bytes = BASE64URL.test(text) ? bytesOf(text) : null;
  if (!bytes || bytes.length === 0 || bytes.length > TOKEN.rsaBitsMax / 8 + 1) return null;
  return BigInt(`0x${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`);
}

const BASE64URL = /^[A-Za-z0-9_-]+$/;
const TOKEN_FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

function bytesOf(text: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}

/** A JSON object of these bytes, or null; where a member stands twice the last one counts, for everyone who reads it. */
export function objectOf(bytes: Uint8Array | null): JsonObject | null {
  try {
    return bytes && parsedObject(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return null;
  }
}

function parsedObject(text: string): JsonObject | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

export interface TokenHeader {
  readonly alg: TokenAlgorithm;
  readonly kid: string | null;
}

const Header = z.object({
  alg: z.enum(TOKEN_ALGORITHMS),
  kid: z.string().max(LIMITS.idCharsMax).optional(),
  typ: z.string().regex(/^jwt$/i).optional(),
  crit: z.undefined().optional(),
  b64: z.undefined().optional(),
  zip: z.undefined().optional(),
  cty: z.undefined().optional(),
});

/** The header of a token in due form, or null (TK1, TK2, TK3). */
export function tokenHeader(token: string): TokenHeader | null {
  if (token.length > TOKEN.charsMax || !TOKEN_FORM.test(token)) return null;
  const header = Header.safeParse(objectOf(bytesOf(token.slice(0, token.indexOf('.')))));
  return header.success ? { alg: header.data.alg, kid: header.data.kid ?? null } : null;
}

/** Those of the keys in force that may have signed a token of this header (TK2, TK7). */
export const keysFor = (header: TokenHeader, keys: readonly TokenKey[]): TokenKey[] =>
  keys.filter(({ alg, kid }) => alg === header.alg && (kid === null || header.kid === null || kid === header.kid));

const seconds = z.number().min(-TOKEN.secondsMax).max(TOKEN.secondsMax);
const Claims = z.object({
  sub: z.string().min(1).max(LIMITS.idCharsMax),
  exp: seconds,
  nbf: seconds.optional(),
  iat: seconds.optional(),
  iss: z.string().optional(),
  aud: z.union([z.string(), z.array(z.string())]).optional(),
});

/** The accounts that claims of a token in force name (AC1 of workers/accounts): `accounts`, a list of ids, or `groupId`, one. */
export function accountsIn({ accounts, groupId }: JsonObject): readonly string[] {
  const named = Array.isArray(accounts) ? accounts : [groupId];
  return named.filter((id) => typeof id === 'string').slice(0, TOKEN.accountsMax);
}

/** Whom claims that were signed with `key` prove at `nowMs`: the id of a user, or null (TK4, TK5, TK6). */
export function subjectOf(claims: JsonObject | null, { issuer, audience }: Pinned, nowMs: number): string | null {
  const parsed = Claims.safeParse(claims);
  if (!parsed.success) return null;
  const { sub, exp, nbf, iss, aud } = parsed.data;
  if (exp * 1_000 <= nowMs) return null;
  if (nbf !== undefined && nbf * 1_000 > nowMs + TOKEN.skewMs) return null;
  if (issuer !== null && iss !== issuer) return null;
  if (audience !== null && aud !== audience && !(Array.isArray(aud) && aud.includes(audience))) return null;
  return sub;
}
