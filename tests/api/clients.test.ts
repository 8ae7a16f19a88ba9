// Unmodified tracking clients as shops use them: every kind of call arrives whole, none is lost, none is doubled.

import Rudder from '@rudderstack/rudder-sdk-node';
import { Analytics as Segment } from '@segment/analytics-node';
import { expect, test } from 'vitest';
import { eventsOf, expectEach } from './sent.ts';
import { fresh, useServer } from './server.ts';

const server = useServer();

const properties = { product_id: 'saw-1', price: 199.9, tags: ['a', 'b'], nested: { deep: { ok: true } }, none: null };
/** A new one each: the clients write into what they are given. */
const contextOf = () => ({
  ip: '203.0.113.7',
  campaign: { name: 'spring', source: 'letter', medium: 'post' },
  locale: 'de-AT',
});
const traitsOf = () => ({ email: 'a@example.com', kind: 'business', address: { city: 'Graz' } });

test('@segment/analytics-node: every call type arrives once, whole', async () => {
  const userId = fresh('segment');
  const anonymousId = fresh('before');
  const client = new Segment({ writeKey: 'wk_local', host: server.address(), path: '/v1/batch', flushAt: 4 });
  const failures: unknown[] = [];
  client.on('error', (error) => failures.push(error));
  client.page({ anonymousId, name: 'Home', properties: { path: '/' }, context: contextOf() });
  client.identify({ userId, anonymousId, traits: traitsOf(), context: contextOf() });
  client.track({ userId, event: 'Product Viewed', properties, context: contextOf() });
  client.page({ userId, name: 'Product', category: 'Saws', properties: { path: '/saw-1' }, context: contextOf() });
  client.screen({ userId, name: 'Start', properties: { version: 3 }, context: contextOf() });
  client.group({ userId, groupId: 'company-1', traits: { employees: 12 }, context: contextOf() });
  client.alias({ userId, previousId: fresh('never-seen'), context: contextOf() });
  client.track({ userId, event: 'Product Added', properties, timestamp: new Date(Date.now() - 60_000) });
  await client.closeAndFlush();
  expect(failures).toEqual([]);

  expectEach(await eventsOf(server, userId), [
    { type: 'page', has: { name: 'Home', anonymousId, properties: { path: '/' } } },
    { type: 'identify', has: { traits: traitsOf(), context: contextOf() } },
    { type: 'track', has: { event: 'Product Viewed', properties, context: contextOf() } },
    { type: 'page', has: { name: 'Product', properties: { path: '/saw-1' }, context: contextOf() } },
    { type: 'screen', has: { name: 'Start', properties: { version: 3 }, context: contextOf() } },
    { type: 'group', has: { groupId: 'company-1', traits: { employees: 12 }, context: contextOf() } },
    { type: 'alias', has: { userId, context: contextOf() } },
    { type: 'track', has: { event: 'Product Added', properties } },
  ]);
  const customer = await server.describe(`u:${userId}`);
  expect(customer).toMatchObject({ traits: traitsOf(), stages: { lifecycle: 'decision' }, identifiers: { userId } });
  expect(customer.identifiers.anonymousIds).toEqual([anonymousId]);
});

test('@segment/analytics-node: three hundred calls of thirty customers, none lost, none doubled', async () => {
  const users = Array.from({ length: 30 }, () => fresh('flood'));
  const client = new Segment({ writeKey: 'wk_local', host: server.address(), path: '/v1/batch', flushAt: 50 });
  for (let index = 0; index < 300; index++)
    client.track({ userId: users[index % 30] ?? '', event: 'Product Viewed', properties: { index } });
  await client.closeAndFlush();
  for (const [index, userId] of users.entries()) {
    const seen = (await eventsOf(server, userId)).map((entry) => entry.properties);
    expect(seen).toHaveLength(10);
    expect(seen).toEqual(
      expect.arrayContaining(Array.from({ length: 10 }, (_, round) => ({ index: round * 30 + index }))),
    );
  }
});

