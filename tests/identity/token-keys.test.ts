// How the keys of customer tokens are made, rotated and retired: the SQL of `npm run keys`, run by SQLite on the tables of
// the migrations, and the tokens that are believed after it.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { provenUser } from '../../workers/api/token.ts';
import type { KeyRow, TokenKeyRow } from '../../workers/catalog/catalog.ts';
import { hashKey } from '../../workers/catalog/keys.ts';
import { readPublicKey, retireStatements, rotateStatements } from '../../workers/cli/token-keys.ts';

const ROOT = join(import.meta.dirname, '../..');
const NOW_MS = Date.UTC(2026, 10, 22);
const PLAIN = { kid: null, issuer: null, audience: null };

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = (key: KeyObject): string => String(key.export({ type: 'spki', format: 'pem' }));

function database(): DatabaseSync {
  const made = new DatabaseSync(':memory:');
  const folder = join(ROOT, 'schema/migrations');
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort())
    made.exec(readFileSync(join(folder, file), 'utf8'));
  const insert = made.prepare('INSERT INTO keys VALUES (?, ?, ?, ?, ?, 0)');
  insert.run(hashKey('wk_1'), 'shop', 'write', 'required', 'secret 0');
  insert.run(hashKey('wk_2'), 'other', 'write', 'required', 'secret 0');
  insert.run(hashKey('wk_off'), 'open', 'write', 'off', null);
  insert.run(hashKey('sk_1'), 'operator', 'admin', 'required', null);
  return made;
}

const rowOf = (d1: DatabaseSync, key: string): KeyRow => {
  const found = d1.prepare('SELECT * FROM keys WHERE hash = ?').get(hashKey(key));
  const tokenKeys = d1.prepare('SELECT * FROM token_keys WHERE key_hash = ?').all(hashKey(key));
  return {
    hash: hashKey(key),
    name: key,
    role: 'write',
    tokenMode: 'required',
    createdAt: 0,
    tokenSecret: found?.['token_secret'] === null ? null : String(found?.['token_secret']),
    tokenKeys: tokenKeys.map((row) => ({
      ...PLAIN,
      keyHash: String(row['key_hash']),
      createdAt: Number(row['created_at']),
      alg: row['alg'] as TokenKeyRow['alg'],
      material: String(row['material']),
    })),
  };
};

const secretKey = (number: number, key = 'wk_1'): TokenKeyRow => ({
  ...PLAIN,
  keyHash: hashKey(key),
  createdAt: number,
  alg: 'HS256',
  material: `secret ${number}`,
});

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function signed(alg: string, signer: (input: string) => Buffer): string {
  const input = `${base64url({ alg })}.${base64url({ sub: 'u1', exp: NOW_MS / 1_000 + 60 })}`;
  return `${input}.${signer(input).toString('base64url')}`;
}

const bySecret = (number: number): string =>
  signed('HS256', (input) => createHmac('sha256', `secret ${number}`).update(input).digest());

const believed = async (d1: DatabaseSync, key = 'wk_1'): Promise<number[]> => {
  const row = rowOf(d1, key);
  const users = await Promise.all([0, 1, 2, 3, 4].map((number) => provenUser(row, bySecret(number), NOW_MS)));
  return users.flatMap((user, number) => (user === null ? [] : [number]));
};

const versionOf = (d1: DatabaseSync) => d1.prepare('SELECT version FROM catalog_head').get()?.['version'];

describe('a rotation', () => {
  it('TK7 leaves the new key and the one before it, at each step', async () => {
    const d1 = database();
    expect(await believed(d1)).toEqual([0]);
    for (const [number, expected] of [
      [1, [0, 1]],
      [2, [1, 2]],
      [3, [2, 3]],
    ] as const) {
      d1.exec(rotateStatements(secretKey(number)));
      expect(await believed(d1)).toEqual(expected);
      expect(versionOf(d1)).toBe(number);
    }
    expect(d1.prepare('SELECT count(*) AS count FROM token_keys').get()?.['count']).toBe(2);
    expect(await believed(d1, 'wk_2')).toEqual([0]);
  });

  it('TK7 ends when the older key is retired, wherever it stands', async () => {
    const d1 = database();
    d1.exec(retireStatements(hashKey('wk_1')));
    expect(await believed(d1)).toEqual([0]);
    d1.exec(rotateStatements(secretKey(1)));
    d1.exec(retireStatements(hashKey('wk_1')));
    expect(await believed(d1)).toEqual([1]);
    d1.exec(rotateStatements(secretKey(2)));
    d1.exec(rotateStatements(secretKey(3)));
    d1.exec(retireStatements(hashKey('wk_1')));
    expect(await believed(d1)).toEqual([3]);
    d1.exec(retireStatements(hashKey('wk_1')));
    expect(await believed(d1)).toEqual([3]);
  });

  it.each(['wk_off', 'sk_1', 'wk_unknown'])('gives %s no token key', (key) => {
    const d1 = database();
    d1.exec(rotateStatements(secretKey(1, key)));
    expect(d1.prepare('SELECT count(*) AS count FROM token_keys').get()?.['count']).toBe(0);
  });

  it.each(["O'Neill", "'); DROP TABLE keys; --", '-- x', '"x"', '\\'])('keeps the text %s as it is', (text) => {
    const d1 = database();
    d1.exec(rotateStatements({ ...secretKey(1), kid: text, issuer: text, audience: text, material: text }));
    const { kid, issuer, audience, material } = d1.prepare('SELECT * FROM token_keys').get() ?? {};
    expect([kid, issuer, audience, material]).toEqual([text, text, text, text]);
  });
});

