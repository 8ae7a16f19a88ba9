// Customer tokens whose algorithm, key or signature is not what it says: RFC 8725 2.1 to 2.3 and 3.1 to 3.5, the classes
// of Wycheproof's lists for JWS and for ECDSA in P1363 form, and keys that must not be believed.

import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { proofOf, provenUser } from '../../workers/api/token.ts';
import type { KeyRow } from '../../workers/catalog/catalog.ts';
import { isOnP256, readTokenKey, type TokenAlgorithm } from '../../workers/identity/tokens.ts';
import { often } from '../prove.ts';
import {
  ALGORITHMS,
  ALL,
  base64url,
  claims,
  ES,
  ec,
  es,
  HS,
  hs,
  jwkOf,
  KEY,
  NOW_MS,
  p384,
  pemOf,
  RS,
  row,
  rs,
  rsa,
  SECRET,
  SIGN,
  type Signer,
  token,
  tokenKey,
  user,
} from './signing.ts';

const told: unknown[] = [];
beforeAll(() => void vi.spyOn(console, 'error').mockImplementation((text) => void told.push(text)));
afterAll(() => void vi.restoreAllMocks());

describe('confusion of algorithms', () => {
  it('TK2 a public key is no secret, in whatever form it is written', async () => {
    for (const [alg, key] of [
      ['RS256', rsa.publicKey],
      ['ES256', ec.publicKey],
    ] as const) {
      const der = key.export({ type: 'spki', format: 'der' });
      const jwk = key.export({ format: 'jwk' });
      const secrets = [
        pemOf(key),
        pemOf(key).trim(),
        pemOf(key).replaceAll('\n', '\r\n'),
        der,
        jwkOf(key),
        der.toString('base64'),
        JSON.stringify(jwk, null, 2),
        Buffer.from(String(jwk.n ?? jwk.x), 'base64url'),
        Buffer.alloc(0),
        'undefined',
        'null',
      ];
      for (const secret of secrets)
        for (const said of ['HS256', alg])
          expect(await user(KEY[alg], token({ alg: said }, claims, hs(secret)))).toBeNull();
    }
  });

  it('TK2 each kind of signature under each name proves nobody, but its own under its own key', async () => {
    for (const signed of ALGORITHMS)
      for (const said of ALGORITHMS)
        for (const [name, key] of Object.entries(ALL)) {
          const expected = signed === said && signed.startsWith(name) ? 'u1' : null;
          expect([signed, said, name, await user(key, token({ alg: said }, claims, SIGN[signed]))]).toEqual([
            signed,
            said,
            name,
            expected,
          ]);
        }
  });

  it('TK2 ES256 takes 64 bytes r and s, both from 1 to the order less 1', async () => {
    const n = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
    const bytes = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
    const forged: Buffer[] = [0n, 1n, n - 1n, n, n + 1n, (1n << 256n) - 1n].flatMap((r, _, all) =>
      all.map((s) => Buffer.concat([bytes(r), bytes(s)])),
    );
    for (const signature of [
      ...forged,
      Buffer.alloc(0),
      Buffer.alloc(1),
      Buffer.alloc(63),
      Buffer.alloc(65),
      Buffer.alloc(132),
    ])
      expect(
        await user(
          ES,
          token({ alg: 'ES256' }, claims, () => signature),
        ),
      ).toBeNull();
    expect(await user(ES, token({ alg: 'ES256' }, claims, es(ec.privateKey, 'der')))).toBeNull();
    const split: Signer = (input) => {
      const whole = Buffer.from(es(ec.privateKey)(input));
      return Buffer.concat([
        whole.subarray(0, 32),
        bytes(n - BigInt(`0x${whole.subarray(32).toString('hex')}`)).subarray(0, 31),
      ]);
    };
    expect(await user(ES, token({ alg: 'ES256' }, claims, split))).toBeNull();
    const wrongCurve: Signer = (input) =>
      sign('sha256', Buffer.from(input), { key: p384.privateKey, dsaEncoding: 'ieee-p1363' });
    expect(await user(ES, token({ alg: 'ES256' }, claims, wrongCurve))).toBeNull();
  });

  it('TK2 RS256 takes SHA-256 with PKCS#1 v1.5 and as many bytes as the modulus', async () => {
    const pss: Signer = (input) => sign('sha256', Buffer.from(input), { key: rsa.privateKey, padding: 6 });
    for (const signed of [
      rs(rsa.privateKey, 'sha1'),
      rs(rsa.privateKey, 'sha512'),
      pss,
      () => Buffer.alloc(256),
      () => Buffer.alloc(256, 0xff),
      () => Buffer.from([1]),
      (input: string) => Buffer.concat([Buffer.alloc(1), Buffer.from(rs(rsa.privateKey)(input))]),
    ])
      expect(await user(RS, token({ alg: 'RS256' }, claims, signed))).toBeNull();
  });

  it('TK2 HS256 takes the whole of SHA-256', async () => {
    for (const signed of [
      hs(SECRET, 'sha512'),
      hs(SECRET, 'sha1'),
      hs(`${SECRET}x`),
      hs(''),
      hs(SECRET.toUpperCase()),
      (input: string) => Buffer.from(hs(SECRET)(input)).subarray(0, 31),
      (input: string) => Buffer.from(hs(SECRET)(input)).subarray(0, 16),
    ])
      expect(await user(HS, token({ alg: 'HS256' }, claims, signed))).toBeNull();
  });
});

