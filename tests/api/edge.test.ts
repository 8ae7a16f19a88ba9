// The edge as a deployment has it, in Node: the real routes on a real D1, and in place of the customers' objects some
// that fail, hang or refuse. What only local mode has is not there.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/d1';
import { migrate } from 'drizzle-orm/d1/migrator';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { keys } from '../../schema/d1.ts';
import { ADMIN_WAIT_MS, KEY_RATE } from '../../schema/limits.ts';
import { createApp } from '../../workers/api/app.ts';
import type { Env } from '../../workers/api/context.ts';
import { hashKey } from '../../workers/catalog/keys.ts';
import { publish } from '../../workers/catalog/publish.ts';
import type { CustomerObject } from '../../workers/customer/messages.ts';
import { only } from '../only.ts';
import { type Answer, expectProblem, type Problem } from './server.ts';

const ROOT = join(import.meta.dirname, '../..');
const WRITE = { authorization: `Basic ${btoa('wk_edge:')}` };
const ADMIN = { authorization: 'Bearer sk_edge' };

const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    modules: true,
    script: 'export default {}',
    d1Databases: ['DB'],
    cf: false,
    telemetry: { enabled: false },
  }),
);
let db: Env['DB'];
const app = createApp(null);

beforeAll(async () => {
  db = await miniflare.getD1Database('DB');
  await migrate(drizzle(db), { migrationsFolder: join(ROOT, 'schema/migrations') });
  const row = { tokenMode: 'off', tokenSecret: null, createdAt: 0 } as const;
  await drizzle(db)
    .insert(keys)
    .values([
      { ...row, hash: hashKey('wk_edge'), name: 'site', role: 'write' },
      { ...row, hash: hashKey('sk_edge'), name: 'operator', role: 'admin' },
    ]);
  const journey = {
    id: 'j',
    entry: [{ event: 'page' }],
    initial: 'new',
    stages: { new: { on: [{ event: 'x', to: 'old' }] }, old: {} },
  };
  const document = (id: string, stage: string) => ({
    kind: 'content' as const,
    id,
    document: {
      id,
      kind: 'tip',
      placements: ['hero'],
      stages: [`j.${stage}`],
      locales: { de: { t: `${id} de` }, en: { t: id } },
    },
  });
  const drafts = [
    { kind: 'journey' as const, id: 'j', document: journey },
    document('for-new', 'new'),
    document('for-old', 'old'),
  ];
  expect((await publish(db, drafts, 0, false)).ok).toBe(true);
});
afterAll(() => miniflare.dispose());

/** What the edge has logged: its own words, never what failed or what was sent. */
const logged: string[] = [];
for (const level of ['warn', 'error'] as const)
  vi.spyOn(console, level).mockImplementation((line: string) => void logged.push(line));
beforeEach(() => void logged.splice(0));
const loggedLines = () => logged.map((line): Record<string, unknown> => JSON.parse(line));

type Fails = () => Promise<never>;
const throws: Fails = () => Promise.reject(new Error('the object is gone: /secret/path.ts:7'));
const hangs: Fails = () => new Promise(() => undefined);

/** An object of which every method does the same; the proxy stands for all of its methods, so it is one. */
const objectThat = (fails: Fails): CustomerObject => new Proxy({} as CustomerObject, { get: () => fails });

