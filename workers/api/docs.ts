// The API's description as a page: Swagger UI over /openapi.json. Owns the page, its policy and which files of the library
// are served; the files themselves are static assets, too large for the Worker. Loads nothing from elsewhere.

import { Hono } from 'hono';
import { type AppEnv, problem } from './context.ts';

/** No inline script, no inline style, no eval. The library's style sheet draws its arrows as data: images. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Waymark: the API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<script src="/docs/swagger-ui-bundle.js" defer></script>
<script src="/docs/start.js" defer></script>
</head>
<body>
<div id="docs"></div>
<noscript>This page needs scripts. The description itself is <a href="/openapi.json">/openapi.json</a>.</noscript>
</body>
</html>
`;

/** Keys that are typed in stay in the page: nothing is kept in the browser's storage. */
const START = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  validatorUrl: null,
  persistAuthorization: false,
});
`;

const LIBRARY: Readonly<Record<string, string>> = {
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

export function docsRoutes(): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.get('/docs', () => served(PAGE, 'text/html; charset=utf-8', { 'content-security-policy': POLICY }));
  app.get('/docs/:file', async (c) => {
    const file = c.req.param('file');
    if (file === 'start.js') return served(START, 'text/javascript; charset=utf-8');
    const type = Object.hasOwn(LIBRARY, file) ? LIBRARY[file] : undefined;
    if (type === undefined) return problem({ kind: 'not-found', detail: 'The page has no such file.' });
    const asset = await c.env.ASSETS?.fetch(`https://assets/${file}`);
    if (asset?.status !== 200)
      return problem({ kind: 'unavailable', detail: 'The file cannot be read right now.', retryAfterSeconds: 1 });
    return served(asset.body, type);
  });
  return app;
}

const served = (body: BodyInit | null, type: string, headers: Record<string, string> = {}): Response =>
  new Response(body, {
    headers: {
      'content-type': type,
      'cache-control': 'public, max-age=3600',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      ...headers,
    },
  });
