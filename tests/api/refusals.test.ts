// What is refused, how and in which words: never a stack, never a 5xx, nothing half-written.

import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { expectProblem, fresh, type Ingested, message, type Problem, SITE_ROUTES, track, useServer } from './server.ts';

const server = useServer();
const ADMIN = { authorization: 'Bearer sk_local' };
const WRITE = { authorization: `Basic ${btoa('wk_local:')}` };

const post = (path: string, body: unknown, headers: Record<string, string> = WRITE) =>
  server.call<Problem>('POST', path, { body, headers });

test('JSON that cannot be read is refused with the place where reading ended', async () => {
  const at = async (body: string) => {
    const { detail, errors } = expectProblem(await post('/v1/events', body), 400);
    expect(errors?.[0]?.detail).toBe(detail);
    return Number(/position (\d+)/.exec(detail)?.[1] ?? Number.NaN);
  };
  expect(await at('{"events": nope}')).toBe(11);
  expect(await at('{"events": [1,]}')).toBe(14);
  expect(await at('{"events": [')).toBe(12);
  expect(await at('{"events" [1]}')).toBe(10);
  expect(await at('')).toBe(0);
  const { detail } = expectProblem(await post('/v1/events', '{\n  "events": [\n    {"type": track}\n  ]\n}'), 400);
  expect(detail).toContain('line 3, column 14');
  expectProblem(await post('/v1/events', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])), 400);
});

test.for(SITE_ROUTES)('POST %s takes an object and nothing else', async (path) => {
  for (const body of ['[]', '7', '"text"', 'null', 'true', '[{"type":"page"}]'])
    expectProblem(await post(path, body), 400);
  expectProblem(await post(path, {}), 400);
});

test('an envelope at fault is refused with the pointer to the fault', async () => {
  const who = { userId: fresh('pointer') };
  const pointers = async (path: string, body: unknown) =>
    expectProblem(await post(path, body), 400).errors?.map(({ pointer }) => pointer);
  expect(await pointers('/v1/events', {})).toEqual(['/events']);
  expect(await pointers('/v1/events', { events: [] })).toEqual(['/events']);
  expect(await pointers('/v1/events', { events: {} })).toEqual(['/events']);
  expect(await pointers('/v1/events', { events: [{ type: 'page' }] })).toEqual(['/events/0/userId']);
  expect(await pointers('/v1/events', { events: [message(who, 'page')], decide: {} })).toEqual(['/decide/placements']);
  expect(await pointers('/v1/events', { events: [message(who, 'page')], decide: { placements: [''] } })).toEqual([
    '/decide/placements/0',
  ]);
  expect(await pointers('/v1/batch', { batch: {} })).toEqual(['/batch']);
  expect(await pointers('/v1/batch', { batch: [{ type: 'page' }, 7] })).toEqual(['/batch/0/userId', '/batch/1']);
  expect(await pointers('/v1/track', who)).toEqual(['/event']);
  expect(await pointers('/v1/decide', who)).toEqual(['/placements']);
  expect(await pointers('/v1/decide', { placements: [] })).toEqual(['/userId']);
  expect(await pointers('/v1/decide', { ...who, placements: Array(21).fill('hero') })).toEqual(['/placements']);
  expectProblem(await server.admin('GET', `/admin/customers/${encodeURIComponent(`u:${who.userId}`)}`), 404);
});

test('all events of one call name one customer', async () => {
  const events = [message({ userId: fresh('one') }, 'page'), message({ userId: fresh('two') }, 'page')];
  const { errors } = expectProblem(await post('/v1/events', { events }), 422);
  expect(errors?.[0]?.pointer).toBe('/events/1');
  for (const { userId } of events)
    expectProblem(await server.admin('GET', `/admin/customers/${encodeURIComponent(`u:${String(userId)}`)}`), 404);
});

const PAD = 'x'.repeat(15_000);
/** An event of about this many bytes as JSON. */
const eventOfBytes = (who: object, bytes: number) => {
  const properties: Record<string, string> = {};
  const event = { ...message(who, 'track', { event: 'Product Viewed' }), properties };
  for (let name = 0; JSON.stringify(event).length + 16_000 < bytes; name++) properties[`p${name}`] = PAD;
  properties.rest = 'x'.repeat(bytes - JSON.stringify(event).length - '"rest":"",'.length);
  return { ...event, properties };
};

