// What is told to whom. Every documented route with every kind of key: who is let in is what the document says, and a public
// key never reads what is personal; new routes are covered once they are documented. And the log: a line for each failed
// request, and nowhere a word of what customers or operators sent.

import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import {
  type Document,
  examplesOf,
  faultOf,
  type Operation,
  pathOf,
  queryOf,
  readDocument,
} from '../contract/document.ts';
import { type Answer, expectProblem, message, openD1, type Problem, track, useServer } from './server.ts';

const server = useServer();

const basic = (key: string) => ({ authorization: `Basic ${btoa(`${key}:`)}` });
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const CALLERS = {
  none: {},
  'wrong write': basic('wk_wrong'),
  'wrong secret': bearer('sk_wrong'),
  write: basic('wk_local'),
  'write, proof required': basic('wk_required'),
  'write as bearer': bearer('wk_local'),
  server: bearer('sv_role'),
  admin: bearer('sk_local'),
} as const;
type Caller = keyof typeof CALLERS;

/** Personal data of the customers whom the document's examples name. */
const SECRETS = ['email-4711@example.com', 'address-4711', 'order-4711'];
const NAMES = ['customer-1', 'visitor-1'];

let document: Document;

beforeAll(async () => {
  const database = openD1(server);
  const insert = database.prepare('INSERT INTO keys VALUES (?, ?, ?, ?, ?, 0)');
  for (const [key, role, mode] of [
    ['sv_role', 'server', 'off'],
    ['wk_required', 'write', 'required'],
  ] as const)
    insert.run(createHash('sha256').update(key).digest('hex'), key, role, mode, 'a secret of thirty-two characters');
  database.close();
  // Keys are read with a new version of the catalog.
  await server.publish({
    id: 'nothing',
    entry: [{ event: 'Never' }],
    initial: 'only',
    stages: { only: { final: true } },
  });
  document = await readDocument(server);
  for (const name of NAMES) {
    const who = name.startsWith('visitor') ? { anonymousId: name } : { userId: name };
    const [email, address, order] = SECRETS;
    await server.ingest([
      message(who, 'identify', { traits: { email, address } }),
      track(who, 'Order Completed', { order_id: order, revenue: 10 }),
    ]);
  }
});

/** An example of the operation, as the document has it, with another key; with its customer token, or without any. */
async function ask(operation: Operation, caller: Caller, token: 'token' | 'no token'): Promise<Answer<Problem>> {
  const { operations } = document;
  const path = pathOf(operation.path, examplesOf(operation, 'path', operations));
  const [body] = operation.bodies;
  return server.call<Problem>(operation.method, path + queryOf(examplesOf(operation, 'query', operations)), {
    headers: {
      ...Object.fromEntries(
        Object.entries(examplesOf(operation, 'header', operations)).filter(
          ([name]) => token === 'token' || name.toLowerCase() !== 'waymark-customer-token',
        ),
      ),
      ...(body ? { 'content-type': body.type } : {}),
      ...CALLERS[caller],
    },
    ...(body ? { body: body.example } : {}),
  });
}

/** By the document: 401 for who is nobody, 403 for who is somebody else, null for who may. */
function refusalOf({ key, schemes }: Operation, caller: Caller): 401 | 403 | null {
  if (key === 'none') return null;
  if (caller === 'none' || caller.startsWith('wrong')) return 401;
  if (key === 'admin')
    return caller === 'admin' ? null : caller === 'write' || caller === 'write, proof required' ? 401 : 403;
  // The token of the examples is the local key's.
  if (schemes.includes('customerToken')) return caller === 'write' || caller === 'write as bearer' ? null : 401;
  return schemes.includes('bearer') || caller.startsWith('write') ? null : 401;
}

test.for(Object.keys(CALLERS) as Caller[])('every documented route answers "%s" as documented', async (caller) => {
  const wrong: string[] = [];
  for (const operation of document.operations) {
    if (operation.method === 'DELETE' && caller === 'admin') continue;
    const answer = await ask(operation, caller, 'token');
    const refusal = refusalOf(operation, caller);
    const refused = answer.status === 401 || answer.status === 403 ? answer.status : null;
    if (refused !== refusal) wrong.push(`${operation.id} answered ${answer.status}, not ${refusal}: ${answer.text}`);
    if (refused !== null) expectProblem(answer, refused);
    const fault = faultOf(document, operation, answer);
    if (fault !== null) wrong.push(fault);
  }
  expect(wrong).toEqual([]);
});

test('what an operator reads of these customers, no public key alone reads on any route', async () => {
  const { text } = await server.admin('GET', `/admin/customers/${encodeURIComponent(`u:${NAMES[0]}`)}`);
  expect(text).toContain(SECRETS[0]);
  const told: string[] = [];
  for (const operation of document.operations)
    for (const caller of ['none', 'wrong write', 'write', 'write, proof required', 'write as bearer'] as const) {
      const answer = await ask(operation, caller, 'no token');
      for (const secret of SECRETS)
        if (answer.text.includes(secret)) told.push(`${operation.id} told "${caller}" ${secret}`);
    }
  expect(told).toEqual([]);
  expect(document.operations.length).toBeGreaterThan(40);
});

