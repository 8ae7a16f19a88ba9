// What the snippet keeps and sends, and when it may: before consent, with it, after it was withdrawn, under Global Privacy
// Control; and that what may be sent arrives, once, over a network that fails and pages that are left.

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SNIPPET } from '../../schema/limits.ts';
import { fresh, useServer } from '../api/server.ts';
import { HAS_BROWSER, launch, sayIfMissing } from './chromium.ts';
import { newVisit, openShop, pageWith, type Shop, type Visit } from './shop.ts';
import { openTap } from './tap.ts';

sayIfMissing();
const server = useServer();
const place = fresh('consent');
const GIVEN = 'data-consent="given"';
const HERO = `<div data-waymark-placement="${place}">Fallback</div>`;
let browser: Browser;
let shop: Shop;

beforeAll(async () => {
  if (!HAS_BROWSER) return;
  [browser, shop] = await Promise.all([launch(), openShop()]);
  await server.admin('PUT', `/admin/content/${place}`, {
    ...{ id: place, kind: 'banner', placements: [place], stages: [], priority: 1 },
    locales: { en: { title: 'For everybody', url: 'https://shop.example/' } },
  });
});
afterAll(async () => {
  await browser?.close();
  await shop?.close();
});

async function open(context: BrowserContext, attributes = '', address = server.address()): Promise<Visit> {
  const path = `/${fresh('page')}`;
  shop.write(path, pageWith(address, attributes, HERO));
  const visit = await newVisit(context, shop);
  await visit.page.goto(shop.origin + path);
  return visit;
}

/** Everything a page can keep in a browser. */
const storedIn = (page: Page) =>
  page.evaluate<{ local: Record<string, string>; others: unknown[] }>(`(async () => ({
    local: { ...localStorage },
    others: [...Object.keys(sessionStorage), ...document.cookie, ...(await indexedDB.databases())],
  }))()`);

const NOTHING = { local: {}, others: [] };

const keptIn = async (page: Page): Promise<{ a: string; u?: string; q: { event: string }[] }> => {
  const { local, others } = await storedIn(page);
  expect([Object.keys(local), others]).toEqual([['waymark'], []]);
  return JSON.parse(local['waymark'] ?? '');
};

const pathsOf = ({ requests }: Visit) =>
  requests().map((request) => `${request.method()} ${new URL(request.url()).pathname}`);

const eventsOf = async (anonymousId: string | undefined) =>
  (await server.timeline(`a:${anonymousId}`))
    .filter(({ kind }) => kind === 'event')
    .map(({ event, type }) => String(event ?? type));

const track = (page: Page, ...names: string[]) =>
  page.evaluate(`for (const name of ${JSON.stringify(names)}) waymark.track(name)`);

/** Everything the page has begun by now has come to its end: the decision it asks for is the last in the line. */
const settled = (page: Page) => page.evaluate(`waymark.decide(['${place}']).then(({ degraded }) => degraded)`);