test('an event of 32 KB is taken, a larger one is refused alone', async () => {
  const who = { userId: fresh('large') };
  const fits = eventOfBytes(who, 32 * 1024);
  const tooLarge = eventOfBytes(who, 32 * 1024 + 200);
  const events = [track(who, 'Product Viewed'), tooLarge, fits];
  const answer = await server.site<Ingested>('/v1/events', { events });
  expect(answer.body.results.map(({ status }) => status)).toEqual(['accepted', 'rejected', 'accepted']);
  expect(answer.body.results[1]?.errors?.[0]?.detail).toContain('32768');
  const batch = await server.site('/v1/batch', { batch: [tooLarge, track(who, 'Product Viewed')] });
  expect(batch.body).toMatchObject({ success: true, rejected: [{ index: 0 }] });
  expect((await server.describe(`u:${who.userId}`)).events).toBe(3);
});

test('a body of 500 KB is read, a larger one is refused with 413, sent whole or in pieces', async () => {
  const who = { userId: fresh('huge') };
  const text = (bytes: number) => {
    const body = JSON.stringify({ events: [message(who, 'page')], padding: '' });
    return body.replace('"padding":""', `"padding":"${'x'.repeat(bytes - body.length)}"`);
  };
  expect((await post('/v1/events', text(500 * 1024))).status).toBe(200);
  expectProblem(await post('/v1/events', text(500 * 1024 + 1)), 413);
  const pieces = new Blob([text(600 * 1024)]).stream();
  const streamed = await fetch(`${server.address()}/v1/events`, {
    method: 'POST',
    headers: WRITE,
    body: pieces,
    duplex: 'half',
  } as RequestInit);
  expect(streamed.status).toBe(413);
  expectProblem(await server.call('PUT', '/admin/content/big', { headers: ADMIN, body: text(257 * 1024) }), 413);
  expectProblem(
    await server.call('POST', '/admin/import', { headers: ADMIN, body: 'x'.repeat(4 * 1024 * 1024 + 1) }),
    413,
  );
});

test('500 events are a call, 501 are 413', async () => {
  const who = { userId: fresh('many') };
  const events = Array.from({ length: 501 }, () => message(who, 'page'));
  expect((await post('/v1/events', { events: events.slice(1) })).status).toBe(200);
  expectProblem(await post('/v1/events', { events }), 413);
  expectProblem(await post('/v1/batch', { batch: events }), 413);
  expect((await server.describe(`u:${who.userId}`)).events).toBe(500);
});

test('a short question is read as text: gzip says so in its header, and lost text names no customer', async () => {
  const question = JSON.stringify({ userId: 'u-gzip', placements: [] });
  const zipped = gzipSync(question);
  expect((await post('/v1/decide', zipped, { ...WRITE, 'content-encoding': 'gzip' })).status).toBe(200);
  expect(expectProblem(await post('/v1/decide', zipped), 400).detail).toBe(
    'The body is gzip. Send it with the header content-encoding: gzip.',
  );
  const broken = Buffer.concat([Buffer.from('{"userId":"'), Buffer.from([0xff]), Buffer.from('","placements":[]}')]);
  expect(expectProblem(await post('/v1/decide', broken), 400).detail).toContain('not valid UTF-8');
});

test('gzip is read up to the ceiling; a bomb is 413, something else that claims to be gzip is 400', async () => {
  const who = { userId: fresh('zip') };
  const events = [message(who, 'page')];
  expect((await post('/v1/events', gzipSync(JSON.stringify({ events })))).status).toBe(200);
  const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024, 0x20));
  const startedAt = performance.now();
  for (const path of SITE_ROUTES) expectProblem(await post(path, bomb), 413);
  expectProblem(await post('/admin/import', bomb, ADMIN), 413);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  const broken = gzipSync(JSON.stringify({ events }));
  expectProblem(await post('/v1/events', broken.subarray(0, broken.length - 6)), 400);
  expectProblem(await post('/v1/events', Buffer.concat([broken.subarray(0, 12), Buffer.from('nonsense')])), 400);
  expectProblem(await post('/v1/events', new Uint8Array([0x1f, 0x8b])), 400);
});

