// Who calls a public route and with which rights: the key, the catalog it was looked up in and the body, or the answer
// that refuses the call. Shared by the audiences that a public write key opens; what they then do is not here.

import type { Json, JsonObject } from '../../schema/json.ts';
import { KEY_RATE, LIMITS } from '../../schema/limits.ts';
import { freshCatalog, lacksSecrets } from '../catalog/cache.ts';
import type { KeyRow } from '../catalog/catalog.ts';
import { findKey, type Keys, keyOf, knownByHeader, rememberHeader } from './auth.ts';
import { isShort, type Read, readJsonObject, readShort } from './body.ts';
import type { Sender } from './commit.ts';
import { CATALOG_UNREADABLE, catalogOfRequest, type Env, problem } from './context.ts';
import type { Failure, ProblemError } from './problem.ts';

export interface Caller extends Sender {
  readonly body: JsonObject;
}

export const identifyCaller = (
  request: Request,
  env: Env,
  execution: Pick<ExecutionContext, 'waitUntil'>,
  localKeys: Keys | null,
): Promise<Caller | Response> => identifySender(readJsonObject, request, env, execution, localKeys);

const readQuestion = (request: Request): Promise<Read<JsonObject>> =>
  isShort(request) ? readShort(request) : readJsonObject(request);

/** The same for a question, of which mostly nothing but a short body has to be waited for. */
export async function identifyQuickly(
  request: Request,
  env: Env,
  execution: Pick<ExecutionContext, 'waitUntil'>,
  localKeys: Keys | null,
): Promise<Caller | Response> {
  const catalog = freshCatalog();
  const key = knownByHeader(request, catalog);
  if (!catalog || !key || !isShort(request)) return identifySender(readQuestion, request, env, execution, localKeys);
  const read = await readShort(request);
  if (!read.ok) return problem(read.failure);
  if (env.KEY_RATE && !localKeys && (await isOverRate(env.KEY_RATE, key))) return problem(OVER_RATE);
  return { key, catalog, body: read.value };
}

const isOverRate = async (rate: RateLimit, key: KeyRow): Promise<boolean> =>
  key.role === 'write' && !(await rate.limit({ key: key.hash })).success;

const OVER_RATE: Failure = { kind: 'too-many', limit: 'key', retryAfterSeconds: KEY_RATE.periodSeconds };

/** Body, catalog and key of a call, or the answer that refuses it. */
export async function identifySender<B extends object>(
  readBody: (request: Request) => Promise<Read<B>>,
  request: Request,
  env: Env,
  execution: Pick<ExecutionContext, 'waitUntil'>,
  localKeys: Keys | null,
): Promise<(Sender & { readonly body: B }) | Response> {
  const catalog = freshCatalog() ?? (await catalogOfRequest(env, execution));
  const known = knownByHeader(request, catalog);
  const early = known ? null : keyOf(request, undefined);
  if (early !== null && catalog && !findKey(early, catalog, localKeys)) return problem(unknownKey());
  const read = await readBody(request);
  if (!read.ok) return problem(read.failure);
  if (!catalog) return problem(CATALOG_UNREADABLE, { degraded: true });
  const key =
    known ??
    findKey(early ?? keyOf(request, 'writeKey' in read.value ? read.value.writeKey : undefined), catalog, localKeys);
  if (!key) return problem(unknownKey());
  if (!known && early !== null) rememberHeader(request, catalog, key);
  if (env.KEY_RATE && !localKeys && (await isOverRate(env.KEY_RATE, key))) return problem(OVER_RATE);
  return { key, catalog, body: read.value };
}

export const WRONG_KEY: Failure = {
  kind: 'unauthorized',
  detail: 'The write key is missing or not known. Send it as the Basic-auth user name or as writeKey.',
};

/** A borrowed catalog may be older than the key: then nobody knows, and a client must not drop what it sent. */
export const unknownKey = (): Failure => (lacksSecrets() ? CATALOG_UNREADABLE : WRONG_KEY);

/** The customer token a call carries, looked for only where the key asks for one. */
export function tokenOf(key: KeyRow, inBody: unknown, request: Request): string | null {
  if (key.role !== 'write' || key.tokenMode === 'off') return null;
  return typeof inBody === 'string' ? inBody : request.headers.get('waymark-customer-token');
}

/** Global Privacy Control, as browsers send it with every call (https://w3c.github.io/gpc/, section 3.2); a server speaks for many. */
export const saysPrivacyControl = ({ headers }: Request, { role }: KeyRow): boolean =>
  role === 'write' && headers.get('sec-gpc') === '1';

export const tooManyEvents: Failure = {
  kind: 'too-large',
  detail: `More than ${LIMITS.eventsPerCallMax} events in one call. Send them in parts.`,
};

export function instantOf(value: Json | undefined): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const ms = typeof value === 'number' ? value : Date.parse(value);
  return Number.isFinite(ms) ? ms : undefined;
}

export const prefixed = (errors: readonly ProblemError[], prefix: string): ProblemError[] =>
  errors.map((error) => ({ pointer: prefix + error.pointer, detail: error.detail }));
