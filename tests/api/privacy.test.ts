// Export and erasure over HTTP, on a system of its own: a marker in every field of every call, through journeys, mail and
// the index, and then every byte of the state and of the log searched for it.

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { mailsOf } from './mails.ts';
import { expectProblem, fresh, message, openD1, type Problem, track, useServer } from './server.ts';

const server = useServer();
const { arrived } = mailsOf(server);

const MARK = 'Zq7';
let marks = 0;
const mark = (word: string): string => `${MARK}${word}${++marks}`;
const AS_ADMIN = { headers: { authorization: 'Bearer sk_local' } };
const path = (id: string) => `/admin/customers/${encodeURIComponent(id)}`;

interface Receipt {
  readonly customer: string;
  readonly removed: Record<string, number>;
}

/** A life with something in every field there is; the id itself is a marker too. */
async function live(userId: string, anonymousId: string): Promise<void> {
  const context = () => ({
    ip: mark('ip'),
    userAgent: mark('agent'),
    locale: 'en',
    page: { url: `https://shop.example/${mark('url')}`, title: mark('title'), referrer: mark('referrer') },
    campaign: { name: mark('campaign') },
    device: { id: mark('device') },
  });
  const more = () => ({ context: context(), [mark('member')]: mark('value') });
  await server.ingest([
    { ...message({ anonymousId }, 'page', more()), name: mark('page'), properties: { query: mark('query') } },
    { ...track({ anonymousId }, 'Product Viewed', { product_id: mark('product'), note: mark('note') }), ...more() },
    { ...track({ anonymousId }, mark('Event'), {}), ...more() },
  ]);
  const identify = message({ userId, anonymousId }, 'identify', {
    traits: {
      email: `${mark('mail')}@example.com`,
      firstName: mark('first'),
      phone: mark('phone'),
      address: { city: mark('city') },
    },
    context: context(),
  });
  await server.ingest([identify], { decide: { placements: ['hero'], context: { [mark('asked')]: mark('for') } } });
  await server.ingest([
    track({ userId }, 'Consent Updated', { purpose: 'marketing', channel: 'email', source: mark('source') }),
    track({ userId }, 'Consent Updated', { purpose: 'newsletter', channel: 'email', wording: mark('wording') }),
    track({ userId }, 'Product Added', { cart_id: mark('cart'), name: mark('article') }),
    track({ userId }, 'Complaint Opened', { complaint_id: mark('complaint'), text: mark('words') }),
    { ...message({ userId }, 'group', { traits: { name: mark('company') } }), groupId: mark('group') },
    { ...message({ userId }, 'screen', {}), name: mark('screen') },
  ]);
  await server.decide({ userId }, ['hero', 'article']);
  await server.call('POST', '/v1/batch', {
    body: { writeKey: 'wk_local', batch: [track({ userId }, 'Support Contacted', { case_id: mark('case') })] },
  });
  await server.advance('PT5H');
}

const imported = (userId: string, at: string) =>
  server.call<{ accepted: number; rejected: { line: number; errors: { detail: string }[] }[] }>(
    'POST',
    '/admin/import',
    {
      ...AS_ADMIN,
      body: `${JSON.stringify({ type: 'track', event: 'Order Completed', userId, messageId: fresh('i'), timestamp: at, properties: { order_id: mark('order') } })}\n`,
    },
  );

const filesWith = (text: string): string[] => {
  const found = spawnSync('grep', ['-rlaF', text, server.state], { encoding: 'utf8' }).stdout;
  return found.split('\n').filter(Boolean);
};

test('PV1 an export holds everything, as JSON and as a page without scripts', async () => {
  const [userId, anonymousId] = [mark('user'), mark('visitor')];
  const from = marks;
  await live(userId, anonymousId);
  const all = Array.from({ length: marks - from }, (_, index) => from + index + 1);
  const json = await server.admin<{ format: string; timeline: unknown[]; messages: unknown[]; kept: object }>(
    'GET',
    `${path(`u:${userId}`)}/export`,
  );
  expect(json.body).toMatchObject({
    format: 'waymark-export-1',
    customer: { id: `u:${userId}` },
    kept: { consents: {} },
  });
  expect(json.body.messages.length).toBeGreaterThan(1);
  const text = JSON.stringify(json.body);
  const missing = (where: string) => all.filter((n) => !new RegExp(`${MARK}[A-Za-z]+${n}(?!\\d)`).test(where));
  // What a page asked with is used and not kept.
  expect(missing(text)).toHaveLength(2);
  const hostile = '<script>alert(1)</script>';
  await server.ingest([message({ userId }, 'identify', { traits: { lastName: hostile } })]);
  const page = await server.call('GET', `${path(`u:${userId}`)}/export?format=html&language=de`, AS_ADMIN);
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
  expect([page.text.includes(hostile), page.text.includes('&lt;script&gt;'), missing(page.text).length]).toEqual([
    false,
    true,
    2,
  ]);
  expect(page.text).toContain('Was wir über Sie gespeichert haben');
  expectProblem(await server.call<Problem>('GET', `${path('u:nobody-at-all')}/export`, AS_ADMIN), 404);
});

