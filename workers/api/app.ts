// The HTTP edge: one Hono app from the audiences' routes, and the one place where what nobody expected becomes an
// answer. An error here is logged by its kind, never with what a customer sent.

import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { adminRoutes } from './admin.ts';
import { browserRoutes, CROSS_ORIGIN_HEADERS, CROSS_ORIGIN_PATHS, EXPOSED_HEADERS } from './browser.ts';
import { cloudEventRoutes } from './cloudevents.ts';
import { type AppEnv, type Env, json, type LocalMode, problem } from './context.ts';
import { docsRoutes } from './docs.ts';
import { openApiDocument } from './openapi.ts';
import { siteRoutes } from './sites.ts';
import { logAnswer, requestIdOf, withRequestId } from './trace.ts';
import { trackingRoutes } from './tracking.ts';

/** The handler of all requests. */
export interface App {
  readonly fetch: (request: Request, env: Env, execution: ExecutionContext) => Response | Promise<Response>;
  readonly routes: Hono<AppEnv>;
}

export function createApp(local: LocalMode | null): App {
  const routes = new Hono<AppEnv>();
  routes.get('/healthz', (c) => health(c.env.DB));
  routes.get('/openapi.json', () => json(openApiDocument()));
  routes.route('/', docsRoutes());
  routes.route('/', siteRoutes(local));
  routes.route('/', trackingRoutes(local));
  routes.route('/', browserRoutes(local));
  routes.route('/', cloudEventRoutes(local));
  routes.route('/admin', adminRoutes(local));
  routes.notFound(() =>
    problem({ kind: 'not-found', detail: 'There is no such route. /openapi.json lists all of them.' }),
  );
  routes.onError((error) => {
    console.error(JSON.stringify({ at: 'edge', error: error.name }));
    return problem({
      kind: 'unavailable',
      detail: 'Something this call needs did not answer. Try again.',
      retryAfterSeconds: 1,
    });
  });

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
  return {
    routes,
    fetch: async (request, env, execution) => {
      const id = requestIdOf(request.headers);
      const response = starting(request)
        ? problem({ kind: 'unavailable', detail: 'The system is starting.', retryAfterSeconds: 1 })
        : await (request.headers.has('origin') ? crossOrigin : routes).fetch(request, env, execution);
      if (response.status >= 400) logAnswer(request, response.status, id);
      return withRequestId(response, id);
    },
  };
}

const originsOf = (list: string | undefined): string[] =>
  (list ?? '')
    .split(',')
    .map((origin) => origin.trim())
    .filter(Boolean);

/** Ready once the tables are there: without them no event could be accepted. */
async function health(db: D1Database): Promise<Response> {
  try {
    await db.prepare('SELECT version FROM catalog_head WHERE id = 1').first();
    return json({ status: 'ok' });
  } catch {
    return problem({
      kind: 'unavailable',
      detail: 'D1 does not answer, or its migrations were not applied.',
      retryAfterSeconds: 1,
    });
  }
}
