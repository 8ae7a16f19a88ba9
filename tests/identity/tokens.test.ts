// What a customer token has to look like and to claim: each line of the tables is one that RFC 8725 or a known attack on
// JWT libraries would try, under each of the three algorithms.

import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { LIMITS, TOKEN } from '../../schema/limits.ts';
import { subjectOf, type TokenAlgorithm } from '../../workers/identity/tokens.ts';
import { often } from '../prove.ts';
import {
  ALGORITHMS,
  base64url,
  claims,
  ecOther,
  es,
  HS,
  hs,
  KEY,
  NOW,
  NOW_MS,
  row,
  rs,
  rsaOther,
  SIGN,
  type Signer,
  token,
  user,
} from './signing.ts';

describe.each(ALGORITHMS)('%s', (alg) => {
  const made = (payload: object | string, header: object | string = { alg }) => token(header, payload, SIGN[alg]);

  it('TK1 TK2 a token of its own key proves its user, with or without the usual header', async () => {
    for (const header of [{ alg }, { alg, typ: 'JWT' }, { typ: 'jwt', alg }, { alg, kid: 'any' }])
      expect(await user(KEY[alg], made(claims, header))).toBe('u1');
  });

  it('TK2 TK7 a token of another key proves nobody', async () => {
    const others: Record<TokenAlgorithm, Signer> = {
      HS256: hs('another secret of thirty-two chars'),
      RS256: rs(rsaOther.privateKey),
      ES256: es(ecOther.privateKey),
    };
    expect(await user(KEY[alg], token({ alg }, claims, others[alg]))).toBeNull();
  });

  it('TK2 what the header says never chooses the algorithm', async () => {
    const said = [
      'none',
      'None',
      'NONE',
      'nOnE',
      '',
      ' ',
      'HS384',
      'HS512',
      'RS384',
      'RS512',
      'PS256',
      'PS512',
      'ES384',
      'ES512',
      'ES256K',
      'EdDSA',
      'Ed25519',
      'dir',
      'RSA1_5',
      'A256KW',
      'hs256',
      'rs256',
      `${alg} `,
      `${alg}\0`,
    ];
    for (const other of [...said, ...ALGORITHMS.filter((each) => each !== alg)]) {
      expect([other, await user(KEY[alg], made(claims, { alg: other }))]).toEqual([other, null]);
      expect([
        other,
        await user(
          KEY[alg],
          token({ alg: other }, claims, () => 'x'),
        ),
      ]).toEqual([other, null]);
    }
    for (const other of [null, 1, true, [alg], { alg }, undefined])
      expect(await user(KEY[alg], made(claims, { alg: other }))).toBeNull();
  });

  it('TK3 what the header asks for beyond the algorithm is refused', async () => {
    const asked = [
      { crit: ['exp'], exp: 1 },
      { crit: [] },
      { crit: null },
      { crit: ['b64'], b64: false },
      { b64: false },
      { b64: true },
      { zip: 'DEF' },
      { cty: 'JWT' },
      { typ: 'JWE' },
      { typ: 'at+jwt' },
      { typ: '' },
      { typ: 1 },
      { kid: 1 },
      { kid: null },
      { kid: 'k'.repeat(LIMITS.idCharsMax + 1) },
    ];
    for (const more of asked)
      expect([more, await user(KEY[alg], made(claims, { alg, ...more }))]).toEqual([more, null]);
  });

  it('TK3 a key or an address inside the header is never looked at', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch');
    const url = 'https://keys.example/jwks.json';
    const theirs = { jwk: ecOther.publicKey.export({ format: 'jwk' }), jku: url, x5u: url, x5c: ['MIIB'] };
    expect(await user(KEY[alg], made(claims, { alg, ...theirs }))).toBe('u1');
    for (const forged of [es(ecOther.privateKey), rs(rsaOther.privateKey), hs(JSON.stringify(theirs.jwk))])
      expect(await user(KEY[alg], token({ alg, ...theirs }, claims, forged))).toBeNull();
    expect(fetched).not.toHaveBeenCalled();
    fetched.mockRestore();
  });

  it('TK4 an instant is a number of seconds, exp lies ahead, nbf hardly', async () => {
    const skew = TOKEN.skewMs / 1_000;
    const good = [
      { exp: NOW + 1 },
      { exp: NOW + 0.001 },
      { exp: NOW + 60.5 },
      { exp: TOKEN.secondsMax },
      { exp: NOW + 1, nbf: NOW },
      { exp: NOW + 1, nbf: NOW + skew },
      { exp: NOW + 1, nbf: -1 },
      { exp: NOW + 1, iat: NOW },
      { exp: NOW + 1, iat: NOW + 3_600 },
    ];
    for (const more of good) expect([more, await user(KEY[alg], made({ sub: 'u1', ...more }))]).toEqual([more, 'u1']);
    const bad = [
      {},
      { exp: null },
      { exp: String(NOW + 60) },
      { exp: NOW },
      { exp: NOW - 0.001 },
      { exp: 0 },
      { exp: -1 },
      { exp: -(NOW + 60) },
      { exp: true },
      { exp: [NOW + 60] },
      { exp: { value: NOW + 60 } },
      { exp: TOKEN.secondsMax * 2 },
      { exp: NOW + 60, nbf: NOW + skew + 0.001 },
      { exp: NOW + 60, nbf: String(NOW) },
      { exp: NOW + 60, nbf: null },
      { exp: NOW + 60, iat: 'now' },
    ];
    for (const more of bad) expect([more, await user(KEY[alg], made({ sub: 'u1', ...more }))]).toEqual([more, null]);
    for (const exp of ['1e999', '-1e999', 'NaN', 'Infinity', '01', '0x7fffffff', '+9999999999'])
      expect([exp, await user(KEY[alg], made(`{"sub":"u1","exp":${exp}}`))]).toEqual([exp, null]);
  });

  it('TK5 sub is a text, and nobody is proven without one', async () => {
    const { exp } = claims;
    for (const sub of [undefined, null, '', 1, 0, true, ['u1'], { id: 'u1' }, 'x'.repeat(LIMITS.idCharsMax + 1)])
      expect([sub, await user(KEY[alg], made({ sub, exp }))]).toEqual([sub, null]);
    for (const sub of ['1', ' u1', 'u1 ', 'U1', 'u1\0', 'ü', 'u\u0308', '🌻', 'x'.repeat(LIMITS.idCharsMax)])
      expect(await user(KEY[alg], made({ sub, exp }))).toBe(sub);
  });

  it('TK1 what is not three parts of plain base64url is refused', async () => {
    const good = made(claims);
    const [header = '', payload = '', signature = ''] = good.split('.');
    const bad = [
      '',
      '.',
      '..',
      '...',
      'a.b.c',
      header,
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      `${good}.`,
      `.${good}`,
      `${good}.${signature}`,
      ` ${good}`,
      `${good} `,
      `${good}\n`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}==.${signature}`,
      `${header}.${payload}.${signature}=`,
      `${header}.\n${payload}.${signature}`,
      `${header}. ${payload}.${signature}`,
      `${header}.${payload}.${signature}\0`,
      `${header}.${payload}.${signature}%`,
      `Bearer ${good}`,
      `"${good}"`,
      `${header}.${payload}.${signature.slice(0, -2)}`,
      `${header}.${payload}.${signature.slice(0, 8)}`,
      `${header}.${payload}.${signature}AAAA`,
      `${header}.${payload}.${base64url(Buffer.alloc(64))}`,
      `${header}.${base64url(JSON.stringify({ ...claims, sub: 'u2' }))}.${signature}`,
      `${base64url(JSON.stringify({ alg, kid: 'other' }))}.${payload}.${signature}`,
      base64url(good),
      `${header}.${payload}.${signature}`.replace('.', '·'),
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
      `${header}.${payload}.${signature}.${payload}.${signature}`,
    ];
    for (const text of bad) expect([text, await user(KEY[alg], text)]).toEqual([text, null]);
    expect(await user(KEY[alg], good)).toBe('u1');
  });

  it('TK1 header and claims are objects in well-formed JSON and UTF-8', async () => {
    const headers = [
      '',
      'null',
      '[]',
      '"x"',
      '1',
      `["${alg}"]`,
      `{alg:"${alg}"}`,
      `{"alg":"${alg}"`,
      `{"alg":"${alg}"}x`,
      `\ufeff{"alg":"${alg}"}`,
      `{'alg':'${alg}'}`,
      `{"ALG":"${alg}"}`,
      `{"__proto__":{"alg":"${alg}"}}`,
    ];
    for (const header of headers) expect([header, await user(KEY[alg], made(claims, header))]).toEqual([header, null]);
    const text = JSON.stringify(claims);
    for (const payload of [
      '',
      'null',
      '[]',
      `[${text}]`,
      JSON.stringify(text),
      `${text}x`,
      `\ufeff${text}`,
      text.slice(1),
      `{"__proto__":${text}}`,
      '{"sub":"u1"',
    ])
      expect([payload, await user(KEY[alg], made(payload))]).toEqual([payload, null]);
    const broken = Buffer.concat([Buffer.from('{"exp":9999999999,"sub":"u'), Buffer.from([0xff]), Buffer.from('"}')]);
    const input = `${base64url(JSON.stringify({ alg }))}.${base64url(broken)}`;
    expect(await user(KEY[alg], `${input}.${base64url(Buffer.from(SIGN[alg](input)))}`)).toBeNull();
  });

  it('TK1 of a member that stands twice the last one counts, for the header and the claims alike', async () => {
    const twice = (one: string, other: string) => `{"alg":"${one}","alg":"${other}"}`;
    expect(await user(KEY[alg], made(claims, twice(alg, 'none')))).toBeNull();
    expect(await user(KEY[alg], made(claims, twice('none', alg)))).toBe('u1');
    expect(await user(KEY[alg], made(`{"sub":"u1","sub":"u2","exp":${claims.exp}}`))).toBe('u2');
    expect(await user(KEY[alg], made(`{"sub":"u1","exp":${claims.exp},"exp":1}`))).toBeNull();
  });

  it('TK1 a token is as long as it may be, and no longer', async () => {
    const long = (chars: number) => made({ ...claims, filler: 'x'.repeat(chars) });
    const base = long(0).length;
    const fits = Math.floor(((TOKEN.charsMax - base) * 3) / 4) - 2;
    expect(long(fits).length).toBeLessThanOrEqual(TOKEN.charsMax);
    expect(await user(KEY[alg], long(fits))).toBe('u1');
    expect(await user(KEY[alg], long(fits + 8))).toBeNull();
    const nested = `${'['.repeat(2_500)}${']'.repeat(2_500)}`;
    expect(await user(KEY[alg], made(`{"sub":"u1","exp":${claims.exp},"x":${nested}}`))).toBe('u1');
    expect(await user(KEY[alg], made(claims, `{"alg":"${alg}","x":${nested}}`))).toBe('u1');
    expect(await user(KEY[alg], 'x'.repeat(1_000_000))).toBeNull();
  });

  it('TK6 issuer and audience are what the key states, where it states them', async () => {
    const [first] = KEY[alg].tokenKeys ?? [];
    const pinned = first ? row([{ ...first, issuer: 'https://shop.example', audience: 'waymark' }]) : HS;
    const iss = 'https://shop.example';
    for (const aud of ['waymark', ['waymark'], ['other', 'waymark'], ['waymark', 'waymark']])
      expect(await user(pinned, made({ ...claims, iss, aud }))).toBe('u1');
    const bad = [
      {},
      { iss },
      { aud: 'waymark' },
      { iss: `${iss}/`, aud: 'waymark' },
      { iss: [iss], aud: 'waymark' },
      { iss: null, aud: 'waymark' },
      { iss, aud: 'WAYMARK' },
      { iss, aud: '' },
      { iss, aud: [] },
      { iss, aud: ['waymark2', 'way'] },
      { iss, aud: ['waymark', 1] },
      { iss, aud: { waymark: true } },
      { iss, aud: [['waymark']] },
      { iss, aud: null },
    ];
    for (const more of bad) expect([more, await user(pinned, made({ ...claims, ...more }))]).toEqual([more, null]);
    expect(await user(KEY[alg], made({ ...claims, iss: 'anyone', aud: 'anything' }))).toBe('u1');
  });

  it('TK1 a changed character proves nobody or the same', async () => {
    const good = made(claims);
    const alphabet = [...'ABCabc019-_. =+/\0'];
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom(...alphabet), async (at, char) => {
        const changed = good.slice(0, at) + char + good.slice(at + 1);
        // The last character of a part may hold bits that mean nothing.
        expect([null, 'u1']).toContain(await user(KEY[alg], changed));
        if (at < good.lastIndexOf('.') && changed !== good) expect(await user(KEY[alg], changed)).toBeNull();
      }),
      { numRuns: often(40, 2_000) },
    );
  });
});

it('TK4 TK5 TK6 claims are judged as a plain reading of the rules would', () => {
  const instant = fc.oneof(
    fc.integer({ min: NOW - 100, max: NOW + 100 }),
    fc.constant(undefined),
    fc.constantFrom('1', null, true),
  );
  const who = fc.constantFrom('a', 'b', undefined, 1);
  const pinned = fc.constantFrom('a', 'b', null);
  fc.assert(
    fc.property(instant, instant, who, who, pinned, pinned, (exp, nbf, iss, aud, issuer, audience) => {
      const given = Object.fromEntries(
        Object.entries({ sub: 's', exp, nbf, iss, aud }).filter(([, value]) => value !== undefined),
      ) as Parameters<typeof subjectOf>[0];
      const fits =
        typeof exp === 'number' &&
        exp > NOW &&
        (nbf === undefined || (typeof nbf === 'number' && nbf <= NOW + 30)) &&
        iss !== 1 &&
        aud !== 1 &&
        (issuer === null || iss === issuer) &&
        (audience === null || aud === audience);
      expect(subjectOf(given, { kid: null, issuer, audience }, NOW_MS)).toBe(fits ? 's' : null);
    }),
    { numRuns: often(500, 20_000) },
  );
});
