// GET /waymark.js: the script of a page (workers/browser), and the same under a name that never means another text. Public
// and the same for everybody: it takes no key, and pages of every origin may load it.

import { Hono } from 'hono';
import snippet from '../browser/built.json' with { type: 'json' };
import { matches } from './cacheable.ts';
import { type AppEnv, problem } from './context.ts';

/** How long a page may use what it has without asking, in seconds; a new version arrives this late at most. */
const FRESH_SECONDS = 3_600;
const STALE_SECONDS = 86_400;
const FOREVER_SECONDS = 31_536_000;

/** The name of this text: a page that loads it gets this text or, once there is another, the current one. */
export const SNIPPET_FILE = `${snippet.hash}.js`;

const ETAG = `"${snippet.hash}"`;

export function snippetRoutes(): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.get('/waymark.js', (c) =>
    served(c.req.raw, `public, max-age=${FRESH_SECONDS}, stale-while-revalidate=${STALE_SECONDS}`),
  );
  app.get('/waymark/:file', (c) => {
    const file = c.req.param('file');
    if (file === SNIPPET_FILE) return served(c.req.raw, `public, max-age=${FOREVER_SECONDS}, immutable`);
    if (!/^[0-9a-f]{16}\.js$/.test(file))
      return problem({ kind: 'not-found', detail: `There is no such file. The script is /waymark/${SNIPPET_FILE}.` });
    // A page that names an earlier version goes on working.
    return new Response(null, {
      status: 302,
      headers: { ...OPEN, location: '/waymark.js', 'cache-control': 'no-store' },
    });
  });
  return app;
}

const OPEN = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };

function served(request: Request, cacheControl: string): Response {
  const headers = {
    ...OPEN,
    'content-type': 'text/javascript; charset=utf-8',
    'content-location': `/waymark/${SNIPPET_FILE}`,
    'cache-control': cacheControl,
    'x-content-type-options': 'nosniff',
    'waymark-version': snippet.version,
    etag: ETAG,
  };
  if (matches(request.headers.get('if-none-match'), ETAG)) return new Response(null, { status: 304, headers });
  return new Response(snippet.text, { headers });
}
