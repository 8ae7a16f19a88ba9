// GET /v1/me: what a customer sees of themselves. The one public route that shows what is personal, so it takes a valid
// customer token whatever the mode of the write key says, and nobody may keep its answer. Rules TK11 to TK14.

import { Hono } from 'hono';
import { KEY_RATE } from '../../schema/limits.ts';
import { freshCatalog, lacksSecrets } from '../catalog/cache.ts';
import { now } from '../clock.ts';
import type { Own, Reply } from '../customer/messages.ts';
import { tokenHeader } from '../identity/tokens.ts';
import { bearerOf, findKey, keyOf } from './auth.ts';
import { unknownKey } from './caller.ts';
import { NOT_REACHED, unreachable } from './commit.ts';
import {
  type AppEnv,
  CATALOG_UNREADABLE,
  catalogOfRequest,
  inTime,
  json,
  type LocalMode,
  problem,
  timing,
} from './context.ts';
import type { Failure } from './problem.ts';
import { provenUser } from './token.ts';

const NO_TOKEN: Failure = {
  kind: 'unauthorized',
  detail:
    'A valid customer token is needed: a JWT that the shop has signed, with sub and exp, as the header Waymark-Customer-Token, with the write key as Basic-auth user name.',
};

/** How long a customer's object may take: nobody waits for this as for a page. */
const WAIT_MS = 5_000;

export function meRoutes(local: LocalMode | null): Hono<AppEnv> {
  const app = new Hono<AppEnv>();

  app.get('/v1/me', async (c) => {
    const startedAt = Date.now();
    const { raw } = c.req;
    const catalog = freshCatalog() ?? (await catalogOfRequest(c.env, c.executionCtx));
    if (!catalog) return unkept(problem(CATALOG_UNREADABLE));
    const { key: stated, token } = credentialsOf(raw);
    const key = findKey(stated, catalog, local?.keys ?? null);
    if (!key) return unkept(problem(unknownKey()));
    if (c.env.KEY_RATE && !local && !(await c.env.KEY_RATE.limit({ key: key.hash })).success)
      return unkept(problem({ kind: 'too-many', limit: 'key', retryAfterSeconds: KEY_RATE.periodSeconds }));
    if (token !== '' && lacksSecrets()) return unkept(problem(CATALOG_UNREADABLE));
    const userId = await provenUser(key, token, now());
    if (userId === null) return unkept(problem(NO_TOKEN));
    const id = `u:${userId}`;
    const reply = await inTime<Reply<{ readonly own: Own | null }>>(
      c.env.CUSTOMER.getByName(id).own(catalog.version),
      WAIT_MS,
      NOT_REACHED,
    );
    if (reply.kind !== 'done') return unkept(problem(asQuestion(unreachable(reply))));
    return unkept(json(reply.own ?? nobody(id), 200, timing(startedAt)));
  });

  return app;
}

/** The write key and the token; a token may stand where a secret key would, as Bearer, and then the key in the query. */
function credentialsOf(request: Request): { readonly key: string | null; readonly token: string } {
  const token = request.headers.get('waymark-customer-token');
  const bearer = bearerOf(request);
  if (token === null && bearer !== null && tokenHeader(bearer))
    return { key: new URL(request.url).searchParams.get('writeKey'), token: bearer };
  return { key: keyOf(request, undefined), token: token ?? '' };
}

const asQuestion = (failure: Failure): Failure =>
  failure.kind === 'unavailable' ? { ...failure, detail: 'The customer cannot be read right now.' } : failure;

const nobody = (id: string): Own => ({
  id,
  language: null,
  stages: {},
  identifiers: [],
  consents: {},
  orders: [],
  tasks: [],
  devices: [],
});

function unkept(response: Response): Response {
  response.headers.set('cache-control', 'no-store');
  return response;
}