/** The parts of the platform that no route under test touches are empty, whatever their types ask for. */
async function ask<T = Problem>(
  object: CustomerObject,
  path: string,
  { method = 'POST', body, headers = WRITE }: { method?: string; body?: unknown; headers?: Record<string, string> },
  more: Partial<Env> = {},
): Promise<Answer<T>> {
  const env: Env = {
    DB: db,
    CUSTOMER: { getByName: () => object, get: () => object, idFromString: (id) => ({ id }) as never },
    TOTALS: {} as Env['TOTALS'],
    REGISTRY: {} as Env['REGISTRY'],
    PROJECTIONS: {} as Env['PROJECTIONS'],
    MESSAGES: {} as Env['MESSAGES'],
    EMAIL: {} as Env['EMAIL'],
    ...more,
  };
  const request = new Request(`https://edge.example${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const execution = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
  const response = await app.fetch(request, env, execution as never);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text || 'null') as T };
}

const event = { type: 'page', userId: 'u1' };
const decide = { userId: 'u1', placements: ['hero', 'elsewhere'], context: { locale: 'de' } };

interface Degraded {
  readonly degraded: boolean;
  readonly customer: object;
  readonly decisions: Record<string, { id: string; fields: object }[]>;
}

test.for([
  ['throws', throws],
  ['hangs', hangs],
] as const)('a page whose customer’s object %s gets what a new visitor gets, in time', async ([, fails]) => {
  const startedAt = performance.now();
  const { status, body } = await ask<Degraded>(objectThat(fails), '/v1/decide', { body: decide });
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    degraded: true,
    customer: { id: 'u:u1', stages: {} },
    decisions: { hero: [{ id: 'for-new', fields: { t: 'for-new de' } }], elsewhere: [] },
  });
});

test('an object that is busy is a passing fault: 503 with its time, and the page’s decisions', async () => {
  // The one method that this route calls.
  const busy = only<CustomerObject>({ ingest: async () => ({ kind: 'busy', retryAfterMs: 2_500 }) });
  const answer = await ask<Problem & Degraded>(busy, '/v1/events', {
    body: { events: [event], decide: { placements: ['hero'] } },
  });
  expectProblem(answer, 503);
  expect(answer.headers.get('retry-after')).toBe('3');
  expect(answer.body).toMatchObject({ degraded: true, decisions: { hero: [{ id: 'for-new' }] } });
});

test.for(['/v1/events', '/v1/batch', '/v1/page', '/v1/identify', '/v1/track', '/v1/t', '/v1/b', '/beacon/v1/batch'])(
  '%s answers 503 where the object throws, and tells nothing of why',
  async (path) => {
    const message = { ...event, type: 'track', event: 'E' };
    const answer = await ask(objectThat(throws), path, { body: { ...message, events: [message], batch: [message] } });
    const { detail } = expectProblem(answer, 503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(detail).toContain('messageId');
    expect(answer.text).not.toContain('secret');
  },
);

test('CloudEvents meet a passing fault as 503 and the rate of a key as 429, whatever their mode', async () => {
  const one = { specversion: '1.0', id: 'e', source: '/shop', type: 'E', subject: 'u1' };
  const attributes = Object.fromEntries(Object.entries(one).map(([name, value]) => [`ce-${name}`, value]));
  const modes = [
    { body: one, headers: { 'content-type': 'application/cloudevents+json' } },
    { body: [one, { ...one, id: '' }], headers: { 'content-type': 'application/cloudevents-batch+json' } },
    { body: {}, headers: { 'content-type': 'application/json', ...attributes } },
  ];
  const limit = { KEY_RATE: { limit: async () => ({ success: false }) } };
  for (const { body, headers } of modes) {
    const call = { body, headers: { ...WRITE, ...headers } };
    const faulty = await ask(objectThat(throws), '/v1/cloudevents', call);
    expectProblem(faulty, 503);
    expect(Number(faulty.headers.get('retry-after'))).toBeGreaterThan(0);
    expectProblem(await ask(objectThat(throws), '/v1/cloudevents', call, limit), 429);
  }
});

test('operators hear 503 as well where an object throws', async () => {
  for (const path of ['/admin/customers/u%3Au1', '/admin/customers/u%3Au1/timeline'])
    expectProblem(await ask(objectThat(throws), path, { method: 'GET', headers: ADMIN }), 503);
  const failed = {
    at: 'edge',
    what: 'request failed',
    method: 'GET',
    status: 503,
    kind: 'unavailable',
    cause: 'Error',
  };
  expect(loggedLines()).toEqual([
    { ...failed, route: '/admin/customers/:id', requestId: expect.any(String) },
    { ...failed, route: '/admin/customers/:id/timeline', requestId: expect.any(String) },
  ]);
});

test('past the rate of a key: 429 with Retry-After and RateLimit, for public keys only', async () => {
  const limit = { KEY_RATE: { limit: async () => ({ success: false }) } };
  for (const path of ['/v1/events', '/v1/decide', '/v1/batch', '/v1/track']) {
    const answer = await ask(objectThat(throws), path, { body: { ...decide, events: [event], batch: [event] } }, limit);
    expectProblem(answer, 429);
    expect(answer.headers.get('retry-after')).toBe('10');
    expect(answer.headers.get('ratelimit')).toBe('"key";r=0;t=10');
    expect(answer.headers.get('ratelimit-policy')).toBe('"key";q=5000;w=10');
  }
  const operator = await ask(objectThat(throws), '/admin/journeys', { method: 'GET', headers: ADMIN }, limit);
  expect(operator.status).toBe(200);
});

test('the policy that is told is the one that wrangler.toml sets', () => {
  const configured = readFileSync(join(ROOT, 'wrangler.toml'), 'utf8');
  expect(configured).toContain(`simple = { limit = ${KEY_RATE.requests}, period = ${KEY_RATE.periodSeconds} }`);
});

test('past the rate of a customer: events 429 with its time, whatever the call; a page still gets the defaults', async () => {
  const flooded = async () => ({ kind: 'flooded', retryAfterMs: 1_200 });
  // What these routes ask an object by.
  const object = only<CustomerObject>({ ingest: flooded, fetch: async () => new Response(null, { status: 503 }) });
  for (const path of ['/v1/events', '/v1/batch', '/v1/page']) {
    const body = { ...event, events: [event], batch: [event], decide: { placements: ['hero'] } };
    const answer = await ask<Problem & Degraded>(object, path, { body });
    const { detail } = expectProblem(answer, 429);
    expect(detail).toContain('messageId');
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(answer.headers.get('ratelimit')).toBe('"customer";r=0;t=2');
    expect(answer.headers.get('ratelimit-policy')).toBe('"customer";q=5000;w=5;waymark-unit="events"');
    if (path === '/v1/events') expect(answer.body).toMatchObject({ degraded: true, decisions: { hero: [{}] } });
  }
  const page = await ask<Degraded>(object, '/v1/decide', { body: decide });
  expect([page.status, page.body.degraded, page.body.decisions.hero?.[0]?.id]).toEqual([200, true, 'for-new']);
});

test('one customer out of reach and one too busy in a batch: 503, because more than patience is needed', async () => {
  const answers = [{ kind: 'flooded', retryAfterMs: 9_000 }, NaN, { kind: 'flooded', retryAfterMs: 9_000 }];
  const ingest = async () => {
    const answer = answers.shift();
    if (typeof answer === 'number') throw new Error('gone');
    return answer;
  };
  const batch = ['u1', 'u2', 'u3'].map((userId) => ({ type: 'page', userId }));
  expectProblem(await ask(only<CustomerObject>({ ingest }), '/v1/batch', { body: { batch } }), 503);
});

test('every answer has an id: the caller’s own if it is sane, else a new one; a problem names it inside', async () => {
  const id = async (headers: Record<string, string>, path = '/v1/decide') => {
    const answer = await ask(objectThat(throws), path, { body: decide, headers: { ...WRITE, ...headers } });
    const given = answer.headers.get('x-request-id');
    if (answer.status >= 400) expect(answer.body).toMatchObject({ instance: `urn:waymark:request:${given}` });
    return given;
  };
  for (const sane of ['8e03978e-40d5-43e8-bc93-6894a57f9324', 'a', 'Root=1-67891233-abcdef', 'x'.repeat(128)])
    for (const path of ['/v1/decide', '/v1/events', '/nowhere'])
      expect(await id({ 'x-request-id': sane }, path)).toBe(sane);
  const made = new Set<string | null>();
  const insane = ['', 'jane@example.com', 'a b', 'x'.repeat(129), '"', 'a:b', '<script>'];
  for (const given of insane) {
    const answered = await id({ 'x-request-id': given });
    expect(answered).toMatch(/^[\da-f-]{18}-[\da-z]+$/);
    made.add(answered);
  }
  expect(made.size).toBe(insane.length);
});

test('a failure is one line: its route, its kind, its id and its trace; a trace that is not valid is ignored', async () => {
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const parent = 'b7ad6b7169203331';
  const fail = async (traceparent: string) => {
    logged.splice(0);
    await ask(objectThat(throws), '/v1/page?writeKey=x&email=a@b', { body: event, headers: { ...WRITE, traceparent } });
    return loggedLines();
  };
  const line = {
    at: 'edge',
    what: 'request failed',
    method: 'POST',
    route: '/v1/page',
    status: 503,
    kind: 'unavailable',
  };
  for (const good of [`00-${trace}-${parent}-01`, `00-${trace}-${parent}-00`, `cc-${trace}-${parent}-01-what-comes`])
    expect(await fail(good)).toEqual([{ ...line, requestId: expect.any(String), trace, parent }]);
  for (const bad of [
    `ff-${trace}-${parent}-01`,
    `00-${trace}-${parent}-01-more`,
    `00-${'0'.repeat(32)}-${parent}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${parent}-01`,
    `00-${trace}-${parent}`,
    'nonsense',
    '',
  ])
    expect(await fail(bad)).toEqual([{ ...line, requestId: expect.any(String) }]);
});

test('a page that got the defaults leaves a line with the id that its answer has', async () => {
  const answer = await ask(objectThat(throws), '/v1/decide', { body: decide });
  expect(loggedLines()).toEqual([
    { at: 'edge', what: 'degraded', route: '/v1/decide', requestId: answer.headers.get('x-request-id') },
  ]);
});

test('D1 that hangs: health and operators hear 503 in time', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const statement: object = new Proxy(() => statement, {
      get: (_, name) => (name === 'bind' ? () => statement : hangs),
    });
    const env = { DB: only<Env['DB']>({ prepare: () => statement, batch: hangs }) };
    for (const path of ['/healthz', '/admin/funnel', '/admin/customers']) {
      const asked = ask(objectThat(hangs), path, { method: 'GET', headers: ADMIN }, env);
      await vi.advanceTimersByTimeAsync(path === '/healthz' ? 2_000 : ADMIN_WAIT_MS);
      expectProblem(await asked, 503);
    }
  } finally {
    vi.useRealTimers();
  }
});

test('the well-known local keys and the movable clock open nothing in a deployment', async () => {
  const local = { authorization: 'Bearer sk_local' };
  for (const path of ['/admin/journeys', '/admin/clock', '/admin/ready'])
    expectProblem(await ask(objectThat(throws), path, { method: 'GET', headers: local }), 401);
  expectProblem(
    await ask(objectThat(throws), '/v1/events', { body: { events: [event], writeKey: 'wk_local' }, headers: {} }),
    401,
  );
  for (const path of ['/admin/clock', '/admin/clock/tick', '/admin/ready'])
    expectProblem(await ask(objectThat(throws), path, { body: { advance: 'P1D' }, headers: ADMIN }), [404, 405]);
});

test('CORS is for the configured origins and for public calls only', async () => {
  const env = { CORS_ORIGINS: 'https://shop.example, https://www.shop.example' };
  const origin = async (path: string, from: string, method = 'OPTIONS') => {
    const headers = { ...ADMIN, origin: from, 'access-control-request-method': 'POST' };
    const request = { method, headers };
    return (await ask(objectThat(throws), path, request, env)).headers.get('access-control-allow-origin');
  };
  for (const from of ['https://shop.example', 'https://www.shop.example'])
    expect(await origin('/v1/events', from)).toBe(from);
  for (const from of ['https://shop.example.evil', 'http://shop.example', 'https://evil.example', 'null'])
    expect(await origin('/v1/events', from)).toBeNull();
  expect(await origin('/admin/journeys', 'https://shop.example', 'GET')).toBeNull();
  expect(await origin('/admin/journeys', 'https://shop.example')).toBeNull();
});

test('with a catalog at hand and D1 gone, pages are decided and operators hear 503', async () => {
  // Every method of D1 that is called fails.
  const gone = {
    prepare: () => {
      throw new Error('D1_ERROR: gone');
    },
    batch: throws,
    dump: throws,
    exec: throws,
  };
  const env = { DB: only<Env['DB']>(gone) };
  const { status, body } = await ask<Degraded>(objectThat(throws), '/v1/decide', { body: decide }, env);
  expect([status, body.decisions.hero?.[0]?.id]).toEqual([200, 'for-new']);
  expectProblem(await ask(objectThat(throws), '/admin/funnel', { method: 'GET', headers: ADMIN }, env), 503);
  expectProblem(await ask(objectThat(throws), '/healthz', { method: 'GET' }, env), 503);
});