describe('keys', () => {
  it('TK7 two are in force, the newest, and a kid leaves those it can mean', async () => {
    const of = (createdAt: number, kid: string | null = null) =>
      tokenKey('HS256', `secret ${createdAt}`, { createdAt, kid });
    const signed = (createdAt: number, kid?: string) =>
      token({ alg: 'HS256', ...(kid === undefined ? {} : { kid }) }, claims, hs(`secret ${createdAt}`));
    const three = row([of(1), of(3), of(2)], { tokenSecret: 'secret 0' });
    expect(await Promise.all([0, 1, 2, 3].map((at) => user(three, signed(at))))).toEqual([null, null, 'u1', 'u1']);
    const beside = row([of(5)], { tokenSecret: 'secret 0' });
    expect(await Promise.all([0, 5].map((at) => user(beside, signed(at))))).toEqual(['u1', 'u1']);
    const named = row([of(1, 'old'), of(2, 'new')]);
    expect(await user(named, signed(1, 'old'))).toBe('u1');
    expect(await user(named, signed(2, 'new'))).toBe('u1');
    expect(await user(named, signed(1))).toBe('u1');
    expect(await user(named, signed(1, 'new'))).toBeNull();
    expect(await user(named, signed(2, 'unknown'))).toBeNull();
    for (const kid of ['../../dev/null', "' OR 1=1 --", '__proto__', ''])
      expect(await user(named, signed(2, kid))).toBeNull();
  });

  it('TK7 old and new may be of different kinds, each for its own algorithm', async () => {
    const both = row([tokenKey('ES256', jwkOf(ec.publicKey), { createdAt: 2 })], { tokenSecret: SECRET });
    expect(await user(both, token({ alg: 'ES256' }, claims, SIGN.ES256))).toBe('u1');
    expect(await user(both, token({ alg: 'HS256' }, claims, SIGN.HS256))).toBe('u1');
    expect(await user(both, token({ alg: 'HS256' }, claims, hs(jwkOf(ec.publicKey))))).toBeNull();
    expect(await user(both, token({ alg: 'RS256' }, claims, SIGN.RS256))).toBeNull();
  });

  const jwk = (key: KeyObject, change: object = {}): string =>
    JSON.stringify({ ...key.export({ format: 'jwk' }), ...change });
  const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey;
  const p256 = ec.publicKey.export({ format: 'jwk' });

  it.each<[string, TokenAlgorithm, string, RegExp]>([
    ['an empty secret', 'HS256', '', /empty/],
    ['no JSON', 'RS256', 'x', /JSON/],
    ['a list', 'RS256', '[]', /JSON/],
    ['a PEM', 'RS256', pemOf(rsa.publicKey), /JSON/],
    ['1024 bits', 'RS256', jwk(weak), /1024 bits/],
    [
      '2047 bits',
      'RS256',
      jwk(rsa.publicKey, { n: base64url(Buffer.concat([Buffer.from([0x7f]), Buffer.alloc(255, 1)])) }),
      /2047 bits/,
    ],
    [
      '1024 bits behind zeros',
      'RS256',
      jwk(weak, { n: base64url(Buffer.concat([Buffer.alloc(128), Buffer.alloc(128, 0xc1)])) }),
      /1024 bits/,
    ],
    ['far too many bits', 'RS256', jwk(rsa.publicKey, { n: base64url(Buffer.alloc(2_000, 0xff)) }), /base64url/],
    ['an exponent of 1', 'RS256', jwk(rsa.publicKey, { e: 'AQ' }), /exponent/],
    ['an exponent of 3', 'RS256', jwk(rsa.publicKey, { e: 'Aw' }), /exponent/],
    ['an even exponent', 'RS256', jwk(rsa.publicKey, { e: 'AQAC' }), /exponent/],
    ['an exponent of 40 bits', 'RS256', jwk(rsa.publicKey, { e: base64url(Buffer.from([1, 0, 0, 0, 1])) }), /exponent/],
    ['padded numbers', 'RS256', jwk(rsa.publicKey, { e: 'AQAB=' }), /base64url/],
    ['a private RSA key', 'RS256', jwk(rsa.privateKey), /private/],
    ['an RSA key for PS256', 'RS256', jwk(rsa.publicKey, { alg: 'PS256' }), /PS256/],
    ['an EC key for RS256', 'RS256', jwk(ec.publicKey), /not an RSA key/],
    ['an RSA key for ES256', 'ES256', jwk(rsa.publicKey), /P-256/],
    ['a secret as JWK', 'ES256', '{"kty":"oct","k":"AAAA"}', /private/],
    ['a private EC key', 'ES256', jwk(ec.privateKey), /private/],
    ['P-384', 'ES256', jwk(p384.publicKey), /P-256/],
    ['P-384 said to be P-256', 'ES256', jwk(p384.publicKey, { crv: 'P-256' }), /32 bytes/],
    ['a point off the curve', 'ES256', jwk(ec.publicKey, { y: p256.x }), /lie on/],
    ['the point 0, 0', 'ES256', jwk(ec.publicKey, { x: 'A'.repeat(43), y: 'A'.repeat(43) }), /lie on/],
    ['a short coordinate', 'ES256', jwk(ec.publicKey, { x: 'AAAA' }), /32 bytes/],
    ['a key for ES384', 'ES256', jwk(ec.publicKey, { alg: 'ES384' }), /ES384/],
  ])('TK8 %s is not believed', async (_, alg, material, reason) => {
    const read = readTokenKey(tokenKey(alg, material));
    expect(read.ok ? 'believed' : read.reason).toMatch(reason);
    const before = told.length;
    expect(await user(row([tokenKey(alg, material)]), token({ alg }, claims, SIGN[alg]))).toBeNull();
    expect(told.slice(before)).toEqual([expect.stringContaining('not believed')]);
  });

  it('TK8 a key that is not believed lets no older one in', async () => {
    const bad = row([tokenKey('RS256', jwk(weak), { createdAt: 3 }), tokenKey('HS256', 'x', { createdAt: 2 })], {
      tokenSecret: SECRET,
    });
    expect(await user(bad, token({ alg: 'HS256' }, claims, hs('x')))).toBe('u1');
    expect(await user(bad, token({ alg: 'HS256' }, claims, hs(SECRET)))).toBeNull();
  });

  it('TK8 every point that a key has lies on the curve, its mirror too, and no other of that x', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, 1n << 128n), (off) => {
        const { x = '', y = '' } = createPublicKey(pemOf(ec.publicKey)).export({ format: 'jwk' });
        const [px, py] = [x, y].map((text) => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`)) as [
          bigint,
          bigint,
        ];
        const p = (1n << 256n) - (1n << 224n) + (1n << 192n) + (1n << 96n) - 1n;
        expect([isOnP256(px, py), isOnP256(px, p - py)]).toEqual([true, true]);
        expect(isOnP256(px, (py + off) % p)).toBe((py + off) % p === p - py);
        expect([isOnP256(px + p, py), isOnP256(px, py + p)]).toEqual([false, false]);
      }),
      { numRuns: often(50, 2_000) },
    );
  });
});

describe('the proof of a call', () => {
  const good = token({ alg: 'HS256' }, claims, SIGN.HS256);
  const of = (
    tokenMode: KeyRow['tokenMode'],
    text: string | null,
    userId: string | null = 'u1',
    role: KeyRow['role'] = 'write',
  ) => proofOf(row([tokenKey('HS256', SECRET)], { tokenMode, role }), text, userId, NOW_MS);

  it('TK9 is what the mode of the key asks for', async () => {
    const table = await Promise.all(
      (['off', 'optional', 'required'] as const).flatMap((mode) =>
        [null, '', 'nonsense', good].map((text) => of(mode, text)),
      ),
    );
    const [yes, no] = ['proven', 'unproven'];
    expect(table).toEqual([yes, yes, yes, yes, yes, yes, no, yes, no, no, no, yes]);
    expect(await of('required', null, 'u1', 'server')).toBe('proven');
  });

  it('TK5 TK9 is for the user it names and never for a visitor', async () => {
    for (const other of ['u2', 'U1', 'u', 'u11', ' u1', '', null])
      expect(await of('required', good, other)).toBe('unproven');
    expect(await of('optional', good, 'u2')).toBe('unproven');
  });

  it('TK9 a token proves nothing to a key that is no write key, whoever signed it', async () => {
    for (const role of ['server', 'admin'] as const)
      expect(await provenUser(row([tokenKey('HS256', SECRET)], { role }), good, NOW_MS)).toBeNull();
    expect(await provenUser(row([]), good, NOW_MS)).toBeNull();
  });
});
