// Customer tokens as a plain function: whom they prove, and everything that proves nobody.

import { SignJWT, UnsecuredJWT } from 'jose';
import { expect, test } from 'vitest';
import { bearerOf, findKey, keyOf } from '../../workers/api/auth.ts';
import { proofOf } from '../../workers/api/token.ts';
import type { KeyRow } from '../../workers/catalog/catalog.ts';
import { hashKey } from '../../workers/catalog/keys.ts';

const SECRET = 'a secret of thirty-two characters';
const NOW_MS = Date.UTC(2026, 10, 22);
const NOW_SECONDS = NOW_MS / 1000;

const keyRow = (tokenMode: KeyRow['tokenMode'], more: Partial<KeyRow> = {}): KeyRow => ({
  hash: hashKey('wk_test'),
  name: 'test',
  role: 'write',
  tokenMode,
  tokenSecret: SECRET,
  createdAt: 0,
  ...more,
});

interface Claims {
  readonly sub?: string;
  readonly exp?: number;
  readonly nbf?: number;
  readonly alg?: string;
  readonly secret?: string;
}

function tokenOf({ sub, exp = NOW_SECONDS + 60, nbf, alg = 'HS256', secret = SECRET }: Claims = {}): Promise<string> {
  const claims = { ...(sub === undefined ? {} : { sub }), exp, ...(nbf === undefined ? {} : { nbf }) };
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret));
}

const prove = (key: KeyRow, token: string | null, userId: string | null = 'u1') => proofOf(key, token, userId, NOW_MS);

test('a valid token proves its own user, in every mode', async () => {
  const token = await tokenOf({ sub: 'u1' });
  for (const mode of ['off', 'optional', 'required'] as const) expect(await prove(keyRow(mode), token)).toBe('proven');
});

test('off asks for nothing, optional for nothing false, required for a valid token', async () => {
  expect(await prove(keyRow('off'), null)).toBe('proven');
  expect(await prove(keyRow('off'), 'nonsense')).toBe('proven');
  expect(await prove(keyRow('optional'), null)).toBe('proven');
  expect(await prove(keyRow('optional'), '')).toBe('proven');
  expect(await prove(keyRow('optional'), 'nonsense')).toBe('unproven');
  expect(await prove(keyRow('required'), null)).toBe('unproven');
  expect(await prove(keyRow('required'), '')).toBe('unproven');
  expect(await prove(keyRow('required'), 'nonsense')).toBe('unproven');
});

test('a secret key needs no token', async () => {
  for (const role of ['server', 'admin'] as const)
    expect(await prove(keyRow('required', { role }), null)).toBe('proven');
});

test('a visitor proves nothing where proof is required: his id may lead to a known user', async () => {
  expect(await prove(keyRow('required'), null, null)).toBe('unproven');
  expect(await prove(keyRow('required'), await tokenOf({ sub: 'u1' }), null)).toBe('unproven');
  expect(await prove(keyRow('off'), null, null)).toBe('proven');
});

test('a key without a secret believes no token', async () => {
  const key = keyRow('required', { tokenSecret: null });
  expect(await prove(key, await tokenOf({ sub: 'u1' }))).toBe('unproven');
  expect(await prove(keyRow('required', { tokenSecret: '' }), await tokenOf({ sub: 'u1' }))).toBe('unproven');
});

test('a token of somebody else, of nobody, of another secret or another time proves nothing', async () => {
  const tokens = {
    other: await tokenOf({ sub: 'u2' }),
    nobody: await tokenOf({}),
    longer: await tokenOf({ sub: 'u11' }),
    secret: await tokenOf({ sub: 'u1', secret: 'another secret of thirty-two chars' }),
    expired: await tokenOf({ sub: 'u1', exp: NOW_SECONDS - 1 }),
    expiring: await tokenOf({ sub: 'u1', exp: NOW_SECONDS }),
    early: await tokenOf({ sub: 'u1', nbf: NOW_SECONDS + 60 }),
  };
  for (const [name, token] of Object.entries(tokens))
    for (const mode of ['optional', 'required'] as const)
      expect([name, await prove(keyRow(mode), token)]).toEqual([name, 'unproven']);
});

test('a token that never expires proves nothing', async () => {
  const forever = await new SignJWT({ sub: 'u1' })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET));
  expect(await prove(keyRow('required'), forever)).toBe('unproven');
});

test('no algorithm but HS256 is believed, none least of all', async () => {
  const unsecured = new UnsecuredJWT({ sub: 'u1' }).setExpirationTime(NOW_SECONDS + 60).encode();
  const other = await tokenOf({ sub: 'u1', alg: 'HS512', secret: SECRET.padEnd(64, '.') });
  const [header, payload] = (await tokenOf({ sub: 'u1' })).split('.');
  const none = btoa('{"alg":"none"}').replaceAll('=', '');
  for (const token of [
    unsecured,
    other,
    `${header}.${payload}.`,
    `${none}.${payload}.`,
    `${none}.${payload}.x`,
    '..',
    'a.b.c',
  ])
    expect(await prove(keyRow('required'), token)).toBe('unproven');
});

test('a token that was changed proves nothing', async () => {
  const [header, , signature] = (await tokenOf({ sub: 'u2' })).split('.');
  const claims = btoa(JSON.stringify({ sub: 'u1', exp: NOW_SECONDS + 60 })).replaceAll('=', '');
  expect(await prove(keyRow('required'), `${header}.${claims}.${signature}`)).toBe('unproven');
});

test('a key is taken from Bearer, Basic, body or query, in this order', () => {
  const request = (headers: Record<string, string>, query = '') =>
    new Request(`http://x/v1/track${query}`, { headers });
  const basic = { authorization: `Basic ${btoa('wk_basic:ignored')}` };
  expect(keyOf(request({ authorization: 'bearer wk_1' }), 'wk_body')).toBe('wk_1');
  expect(keyOf(request(basic, '?writeKey=wk_query'), 'wk_body')).toBe('wk_basic');
  expect(keyOf(request({}, '?writeKey=wk_query'), 'wk_body')).toBe('wk_body');
  expect(keyOf(request({}, '?a=1&writeKey=wk_query'), undefined)).toBe('wk_query');
  expect(keyOf(request({}), { writeKey: 'wk' })).toBeNull();
  expect(keyOf(request({ authorization: 'Basic %%%' }), 'wk_body')).toBeNull();
  expect(bearerOf(request(basic))).toBeNull();
  expect(bearerOf(request({ authorization: 'Bearer  sk ' }))).toBe('sk');
});

test('a key is found by itself and not by its hash', () => {
  const row = keyRow('off');
  const keys = new Map([[row.hash, row]]);
  expect(findKey('wk_test', null, keys)).toBe(row);
  for (const key of [null, '', row.hash, 'WK_TEST', 'wk_test ', 'x'.repeat(513)])
    expect(findKey(key, null, keys)).toBeNull();
});
