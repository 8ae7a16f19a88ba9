// What the browser clients of Segment and RudderStack ask for beside the tracking API, on pages of other origins: their
// settings, short names of the calls, the beacon. The settings say nothing but where to send and that there is no more
// to load, so a public key in the address is enough. The handlers that take messages are those of tracking.ts.

import { Hono } from 'hono';
import type { EventType } from '../../schema/event.ts';
import { freshCatalog } from '../catalog/cache.ts';
import { findKey, type Keys, keyOf } from './auth.ts';
import { WRONG_KEY } from './caller.ts';
import { type AppEnv, catalogOfRequest, type Env, json, type LocalMode, problem } from './context.ts';
import { trackBatch, trackOne } from './tracking.ts';

/** @segment/analytics-next shortens the type to its first letter. */
export const SHORT_NAMES = {
  t: 'track',
  i: 'identify',
  p: 'page',
  s: 'screen',
  g: 'group',
  a: 'alias',
} as const satisfies Record<string, EventType>;

/** Paths on which pages of other origins may call. */
export const CROSS_ORIGIN_PATHS = ['/v1/*', '/sourceConfig/*', '/beacon/*'] as const;

/**
 * Headers that the clients send across origins. Those that begin with rsa- come with a repeated or recovered message
 * only: without them a browser would refuse exactly the retries.
 */
export const CROSS_ORIGIN_HEADERS: readonly string[] = [
  'authorization',
  'content-type',
  'anonymousid',
  'sentat',
  'x-retry-count',
  'rsa-recovered',
  'rsa-retry-attempt',
  'rsa-retry-reason',
  'rsa-since-first-attempt',
  'rsa-since-last-attempt',
  'waymark-customer-token',
  'x-request-id',
  'traceparent',
  'tracestate',
  // CloudEvents in binary mode: the attributes of the specification and those that name the customer.
  ...['id', 'source', 'specversion', 'type', 'time', 'subject', 'dataschema', 'userid', 'anonymousid'].map(
    (attribute) => `ce-${attribute}`,
  ),
];

/** Headers of an answer that a page of another origin may read: when to come back, and what to name when asking why. */
export const EXPOSED_HEADERS: readonly string[] = ['retry-after', 'ratelimit', 'ratelimit-policy', 'x-request-id'];

export function browserRoutes(local: LocalMode | null): Hono<AppEnv> {
  const localKeys = local?.keys ?? null;
  const app = new Hono<AppEnv>();

  for (const [letter, type] of Object.entries(SHORT_NAMES)) app.post(`/v1/${letter}`, trackOne(type, localKeys));
  app.post('/v1/b', trackBatch(localKeys));
  app.post('/beacon/v1/batch', trackBatch(localKeys));

  // The client's figures about itself. It sends no key with them, so nothing is read or kept.
  app.post('/v1/m', () => json({ success: true }));

  app.get('/v1/projects/:key/settings', async (c) => {
    const key = c.req.param('key');
    const known = await isWriteKey(key, c.env, c.executionCtx, localKeys);
    if (known === false) return problem({ kind: 'not-found', detail: 'There is no such write key.' });
    return settings(c.req.raw, known, segmentSettings(key, new URL(c.req.url)));
  });

  app.get('/sourceConfig/', async (c) => {
    const key = keyOf(c.req.raw, undefined);
    const known = key !== null && (await isWriteKey(key, c.env, c.executionCtx, localKeys));
    if (key === null || known === false) return problem(WRONG_KEY);
    return settings(c.req.raw, known, rudderSettings(key));
  });

  return app;
}

/**
 * Whether this is a public key; null where nobody can say, because the catalog cannot be read. A page that gets no
 * settings sends nothing as long as it is open, so then it gets them: the key is looked at again with each message.
 */
async function isWriteKey(
  key: string,
  env: Env,
  execution: Pick<ExecutionContext, 'waitUntil'>,
  localKeys: Keys | null,
): Promise<boolean | null> {
  const catalog = freshCatalog() ?? (await catalogOfRequest(env, execution));
  const row = findKey(key, catalog, localKeys);
  if (row || catalog) return row?.role === 'write';
  return null;
}

const SETTINGS_SECONDS = 300;

/** Kept by the browser alone, and only where the address names the key. */
function settings(request: Request, known: true | null, body: object): Response {
  const keep = known && !request.headers.has('authorization');
  const kept = keep ? `private, max-age=${SETTINGS_SECONDS}` : 'no-store';
  // With an origin, the middleware for other origins says that the answer varies with it.
  return json(body, 200, { 'cache-control': kept, ...(request.headers.has('origin') ? {} : { vary: 'Origin' }) });
}

/** `apiHost` and `protocol` point the client here, so that a page has to name this address only once. */
const segmentSettings = (key: string, { host, protocol }: URL): object => ({
  integrations: {
    'Segment.io': {
      apiKey: key,
      apiHost: `${host}/v1`,
      protocol: protocol.replace(':', ''),
      addBundledMetadata: false,
    },
  },
  metrics: { sampleRate: 0 },
});

const rudderSettings = (key: string): object => ({
  source: {
    id: 'waymark',
    name: 'waymark',
    workspaceId: 'waymark',
    writeKey: key,
    enabled: true,
    config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } },
    destinations: [],
  },
});
