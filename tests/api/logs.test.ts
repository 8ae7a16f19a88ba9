// What the server prints: one line of JSON for each failed request, and nowhere a word of what customers or operators sent.
// Markers are put wherever a request has room, in requests that succeed, that are refused and that fail inside.

import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openD1, useServer } from './server.ts';

const server = useServer();
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
const event = {
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
async function ask(method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<void> {
  const answer = await server.call(method, path, {
    headers: { ...HEADERS, ...headers },
    ...(body === undefined ? {} : { body }),
  });
  if (answer.status >= 400) failures++;
}

async function askEverything(): Promise<void> {
  for (const path of ['events', 'decide', 'batch', 'track', 'identify', 'p', 'cloudevents', 'm', MARKER]) {
    const body = { ...event, events: [event], batch: [event], placements: [MARKER], customerToken: MARKER };
    for (const headers of [WRITE, {}, { authorization: `Basic ${btoa(`${MARKER}:${MARKER}`)}` }]) {
      await ask('POST', `/v1/${path}${QUERY}`, headers, body);
      await ask('POST', `/v1/${path}${QUERY}`, headers, `{"${MARKER}": ${MARKER}`);
      await ask('POST', `/v1/${path}`, headers, gzipSync(JSON.stringify({ ...body, type: MARKER, event: 7 })));
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
    ])
      await ask('GET', `/admin/${path}`, headers);
    for (const path of [`messages?customer=${id}`, `content/${MARKER}`, `journeys/${MARKER}/versions`, `${MARKER}`])
      await ask('GET', `/admin/${path}`, headers);
    await ask('PUT', `/admin/content/${MARKER}`, headers, { kind: MARKER, locales: MARKER });
    await ask('POST', '/admin/journeys/publish', headers, { journey: { id: MARKER, initial: MARKER } });
    await ask('POST', '/admin/import', headers, `${JSON.stringify(event)}\n{"${MARKER}`);
    await ask('DELETE', `/admin/offers/${MARKER}`, headers);
  }
  for (const path of [`/v1/projects/${MARKER}/settings`, `/sourceConfig/${QUERY}`, `/docs/${MARKER}`, `/${MARKER}`])
    await ask('GET', path, {});
}

test('a line for each failed request, and no marker in any of what is printed', async () => {
  await askEverything();
  const database = openD1(server);
  for (const table of ['catalog_head', 'customers', 'imports', 'idempotency'])
    database.exec(`ALTER TABLE ${table} RENAME TO away_${table}`);
  await askEverything();
  // A customer whose index cannot be written: what the queue's consumer says of it is awaited below.
  await server.ingest([{ type: 'track', event: 'Order Completed', userId: `new-${EMAIL}` }]);
  await server.hears('"not folded"');
  for (const table of ['catalog_head', 'customers', 'imports', 'idempotency'])
    database.exec(`ALTER TABLE away_${table} RENAME TO ${table}`);
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
      route: expect.stringMatching(/^(none|\/[\w/:]*)$/),
      status: expect.any(Number),
      kind: expect.any(String),
      requestId: expect.stringMatching(/^[\da-f-]{18}-[\da-z]+$/),
      ...(line['cause'] === undefined ? {} : { cause: expect.any(String) }),
    });
  expect(new Set(failed.map(({ requestId }) => requestId)).size).toBe(failed.length);
  expect(new Set(failed.map(({ status }) => status))).toEqual(new Set([400, 401, 403, 404, 415, 422, 503]));
});
