// What browsers get to see before and around their tracking calls: settings, short names, the beacon, preflights. On the
// real server, and on the edge as it is deployed where origins are configured or D1 is gone. Real browsers: tests/browser.

import { describe, expect, test } from 'vitest';
import { createApp } from '../../workers/api/app.ts';
import type { Env } from '../../workers/api/context.ts';
import { only } from '../only.ts';
import { eventsOf } from './sent.ts';
import { expectProblem, fresh, type Problem, useServer } from './server.ts';

const server = useServer();
const basic = (key: string) => ({ authorization: `Basic ${btoa(`${key}:`)}` });

const SETTINGS = '/v1/projects/wk_local/settings';
const CONFIG = '/sourceConfig/?writeKey=wk_local';
/** Everything a page of another origin may call. */
const PATHS = [
  ...['events', 'decide', 'batch', 'track', 'identify', 'page', 'screen', 'group', 'alias'].map(
    (name) => `/v1/${name}`,
  ),
  ...['t', 'i', 'p', 's', 'g', 'a', 'b', 'm'].map((name) => `/v1/${name}`),
  '/beacon/v1/batch',
  SETTINGS,
  CONFIG,
];

test('settings say where to send and nothing else: no customer, no name of a key, no content', async () => {
  const { host } = new URL(server.address());
  const segment = await server.call('GET', SETTINGS);
  expect([segment.status, segment.body]).toEqual([
    200,
    {
      integrations: {
        'Segment.io': {
          apiKey: 'wk_local',
          apiHost: `${host}/v1`,
          protocol: 'http',
          addBundledMetadata: false,
        },
      },
      metrics: { sampleRate: 0 },
    },
  ]);
  for (const asked of [
    server.call('GET', CONFIG),
    server.call('GET', '/sourceConfig/', { headers: basic('wk_local') }),
  ])
    expect((await asked).body).toEqual({
      source: {
        id: 'waymark',
        name: 'waymark',
        workspaceId: 'waymark',
        writeKey: 'wk_local',
        enabled: true,
        config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } },
        destinations: [],
      },
    });
});

test('settings stay with the browser that asked, and differ by origin', async () => {
  for (const headers of [{}, { origin: 'https://shop.example' }])
    for (const path of [SETTINGS, CONFIG]) {
      const answer = await server.call('GET', path, { headers });
      expect(answer.headers.get('cache-control')).toBe('private, max-age=300');
      expect(answer.headers.get('vary')).toBe('Origin');
    }
  const keyed = await server.call('GET', '/sourceConfig/', { headers: basic('wk_local') });
  expect(keyed.headers.get('cache-control')).toBe('no-store');
});

test('a key that is unknown, or that is secret, has no settings', async () => {
  for (const key of ['wk_locaL', 'wk_local2', 'sk_local', 'x'.repeat(600), '%00', '..%2F..'])
    expectProblem(await server.call<Problem>('GET', `/v1/projects/${key}/settings`), 404);
  for (const key of ['', 'wk_locaL', 'sk_local', 'x'.repeat(600)])
    expectProblem(await server.call<Problem>('GET', `/sourceConfig/?writeKey=${key}`), 401);
  for (const headers of [{}, basic('wk_other'), basic('sk_local'), { authorization: 'Bearer sk_local' }])
    expectProblem(await server.call<Problem>('GET', '/sourceConfig/', { headers }), 401);
});

test('short names take their type from the path, whatever the body says it is and however the key travels', async () => {
  const userId = fresh('short');
  const bodies: readonly [letter: string, type: string, body: object][] = [
    ['p', 'page', { name: 'Home' }],
    ['i', 'identify', { traits: { kind: 'private' } }],
    ['t', 'track', { event: 'Product Viewed', type: 'page' }],
    ['s', 'screen', { name: 'Start' }],
    ['g', 'group', { groupId: 'g' }],
    ['a', 'alias', { previousId: fresh('never-seen') }],
  ];
  const headers = { 'content-type': 'text/plain' };
  for (const [letter, , body] of bodies) {
    const answers = [
      await server.call('POST', `/v1/${letter}`, {
        body: { ...body, userId },
        headers: { ...headers, ...basic('wk_local') },
      }),
      await server.call('POST', `/v1/${letter}`, { body: { ...body, userId, writeKey: 'wk_local' }, headers }),
      await server.call('POST', `/v1/${letter}?writeKey=wk_local`, { body: { ...body, userId }, headers }),
    ];
    for (const { status, body: answered } of answers)
      expect([letter, status, answered]).toEqual([letter, 200, { success: true }]);
  }
  const types = (await eventsOf(server, userId)).map(({ type }) => type);
  expect(types.sort()).toEqual(bodies.flatMap(([, type]) => [type, type, type]).sort());
  expect(JSON.stringify(await server.timeline(`u:${userId}`))).not.toContain('wk_local');
});