describe.runIf(HAS_BROWSER)('consent', () => {
  test('SN3 SN4 before it nothing is stored and nobody named, but the page is filled; given, what waited is sent', async () => {
    const context = await browser.newContext();
    const visit = await open(context);
    const { page } = visit;
    await page.waitForSelector('article');
    await page.evaluate(`waymark.identify('never-said', { email: 'a@example.com' }); waymark.reset()`);
    await track(page, 'Early');
    expect(await settled(page)).toBe(false);
    expect(new Set(pathsOf(visit))).toEqual(new Set(['GET /v1/decide']));
    for (const request of visit.requests()) {
      expect([...new URL(request.url()).searchParams.keys()].sort()).toEqual(['locale', 'placements', 'writeKey']);
      expect(request.headers()['cookie']).toBeUndefined();
    }
    expect(await page.textContent('article h2')).toBe('For everybody');
    expect(await storedIn(page)).toEqual(NOTHING);
    expect(await context.cookies()).toEqual([]);

    await page.evaluate('waymark.consent(true)');
    await visit.acknowledged(4);
    const told = visit.told().filter(({ userId }) => userId === undefined);
    expect(told.map(({ type, event }) => event ?? type)).toEqual(expect.arrayContaining(['page', 'Early']));
    const { a } = await keptIn(page);
    expect(told.at(-1)?.anonymousId).toBe(a);

    // The next page remembers, and is the same visitor.
    const next = await open(context);
    await next.acknowledged(2);
    expect(next.told()[0]?.anonymousId).toBe(a);
    expect(await eventsOf(a)).toEqual(['Early', 'page', 'Content Viewed']);
    expect(await context.cookies()).toEqual([]);
  });

  test('SN4 refused, what waited is dropped, and nothing is sent or stored on any page', async () => {
    const context = await browser.newContext();
    const visit = await open(context);
    await visit.page.waitForSelector('article');
    await visit.page.evaluate('waymark.consent(false)');
    await track(visit.page, 'Not for you');
    expect(await settled(visit.page)).toBe(false);
    await visit.page.goto(`${visit.page.url()}?again`);
    await visit.page.waitForSelector('article');
    expect(new Set(pathsOf(visit))).toEqual(new Set(['GET /v1/decide']));
    expect(await storedIn(visit.page)).toEqual(NOTHING);
  });

  test('SN4 withdrawn, every open page forgets, and a later yes is somebody new', async () => {
    const context = await browser.newContext();
    const [one, other] = [await open(context, GIVEN), await open(context, GIVEN)];
    await Promise.all([one.acknowledged(1), other.acknowledged(1)]);
    const { a } = await keptIn(one.page);
    await other.page.evaluate(`{
      heard = new Promise((done) => addEventListener('storage', ({ newValue }) => newValue ?? setTimeout(done)));
      0;
    }`);
    await one.page.evaluate('waymark.consent(false)');
    await other.page.evaluate('heard');
    const before = other.told().length;
    await track(other.page, 'Not for you');
    await track(one.page, 'Not for you');
    expect([await settled(one.page), await settled(other.page)]).toEqual([false, false]);
    expect(other.told().length).toBe(before);
    expect(await storedIn(other.page)).toEqual(NOTHING);
    await one.page.evaluate('waymark.consent(true)');
    expect((await keptIn(one.page)).a).not.toBe(a);
    expect(await eventsOf(a)).not.toContain('Not for you');
  });

  test('SN5 Global Privacy Control outweighs the page’s setting and an earlier yes, until this page is told yes', async () => {
    const context = await browser.newContext();
    const earlier = await open(context, GIVEN);
    await earlier.acknowledged(1);
    const { a } = await keptIn(earlier.page);
    await earlier.page.close();
    await context.addInitScript(`Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })`);
    const visit = await open(context, GIVEN);
    await visit.page.waitForSelector('article');
    await track(visit.page, 'Not for you');
    expect(await settled(visit.page)).toBe(false);
    expect(new Set(pathsOf(visit))).toEqual(new Set(['GET /v1/decide']));
    expect(await storedIn(visit.page)).toEqual(NOTHING);
    await visit.page.evaluate('waymark.consent(true)');
    await track(visit.page, 'Allowed');
    await visit.acknowledged(1);
    expect(visit.told().map(({ event }) => event)).toEqual(['Allowed']);
    expect(visit.told()[0]?.anonymousId).not.toBe(a);
  });
});

