// Who may do what: keys, and what a public key may learn of a known customer without a customer token.

import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { beforeAll, expect, test } from 'vitest';
import {
  type Decided,
  expectProblem,
  fresh,
  type Ingested,
  message,
  openD1,
  type Problem,
  SITE_ROUTES,
  track,
  useServer,
} from './server.ts';

const server = useServer();
const SECRET = 'a secret of thirty-two characters';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const JWK = JSON.stringify(ec.publicKey.export({ format: 'jwk' }));

/** Keys as an operator keeps them in D1; local mode has none of these kinds. */
const KEYS = [
  { key: 'wk_required', role: 'write', mode: 'required' },
  { key: 'wk_rotated', role: 'write', mode: 'required' },
  { key: 'wk_optional', role: 'write', mode: 'optional' },
  { key: 'wk_off', role: 'write', mode: 'off' },
  { key: 'ss_server', role: 'server', mode: 'off' },
  { key: 'sk_other', role: 'admin', mode: 'off' },
];

beforeAll(async () => {
  const database = openD1(server);
  const insert = database.prepare('INSERT INTO keys VALUES (?, ?, ?, ?, ?, 0)');
  for (const { key, role, mode } of KEYS)
    insert.run(createHash('sha256').update(key).digest('hex'), key, role, mode, SECRET);
  database
    .prepare("INSERT INTO token_keys (key_hash, created_at, alg, material) VALUES (?, 1, 'ES256', ?)")
    .run(createHash('sha256').update('wk_rotated').digest('hex'), JWK);
  database.close();
  // Keys are read with a new version of the catalog.
  await server.publish({
    id: 'nothing',
    entry: [{ event: 'Never' }],
    initial: 'only',
    stages: { only: { final: true } },
  });
});

const ADMIN_ROUTES: readonly [string, string][] = [
  ['GET', '/admin/journeys'],
  ['GET', '/admin/journeys/lifecycle'],
  ['GET', '/admin/journeys/lifecycle/versions'],
  ['POST', '/admin/journeys/publish'],
  ['GET', '/admin/content'],
  ['GET', '/admin/content/shop-welcome'],
  ['PUT', '/admin/content/shop-welcome'],
  ['DELETE', '/admin/content/shop-welcome'],
  ['GET', '/admin/offers'],
  ['PUT', '/admin/offers/x'],
  ['DELETE', '/admin/offers/x'],
  ['GET', '/admin/events'],
  ['PUT', '/admin/events'],
  ['POST', '/admin/catalog'],
  ['GET', '/admin/customers'],
  ['GET', '/admin/customers/u%3Ax'],
  ['GET', '/admin/customers/u%3Ax/timeline'],
  ['GET', '/admin/funnel'],
  ['POST', '/admin/import'],
  ['POST', '/admin/import/finish'],
  ['GET', '/admin/clock'],
  ['POST', '/admin/clock'],
  ['POST', '/admin/clock/tick'],
  ['POST', '/admin/ready'],
  ['GET', '/admin/no-such-thing'],
  ['POST', '/admin'],
];

test.for(ADMIN_ROUTES)('%s %s is closed to everyone but operators', async ([method, path]) => {
  const catalog = (await server.admin('GET', '/admin/journeys')).headers.get('waymark-catalog');
  const call = (authorization: string | null, query = '') =>
    server.call<Problem>(method, path + query, { headers: authorization === null ? {} : { authorization } });
  for (const key of [null, 'Bearer ', 'Bearer sk_locaL', 'Bearer sk_local2', 'Basic c2tfbG9jYWw6', 'sk_local'])
    expectProblem(await call(key), 401);
  for (const key of ['Bearer wk_local', 'Bearer  wk_local ']) expectProblem(await call(key), 403);
  expectProblem(await call(null, '?writeKey=sk_local'), 401);
  expect((await server.admin('GET', '/admin/journeys')).headers.get('waymark-catalog')).toBe(catalog);
});

