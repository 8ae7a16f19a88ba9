// workers/cli/keys.ts: what a key is, what of it is stored, and that no name can become SQL.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { hashKey } from '../../workers/catalog/keys.ts';
import { greeting, HELP, insertStatements, makeKey, type Order, parseOrder } from '../../workers/cli/keys.ts';

const TABLES = readFileSync(
  join(import.meta.dirname, '../../schema/migrations/0000_catalog_and_customers.sql'),
  'utf8',
);

const UNSAID = { publicKey: null, kid: null, issuer: null, audience: null };

const order = (change: Partial<Order> = {}): Order => ({
  kind: 'create',
  signing: UNSAID,
  role: 'write',
  name: 'shop',
  tokenMode: 'off',
  to: 'print',
  ...change,
});
const parse = (line: string) => parseOrder(line.split(' '));

function database(): DatabaseSync {
  const made = new DatabaseSync(':memory:');
  made.exec(TABLES);
  return made;
}

describe('a key', () => {
  it.each([
    ['write', /^wk_[\w-]{43}$/],
    ['server', /^sv_[\w-]{43}$/],
    ['admin', /^sk_[\w-]{43}$/],
  ] as const)('of role %s says what it is and holds 32 random bytes', (role, form) => {
    expect(makeKey(order({ role }), 0).key).toMatch(form);
  });

  it('is another one each time, and so is its token secret', () => {
    const keys = Array.from({ length: 100 }, () => makeKey(order({ tokenMode: 'required' }), 0));
    expect(new Set(keys.flatMap(({ key, row }) => [key, row.tokenSecret])).size).toBe(200);
  });

  it('has a token secret only where tokens are looked at', () => {
    expect(makeKey(order({ tokenMode: 'off' }), 0).row.tokenSecret).toBeNull();
    for (const tokenMode of ['optional', 'required'] as const)
      expect(makeKey(order({ tokenMode }), 0).row.tokenSecret).toMatch(/^ts_[\w-]{43}$/);
  });

  it('is shown to its owner with the secret', () => {
    const made = makeKey(order({ tokenMode: 'required' }), 0);
    expect(greeting(made)).toContain(made.key);
    expect(greeting(made)).toContain(made.row.tokenSecret);
  });
});

describe('what is stored', () => {
  it('is the hash and never the key', () => {
    const made = makeKey(order(), 17);
    const statements = insertStatements(made.row);
    expect(statements).toContain(hashKey(made.key));
    expect(statements).not.toContain(made.key);
    expect(statements).not.toContain(made.key.slice(3));
    const d1 = database();
    d1.exec(statements);
    expect({ ...d1.prepare('SELECT * FROM keys').get() }).toEqual({
      hash: hashKey(made.key),
      name: 'shop',
      role: 'write',
      token_mode: 'off',
      token_secret: null,
      created_at: 17,
    });
  });

  it.each([
    "O'Neill",
    "'); DROP TABLE keys; --",
    "''",
    "'",
    '\\',
    "\\'; DELETE FROM keys; --",
    '"shop"',
    '-- shop',
    '/* shop',
    '; SELECT 1',
    '$(id) `id` %s ?1 :name',
    'Gartengeräte für Süd — 庭 \u{1f33b}',
  ])('keeps the name %s as it is', (name) => {
    const d1 = database();
    d1.exec(insertStatements(makeKey(order({ name: 'first' }), 0).row));
    d1.exec(insertStatements(makeKey(order({ name }), 0).row));
    expect(
      d1
        .prepare('SELECT name FROM keys ORDER BY rowid')
        .all()
        .map((row) => row['name']),
    ).toEqual(['first', name]);
  });

  it('moves the catalog version, also where nothing was ever published, and the key stands before it moves', () => {
    const d1 = database();
    const version = () => d1.prepare('SELECT version FROM catalog_head WHERE id = 1').get()?.['version'];
    const statements = insertStatements(makeKey(order(), 0).row);
    expect(statements.indexOf('INTO keys')).toBeLessThan(statements.indexOf('INTO catalog_head'));
    expect(version()).toBeUndefined();
    for (const expected of [1, 2, 3]) {
      d1.exec(insertStatements(makeKey(order(), 0).row));
      expect(version()).toBe(expected);
    }
  });
});

