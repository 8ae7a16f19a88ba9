// `npm run keys`: makes an access key for a deployment, and changes what customer tokens are signed with. The key is random,
// shown once and kept as its SHA-256 only; what is stored is a few SQL statements, run by wrangler or printed. Local mode
// needs none of this: its keys are fixed. The keys of tokens: token-keys.ts.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LIMITS } from '../../schema/limits.ts';
import type { KeyRow, TokenKeyRow } from '../catalog/catalog.ts';
import { hashKey } from '../catalog/keys.ts';
import {
  insertTokenKey,
  MOVE_CATALOG,
  type Pinned,
  quoted,
  readPublicKey,
  retireStatements,
  rotateStatements,
} from './token-keys.ts';

const ROOT = join(import.meta.dirname, '../..');
const DATABASE = 'waymark';

export const HELP = `Makes an access key, shows it once and stores its SHA-256 in D1.

npm run keys -- create --role ROLE --name NAME [--token MODE] --remote
npm run keys -- create --role ROLE --name NAME [--token MODE] --print
npm run keys -- rotate --key KEY --remote
npm run keys -- retire --key KEY --remote

  create    makes an access key
  rotate    makes a new secret for the customer tokens of a write key, or takes a new public key;
            the one before it stays in force until the next rotate, or retire
  retire    takes all but the newest out of force

  --role    write   for sites; public, so it may report and ask
            server  for a shop's own backend; secret, its word about a customer counts
            admin   for /admin; secret
  --name    what the key is for, such as "shop frontend"
  --token   for write keys, whether a known customer has to be proven by a signed token:
            off (default), optional, required. With the last two a secret is made that signs
            the tokens: JWT, HS256, sub is the user id, with exp.
  --key     the write key itself, for rotate and retire
  --public-key FILE  instead of a secret: the PEM or JWK of the key that signs, RSA of 2048 bits
            and more (RS256) or EC P-256 (ES256)
  --kid     which tokens it is for; without it, those of any kid
  --issuer, --audience  what iss and aud of a token have to be; without them, anything
  --remote  stores it in the deployed database, by wrangler
  --print   stores nothing: the SQL goes to standard output, the key to standard error
  --help    shows this

It works within 5 seconds. Exit status: 0 done, 1 not stored, 2 something wrong in the call.`;

const PREFIXES: Readonly<Record<KeyRow['role'], string>> = { write: 'wk_', server: 'sv_', admin: 'sk_' };
const TOKEN_MODES: readonly KeyRow['tokenMode'][] = ['off', 'optional', 'required'];

/** Where the statements go. */
type To = 'remote' | 'print';

/** What tokens are signed with: a secret that is made here, or the public key in a file. */
export interface Signing extends Pinned {
  readonly publicKey: string | null;
}

export interface Order {
  readonly kind: 'create';
  readonly role: KeyRow['role'];
  readonly name: string;
  readonly tokenMode: KeyRow['tokenMode'];
  readonly signing: Signing;
  readonly to: To;
}

export interface Change {
  readonly kind: 'rotate' | 'retire';
  readonly key: string;
  readonly signing: Signing;
  readonly to: To;
}

export type ParsedOrder =
  | { readonly kind: 'order'; readonly order: Order | Change }
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
  const [what] = positionals;
  if (positionals.length !== 1 || (what !== 'create' && what !== 'rotate' && what !== 'retire'))
    return fault('The things to do here are create, rotate and retire.');
  const signing: Signing = {
    publicKey: values['public-key'] ?? null,
    kid: values.kid ?? null,
    issuer: values.issuer ?? null,
    audience: values.audience ?? null,
  };
  const stated = Object.values(signing).filter((text) => text !== null);
  for (const text of stated)
    if (!isOneLine(text)) return fault(`--public-key, --kid, --issuer and --audience are texts of ${TEXT}.`);
  if (values.remote === values.print) return fault('Give either --remote or --print.');
  const to = values.remote === true ? 'remote' : 'print';
  if (what === 'create') return parseCreate(values, signing, to);
  if (values.role !== undefined || values.name !== undefined || values.token !== undefined)
    return fault(`--role, --name and --token are for create; ${what} takes --key.`);
  const key = values.key ?? '';
  if (!key.startsWith(PREFIXES.write)) return fault(`--key is the write key itself, wk_...: ${what} is for those.`);
  if (what === 'retire' && stated.length > 0) return fault('retire takes --key alone: it brings no new key.');
  return { kind: 'order', order: { kind: what, key, signing, to } };
}

function parseCreate(values: ReturnType<typeof readOptions>['values'], signing: Signing, to: To): ParsedOrder {
  if (values.key !== undefined) return fault('--key is for rotate and retire: create makes one.');
  const role = isRole(values.role) ? values.role : null;
  if (role === null) return fault('--role is one of write, server, admin.');
  const name = values.name?.trim() ?? '';
  if (!isOneLine(name)) return fault(`--name is a text of ${TEXT}.`);
  const tokenMode = TOKEN_MODES.find((mode) => mode === (values.token ?? 'off'));
  if (tokenMode === undefined) return fault('--token is one of off, optional, required.');
  if (role !== 'write' && tokenMode !== 'off')
    return fault('--token is for write keys: a secret key needs no proof of the customer.');
  if (tokenMode === 'off' && Object.values(signing).some((text) => text !== null))
    return fault('--public-key, --kid, --issuer and --audience say something of tokens: give --token with them.');
  return { kind: 'order', order: { kind: 'create', role, name, tokenMode, signing, to } };
}

