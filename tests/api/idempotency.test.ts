// Idempotency-Key on admin writes: carried out once, answered the same again, refused for anything else.

import { expect, test } from 'vitest';
import { fresh, type Problem, useServer } from './server.ts';

const server = useServer();

const put = <T = { id: string; version: number }>(id: string, title: string, key?: string) =>
  server.call<T>('PUT', `/admin/content/${id}`, {
    body: { kind: 'tip', placements: ['tips'], stages: [], locales: { en: { title } } },
    headers: { authorization: 'Bearer sk_local', ...(key === undefined ? {} : { 'idempotency-key': key }) },
  });

test('the same call again is not carried out again, and gets the same answer', async () => {
  const [id, key] = [fresh('content'), fresh('key')];
  const first = await put(id, 'one', key);
  expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([200, null]);
  await put(id, 'two');
  const again = await put(id, 'one', key);
  expect([again.status, again.text, again.headers.get('idempotency-replayed')]).toEqual([200, first.text, 'true']);
  expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'));
  const kept = await server.admin<{ locales: { en: { title: string } } }>('GET', `/admin/content/${id}`);
  expect(kept.body.locales.en.title).toBe('two');
});

test('another call with the same key is refused, and changes nothing', async () => {
  const [id, key] = [fresh('content'), fresh('key')];
  await put(id, 'one', key);
  for (const other of [await put<Problem>(id, 'two', key), await put<Problem>(fresh('content'), 'one', key)])
    expect([other.status, other.body.type]).toEqual([422, 'urn:waymark:problem:unprocessable']);
  const kept = await server.admin<{ version: number }>('GET', `/admin/content/${id}`);
  expect(kept.body.version).toBe(1);
});

test('a refusal is kept as well; a new key is a new call', async () => {
  const key = fresh('key');
  const wrong = () =>
    server.call<Problem>('PUT', '/admin/content/wrong', {
      body: { kind: 'nothing' },
      headers: { authorization: 'Bearer sk_local', 'idempotency-key': key },
    });
  const first = await wrong();
  expect(first.status).toBe(422);
  const again = await wrong();
  expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([first.text, 'true']);
  const id = fresh('content');
  expect((await put(id, 'one', fresh('key'))).body.version).toBe(1);
  expect((await put(id, 'two', fresh('key'))).body.version).toBe(2);
});

test('of twenty at once one is carried out; the others wait for another time or get its answer', async () => {
  const key = fresh('key');
  const publish = () =>
    server.call('POST', '/admin/import', {
      body: JSON.stringify({ type: 'track', event: 'Order Completed', userId: key, timestamp: '2020-01-01T00:00:00Z' }),
      headers: { authorization: 'Bearer sk_local', 'idempotency-key': key },
    });
  const answers = await Promise.all(Array.from({ length: 20 }, publish));
  const fresher = answers.filter(({ status, headers }) => status === 200 && !headers.has('idempotency-replayed'));
  expect(fresher).toHaveLength(1);
  for (const { status } of answers) expect([200, 409]).toContain(status);
  expect((await server.describe(`u:${key}`)).events).toBe(1);
});

test.each(['', 'a b', 'a\u00e4', 'x'.repeat(256)])('%j is no key', async (key) => {
  const answer = await put<Problem>(fresh('content'), 'one', key);
  expect([answer.status, answer.body.type]).toEqual([400, 'urn:waymark:problem:invalid']);
});

test('reading takes no notice of it', async () => {
  const headers = { authorization: 'Bearer sk_local', 'idempotency-key': fresh('key') };
  for (const path of ['/admin/journeys', '/admin/content', '/admin/funnel'])
    expect((await server.call('GET', path, { headers })).headers.get('idempotency-replayed')).toBeNull();
});