test('no admin route that /openapi.json tells of is open', async () => {
  const { body } = await server.call<{ paths: Record<string, object> }>('GET', '/openapi.json');
  const routes = Object.entries(body.paths)
    .filter(([path]) => path.startsWith('/admin'))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })));
  expect(routes.length).toBeGreaterThan(15);
  for (const { path, method } of routes) {
    const call = { headers: { authorization: 'Bearer wk_local' } };
    const asked = path.replace(/\{\w+\}/g, 'x');
    expectProblem(await server.call<Problem>(method, asked), 401);
    expectProblem(await server.call<Problem>(method, asked, call), 403);
  }
});

test.for(SITE_ROUTES)('POST %s needs a key it knows', async (path) => {
  const who = { userId: fresh('stranger') };
  const bodies = [
    { body: message(who, 'page'), headers: {} },
    { body: { ...message(who, 'page'), writeKey: 'wk_wrong' }, headers: {} },
    { body: message(who, 'page'), headers: { authorization: `Basic ${btoa('wk_wrong:')}` } },
    { body: message(who, 'page'), headers: { authorization: 'Basic %%%' } },
    { body: message(who, 'page'), headers: { authorization: 'Basic' } },
    { body: message(who, 'page'), headers: { authorization: 'Digest x' } },
    { body: { ...message(who, 'page'), writeKey: 7 }, headers: {} },
    { body: { ...message(who, 'page'), writeKey: 'x'.repeat(600) }, headers: {} },
  ];
  for (const { body, headers } of bodies) {
    const answer = await server.call<Problem>('POST', path, { body, headers });
    expectProblem(answer, 401);
    expect(answer.headers.get('www-authenticate')).toContain('Basic');
  }
  expectProblem(await server.call('POST', `${path}?writeKey=wrong`, { body: message(who, 'page') }), 401);
  expectProblem(await server.admin('GET', `/admin/customers/${encodeURIComponent(`u:${who.userId}`)}`), 404);
});

const as = (key: string) => ({ authorization: `Basic ${btoa(`${key}:`)}` });

const token = (sub: string, secret = SECRET): Promise<string> =>
  new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(secret));

const send = (key: string, body: object, headers = {}) =>
  server.call<Ingested>('POST', '/v1/events', { body, headers: { ...as(key), ...headers } });

async function buyer(): Promise<{ userId: string }> {
  const who = { userId: fresh('buyer') };
  await server.ingest([
    track(who, 'Order Completed'),
    message(who, 'identify', { traits: { email: 'x@example.com' } }),
  ]);
  return who;
}

test('a key that requires proof shows nothing of a known customer without it, and everything with it', async () => {
  const who = await buyer();
  const ask = async (more: object, headers = {}) => {
    const answer = await server.call<Decided>('POST', '/v1/decide', {
      body: { ...who, placements: ['hero'], ...more },
      headers: { ...as('wk_required'), ...headers },
    });
    expect(answer.status).toBe(200);
    return answer.body;
  };
  const visitor = (await server.decide({ anonymousId: fresh('nobody') }, ['hero'])).decisions.hero?.[0]?.id;
  const known = (await server.decide(who, ['hero'])).decisions.hero?.[0]?.id;
  expect(known).not.toBe(visitor);
  for (const more of [{}, { customerToken: 'nonsense' }, { customerToken: await token('somebody-else') }]) {
    const { customer, decisions } = await ask(more);
    expect(customer).toEqual({ id: `u:${who.userId}`, stages: {} });
    expect(decisions.hero?.[0]?.id).toBe(visitor);
  }
  const customerToken = await token(who.userId);
  const proven = [await ask({ customerToken }), await ask({}, { 'waymark-customer-token': customerToken })];
  for (const { customer, decisions } of proven) {
    expect(customer.stages).toEqual({ lifecycle: 'purchase' });
    expect(decisions.hero?.[0]?.id).toBe(known);
  }
});

