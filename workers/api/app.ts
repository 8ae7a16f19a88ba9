// The HTTP edge: one Hono app from the audiences' routes, and the one place where what nobody expected becomes an
// answer. An error here is logged by its kind, never with what a customer sent.

import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { adminRoutes } from './admin.ts';
import { type AppEnv, json, type LocalMode, problem } from './context.ts';
import { openApiDocument } from './openapi.ts';
import { siteRoutes } from './sites.ts';

const PUBLIC_HEADERS = [
  'authorization',
  'content-type',
  'anonymousid',
  'sentat',
  'x-retry-count',
  'waymark-customer-token',
];

export function createApp(local: LocalMode | null): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.use('*', async (c, next) => {
    c.set('local', local);
    if (local && !local.ready && !c.req.path.startsWith('/admin/'))
      return problem({ kind: 'unavailable', detail: 'The system is starting.', retryAfterSeconds: 1 });
    return next();
  });
  const crossOrigin = cors({
    origin: (origin, c) => (local ? '*' : originsOf(c.env.CORS_ORIGINS).includes(origin) ? origin : null),
    allowMethods: ['GET', 'POST'],
    allowHeaders: PUBLIC_HEADERS,
    maxAge: 86_400,
  });
  // Only a browser on another origin sends Origin; servers are spared the headers.
  app.use('/v1/*', (c, next) => (c.req.raw.headers.has('origin') ? crossOrigin(c, next) : next()));
  app.get('/healthz', (c) => health(c.env.DB));
  app.get('/openapi.json', () => json(openApiDocument()));
  app.route('/', siteRoutes());
  app.route('/admin', adminRoutes());
  app.notFound(() =>
    problem({ kind: 'not-found', detail: 'There is no such route. /openapi.json lists all of them.' }),
  );
  app.onError((error) => {
    console.error(JSON.stringify({ at: 'edge', error: error.name }));
    return problem({
      kind: 'unavailable',
      detail: 'Something this call needs did not answer. Try again.',
      retryAfterSeconds: 1,
    });
  });
  return app;
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