test('batches come by their short name and by beacon too, and the same message counts once', async () => {
  const userId = fresh('batched');
  const batch = [{ messageId: fresh('m'), type: 'page', userId }];
  for (const path of ['/v1/b', '/beacon/v1/batch', '/v1/batch']) {
    const headers = { 'content-type': 'text/plain' };
    const answer = await server.call('POST', `${path}?writeKey=wk_local`, { body: { batch }, headers });
    expect([path, answer.status]).toEqual([path, 200]);
  }
  expect(await server.messageIds(`u:${userId}`)).toEqual(batch.map(({ messageId }) => messageId));
});

test('an identify whose traits stand in its context alone teaches them; its own traits come first', async () => {
  const userId = fresh('identified');
  const send = (body: object) => server.site('/v1/identify', { userId, ...body });
  await send({ context: { traits: { city: 'Graz', kind: 'private' } } });
  await send({ traits: { kind: 'private' }, context: { traits: { city: 'Wien' } } });
  await server.site('/v1/track', { userId, event: 'Product Viewed', context: { traits: { city: 'Linz' } } });
  expect((await server.describe(`u:${userId}`)).traits).toEqual({ city: 'Graz', kind: 'private' });
});

test('figures of a client about itself need no key, and nothing is kept of them', async () => {
  const userId = fresh('figures');
  const body = { series: [{ type: 'Counter', metric: 'analytics_js.invoke', value: 1 }], userId, type: 'page' };
  for (const sent of [body, 'no JSON', ''])
    expect((await server.call('POST', '/v1/m', { body: sent })).body).toEqual({ success: true });
  expectProblem(await server.admin('GET', `/admin/customers/${encodeURIComponent(`u:${userId}`)}`), 404);
});

/** What the clients of pages send, and what the browser asks about first; rsa- headers come with a repeated message. */
const HEADERS = [
  ...['authorization', 'content-type', 'anonymousid', 'sentat', 'x-retry-count', 'rsa-recovered', 'rsa-retry-attempt'],
  ...['rsa-retry-reason', 'rsa-since-first-attempt', 'rsa-since-last-attempt'],
  'ce-id',
  'ce-source',
  'ce-type',
  'ce-specversion',
];

describe('as deployed, with configured origins', () => {
  const app = createApp(null);
  const gone = () => {
    throw new Error('D1_ERROR: gone');
  };
  // The routes under test touch D1 at most, and that fails.
  const env = only<Env>({
    CORS_ORIGINS: 'https://shop.example',
    DB: { prepare: gone, batch: gone },
    KEY_RATE: undefined,
  });
  const execution = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
  const ask = (method: string, path: string, headers: Record<string, string>) =>
    app.fetch(new Request(`https://edge.example${path}`, { method, headers }), env, execution as never);

  test.for(PATHS)('%s is open to pages of these origins alone, with every header they send', async (path) => {
    const method = path === SETTINGS || path === CONFIG ? 'GET' : 'POST';
    const asked = { 'access-control-request-method': method, 'access-control-request-headers': HEADERS.join(',') };
    const allowed = await ask('OPTIONS', path, { origin: 'https://shop.example', ...asked });
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://shop.example');
    expect(allowed.headers.get('access-control-allow-methods')?.split(',')).toContain(method);
    expect(allowed.headers.get('access-control-allow-headers')?.split(',')).toEqual(expect.arrayContaining(HEADERS));
    expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
    for (const origin of ['https://shop.example.evil', 'http://shop.example', 'null']) {
      const refused = await ask('OPTIONS', path, { origin, ...asked });
      expect(refused.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  test('a page may read when it is to come back', async () => {
    const answer = await ask('POST', '/v1/t', { origin: 'https://shop.example' });
    expect(answer.headers.get('access-control-expose-headers')?.split(',')).toEqual([
      'retry-after',
      'ratelimit',
      'ratelimit-policy',
      'x-request-id',
    ]);
  });

  test('settings are given even if nobody can say whether the key is known, and not kept then', async () => {
    for (const path of ['/v1/projects/wk_any/settings', '/sourceConfig/?writeKey=wk_any']) {
      const answer = await ask('GET', path, { origin: 'https://shop.example' });
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
      expect(await answer.text()).toContain('wk_any');
    }
    const { integrations } = await (await ask('GET', '/v1/projects/wk_any/settings', {})).json<{
      integrations: object;
    }>();
    expect(integrations).toMatchObject({ 'Segment.io': { apiHost: 'edge.example/v1', protocol: 'https' } });
    // A message is not taken like that: it is a passing fault, to be sent again.
    const message = await app.fetch(
      new Request('https://edge.example/v1/p?writeKey=wk_any', { method: 'POST', body: '{"anonymousId":"a"}' }),
      env,
      execution as never,
    );
    expect(message.status).toBe(503);
  });
});

test('while a system starts, a page of another origin reads when to come back', async () => {
  const app = createApp({ keys: new Map(), linkSecret: 'l', ready: false, forgetMails: async () => 0 });
  const request = new Request('https://edge.example/v1/events', {
    method: 'POST',
    headers: { origin: 'https://shop.example' },
  });
  const execution = only<ExecutionContext>({ waitUntil: () => undefined });
  const { status, headers } = await app.fetch(request, only<Env>({}), execution);
  expect([status, headers.get('retry-after'), headers.get('access-control-allow-origin')]).toEqual([503, '1', '*']);
});