test('a key that requires proof takes an order with a token only, and everything else without', async () => {
  const who = { userId: fresh('shopper') };
  const order = track(who, 'Order Completed');
  const page = message(who, 'page');
  const refused = await send('wk_required', { events: [page, order, track(who, 'purchase')] });
  expect(refused.body.results.map(({ status }) => status)).toEqual(['accepted', 'rejected', 'rejected']);
  expect(refused.body.results[1]?.errors?.[0]?.detail).toContain('customer token');
  expect(refused.body.customer.stages).toEqual({});
  expectProblem(await server.call<Problem>('POST', '/v1/track', { body: order, headers: as('wk_required') }), 400);
  const anonymous = track({ anonymousId: fresh('visitor') }, 'Order Completed');
  expectProblem(await server.call<Problem>('POST', '/v1/track', { body: anonymous, headers: as('wk_required') }), 400);
  expect((await server.describe(`u:${who.userId}`)).stages).toEqual({ lifecycle: 'awareness' });
  const taken = await send('wk_required', { events: [order], customerToken: await token(who.userId) });
  expect(taken.body).toMatchObject({
    results: [{ status: 'accepted' }],
    customer: { stages: { lifecycle: 'purchase' } },
  });
});

test('an order as a CloudEvent needs the same proof', async () => {
  const userid = fresh('shopper');
  const order = { specversion: '1.0', id: 'o-1', source: '/shop', type: 'purchase', userid };
  const report = (headers: Record<string, string> = {}) =>
    server.call<Problem>('POST', '/v1/cloudevents', {
      body: order,
      headers: { ...as('wk_required'), 'content-type': 'application/cloudevents+json', ...headers },
    });
  expect(expectProblem(await report(), 400).errors?.[0]?.detail).toContain('customer token');
  expectProblem(await report({ 'waymark-customer-token': await token('somebody-else') }), 400);
  expect((await report({ 'waymark-customer-token': await token(userid) })).status).toBe(200);
  expect((await server.describe(`u:${userid}`)).stages).toEqual({ lifecycle: 'purchase' });
});

test('a server key needs no token for an order', async () => {
  const who = { userId: fresh('shopper') };
  const answer = await send('ss_server', { events: [track(who, 'Order Completed')] });
  expect(answer.body.customer.stages).toEqual({ lifecycle: 'purchase' });
});

test('TK10 without proof nobody’s history is moved: identify is kept, the visitor stays apart', async () => {
  const [userId, anonymousId] = [fresh('owner'), fresh('visitor')];
  await server.ingest([track({ anonymousId }, 'Product Added')]);
  const claim = () => message({ userId, anonymousId }, 'identify');
  expect((await send('wk_required', { events: [claim()] })).status).toBe(200);
  expect((await server.describe(`a:${anonymousId}`)).id).toBe(`a:${anonymousId}`);
  expect((await server.describe(`u:${userId}`)).events).toBe(1);
  await send('wk_required', { events: [claim()], customerToken: await token(userId) });
  expect((await server.describe(`a:${anonymousId}`)).id).toBe(`u:${userId}`);
});

/** Every way a site has to say that a visitor is a known user. */
const CLAIMS: readonly [string, (userId: string, anonymousId: string) => object][] = [
  ['/v1/events', (userId, anonymousId) => ({ events: [message({ userId, anonymousId }, 'identify')] })],
  ['/v1/events', (userId, previousId) => ({ events: [message({ userId }, 'alias', { previousId })] })],
  ['/v1/events', (userId, anonymousId) => ({ events: [message({ userId, anonymousId }, 'page')] })],
  ['/v1/identify', (userId, anonymousId) => message({ userId, anonymousId }, 'identify')],
  ['/v1/alias', (userId, previousId) => message({ userId }, 'alias', { previousId })],
  ['/v1/batch', (userId, anonymousId) => ({ batch: [message({ userId, anonymousId }, 'identify')] })],
  ['/v1/batch', (userId, previousId) => ({ batch: [message({ userId }, 'alias', { previousId })] })],
];

