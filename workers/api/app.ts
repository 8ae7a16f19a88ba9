// The HTTP edge: one Hono app from the audiences' routes, and the one place where what nobody expected becomes an
// answer. What every answer carries, and what is logged of a failure: trace.ts.

import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { useLocalLinkSecret } from '../customer/links.ts';
import { adminRoutes } from './admin.ts';
import { browserRoutes, CROSS_ORIGIN_HEADERS, CROSS_ORIGIN_PATHS, EXPOSED_HEADERS } from './browser.ts';
import { cacheableRoutes } from './cacheable.ts';
import { clickRoutes } from './clicks.ts';
import { cloudEventRoutes } from './cloudevents.ts';
import { consentRoutes } from './consent.ts';
import { type AppEnv, type Env, type Handler, inTime, json, type LocalMode, problem } from './context.ts';
import { docsRoutes } from './docs.ts';
import { meRoutes } from './me.ts';
import { openApiDocument } from './openapi.ts';
import { busyCalls, siteRoutes } from './sites.ts';
import { snippetRoutes } from './snippet.ts';
import { noteCause, routeFinder, traced } from './trace.ts';
import { trackingRoutes } from './tracking.ts';

/** The handler of all requests. */
export interface App {
  readonly fetch: (request: Request, env: Env, execution: ExecutionContext) => Response | Promise<Response>;
  readonly routes: Hono<AppEnv>;
}

export function createApp(local: LocalMode | null): App {
  const routes = new Hono<AppEnv>();
  const busy = busyCalls(local);
  if (local) useLocalLinkSecret(local.linkSecret);
  routes.get('/healthz', (c) => health(c.env.DB));
  routes.get('/openapi.json', () => json(openApiDocument()));
  routes.route('/', docsRoutes());
  routes.route('/', snippetRoutes());
  routes.route('/', siteRoutes(busy));
  routes.route('/', cacheableRoutes(local));
  routes.route('/', meRoutes(local));
  routes.route('/', clickRoutes());
  routes.route('/', consentRoutes());
  routes.route('/', trackingRoutes(local));
  routes.route('/', browserRoutes(local));
  routes.route('/', cloudEventRoutes(local));
  routes.route('/admin', adminRoutes(local));
  routes.notFound(() =>
    problem({ kind: 'not-found', detail: 'There is no such route. /openapi.json lists all of them.' }),
  );
  routes.onError((error, c) => unexpected(c.executionCtx, error));

  // Only a browser on another origin sends Origin; servers are spared the middleware and its headers.
  const crossOrigin = new Hono<AppEnv>();
  const allowed = cors({
    origin: (origin, c) => (local ? '*' : originsOf(c.env.CORS_ORIGINS).includes(origin) ? origin : null),
    allowMethods: ['GET', 'POST'],
    allowHeaders: [...CROSS_ORIGIN_HEADERS],
    exposeHeaders: [...EXPOSED_HEADERS],
    maxAge: 86_400,
  });
  for (const path of CROSS_ORIGIN_PATHS) crossOrigin.use(path, allowed);
  crossOrigin.route('/', routes);
  crossOrigin.notFound(() =>
    problem({ kind: 'not-found', detail: 'There is no such route. /openapi.json lists all of them.' }),
  );

  const starting = (request: Request) =>
    local !== null && !local.ready && !new URL(request.url).pathname.startsWith('/admin/');
  const routeOf = routeFinder(() => routes.routes);
  const finish = (request: Request, response: Response, execution: ExecutionContext) =>
    traced(request, response, { execution, route: () => routeOf(request) });
  const answer = async (request: Request, env: Env, execution: ExecutionContext): Promise<Response> => {
    const fromPage = request.headers.has('origin');
    if (!starting(request))
      return finish(request, await (fromPage ? crossOrigin : routes).fetch(request, env, execution), execution);
    const early = problem({ kind: 'unavailable', detail: 'The system is starting.', retryAfterSeconds: 1 });
    // Only the local mode starts, and it serves every origin: a page is to read when to come back.
    if (fromPage) early.headers.set('access-control-allow-origin', '*');
    return finish(request, early, execution);
  };
  /** By path alone, without a router; a 200 of these carries everything that `traced` would add. */
  const answerBusy = async (handle: Handler, request: Request, env: Env, execution: ExecutionContext) => {
    try {
      const response = await handle(request, env, execution);
      return response.status === 200 ? response : finish(request, response, execution);
    } catch (error) {
      return finish(request, unexpected(execution, error), execution);
    }
  };
  return {
    routes,
    fetch: (request, env, execution) => {
      const handle = request.method === 'POST' ? busy.get(request.url.slice(request.url.indexOf('/', 8))) : undefined;
      if (!handle || request.headers.has('origin') || starting(request)) return answer(request, env, execution);
      return answerBusy(handle, request, env, execution);
    },
  };
}

/** What nobody expected is a passing fault, never an answer that makes a client drop what it sent. */
function unexpected(execution: object, error: unknown): Response {
  noteCause(execution, error);
  return problem({
    kind: 'unavailable',
    detail: 'Something this call needs did not answer. Try again.',
    retryAfterSeconds: 1,
  });
}

const originsOf = (list: string | undefined): string[] =>
  (list ?? '')
    .split(',')
    .map((origin) => origin.trim())
    .filter(Boolean);

const HEALTH_WAIT_MS = 2_000;

/** Ready once the tables are there: without them no event could be accepted. */
async function health(db: D1Database): Promise<Response> {
  const asked = Promise.resolve().then(() => db.prepare('SELECT version FROM catalog_head WHERE id = 1').first());
  const answered = await inTime(
    asked.then(() => true),
    HEALTH_WAIT_MS,
    false,
  );
  if (answered) return json({ status: 'ok' });
  return problem({
    kind: 'unavailable',
    detail: 'D1 does not answer, or its migrations were not applied.',
    retryAfterSeconds: 1,
  });
}