describe.runIf(HAS_BROWSER)('on the way', () => {
  test('SN14 SN16 offline everything waits; back, each message arrives once and in order', async () => {
    const context = await browser.newContext();
    const visit = await open(context, GIVEN);
    await visit.acknowledged(2);
    await context.setOffline(true);
    await track(visit.page, 'One');
    await visit.failed(1);
    await track(visit.page, 'Two');
    const { a, q } = await keptIn(visit.page);
    expect(q.map(({ event }) => event)).toEqual(['One', 'Two']);
    // A decision does not wait for the network.
    expect(await settled(visit.page)).toBe(true);
    await context.setOffline(false);
    await visit.acknowledged(4);
    await settled(visit.page);
    expect((await keptIn(visit.page)).q).toEqual([]);
    expect(await eventsOf(a)).toEqual(['page', 'Content Viewed', 'One', 'Two']);
  });

  test('SN14 SN17 what a page could not send is sent by a later one, under the same message id', async () => {
    const context = await browser.newContext();
    const visit = await open(context, `${GIVEN} data-manual`);
    await visit.acknowledged(1);
    await visit.page.route(`${server.address()}/v1/**`, (route) => route.abort());
    await track(visit.page, 'Kept');
    await visit.failed(1);
    await visit.page.close();
    const next = await open(context, `${GIVEN} data-manual`);
    await next.acknowledged(2);
    const sent = visit.told().find(({ event }) => event === 'Kept');
    expect(next.told()).toContainEqual(expect.objectContaining({ event: 'Kept', messageId: sent?.messageId }));
    expect(await eventsOf(sent?.anonymousId)).toEqual(['Content Viewed', 'Kept', 'Content Viewed']);
  });

  test('SN15 at most so many messages wait, the last ones', async () => {
    const context = await browser.newContext();
    const visit = await open(context, `${GIVEN} data-manual`);
    await visit.acknowledged(1);
    await context.setOffline(true);
    const names = Array.from({ length: SNIPPET.queueMax + 5 }, (_, n) => `Event ${n}`);
    await track(visit.page, ...names);
    await visit.failed(1);
    const { a, q } = await keptIn(visit.page);
    expect(q.map(({ event }) => event)).toEqual(names.slice(5));
    await context.setOffline(false);
    await visit.acknowledged(1 + SNIPPET.queueMax);
    expect(await eventsOf(a)).toEqual(['Content Viewed', ...names.slice(5)]);
    const calls = visit.requests().flatMap((request) => JSON.parse(request.postData() ?? '{}').events?.length ?? []);
    expect(Math.max(...calls)).toBe(SNIPPET.callMax);
  });

  test('SN16 a fault is tried again, no sooner than the answer says; a refusal ends the waiting', async () => {
    const context = await browser.newContext();
    const visit = await open(context, `${GIVEN} data-manual`);
    await visit.acknowledged(1);
    const { page } = visit;
    await page.clock.install();
    const answers = [
      {
        status: 503,
        headers: {
          'retry-after': '30',
          'access-control-allow-origin': '*',
          'access-control-expose-headers': 'retry-after',
        },
      },
      { status: 400, headers: { 'access-control-allow-origin': '*' } },
    ];
    await page.route(`${server.address()}/v1/events`, (route) => {
      const answer = answers.shift();
      return answer ? route.fulfill({ ...answer, json: { detail: 'no' } }) : route.continue();
    });
    const answered = () => page.waitForResponse((response) => response.url().endsWith('/v1/events'));
    const [first] = await Promise.all([answered(), track(page, 'Refused')]);
    expect(first.status()).toBe(503);
    await settled(page);
    await page.clock.fastForward(29_000);
    await track(page, 'Refused too');
    await settled(page);
    expect(answers).toHaveLength(1);
    const [second] = await Promise.all([answered(), page.clock.fastForward(2_000)]);
    expect(second.status()).toBe(400);
    await track(page, 'Accepted');
    await visit.acknowledged(2);
    const { a, q } = await keptIn(page);
    expect([q, await eventsOf(a)]).toEqual([[], ['Content Viewed', 'Accepted']]);
  });

  test('SN17 a page that is left hands what waits to a beacon', async () => {
    const tap = await openTap(server.address());
    const context = await browser.newContext();
    // Heard before the script's own listener: listeners of this event are called in the order they came.
    await context.addInitScript(`addEventListener('pagehide', () => window.waymark?.track('Left'))`);
    const visit = await open(context, `${GIVEN} data-manual`, tap.address);
    await visit.acknowledged(1);
    const { a } = await keptIn(visit.page);
    shop.write('/away', '<title>Away</title>');
    const [beacon] = await Promise.all([tap.next('/beacon/'), visit.page.goto(`${shop.origin}/away`)]);
    expect([beacon.path, beacon.status]).toEqual(['/beacon/v1/batch', 200]);
    expect(await eventsOf(a)).toEqual(['Content Viewed', 'Left']);
    expect((await keptIn(visit.page)).q).toEqual([]);
    await context.close();
    await tap.close();
  });
});
