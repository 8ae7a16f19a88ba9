// Tokens made by hand, so that they can be wrong in ways no library would write, and signed by node's own crypto, not by
// the library that verifies them; and the rows of the keys they are signed with.

import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { provenUser } from '../../workers/api/token.ts';
import type { KeyRow, TokenKeyRow } from '../../workers/catalog/catalog.ts';
import type { TokenAlgorithm } from '../../workers/identity/tokens.ts';

export const NOW_MS = Date.UTC(2026, 10, 22);
export const NOW = NOW_MS / 1_000;
export const SECRET = 'a secret of thirty-two characters';

export const base64url = (text: string | Buffer): string => Buffer.from(text).toString('base64url');

/** RSA keys are slow to make: two are made for all tests. */
export const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
export const rsaOther = generateKeyPairSync('rsa', { modulusLength: 2_048 });
export const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const ecOther = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });

export const jwkOf = (key: KeyObject): string => JSON.stringify(key.export({ format: 'jwk' }));
export const pemOf = (key: KeyObject): string => String(key.export({ type: 'spki', format: 'pem' }));

export type Signer = (input: string) => string | Buffer;
export const hs =
  (secret: string | Buffer, hash = 'sha256'): Signer =>
  (input) =>
    createHmac(hash, secret).update(input).digest();
export const rs =
  (key: KeyObject, hash = 'sha256'): Signer =>
  (input) =>
    sign(hash, Buffer.from(input), key);
export const es =
  (key: KeyObject, dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363'): Signer =>
  (input) =>
    sign('sha256', Buffer.from(input), { key, dsaEncoding });

export const claims = { sub: 'u1', exp: NOW + 60 };
export const asText = (part: object | string): string => (typeof part === 'string' ? part : JSON.stringify(part));

export function token(header: object | string, payload: object | string, signed: Signer): string {
  const input = `${base64url(asText(header))}.${base64url(asText(payload))}`;
  return `${input}.${base64url(Buffer.from(signed(input)))}`;
}

export const tokenKey = (alg: TokenAlgorithm, material: string, more: Partial<TokenKeyRow> = {}): TokenKeyRow => ({
  keyHash: 'h',
  createdAt: 1,
  alg,
  kid: null,
  issuer: null,
  audience: null,
  material,
  ...more,
});

export const row = (tokenKeys: TokenKeyRow[], more: Partial<KeyRow> = {}): KeyRow => ({
  hash: 'h',
  name: 'shop',
  role: 'write',
  tokenMode: 'required',
  tokenSecret: null,
  createdAt: 0,
  tokenKeys,
  ...more,
});

export const HS = row([tokenKey('HS256', SECRET)]);
export const RS = row([tokenKey('RS256', jwkOf(rsa.publicKey))]);
export const ES = row([tokenKey('ES256', jwkOf(ec.publicKey))]);
export const ALL = { HS, RS, ES };
export const SIGN: Record<TokenAlgorithm, Signer> = {
  HS256: hs(SECRET),
  RS256: rs(rsa.privateKey),
  ES256: es(ec.privateKey),
};
export const KEY: Record<TokenAlgorithm, KeyRow> = { HS256: HS, RS256: RS, ES256: ES };
export const ALGORITHMS = ['HS256', 'RS256', 'ES256'] as const;

export const user = (key: KeyRow, text: string) => provenUser(key, text, NOW_MS);
