// A shop's site with the snippet, on an origin of its own: serves the pages a test writes, opens them in a real browser and
// hears what they ask of the system, what it acknowledged, and what the script complained of.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { BrowserContext, Page, Request } from 'playwright-core';
import { newCounter } from './counter.ts';

export interface Shop {
  readonly origin: string;
  /** Puts a page at this path. */
  readonly write: (path: string, html: string) => void;
  readonly close: () => Promise<void>;
}

export async function openShop(): Promise<Shop> {
  const pages = new Map<string, string>();
  const server = createServer((request, response) => {
    const html = pages.get(new URL(request.url ?? '/', 'http://shop').pathname);
    if (html === undefined) response.writeHead(404).end();
    else response.setHeader('content-type', 'text/html; charset=utf-8').end(html);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the shop has no port');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    write: (path, html) => pages.set(path, html),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** A page of the shop: the script with these attributes, and what stands below it. */
export const pageWith = (server: string, attributes: string, body: string): string =>
  `<!doctype html><html lang="en"><title>Werkgarten</title><link rel="icon" href="data:,">
<script async src="${server}/waymark.js" data-key="wk_local" ${attributes}></script><body>${body}`;

/** A message as the page sent it. */
export interface Told {
  readonly messageId: string;
  readonly type: string;
  readonly event?: string;
  readonly anonymousId: string;
  readonly userId?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly context: Readonly<Record<string, unknown>>;
}

export interface Visit {
  readonly page: Page;
  /** Every request to others than the shop, but for the script. */
  readonly requests: () => readonly Request[];
  /** The messages of all calls, in order, repeated ones too. */
  readonly told: () => readonly Told[];
  /** Waits until so many different messages were answered 200. */
  readonly acknowledged: (count: number) => Promise<void>;
  /** Waits until so many calls have failed on the way. */
  readonly failed: (count: number) => Promise<void>;
  readonly warnings: () => readonly string[];
  /** Errors nobody caught. */
  readonly errors: () => readonly string[];
}

/** A new page of this browser's visitor, listening before anything is loaded. */
export async function newVisit(context: BrowserContext, shop: Shop): Promise<Visit> {
  const page = await context.newPage();
  const acknowledged = newCounter('acknowledged');
  const failed = newCounter('failed');
  const requests: Request[] = [];
  const warnings: string[] = [];
  const errors: string[] = [];
  const own = (request: Request) => request.url().startsWith(shop.origin) || request.url().endsWith('/waymark.js');
  page.on('request', (request) => void (own(request) || requests.push(request)));
  page.on('requestfailed', (request) => void (own(request) || failed.add(request)));
  page.on('response', (response) => {
    if (response.status() === 200) for (const { messageId } of toldBy(response.request())) acknowledged.add(messageId);
  });
  page.on('console', (line) => void (line.type() === 'warning' && warnings.push(line.text())));
  page.on('pageerror', (error) => errors.push(error.message));
  return {
    page,
    requests: () => requests,
    told: () => requests.flatMap(toldBy),
    acknowledged: acknowledged.reached,
    failed: failed.reached,
    warnings: () => warnings,
    errors: () => errors,
  };
}

/** None in a beacon, whose body is not to be seen. */
function toldBy(request: Request): readonly Told[] {
  if (request.method() !== 'POST') return [];
  const { events = [] }: { events?: readonly Told[] } = JSON.parse(request.postData() ?? '{}');
  return events;
}