test.for(CLAIMS.map(([path, claim], index) => ({ name: `${path} (${index})`, path, claim })))(
  'TK10 $name joins nobody to a known customer without a token, with a false one or with one of another user',
  async ({ path, claim }) => {
    const [userId, anonymousId] = [fresh('owner'), fresh('visitor')];
    await server.ingest([track({ anonymousId }, 'Product Added')]);
    await server.ingest([track({ userId }, 'Order Completed')]);
    const tokens = [
      null,
      'nonsense',
      await token(fresh('other')),
      await token(userId, 'another secret of this length....'),
    ];
    for (const [key, customerToken] of [
      ...tokens.map((text) => ['wk_required', text] as const),
      ...tokens.slice(1).map((text) => ['wk_optional', text] as const),
    ]) {
      const headers = { ...as(key), ...(customerToken === null ? {} : { 'waymark-customer-token': customerToken }) };
      const answer = await server.call('POST', path, { body: claim(userId, anonymousId), headers });
      expect(answer.status, answer.text).toBe(200);
      expect(answer.text).not.toContain('purchase');
    }
    const visitor = await server.describe(`a:${anonymousId}`);
    expect([visitor.id, visitor.events]).toEqual([`a:${anonymousId}`, 1]);
    const kinds = (await server.timeline(`u:${userId}`)).map(({ event }) => event);
    expect(kinds).not.toContain('Product Added');
  },
);

test('TK7 a key may be signed for by a public key and a secret at once', async () => {
  const who = await buyer();
  const stages = async (customerToken: string) =>
    (await send('wk_rotated', { events: [message(who, 'page')], customerToken })).body.customer.stages;
  const by = (alg: string, key: KeyObject | Uint8Array) =>
    new SignJWT({}).setProtectedHeader({ alg }).setSubject(who.userId).setExpirationTime('1h').sign(key);
  expect(await stages(await by('ES256', ec.privateKey))).toEqual({ lifecycle: 'purchase' });
  expect(await stages(await by('HS256', new TextEncoder().encode(SECRET)))).toEqual({ lifecycle: 'purchase' });
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  expect(await stages(await by('ES256', stranger))).toEqual({});
  expect(await stages(await by('HS256', new TextEncoder().encode(JWK)))).toEqual({});
});

test('an optional token may be absent and may not be false', async () => {
  const who = await buyer();
  const stages = async (customerToken?: string) =>
    (await send('wk_optional', { events: [message(who, 'page')], customerToken })).body.customer.stages;
  expect(await stages()).toEqual({ lifecycle: 'purchase' });
  expect(await stages(await token(who.userId))).toEqual({ lifecycle: 'purchase' });
  expect(await stages(await token('somebody-else'))).toEqual({});
  expect(await stages(await token(who.userId, 'another secret of this length....'))).toEqual({});
});

test('a key of any other kind opens no admin route, another admin key opens them', async () => {
  for (const { key, role } of KEYS) {
    const answer = await server.call<Problem>('GET', '/admin/funnel', { headers: { authorization: `Bearer ${key}` } });
    if (role === 'admin') expect(answer.status).toBe(200);
    else expectProblem(answer, 403);
  }
});

test('a visitor’s redirect tells a key that requires proof nothing of who he has become', async () => {
  const [userId, anonymousId] = [fresh('private'), fresh('visitor')];
  await server.ingest([track({ anonymousId }, 'Order Completed')]);
  await server.ingest([message({ userId, anonymousId }, 'identify')]);
  const answer = await server.call<Decided>('POST', '/v1/decide', {
    body: { anonymousId, placements: ['hero'] },
    headers: as('wk_required'),
  });
  expect(answer.body.customer.stages).toEqual({});
  expect(answer.text).not.toContain(userId);
});