const MARKER = 'm4rk3r';
const EMAIL = `${MARKER}@example.com`;
const WRITE = { authorization: `Basic ${btoa('wk_local:')}` };
const ADMIN = 'Bearer sk_local';
/** Every header a client may send, but the two that are there to be found again. */
const HEADERS = {
  'user-agent': `${MARKER}/1.0`,
  cookie: `session=${MARKER}`,
  referer: `https://shop.example/?email=${EMAIL}`,
  'waymark-customer-token': `${MARKER}.${MARKER}.${MARKER}`,
  'x-forwarded-for': MARKER,
  'x-request-id': EMAIL,
  traceparent: MARKER,
  'idempotency-key': MARKER,
  anonymousid: MARKER,
  origin: `https://${MARKER}.example`,
};
const marked = {
  type: 'track',
  event: `Order ${MARKER}`,
  messageId: MARKER,
  userId: EMAIL,
  anonymousId: MARKER,
  properties: { [MARKER]: MARKER, revenue: 1 },
  traits: { email: EMAIL },
  context: { userAgent: MARKER, ip: MARKER, locale: MARKER },
};
const QUERY = `?email=${EMAIL}&writeKey=${MARKER}`;

let failures = 0;
async function send(method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<void> {
  const answer = await server.call(method, path, {
    headers: { ...HEADERS, ...headers },
    ...(body === undefined ? {} : { body }),
  });
  if (answer.status >= 400) failures++;
}

async function askEverything(): Promise<void> {
  for (const path of ['events', 'decide', 'batch', 'track', 'identify', 'p', 'cloudevents', 'm', MARKER]) {
    const body = { ...marked, events: [marked], batch: [marked], placements: [MARKER], customerToken: MARKER };
    for (const headers of [WRITE, {}, { authorization: `Basic ${btoa(`${MARKER}:${MARKER}`)}` }]) {
      await send('POST', `/v1/${path}${QUERY}`, headers, body);
      await send('POST', `/v1/${path}${QUERY}`, headers, `{"${MARKER}": ${MARKER}`);
      await send('POST', `/v1/${path}`, headers, gzipSync(JSON.stringify({ ...body, type: MARKER, event: 7 })));
    }
  }
  for (const authorization of [ADMIN, 'Bearer wk_local', `Bearer ${MARKER}`]) {
    const headers = { authorization };
    const id = encodeURIComponent(`u:${EMAIL}`);
    for (const path of [
      `customers/${id}`,
      `customers/${id}/timeline`,
      `customers?stage=${MARKER}`,
      `customers?cursor=${EMAIL}`,
      `customers?identifier=email:${EMAIL}`,
      `customers/${id}/export`,
      `customers/${id}/record`,
      `customers/${id}/merges`,
      `customers/${id}/consents`,
      `access?customer=${id}&cursor=${MARKER}`,
      `segments/${MARKER}/members?cursor=${EMAIL}`,
    ])
      await send('GET', `/admin/${path}`, headers);
    for (const path of [`messages?customer=${id}`, `content/${MARKER}`, `journeys/${MARKER}/versions`, `${MARKER}`])
      await send('GET', `/admin/${path}`, headers);
    await send('PUT', `/admin/content/${MARKER}`, headers, { kind: MARKER, locales: MARKER });
    await send('POST', '/admin/journeys/publish', headers, { journey: { id: MARKER, initial: MARKER } });
    await send('POST', '/admin/import', headers, `${JSON.stringify(marked)}\n{"${MARKER}`);
    await send('DELETE', `/admin/offers/${MARKER}`, headers);
    await send('POST', `/admin/customers/${id}/erase`, headers, { reason: MARKER });
    await send('POST', `/admin/customers/${id}/merges/${MARKER}/undo`, headers, {});
    await send('POST', '/admin/preview', headers, { customerId: `u:${EMAIL}`, at: MARKER });
  }
  for (const path of [
    `/v1/projects/${MARKER}/settings`,
    `/sourceConfig/${QUERY}`,
    `/docs/${MARKER}`,
    `/${MARKER}`,
    `/preferences/${MARKER}`,
    `/confirm/${MARKER}`,
    `/v1/me${QUERY}`,
  ])
    await send('GET', path, {});
}

const AWAY = ['catalog_head', 'customers', 'imports', 'idempotency', 'access_log', 'erased', 'customer_segments'];

test('PV16 a line for each failed request, and no marker in any of what is printed', async () => {
  await askEverything();
  const database = openD1(server);
  for (const table of AWAY) database.exec(`ALTER TABLE ${table} RENAME TO away_${table}`);
  await askEverything();
  // A customer whose index cannot be written: what the queue's consumer says of it is awaited below.
  await server.ingest([{ type: 'track', event: 'Order Completed', userId: `new-${EMAIL}` }]);
  await server.hears('"not folded"');
  for (const table of AWAY) database.exec(`ALTER TABLE away_${table} RENAME TO ${table}`);
  database.close();
  const last = 'the-last-request-of-this-test';
  await server.call('GET', '/nowhere', { headers: { 'x-request-id': last } });
  await server.hears(last);

  const printed = server.said();
  expect(printed).not.toContain(MARKER);
  const lines = printed.split('\n').filter((line) => line.startsWith('{'));
  const parsed = lines.map((line): Record<string, unknown> => JSON.parse(line));
  const failed = parsed.filter(({ what, requestId }) => what === 'request failed' && requestId !== last);
  expect(failed.length).toBeGreaterThanOrEqual(failures);
  expect(failures).toBeGreaterThan(100);
  for (const line of failed)
    expect(line).toEqual({
      at: 'edge',
      what: 'request failed',
      method: expect.stringMatching(/^(GET|POST|PUT|DELETE)$/),
      route: expect.stringMatching(/^(none|\/[\w/:-]*)$/),
      status: expect.any(Number),
      kind: expect.any(String),
      requestId: expect.stringMatching(/^[\da-f-]{18}-[\da-z]+$/),
      ...(line['cause'] === undefined ? {} : { cause: expect.any(String) }),
    });
  expect(new Set(failed.map(({ requestId }) => requestId)).size).toBe(failed.length);
  expect(failed.map(({ status }) => status)).toEqual(expect.arrayContaining([400, 401, 403, 404, 415, 422, 503]));
});