const deep = (levels: number, open: string, close: string) => open.repeat(levels) + close.repeat(levels);

test('what is nested too deep is refused at once, however deep', async () => {
  const startedAt = performance.now();
  for (const bomb of [deep(33, '[', ']'), deep(200_000, '[', ']'), '['.repeat(400_000), '{"a":'.repeat(90_000)]) {
    for (const path of ['/v1/events', '/v1/decide', '/v1/batch', '/v1/track']) {
      expectProblem(await post(path, bomb), 400);
      expectProblem(await post(path, `{"events":[{"type":"page","userId":"d","properties":${bomb}}]}`), 400);
    }
    expectProblem(await post('/admin/journeys/publish', `{"journey":${bomb}}`, ADMIN), 400);
    const line = await post('/admin/import', bomb, ADMIN);
    expect(line.body).toMatchObject({ accepted: 0, rejected: [{ line: 1 }] });
  }
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  const who = { userId: fresh('deep') };
  const levels = 32 - 3;
  const nested = `{"events":[{"type":"page","userId":"${who.userId}","properties":${deep(levels - 1, '{"a":', '}').replace(':}', ':1}')}}]}`;
  expect((await post('/v1/events', nested)).status).toBe(200);
});

test('__proto__ is refused wherever it stands, and poisons nothing', async () => {
  const userId = fresh('proto');
  const bad = `{"type":"identify","userId":"${userId}","traits":{"a":{"__proto__":{"polluted":true}}}}`;
  const { errors } = expectProblem(await post('/v1/events', `{"events":[${bad}]}`), 400);
  expect(errors?.[0]?.pointer).toBe('/events/0/traits/a/__proto__');
  expectProblem(await post('/v1/identify', bad), 400);
  expectProblem(await post('/v1/batch', `{"batch":[${bad}]}`), 400);
  const page = JSON.stringify(message({ userId }, 'page'));
  const outside = await post('/v1/events', `{"__proto__":{"polluted":true},"events":[${page}]}`);
  expect(expectProblem(outside, 400).errors?.[0]?.pointer).toBe('/__proto__');
  const context = `{"events":[${page}],"decide":{"placements":["hero"],"context":{"a":[{"__proto__":{"polluted":1}}]}}}`;
  expect(expectProblem(await post('/v1/events', context), 400).errors?.[0]?.pointer).toBe(
    '/decide/context/a/0/__proto__',
  );
  const mixed = await post('/v1/batch', `{"batch":[${bad},${page}]}`);
  expect([mixed.status, mixed.body]).toMatchObject([200, { rejected: [{ index: 0 }] }]);
  const inherited = `{"events":[{"type":"identify","userId":"${userId}","traits":{"constructor":{"prototype":{"polluted":1}}}}]}`;
  expect((await post('/v1/events', inherited)).status).toBe(200);
  expect(JSON.stringify((await server.describe(`u:${userId}`)).traits)).toBe(
    '{"constructor":{"prototype":{"polluted":1}}}',
  );
});

test('no route, no method: problem+json all the same', async () => {
  for (const path of ['/', '/v1', '/v1/nothing', '/favicon.ico', '/v1/events/7'])
    expectProblem(await server.call('GET', path), 404);
  for (const [method, path] of [
    ['GET', '/v1/events'],
    ['PUT', '/v1/decide'],
    ['DELETE', '/v1/batch'],
    ['PATCH', '/v1/track'],
    ['POST', '/healthz'],
  ] as const)
    expectProblem(await server.call(method, path, { headers: WRITE }), [404, 405]);
  for (const [method, path] of [
    ['POST', '/admin/journeys'],
    ['DELETE', '/admin/journeys/lifecycle'],
    ['POST', '/admin/funnel'],
    ['GET', '/admin/import'],
    ['PATCH', '/admin/content/x'],
    ['GET', '/admin/nothing'],
  ] as const)
    expectProblem(await server.admin(method, path), [404, 405]);
});

