// Unmodified tracking clients in a real Chromium, on a page of another origin than the system's: settings, preflights and
// every kind of call. Each message arrives whole and once, and the page talks to nobody else. Then the system is killed
// the hard way, and nothing but the retries of these clients and of those in Node brings every message.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventsOf, expectEach } from '../api/sent.ts';
import { fresh, useServer } from '../api/server.ts';
import { often, PROVE } from '../prove.ts';
import { HAS_BROWSER, launch, sayIfMissing } from './chromium.ts';
import type { Calls } from './pages/page.ts';
import { type ClientName, type OpenPage, openPage, openSite, type Site } from './site.ts';
import { openTap } from './tap.ts';
import { inPage, markOfEntry, rudderNode, segmentNode, type Teller } from './tellers.ts';

sayIfMissing();

const properties = { product_id: 'saw-1', price: 199.9, tags: ['a', 'b'], nested: { deep: { ok: true } } };
const traits = { email: 'a@example.com', kind: 'business', address: { city: 'Graz' } };

const server = useServer();
let browser: Browser;
let site: Site;
beforeAll(async () => {
  if (HAS_BROWSER) [browser, site] = await Promise.all([launch(), openSite()]);
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

describe.runIf(HAS_BROWSER)('in a real browser', () => {
  /** Every kind of call the client has, by a visitor who says who he is. */
  const callsOf = (client: ClientName, userId: string): Calls => [
    ['page', 'Home', { path: '/' }],
    ['identify', userId, traits],
    ['track', 'Product Viewed', properties],
    ['page', 'Saws', 'Product', { path: '/saw-1' }],
    ...(client === 'segment' ? [['screen', 'Start', { version: 3 }] as const] : []),
    ['group', 'company-1', { employees: 12 }],
    ['alias', userId, fresh('never-seen')],
    ['track', 'Product Added', properties],
  ];

  async function visit(client: ClientName, options: object): Promise<OpenPage & { userId: string; calls: number }> {
    const userId = fresh(client);
    const opened = await openPage(browser, site, client, server.address(), options);
    const [first, ...rest] = callsOf(client, userId);
    await opened.tell(first ? [first] : []);
    // The visit has to be there before its visitor becomes known.
    await opened.acknowledged(1);
    await opened.tell(rest);
    await opened.acknowledged(1 + rest.length);
    return { ...opened, userId, calls: 1 + rest.length };
  }

  async function expectAll(
    client: ClientName,
    { userId, requests, page }: OpenPage & { userId: string },
    address = server.address(),
  ) {
    expectEach(await eventsOf(server, userId), [
      { type: 'page', has: { name: 'Home', properties: { path: '/' } } },
      { type: 'identify', has: { userId, traits } },
      { type: 'track', has: { event: 'Product Viewed', properties } },
      { type: 'page', has: { name: 'Product', properties: { path: '/saw-1' } } },
      ...(client === 'segment' ? [{ type: 'screen', has: { name: 'Start', properties: { version: 3 } } }] : []),
      { type: 'group', has: { groupId: 'company-1', traits: { employees: 12 } } },
      { type: 'alias', has: { userId } },
      { type: 'track', has: { event: 'Product Added', properties } },
    ]);
    const customer = await server.describe(`u:${userId}`);
    expect(customer).toMatchObject({ traits, stages: { lifecycle: 'decision' }, identifiers: { userId } });
    expect(customer.identifiers.anonymousIds).toHaveLength(1);
    for (const request of requests()) expect(new URL(request.url()).origin).toBe(address);
    await page.close();
  }

  const pathsOf = ({ requests }: OpenPage): string[] => [
    ...new Set(requests().map((request) => new URL(request.url()).pathname)),
  ];

  test('@segment/analytics-next, told by its settings where to send', async () => {
    const visited = await visit('segment', {});
    expect(pathsOf(visited).sort()).toEqual(
      ['/v1/projects/wk_local/settings', ...['a', 'g', 'i', 'p', 's', 't'].map((type) => `/v1/${type}`)].sort(),
    );
    expect([...visited.attempts().values()]).toEqual(Array.from({ length: visited.calls }, () => 1));
    await expectAll('segment', visited);
  });

  test('@segment/analytics-next, told by the page where to send, in batches', async () => {
    const { host } = new URL(server.address());
    const deliveryStrategy = { strategy: 'batching', config: { size: 4, timeout: 100 } };
    const visited = await visit('segment', {
      integrations: { 'Segment.io': { apiHost: `${host}/v1`, protocol: 'http', deliveryStrategy } },
    });
    expect(pathsOf(visited).sort()).toEqual(['/v1/b', '/v1/projects/wk_local/settings']);
    await expectAll('segment', visited);
  });

  test('@rudderstack/analytics-js, a call for each message', async () => {
    const visited = await visit('rudder', {});
    expect(pathsOf(visited).sort()).toEqual(
      ['/sourceConfig/', ...['alias', 'group', 'identify', 'page', 'track'].map((type) => `/v1/${type}`)].sort(),
    );
    await expectAll('rudder', visited);
  });

  test('@rudderstack/analytics-js, in batches', async () => {
    const visited = await visit('rudder', {
      queueOptions: { batch: { enabled: true, maxItems: 4, flushInterval: 100 } },
    });
    expect(pathsOf(visited).sort()).toEqual(['/sourceConfig/', '/v1/batch']);
    await expectAll('rudder', visited);
  });

  test('@rudderstack/analytics-js, by beacon when there are enough and when the page is left', async () => {
    const userId = fresh('beacon');
    const calls = callsOf('rudder', userId);
    const tap = await openTap(server.address());
    const opened = await openPage(browser, site, 'rudder', tap.address, {
      useBeacon: true,
      beaconQueueOptions: { maxItems: calls.length - 1, flushQueueInterval: 60_000 },
    });
    const [enough] = await Promise.all([tap.next('/beacon/'), opened.tell(calls.slice(0, -1))]);
    await opened.tell(calls.slice(-1));
    const [left] = await Promise.all([tap.next('/beacon/'), opened.page.goto(`${site.origin}/empty.html`)]);
    for (const { path, status, headers } of [enough, left]) {
      expect([path, status]).toEqual(['/beacon/v1/batch?writeKey=wk_local', 200]);
      expect(headers['authorization']).toBeUndefined();
      expect(headers['content-type']).toMatch(/^text\/plain/);
    }
    await expectAll('rudder', { ...opened, userId }, tap.address);
    await tap.close();
  });

  test.runIf(PROVE)(
    'who goes on to another page while the system is down: his messages are sent by the page after',
    async () => {
      const left = async (client: ClientName) => {
        const opened = await openPage(browser, site, client, server.address());
        const userId = fresh(`leaver-${client}`);
        await opened.tell([['identify', userId]]);
        await opened.acknowledged(1);
        return { client, userId, ...opened };
      };
      const pages = await Promise.all([left('segment'), left('rudder')]);
      await server.kill9();
      for (const { client, userId, page, tell, sent } of pages) {
        const address = page.url();
        const calls = callsOf(client, userId);
        await tell(calls);
        await sent(1 + calls.length);
        await page.goto(`${site.origin}/empty.html`);
        // The page after comes while the system is down as well, so it gets no settings; only the one after that does.
        await page.goto(address);
        await page.goto(`${site.origin}/empty.html`);
      }
      await server.start();
      for (const { client, userId, page, acknowledged } of pages) {
        await page.goBack();
        const told = ['identify', ...callsOf(client, userId).map(([type]) => type)];
        await acknowledged(told.length);
        const types = (await eventsOf(server, userId)).map(({ type }) => type);
        expect(types.sort()).toEqual([...told].sort());
      }
    },
  );
});

const KILLS = often(1, 3);
/** How often each client makes all its calls before a kill. More would not be held by RudderStack's page: 100 wait at most. */
const TIMES = often(3, 5);

test.runIf(PROVE)(
  `kill -9 under traffic (kills: ${KILLS}): every call of every client is in its timeline exactly once`,
  async () => {
    const address = server.address();
    const names: readonly ClientName[] = HAS_BROWSER ? ['segment', 'rudder'] : [];
    const pages = await Promise.all(names.map((name) => inPage(name, browser, site, address)));
    const tellers: readonly Teller[] = [segmentNode(address), rudderNode(address), ...pages];
    const told = () => tellers.reduce((sum, teller) => sum + teller.told().length, 0);
    const ended = () => tellers.reduce((sum, teller) => sum + teller.endedCount(), 0);

    for (let kill = 1; kill <= KILLS; kill++) {
      // Each time another client is the one whose first answer is waited for.
      const watched = tellers[kill % tellers.length];
      const answered = watched?.ended(watched.endedCount() + 1);
      for (let time = 0; time < TIMES; time++) await Promise.all(tellers.map((teller) => teller.tell()));
      await answered;
      expect(ended()).toBeLessThan(told());
      await server.kill9();
      await Promise.all(tellers.map((teller) => teller.tell()));
      await server.start();
    }
    await Promise.all(tellers.map((teller) => teller.ended(teller.told().length)));

    for (const teller of tellers) {
      const marks = (await eventsOf(server, teller.userId)).map(markOfEntry);
      expect(marks.sort(), teller.name).toEqual([...teller.told()].sort());
      expect(teller.failures(), teller.name).toEqual([]);
      expect(teller.repeatedCount(), teller.name).toBeGreaterThan(0);
      await teller.close();
    }
  },
);