describe('a public key', () => {
  const jwk = (key: KeyObject, more: object = {}): string =>
    JSON.stringify({ ...key.export({ format: 'jwk' }), ...more });

  it.each([
    ['RSA as PEM', spki(rsa.publicKey), 'RS256'],
    ['RSA as PKCS#1', String(rsa.publicKey.export({ type: 'pkcs1', format: 'pem' })), 'RS256'],
    ['RSA as JWK', jwk(rsa.publicKey, { use: 'sig', alg: 'RS256' }), 'RS256'],
    ['EC as PEM', spki(ec.publicKey), 'ES256'],
    ['EC as JWK', `\n ${jwk(ec.publicKey)}\n`, 'ES256'],
  ])('%s is taken, and its tokens are believed', async (_, text, alg) => {
    const read = readPublicKey(text, PLAIN);
    if (!read.ok) throw new Error(read.reason);
    expect(read.written.alg).toBe(alg);
    const d1 = database();
    d1.exec(rotateStatements({ ...read.written, keyHash: hashKey('wk_1'), createdAt: 1 }));
    const key = alg === 'RS256' ? rsa.privateKey : ec.privateKey;
    const token = signed(alg, (input) => sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }));
    expect(await provenUser(rowOf(d1, 'wk_1'), token, NOW_MS)).toBe('u1');
    expect(await provenUser(rowOf(d1, 'wk_2'), token, NOW_MS)).toBeNull();
    expect(await believed(d1)).toEqual([0]);
  });

  it('TK7 is for the kid that is given, else for the one of its JWK', () => {
    const text = jwk(ec.publicKey, { kid: 'mine' });
    const kidOf = (kid: string | null) => {
      const read = readPublicKey(text, { ...PLAIN, kid });
      return read.ok ? read.written.kid : read.reason;
    };
    expect([kidOf(null), kidOf('given')]).toEqual(['mine', 'given']);
  });

  it.each([
    ['a private PEM', String(rsa.privateKey.export({ type: 'pkcs8', format: 'pem' })), /private/],
    ['a private JWK', jwk(ec.privateKey), /private/],
    ['Ed25519', spki(generateKeyPairSync('ed25519').publicKey), /neither/],
    ['P-384', spki(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey), /P-256/],
    ['1024 bits', spki(generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey), /1024 bits/],
    ['a set of keys', '{"keys":[]}', /neither/],
    ['half a file', jwk(ec.publicKey).slice(0, 40), /JSON/],
    ['nothing', '', /neither/],
    ['words', 'ssh-rsa AAAA shop', /neither/],
  ])('TK8 %s is refused with a reason', (_, text, reason) => {
    const read = readPublicKey(text, PLAIN);
    expect(read.ok ? 'taken' : read.reason).toMatch(reason);
  });
});

it('the command makes a key for a public key, and rotates to a secret', () => {
  const folder = mkdtempSync(join(tmpdir(), 'waymark-keys-'));
  try {
    const file = join(folder, 'shop.pem');
    writeFileSync(file, spki(ec.publicKey));
    const run = (...args: string[]) =>
      execFileSync(process.execPath, [join(ROOT, 'workers/cli/keys.ts'), ...args], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }).toString();
    const d1 = database();
    d1.exec(
      run(
        'create',
        '--role',
        'write',
        '--name',
        'site',
        '--token',
        'required',
        '--public-key',
        file,
        '--issuer',
        'shop',
        '--print',
      ),
    );
    expect({
      ...d1
        .prepare(
          "SELECT alg, issuer, kid FROM token_keys JOIN keys ON hash = key_hash WHERE name = 'site' AND token_secret IS NULL",
        )
        .get(),
    }).toEqual({ alg: 'ES256', issuer: 'shop', kid: null });
    d1.exec(run('rotate', '--key', 'wk_1', '--print'));
    expect(rowOf(d1, 'wk_1').tokenKeys?.map(({ alg, material }) => [alg, /^ts_[\w-]{43}$/.test(material)])).toEqual([
      ['HS256', true],
    ]);
    const missing = spawnSync(process.execPath, [
      join(ROOT, 'workers/cli/keys.ts'),
      'rotate',
      '--key',
      'wk_1',
      '--public-key',
      join(folder, 'no'),
      '--print',
    ]);
    expect([missing.status, missing.stdout.toString()]).toEqual([2, '']);
    expect(missing.stderr.toString()).toContain('cannot be read');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
