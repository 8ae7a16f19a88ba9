// A fresh isolate while D1 is away: it serves from the last catalog its location has seen, which holds no secrets. What came
// with a customer token can then be neither believed nor refused. Real D1, real cache, real routes, in Node; an isolate is a
// fresh set of modules, and the customers' objects are one that takes everything.

import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/d1';
import { migrate } from 'drizzle-orm/d1/migrator';
import { SignJWT } from 'jose';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { keys } from '../../schema/d1.ts';
import type { App } from '../../workers/api/app.ts';
import type { Env } from '../../workers/api/context.ts';
import { hashKey } from '../../workers/catalog/keys.ts';
import { publish } from '../../workers/catalog/publish.ts';
import type { CustomerObject, IngestRequest } from '../../workers/customer/messages.ts';
import { only } from '../only.ts';

const SECRET = 'a secret of thirty-two characters';
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
vi.spyOn(console, 'warn').mockImplementation(() => undefined);
vi.spyOn(console, 'error').mockImplementation(() => undefined);

beforeAll(async () => {
  db = await miniflare.getD1Database('DB');
  vi.stubGlobal('caches', await miniflare.getCaches());
  await migrate(drizzle(db), { migrationsFolder: join(import.meta.dirname, '../../schema/migrations') });
  const row = { role: 'write', tokenSecret: SECRET, createdAt: 0 } as const;
  await drizzle(db)
    .insert(keys)
    .values([
      { ...row, hash: hashKey('wk_required'), name: 'required', tokenMode: 'required' },
      { ...row, hash: hashKey('wk_optional'), name: 'optional', tokenMode: 'optional' },
      { ...row, hash: hashKey('wk_off'), name: 'off', tokenMode: 'off' },
    ]);
  const declarations = { events: { 'Order Completed': { trusted: true } } };
  expect((await publish(db, [{ kind: 'events', id: 'events', document: declarations }], 0, false)).ok).toBe(true);
});
afterAll(() => miniflare.dispose());

/** An isolate that has seen nothing. */
async function freshIsolate(): Promise<App> {
  vi.resetModules();
  return (await import('../../workers/api/app.ts')).createApp(null);
}

const gone = () => Promise.reject(new Error('D1 is away'));
const AWAY = {
  prepare: () => ({ bind: () => AWAY.prepare(), first: gone, all: gone, raw: gone, run: gone }),
  batch: gone,
};

const taken: IngestRequest[] = [];
// The one method of an object that these routes call.
const object = only<CustomerObject>({
  ingest: async (request: IngestRequest) => {
    taken.push(request);
    const statuses = request.events.map(() => 'accepted');
    return { kind: 'done', customerId: request.customerId, stages: {}, statuses, decisions: null };
  },
});

async function order(app: App, database: unknown, key: string, customerToken?: string): Promise<[number, number][]> {
  const event = { type: 'track', event: 'Order Completed', userId: 'u1', messageId: 'm' };
  const env = only<Env>({
    DB: database,
    CUSTOMER: { getByName: () => object },
    KEY_RATE: undefined,
    DEFAULT_LOCALE: 'en',
  });
  const execution = only<ExecutionContext>({ waitUntil: () => undefined });
  const answers: [number, number][] = [];
  for (const [path, body] of [
    ['/v1/events', { events: [event], customerToken }],
    ['/v1/batch', { batch: [event], customerToken }],
    ['/v1/track', { ...event, customerToken }],
  ] as const) {
    taken.splice(0);
    const headers = { authorization: `Basic ${btoa(`${key}:`)}` };
    const request = new Request(`https://edge.example${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    const { status, headers: answered } = await app.fetch(request, env, execution);
    expect(answered.has('retry-after')).toBe(status === 503);
    answers.push([status, taken.length]);
  }
  return answers;
}

const each = (answer: [number, number]) => [answer, answer, answer];

test('an event with a token that nobody can verify right now is answered 503 and taken later, never refused for good', async () => {
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('u1')
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));
  expect(await order(await freshIsolate(), db, 'wk_required', token)).toEqual(each([200, 1]));

  const isolate = await freshIsolate();
  for (const key of ['wk_required', 'wk_optional'])
    expect(await order(isolate, AWAY, key, token)).toEqual(each([503, 0]));
  expect(await order(isolate, AWAY, 'wk_off', token)).toEqual(each([200, 1]));
  expect(await order(isolate, AWAY, 'wk_optional')).toEqual(each([200, 1]));
  expect(await order(isolate, AWAY, 'wk_required')).toEqual(each([400, 0]));
});

test('a key that this copy does not know may be newer than it: 503; with a catalog of D1’s own it is refused', async () => {
  expect(await order(await freshIsolate(), db, 'wk_unknown')).toEqual(each([401, 0]));
  expect(await order(await freshIsolate(), AWAY, 'wk_unknown')).toEqual(each([503, 0]));
});