const TEXT = `1 to ${LIMITS.nameCharsMax} characters on one line`;
const isOneLine = (text: string): boolean =>
  text !== '' && text.length <= LIMITS.nameCharsMax && !/\p{Cc}/u.test(text) && text.isWellFormed();

const readOptions = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      role: { type: 'string' },
      name: { type: 'string' },
      token: { type: 'string' },
      key: { type: 'string' },
      'public-key': { type: 'string' },
      kid: { type: 'string' },
      issuer: { type: 'string' },
      audience: { type: 'string' },
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

type Random = (bytes: number) => Buffer;

/**
 * @param random so many random bytes; 32 of them cannot be guessed, so a fast hash keeps them safe. `now` in milliseconds
 * @param signing what tokens are signed with; a secret of its own where nothing is said
 */
export function makeKey(
  { role, name, tokenMode }: Pick<Order, 'role' | 'name' | 'tokenMode'>,
  now: number,
  random: Random = randomBytes,
  signing: SigningKey | null = null,
): MadeKey {
  const key = PREFIXES[role] + random(KEY_BYTES).toString('base64url');
  const hash = hashKey(key);
  const tokenSecret = tokenMode === 'off' || signing ? null : makeSecret(random);
  const row = { hash, name, role, tokenMode, tokenSecret, createdAt: now };
  return { key, row: signing ? { ...row, tokenKeys: [{ ...signing, keyHash: hash, createdAt: now }] } : row };
}

type SigningKey = Omit<TokenKeyRow, 'keyHash' | 'createdAt'>;

const KEY_BYTES = 32;
const makeSecret = (random: Random): string => `ts_${random(KEY_BYTES).toString('base64url')}`;

/**
 * The statements that store a key. The key comes first and the catalog's version after it: isolates read keys anew when
 * that version has moved, so one that saw the new version without the key would never look for it.
 */
export function insertStatements({ hash, name, role, tokenMode, tokenSecret, createdAt, tokenKeys }: KeyRow): string {
  const values = [quoted(hash), quoted(name), quoted(role), quoted(tokenMode), quoted(tokenSecret), String(createdAt)];
  return [
    `INSERT INTO keys (hash, name, role, token_mode, token_secret, created_at) VALUES (${values.join(', ')});`,
    ...(tokenKeys ?? []).map(insertTokenKey),
    MOVE_CATALOG,
  ].join('\n');
}

/** What its owner has to keep. */
export function greeting({ key, row }: MadeKey): string {
  const secrets = [
    row.tokenSecret,
    ...(row.tokenKeys ?? []).map(({ alg, material }) => (alg === 'HS256' ? material : null)),
  ];
  return [
    `${row.role} key for ${row.name}`,
    '',
    `key           ${key}`,
    ...secrets.flatMap((secret) => (secret === null ? [] : [`token secret  ${secret}`])),
    '',
    'Keep it: it is not shown again.',
  ].join('\n');
}

/** The key of the file, a new secret, or why the file cannot be taken. Null: the secret beside the key will do. */
function signingOf({ publicKey, ...pinned }: Signing, always: boolean): SigningKey | string | null {
  if (publicKey === null) {
    const isPlain = Object.values(pinned).every((text) => text === null);
    return isPlain && !always ? null : { ...pinned, alg: 'HS256', material: makeSecret(randomBytes) };
  }
  let text: string;
  try {
    text = readFileSync(publicKey, 'utf8');
  } catch {
    return `${publicKey} cannot be read.`;
  }
  const read = readPublicKey(text, pinned);
  return read.ok ? read.written : `${publicKey} cannot be taken: ${read.reason}.`;
}

interface Work {
  readonly statements: string;
  readonly words: string;
}

/** What an order comes to, or what is wrong with it. */
function workOf(order: Order | Change, now: number): Work | string {
  if (order.kind === 'retire')
    return { statements: retireStatements(hashKey(order.key)), words: 'Only the newest token key is in force now.' };
  const signing = signingOf(order.signing, order.kind === 'rotate');
  if (typeof signing === 'string') return signing;
  if (order.kind === 'create') {
    const made = makeKey(order, now, randomBytes, signing);
    return { statements: insertStatements(made.row), words: greeting(made) };
  }
  const row = signing && { ...signing, keyHash: hashKey(order.key), createdAt: now };
  if (!row) return 'There is nothing to rotate to.';
  const words =
    row.alg === 'HS256' ? `token secret  ${row.material}\n\nKeep it: it is not shown again.` : `${row.alg} key taken.`;
  return { statements: rotateStatements(row), words };
}

function main(): number {
  const parsed = parseOrder(process.argv.slice(2));
  if (parsed.kind === 'help') {
    console.log(HELP);
    return 0;
  }
  const work = parsed.kind === 'fault' ? parsed.detail : workOf(parsed.order, Date.now());
  if (parsed.kind === 'fault' || typeof work === 'string') {
    console.error(parsed.kind === 'fault' ? `${parsed.detail}\n\n${HELP}` : work);
    return 2;
  }
  if (parsed.order.to === 'print') {
    console.log(work.statements);
    console.error(`\n${work.words}`);
    return 0;
  }
  const wrangler = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');
  const ran = spawnSync(
    process.execPath,
    [wrangler, 'd1', 'execute', DATABASE, '--remote', '--yes', '--command', work.statements],
    { cwd: ROOT, stdio: ['inherit', 'ignore', 'inherit'] },
  );
  if (ran.status !== 0) {
    console.error('\nNothing was stored. Is wrangler logged in, and are the migrations applied?');
    return 1;
  }
  console.log(work.words);
  return 0;
}

if (import.meta.main) process.exitCode = main();
