// A shop's site on an origin of its own: bundles the pages' scripts and serves them, opens its pages in a real browser, and
// hears which messages the system has acknowledged to them.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page, Request } from 'playwright-core';
import { newCounter } from './counter.ts';
import type { Calls } from './pages/page.ts';

export type ClientName = 'segment' | 'rudder';

export interface Site {
  readonly origin: string;
  readonly close: () => Promise<void>;
}

export async function openSite(): Promise<Site> {
  const { outputFiles } = await build({
    entryPoints: ['segment', 'rudder'].map((name) => join(import.meta.dirname, `pages/${name}.ts`)),
    bundle: true,
    write: false,
    outdir: '/',
    format: 'iife',
    platform: 'browser',
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  const files = new Map(outputFiles.map(({ path, contents }) => [path, contents]));
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://site');
    const script = files.get(pathname);
    if (script) response.setHeader('content-type', 'text/javascript').end(script);
    else if (pathname.endsWith('.html')) {
      const name = `${pathname.slice(0, -'.html'.length)}.js`;
      const tag = files.has(name) ? `<script src="${name}"></script>` : '';
      response
        .setHeader('content-type', 'text/html')
        .end(`<!doctype html><title>Werkgarten</title><link rel="icon" href="data:,">${tag}`);
    } else response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the site has no port');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

export interface OpenPage {
  readonly page: Page;
  /** Makes calls of the client, one right after the other. */
  readonly tell: (calls: Calls) => Promise<void>;
  /** Waits until the system has answered 200 to so many different messages of this page. */
  readonly acknowledged: (count: number) => Promise<void>;
  readonly acknowledgedCount: () => number;
  /** Waits until the page has tried to send so many different messages. */
  readonly sent: (count: number) => Promise<void>;
  /** Every request the page has made, except those for itself. */
  readonly requests: () => readonly Request[];
  /** Message ids by how often they were sent. */
  readonly attempts: () => ReadonlyMap<string, number>;
}

/** A page of the site in a browser that knows nothing yet. */
export async function openPage(
  browser: Browser,
  site: Site,
  client: ClientName,
  server: string,
  options: object = {},
): Promise<OpenPage> {
  const page = await browser.newPage();
  const acknowledged = newCounter(`acknowledged to ${client}`);
  const sent = newCounter(`sent by ${client}`);
  const attempts = new Map<string, number>();
  const requests: Request[] = [];
  page.on('request', (request) => {
    if (request.url().startsWith(site.origin)) return;
    requests.push(request);
    for (const id of idsOf(request)) {
      attempts.set(id, (attempts.get(id) ?? 0) + 1);
      sent.add(id);
    }
  });
  page.on('response', (response) => {
    if (response.status() === 200) for (const id of idsOf(response.request())) acknowledged.add(id);
  });
  const query = new URLSearchParams({ server, options: JSON.stringify(options) });
  await page.goto(`${site.origin}/${client}.html?${query}`);
  return {
    page,
    tell: (calls) => page.evaluate((given) => Reflect.get(globalThis, 'tell')(given), calls),
    acknowledged: acknowledged.reached,
    acknowledgedCount: acknowledged.count,
    sent: sent.reached,
    requests: () => requests,
    attempts: () => attempts,
  };
}

/** Message ids in the body of a request; none where it carries no messages. The body of a beacon is not to be seen. */
function idsOf(request: Request): string[] {
  if (request.method() !== 'POST') return [];
  const body: { messageId?: unknown; batch?: { messageId?: unknown }[] } = JSON.parse(request.postData() ?? '{}');
  return (body.batch ?? [body]).flatMap(({ messageId }) => (typeof messageId === 'string' ? [messageId] : []));
}