describe('the command line', () => {
  it('asks for a role, a name and a place', () => {
    expect(parse('create --role server --name backend --remote')).toEqual({
      kind: 'order',
      order: { kind: 'create', role: 'server', name: 'backend', tokenMode: 'off', signing: UNSAID, to: 'remote' },
    });
    expect(parse('create --role=write --name=shop --token=required --print')).toEqual({
      kind: 'order',
      order: { kind: 'create', role: 'write', name: 'shop', tokenMode: 'required', signing: UNSAID, to: 'print' },
    });
  });

  it('asks for the key whose tokens change', () => {
    expect(
      parse('rotate --key wk_1 --public-key shop.pem --kid 2026 --issuer shop --audience waymark --print'),
    ).toEqual({
      kind: 'order',
      order: {
        kind: 'rotate',
        key: 'wk_1',
        signing: { publicKey: 'shop.pem', kid: '2026', issuer: 'shop', audience: 'waymark' },
        to: 'print',
      },
    });
    expect(parse('retire --key wk_1 --remote')).toEqual({
      kind: 'order',
      order: { kind: 'retire', key: 'wk_1', signing: UNSAID, to: 'remote' },
    });
  });

  it.each(['--help', '-h', 'help', 'create --help'])('explains itself on %s', (line) =>
    expect(parse(line)).toEqual({ kind: 'help' }),
  );

  it.each([
    ['', 'create'],
    ['make --role write --name a --print', 'create'],
    ['create create --role write --name a --print', 'create'],
    ['create --name a --print', '--role'],
    ['create --role root --name a --print', '--role'],
    ['create --role toString --name a --print', '--role'],
    ['create --role write --print', '--name'],
    ['create --role write --name= --print', '--name'],
    ['create --role write --name a\nb --print', '--name'],
    [`create --role write --name ${'a'.repeat(LIMITS.nameCharsMax + 1)} --print`, '--name'],
    ['create --role write --name a --token always --print', '--token'],
    ['create --role admin --name a --token required --print', '--token'],
    ['create --role write --name a', '--remote'],
    ['create --role write --name a --remote --print', '--remote'],
    ['create --role write --name a --force --print', '--force'],
    ['create --role write --name a --public-key x.pem --print', '--token'],
    ['create --role server --name a --token off --kid 1 --print', '--token'],
    ['create --role write --name a --key wk_1 --print', '--key'],
    ['create --role write --name a --token required --kid= --print', '--kid'],
    [`rotate --key wk_1 --issuer ${'a'.repeat(LIMITS.nameCharsMax + 1)} --print`, '--issuer'],
    ['rotate --print', '--key'],
    ['rotate --key sk_1 --print', '--key'],
    ['rotate --key wk_1', '--remote'],
    ['rotate --key wk_1 --role write --print', '--role'],
    ['retire --key wk_1 --token off --print', '--token'],
    ['retire --key wk_1 --public-key x.pem --print', '--key'],
  ])('%j is refused with words about %s', (line, words) => {
    const parsed = parse(line);
    expect(parsed.kind === 'fault' ? parsed.detail : parsed.kind).toContain(words);
  });

  it('takes a name as long as names may be', () =>
    expect(parse(`create --role write --name ${'a'.repeat(LIMITS.nameCharsMax)} --print`).kind).toBe('order'));

  it('explains every option it takes', () => {
    for (const option of ['role', 'name', 'token', 'key', 'public-key', 'kid', 'issuer', 'audience', 'remote', 'print'])
      expect(HELP).toContain(`--${option}`);
  });
});