test('PV8 who reads a customer is written down, by key, route and request, and nobody by name', async () => {
  const userId = mark('read');
  await server.ingest([message({ userId }, 'identify', { traits: {} })]);
  await server.describe(`u:${userId}`);
  await server.call('GET', `${path(`u:${userId}`)}/timeline`, {
    headers: { ...AS_ADMIN.headers, 'x-request-id': 'who-reads-1' },
  });
  const { body } = await server.admin<{ reads: { key: string; route: string; requestId: string }[] }>(
    'GET',
    `/admin/access?customer=${encodeURIComponent(`u:${userId}`)}`,
  );
  expect(body.reads).toMatchObject([
    { key: 'sk_local', route: 'GET /admin/customers/{id}/timeline', requestId: 'who-reads-1' },
    { key: 'sk_local', route: 'GET /admin/customers/{id}' },
  ]);
});

test('PV2 PV3 PV4 an erased customer is nowhere: not in a file, not in the log, and not by late events', {
  timeout: 240_000,
}, async () => {
  const [userId, anonymousId] = [mark('user'), mark('visitor')];
  const from = marks;
  await live(userId, anonymousId);
  const { to } = (await arrived((mail) => mail.to.includes(MARK), 2)).at(-1) ?? { to: '' };
  expect(to).toContain(MARK);
  expect(filesWith(anonymousId).length).toBeGreaterThan(1);

  const { body: receipt } = await server.admin<Receipt>('POST', `${path(`a:${anonymousId}`)}/erase`);
  expect(receipt.customer).toMatch(/^[0-9a-f]{64}$/);
  const { objects = 0, entries = 0, messages = 0, indexRows = 0, mails = 0 } = receipt.removed;
  expect([objects > 0, entries > 10, messages >= 2, indexRows >= 2, mails >= 2]).toEqual([
    true,
    true,
    true,
    true,
    true,
  ]);
  expect((await server.admin<Receipt>('POST', `${path(`u:${userId}`)}/erase`)).body).toMatchObject({
    customer: receipt.customer,
    removed: { objects: 0, entries: 0, messages: 0 },
  });
  expectProblem(await server.call<Problem>('GET', path(`u:${userId}`), AS_ADMIN), 404);

  // Late, by every way in.
  for (const who of [{ userId }, { anonymousId }]) {
    const late = await server.site<{ results: { status: string; errors: { detail: string }[] }[] }>('/v1/events', {
      events: [track(who, mark('Late'), {})],
    });
    expect(late.body.results).toMatchObject([
      { status: 'rejected', errors: [{ detail: expect.stringContaining('erased') }] },
    ]);
  }
  const batch = await server.site<{ success: boolean; rejected: { index: number }[] }>('/v1/batch', {
    batch: [track({ userId }, mark('Late'), {})],
  });
  expect([batch.status]).toEqual([400]);
  const past = await imported(userId, '2026-01-01T00:00:00Z');
  expect(past.body).toMatchObject({
    accepted: 0,
    rejected: [{ line: 1, errors: [{ detail: expect.stringContaining('erased') }] }],
  });
  await server.admin('POST', '/admin/import/finish');
  await server.decide({ userId }, ['hero']);
  await server.advance('P9D');
  expectProblem(await server.call<Problem>('GET', path(`u:${userId}`), AS_ADMIN), 404);

  await server.stop();
  const all = Array.from({ length: marks - from }, (_, index) => from + index + 1);
  const everything = spawnSync('grep', ['-rhaoE', `${MARK}[A-Za-z]+[0-9]+`, server.state], {
    encoding: 'utf8',
    maxBuffer: 1e9,
  }).stdout;
  const kept = new Set(everything.split('\n').map((found) => Number(/\d+$/.exec(found)?.[0])));
  expect(all.filter((n) => kept.has(n))).toEqual([]);
  expect(server.said()).not.toContain(MARK);
  // No row of any table of D1 has an id.
  const database = openD1(server);
  expect(database.prepare('SELECT count(*) AS n FROM erased WHERE hash = ?').get(receipt.customer)).toEqual({ n: 1 });
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  const rows = tables.flatMap(({ name }) => database.prepare(`SELECT * FROM "${String(name)}"`).all());
  database.close();
  expect(rows.length).toBeGreaterThan(50);
  expect(rows.filter((row) => [userId, anonymousId].some((id) => JSON.stringify(row).includes(id)))).toEqual([]);
  // The ids themselves: free pages of D1 and the platform's own list of objects keep what was there until it is written
  // over (schema/STORAGE.md). Nothing else has them.
  const left = [userId, anonymousId].flatMap(filesWith).filter((file) => !/\/metadata\.sqlite|\/d1\//.test(file));
  expect(left).toEqual([]);
});