test.for([true, false])('@rudderstack/rudder-sdk-node, gzip %s: every call type arrives once, whole', async (gzip) => {
  const userId = fresh('rudder');
  const anonymousId = fresh('before');
  const failures: unknown[] = [];
  const client = new Rudder('wk_local', {
    dataPlaneUrl: server.address(),
    flushAt: 100,
    gzip,
    retryCount: 0,
    errorHandler: (error) => failures.push(error),
  });
  client.page({ anonymousId, name: 'Home', properties: { path: '/' }, context: contextOf() });
  // This client sends its first call alone and at once; the visit has to be there before its visitor becomes known.
  await client.flush();
  client.identify({ userId, anonymousId, traits: traitsOf(), context: contextOf() });
  client.track({ userId, event: 'Product Viewed', properties, context: contextOf() });
  client.page({ userId, name: 'Product', properties: { path: '/saw-1' }, context: contextOf() });
  client.screen({ userId, name: 'Start', properties: { version: 3 }, context: contextOf() });
  client.group({ userId, groupId: 'company-1', traits: { employees: 12 }, context: contextOf() });
  client.alias({ userId, previousId: fresh('never-seen'), context: contextOf() });
  client.track({ userId, event: 'Order Completed', properties: { revenue: 12.5 }, context: contextOf() });
  await client.flush();
  expect(failures).toEqual([]);

  expectEach(await eventsOf(server, userId), [
    { type: 'page', has: { name: 'Home', anonymousId, properties: { path: '/' } } },
    { type: 'identify', has: { traits: traitsOf(), context: contextOf() } },
    { type: 'track', has: { event: 'Product Viewed', properties, context: contextOf() } },
    { type: 'page', has: { name: 'Product', properties: { path: '/saw-1' }, context: contextOf() } },
    { type: 'screen', has: { name: 'Start', properties: { version: 3 }, context: contextOf() } },
    { type: 'group', has: { groupId: 'company-1', traits: { employees: 12 }, context: contextOf() } },
    { type: 'alias', has: { userId, context: contextOf() } },
    { type: 'track', has: { event: 'Order Completed', properties: { revenue: 12.5 } } },
  ]);
  expect(await server.describe(`u:${userId}`)).toMatchObject({ traits: traitsOf(), stages: { lifecycle: 'purchase' } });
});

test('each single call of the tracking API takes its type from the path', async () => {
  const userId = fresh('single');
  const anonymousId = fresh('before');
  const calls: [string, object][] = [
    ['page', { anonymousId, name: 'Home' }],
    ['identify', { userId, anonymousId, traits: { kind: 'private' } }],
    ['track', { userId, event: 'Product Viewed' }],
    ['screen', { userId, name: 'Start' }],
    ['group', { userId, groupId: 'g' }],
    ['alias', { userId, previousId: fresh('never-seen') }],
  ];
  for (const [type, body] of calls) {
    const answer = await server.call('POST', `/v1/${type}?writeKey=wk_local`, { body });
    expect([type, answer.status, answer.body]).toEqual([type, 200, { success: true }]);
  }
  expect((await eventsOf(server, userId)).map(({ type }) => type).sort()).toEqual(calls.map(([type]) => type).sort());
});

test('a browser of another origin may send, and may not read what only operators may', async () => {
  const asked = (path: string, method: string) =>
    server.call('OPTIONS', path, {
      headers: {
        origin: 'https://shop.example',
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization,content-type,anonymousid,sentat,x-retry-count',
      },
    });
  const site = await asked('/v1/events', 'POST');
  expect(site.status).toBeLessThan(300);
  expect(site.headers.get('access-control-allow-origin')).toBe('*');
  const allowed = (site.headers.get('access-control-allow-headers') ?? '').toLowerCase().split(/, ?/);
  expect(allowed).toEqual(
    expect.arrayContaining(['authorization', 'content-type', 'anonymousid', 'sentat', 'x-retry-count']),
  );
  const admin = await asked('/admin/funnel', 'GET');
  expect(admin.headers.get('access-control-allow-origin')).toBeNull();
  const read = await server.admin('GET', '/admin/funnel');
  expect(read.headers.get('access-control-allow-origin')).toBeNull();
});