test('paths and queries nobody would type do no harm', async () => {
  const hex = '0'.repeat(64);
  for (const id of [
    '%',
    '%E0%A4%A',
    'u%3A',
    'x%3Ay',
    hex,
    `u%3A${'x'.repeat(300)}`,
    'u%3A%00',
    '..%2F..',
    'u%3A%F0%9F',
  ])
    for (const path of [`/admin/customers/${id}`, `/admin/customers/${id}/timeline`])
      expectProblem(await server.admin('GET', path), [400, 404]);
  for (const query of ['limit=0', 'limit=201', 'limit=x', 'limit=1.5', 'limit=-1', 'stage=lifecycle', 'stage='])
    expectProblem(await server.admin('GET', `/admin/customers?${query}`), 400);
  const who = { userId: fresh('queried') };
  await server.ingest([message(who, 'page')]);
  for (const query of ['cursor=x', 'cursor=-1', 'cursor=1.5', 'limit=0'])
    expectProblem(await server.admin('GET', `/admin/customers/u%3A${who.userId}/timeline?${query}`), 400);
});

test('ids that are too long or hold control characters are refused, odd ones are kept apart', async () => {
  for (const userId of ['x'.repeat(257), 'a\u0000b', 'a\nb', '\ud800'])
    expectProblem(await post('/v1/events', { events: [{ type: 'page', userId }] }), 400);
  for (const userId of ['x'.repeat(257), 'a\u0000b', '\ud800'])
    expect((await post('/v1/decide', { userId, placements: ['hero'] })).status).toBeLessThan(500);
  const ids = [
    'a:b',
    'u:a',
    ' ',
    '..',
    'ä',
    'a\u0308',
    '🙂',
    '%2F',
    'a/b',
    'a?b#c',
    '0'.repeat(64),
    "'; --",
    '__proto__',
    '\u2028line',
    '\u2029',
  ];
  for (const userId of ids) {
    const answer = await server.ingest([message({ userId }, 'page')]);
    expect(answer.customer.id).toBe(`u:${userId}`);
    expect(await server.describe(`u:${userId}`)).toMatchObject({ id: `u:${userId}`, events: 1 });
  }
});

test('a clock that makes no sense is refused', async () => {
  for (const body of [
    {},
    { advance: 'P1M' },
    { advance: '-P1D' },
    { advance: 'P99999D' },
    { advance: 7 },
    { set: 'soon' },
  ])
    expectProblem(await server.admin('POST', '/admin/clock', body), 400);
  await server.ingest([message({ userId: fresh('here') }, 'page')]);
  expectProblem(await server.admin('POST', '/admin/clock', { set: '2030-01-01T00:00:00Z' }), 409);
  expectProblem(await server.admin('POST', '/admin/clock', { set: '2030-01-01T00:00:00Z', advance: 'P1D' }), 400);
});

test('N11 what speaks to journeys is taken from a server key only', async () => {
  const userId = fresh('spoken');
  await server.publish({ id: 'asked', entry: [{ api: true }], initial: 'first', stages: { first: {} } });
  const request = () => track({ userId }, 'Journey Requested', { journey: 'asked' });
  const refused = await server.site<Problem>('/v1/events', { events: [request()] });
  expect(refused.status).toBe(400);
  expect(refused.body.errors?.[0]?.detail).toContain('server key');
  const overdue = { events: [track({ userId }, 'Contact Overdue', { rule: 'x' })] };
  expect((await server.site<Problem>('/v1/events', overdue)).status).toBe(400);
  const [answer] = (await server.site<Ingested>('/v1/events', { events: [request(), track({ userId }, 'Seen')] })).body
    .results;
  expect(answer).toMatchObject({ status: 'rejected' });
  expect((await server.describe(`u:${userId}`)).stages).toEqual({});
  expect((await server.admin('POST', '/v1/events', { events: [request()] })).status).toBe(200);
  expect((await server.describe(`u:${userId}`)).stages).toEqual({ asked: 'first' });
});
