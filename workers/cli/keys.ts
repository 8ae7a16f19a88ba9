// `npm run keys -- create`: makes an access key for a deployment. The key is random, shown once and kept as its SHA-256
// only; what is stored is two SQL statements, run by wrangler or printed. Local mode needs none of this: its keys are fixed.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LIMITS } from '../../schema/limits.ts';
import type { KeyRow } from '../catalog/catalog.ts';
import { hashKey } from '../catalog/keys.ts';

const ROOT = join(import.meta.dirname, '../..');
const DATABASE = 'waymark';

export const HELP = `Makes an access key, shows it once and stores its SHA-256 in D1.

npm run keys -- create --role ROLE --name NAME [--token MODE] --remote
npm run keys -- create --role ROLE --name NAME [--token MODE] --print

  --role    write   for sites; public, so it may report and ask
            server  for a shop's own backend; secret, its word about a customer counts
            admin   for /admin; secret
  --name    what the key is for, such as "shop frontend"
  --token   for write keys, whether a known customer has to be proven by a signed token:
            off (default), optional, required. With the last two a secret is made that signs
            the tokens: JWT, HS256, sub is the user id, with exp.
  --remote  stores the key in the deployed database, by wrangler
  --print   stores nothing: the SQL goes to standard output, the key to standard error
  --help    shows this

The key works within 5 seconds. Exit status: 0 done, 1 not stored, 2 something wrong in the call.`;

const PREFIXES: Readonly<Record<KeyRow['role'], string>> = { write: 'wk_', server: 'sv_', admin: 'sk_' };
const TOKEN_MODES: readonly KeyRow['tokenMode'][] = ['off', 'optional', 'required'];

export interface Order {
  readonly role: KeyRow['role'];
  readonly name: string;
  readonly tokenMode: KeyRow['tokenMode'];
  readonly to: 'remote' | 'print';
}

export type ParsedOrder =
  | { readonly kind: 'order'; readonly order: Order }
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly detail: string };

const fault = (detail: string): ParsedOrder => ({ kind: 'fault', detail });

/** What the command line asks for. */
export function parseOrder(args: readonly string[]): ParsedOrder {
  let parsed: ReturnType<typeof readOptions>;
  try {
    parsed = readOptions(args);
  } catch (error) {
    return fault(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  if (values.help === true || (args.length === 1 && positionals[0] === 'help')) return { kind: 'help' };
  if (positionals.length !== 1 || positionals[0] !== 'create') return fault('The one thing to do here is create.');
  const role = isRole(values.role) ? values.role : null;
  if (role === null) return fault('--role is one of write, server, admin.');
  const name = values.name?.trim() ?? '';
  if (name === '' || name.length > LIMITS.nameCharsMax || /\p{Cc}/u.test(name) || !name.isWellFormed())
    return fault(`--name is a text of 1 to ${LIMITS.nameCharsMax} characters on one line.`);
  const tokenMode = TOKEN_MODES.find((mode) => mode === (values.token ?? 'off'));
  if (tokenMode === undefined) return fault('--token is one of off, optional, required.');
  if (role !== 'write' && tokenMode !== 'off')
    return fault('--token is for write keys: a secret key needs no proof of the customer.');
  if (values.remote === values.print) return fault('Give either --remote or --print.');
  return { kind: 'order', order: { role, name, tokenMode, to: values.remote === true ? 'remote' : 'print' } };
}

const readOptions = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      role: { type: 'string' },
      name: { type: 'string' },
      token: { type: 'string' },
      remote: { type: 'boolean' },
      print: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });

const isRole = (text: string | undefined): text is KeyRow['role'] =>
  text !== undefined && Object.hasOwn(PREFIXES, text);

export interface MadeKey {
  /** Shown once, stored nowhere. */
  readonly key: string;
  readonly row: KeyRow;
}

/** @param random so many random bytes; 32 of them cannot be guessed, so a fast hash keeps them safe. `now` in milliseconds */
export function makeKey(order: Order, now: number, random: (bytes: number) => Buffer = randomBytes): MadeKey {
  const { role, name, tokenMode } = order;
  const key = PREFIXES[role] + random(KEY_BYTES).toString('base64url');
  const tokenSecret = tokenMode === 'off' ? null : `ts_${random(KEY_BYTES).toString('base64url')}`;
  return { key, row: { hash: hashKey(key), name, role, tokenMode, tokenSecret, createdAt: now } };
}

const KEY_BYTES = 32;

/**
 * The statements that store a key. The key comes first and the catalog's version after it: isolates read keys anew when
 * that version has moved, so one that saw the new version without the key would never look for it.
 */
export function insertStatements({ hash, name, role, tokenMode, tokenSecret, createdAt }: KeyRow): string {
  const values = [quoted(hash), quoted(name), quoted(role), quoted(tokenMode), quoted(tokenSecret), String(createdAt)];
  return [
    `INSERT INTO keys (hash, name, role, token_mode, token_secret, created_at) VALUES (${values.join(', ')});`,
    'INSERT INTO catalog_head (id, version) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET version = version + 1;',
  ].join('\n');
}

/** A literal of SQLite: the quote is the only character that means something inside one. */
const quoted = (text: string | null): string => (text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`);

/** What its owner has to keep. */
export function greeting({ key, row }: MadeKey): string {
  const secret = row.tokenSecret === null ? [] : [`token secret  ${row.tokenSecret}`];
  return [
    `${row.role} key for ${row.name}`,
    '',
    `key           ${key}`,
    ...secret,
    '',
    'Keep it: it is not shown again.',
  ].join('\n');
}

function main(): number {
  const parsed = parseOrder(process.argv.slice(2));
  if (parsed.kind === 'help') {
    console.log(HELP);
    return 0;
  }
  if (parsed.kind === 'fault') {
    console.error(`${parsed.detail}\n\n${HELP}`);
    return 2;
  }
  const made = makeKey(parsed.order, Date.now());
  const statements = insertStatements(made.row);
  if (parsed.order.to === 'print') {
    console.log(statements);
    console.error(`\n${greeting(made)}`);
    return 0;
  }
  const wrangler = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');
  const ran = spawnSync(
    process.execPath,
    [wrangler, 'd1', 'execute', DATABASE, '--remote', '--yes', '--command', statements],
    { cwd: ROOT, stdio: ['inherit', 'ignore', 'inherit'] },
  );
  if (ran.status !== 0) {
    console.error('\nNo key was stored. Is wrangler logged in, and are the migrations applied?');
    return 1;
  }
  console.log(greeting(made));
  return 0;
}

if (import.meta.main) process.exitCode = main();
