// CloudEvents 1.0 from the other side: the SDK of JavaScript sends in its three modes, and the cases of the conformance
// documents (github.com/cloudevents/conformance, format/json and http-protocol-binding.feature) are sent by hand.

import { CloudEvent, type CloudEventV1, HTTP, type Message } from 'cloudevents';
import { expect, test } from 'vitest';
import { type Answer, expectProblem, fresh, type Ingested, type Problem, useServer } from '../api/server.ts';
import { INVALID, VALID } from './cloudevents.cases.ts';

const server = useServer();
const WRITE = { authorization: `Basic ${btoa('wk_local:')}` };
const STRUCTURED = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';

type Results = Pick<Ingested, 'results'>;

/** Sends what the SDK made, as it made it. */
function send<T = Results>({ headers, body }: Message): Promise<Answer<T>> {
  const plain = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  return server.call<T>('POST', '/v1/cloudevents', { headers: { ...WRITE, ...plain }, body });
}

const post = <T = Results>(body: unknown, type = STRUCTURED, headers: Record<string, string> = {}) =>
  server.call<T>('POST', '/v1/cloudevents', { headers: { ...WRITE, 'content-type': type, ...headers }, body });

const pointers = (answer: Answer<Problem>) =>
  expectProblem(answer, 400)
    .errors?.map(({ pointer }) => pointer)
    .sort();

const minimal = (userid: string, more: object = {}) => ({
  specversion: '1.0',
  id: fresh('minimal'),
  type: 'io.cloudevents.test',
  source: 'https://cloudevents.io',
  userid,
  ...more,
});

const eventsOf = async (userId: string) =>
  (await server.timeline(`u:${userId}`)).filter(({ kind }) => kind === 'event');

const order = (userid: string, more: Partial<CloudEventV1<unknown>> = {}) =>
  new CloudEvent({
    id: fresh('order'),
    source: 'https://shop.example/checkout',
    type: 'Order Completed',
    time: '2026-10-01T10:00:00.000Z',
    data: { revenue: 120, items: ['ä', '🙂'] },
    userid,
    priority: 3,
    ...more,
  });

test.for(['structured', 'binary'] as const)('%s mode of the SDK: an event arrives whole, and once', async (mode) => {
  const userId = fresh('sdk');
  const event = order(userId);
  const messageId = `https://shop.example/checkout ${event.id}`;
  const first = await send(HTTP[mode](event) as Message);
  expect([first.status, first.body]).toEqual([200, { results: [{ messageId, status: 'accepted' }] }]);
  const again = await send(HTTP[mode](event) as Message);
  expect(again.body.results).toEqual([{ messageId, status: 'duplicate' }]);
  const other = await send(HTTP[mode](order(userId, { id: event.id, source: 'https://shop.example/pos' })) as Message);
  expect(other.body.results[0]?.status).toBe('accepted');

  const [kept, second] = await eventsOf(userId);
  expect(second?.['messageId']).toBe(`https://shop.example/pos ${event.id}`);
  expect(kept).toMatchObject({
    messageId,
    type: 'track',
    event: 'Order Completed',
    userId,
    at: '2026-10-01T10:00:00.000Z',
    properties: { revenue: 120, items: ['ä', '🙂'] },
    context: {
      cloudevent: {
        specversion: '1.0',
        id: event.id,
        source: 'https://shop.example/checkout',
        type: 'Order Completed',
        userid: userId,
        priority: mode === 'binary' ? '3' : 3,
      },
    },
  });
  expect((await server.describe(`u:${userId}`)).stages).toEqual({ lifecycle: 'purchase' });
});

test('the same event in another mode is the same event', async () => {
  const event = order(fresh('modes'));
  await send(HTTP.structured(event) as Message);
  expect((await send(HTTP.binary(event) as Message)).body.results[0]?.status).toBe('duplicate');
  const batch = await post(`[${event.toString()}]`, BATCH);
  expect(batch.body.results[0]?.status).toBe('duplicate');
});

test('a batch names many customers; an event at fault is rejected alone, in its place', async () => {
  const [one, two] = [fresh('batched'), fresh('batched')];
  const events = [order(one), order(two), order(one)].map((event) => event.toJSON());
  const { specversion: _, ...faulty } = minimal(one);
  const answer = await post([events[0], faulty, 'not an object', events[1], events[2], events[0]], BATCH);
  expect(answer.status).toBe(200);
  expect(answer.body.results.map(({ status }) => status)).toEqual([
    'accepted',
    'rejected',
    'rejected',
    'accepted',
    'accepted',
    'duplicate',
  ]);
  expect(answer.body.results[1]?.errors?.map(({ pointer }) => pointer)).toEqual(['/specversion']);
  expect([(await eventsOf(one)).length, (await eventsOf(two)).length]).toEqual([2, 1]);
});

test('bytes travel in both forms and are kept as base64; JSON inside them is read', async () => {
  const userId = fresh('bytes');
  const bytes = Uint8Array.from([0, 255, 31, 139, 128]);
  const base64 = Buffer.from(bytes).toString('base64');
  const binary = { datacontenttype: 'application/octet-stream' };
  await send(HTTP.structured(order(userId, { ...binary, data: bytes })) as Message);
  await send(HTTP.binary(order(userId, { ...binary, data: bytes })) as Message);
  await post(minimal(userId, { data_base64: btoa('{"revenue":5}'), datacontenttype: 'application/vnd.shop+json' }));
  const gzip = Uint8Array.from([0x1f, 0x8b, 8, 0]);
  await send({ ...(HTTP.binary(order(userId, { datacontenttype: 'application/gzip' })) as Message), body: gzip });
  expect((await eventsOf(userId)).map(({ properties }) => properties)).toEqual([
    { data_base64: base64 },
    { data_base64: base64 },
    { revenue: 5 },
    { data_base64: Buffer.from(gzip).toString('base64') },
  ]);
  expect(pointers(await post<Problem>(minimal(userId, { data_base64: 'no base64!' })))).toEqual(['/data_base64']);
  const noJson = minimal(userId, { data_base64: btoa('{'), datacontenttype: 'application/json' });
  expect(pointers(await post<Problem>(noJson))).toEqual(['/data_base64']);
});

test('an extension names the customer, else the subject is the user id', async () => {
  const [user, visitor] = [fresh('who'), fresh('visitor')];
  await post(minimal(user, { subject: 'orders/7' }));
  await post(minimal(user, { userid: undefined, subject: user }));
  await post(minimal(user, { userid: null, anonymousid: visitor, subject: user }));
  await post(minimal(user, { anonymousid: visitor }));
  expect((await server.describe(`u:${user}`)).events).toBe(3);
  expect((await server.describe(`a:${visitor}`)).events).toBe(1);
  for (const nobody of [{ userid: undefined }, { userid: null }, { userid: '' }, { userid: undefined, subject: null }])
    expectProblem(await post<Problem>(minimal(user, nobody)), 400);
});

test.for(VALID)('valid: %s', async ([name, more, at]) => {
  const userId = fresh('valid');
  const event = minimal(userId, more);
  for (const type of [STRUCTURED, `${STRUCTURED}; charset=utf-8`, 'Application/CloudEvents+JSON;charset="UTF-8"'])
    expect([name, (await post(event, type)).status]).toEqual([name, 200]);
  const events = await eventsOf(userId);
  expect(events.length).toBe(1);
  const { data, ...attributes } = { data: undefined, ...event };
  const kept = Object.entries(attributes).filter(([, value]) => value !== null);
  expect(events[0]?.['context']).toEqual({ cloudevent: Object.fromEntries(kept) });
  if (data !== undefined) expect(events[0]?.['properties']).toEqual({ data });
  if (at !== undefined) expect(events[0]?.at).toBe(at);
});

test.for(INVALID)('invalid: %s', async ([, more, pointer]) => {
  const userId = fresh('invalid');
  expect(pointers(await post<Problem>(minimal(userId, more)))).toContain(pointer);
  expect(pointers(await post<Problem>([minimal(userId, more)], BATCH))).toContain(`/0${pointer}`);
  expectProblem(await server.admin('GET', `/admin/customers/u%3A${userId}`), 404);
});

test('the empty batch is a batch; anything but an array is none', async () => {
  expect(await post('[]', BATCH)).toMatchObject({ status: 200, body: { results: [] } });
  for (const body of ['{}', 'null', '"text"', JSON.stringify(minimal('x'))])
    expect(pointers(await post<Problem>(body, BATCH))).toEqual(['']);
  for (const body of ['[]', 'null', '7']) expect(pointers(await post<Problem>(body))).toEqual(['']);
  expectProblem(await post<Problem>('{"specversion":', STRUCTURED), 400);
});

const headersOf = (userId: string, more: Record<string, string> = {}) => ({
  'ce-specversion': '1.0',
  'ce-type': 'com.example.someevent',
  'ce-time': '2018-04-05T03:56:24Z',
  'ce-id': '1234-1234-1234',
  'ce-source': '/mycontext/subcontext',
  'ce-userid': userId,
  ...more,
});

test.for(['application/json', 'application/json; charset=utf-8'])('binary mode with %s', async (type) => {
  const userId = fresh('feature');
  expect((await post('{\n  "message": "Hello World!"\n}', type, headersOf(userId))).status).toBe(200);
  expect(await eventsOf(userId)).toMatchObject([
    {
      event: 'com.example.someevent',
      at: '2018-04-05T03:56:24.000Z',
      properties: { message: 'Hello World!' },
      context: { cloudevent: { id: '1234-1234-1234', source: '/mycontext/subcontext', datacontenttype: type } },
    },
  ]);
});

test('binary mode: header values are unquoted and decoded once; what is not UTF-8 is refused', async () => {
  const userId = fresh('decoded');
  const values: readonly [string, string][] = [
    ['Euro%20%E2%82%AC%20%F0%9F%98%80', 'Euro € 😀'],
    ['%e2%82%ac', '€'],
    ['%41', 'A'],
    ['%2541', '%41'],
    ['"a \\"b\\" \\\\c"', 'a "b" \\c'],
    ['100%', '100%'],
    ['plain text', 'plain text'],
  ];
  for (const [index, [value]] of values.entries()) {
    const headers = headersOf(userId, { 'ce-id': `d${index}`, 'ce-subject': value });
    expect([value, (await post('{}', 'application/json', headers)).status]).toEqual([value, 200]);
  }
  const subjects = (await eventsOf(userId)).map(({ context }) => Object(context).cloudevent.subject);
  expect(subjects).toEqual(values.map(([, decoded]) => decoded));
  for (const value of ['%C0%A0', '%ff', '%ed%a0%80', 'caf\u00e9', '%00', '%0a'])
    expect(pointers(await post<Problem>('{}', 'application/json', headersOf(userId, { 'ce-subject': value })))).toEqual(
      ['/subject'],
    );
});

test('binary mode: each required header is asked for, and what has no place is refused', async () => {
  const userId = fresh('binary');
  for (const name of ['specversion', 'id', 'source', 'type']) {
    const { [`ce-${name}`]: _, ...headers } = headersOf(userId) as Record<string, string>;
    expect(pointers(await post<Problem>('{}', 'application/json', headers))).toEqual([`/${name}`]);
  }
  const refused = async (more: Record<string, string>) =>
    pointers(await post<Problem>('{}', 'application/json', headersOf(userId, more)));
  expect(await refused({ 'ce-specversion': '0.3' })).toEqual(['/specversion']);
  expect(await refused({ 'ce-datacontenttype': 'text/plain' })).toEqual(['/datacontenttype']);
  expect(await refused({ 'ce-data': '{}' })).toEqual(['/data']);
  expect(await refused({ 'ce-my-ext': 'x' })).toEqual(['/my-ext']);
  expect(await refused({ 'ce-time': 'lunchtime' })).toEqual(['/time']);
  expectProblem(await post<Problem>('{"a":', 'application/json', headersOf(userId)), 400);
  expectProblem(await server.admin('GET', `/admin/customers/u%3A${userId}`), 404);
});

test('binary mode: text is text, no body is no data', async () => {
  const userId = fresh('text');
  await post('<much wow="xml"/>', 'application/xml', headersOf(userId, { 'ce-id': 'x1' }));
  await post(undefined, 'application/json', headersOf(userId, { 'ce-id': 'x2' }));
  await post(Uint8Array.from([0xe4]), 'text/plain; charset=iso-8859-1', headersOf(userId, { 'ce-id': 'x3' }));
  expect((await eventsOf(userId)).map(({ properties }) => properties)).toEqual([
    { data: '<much wow="xml"/>' },
    undefined,
    { data_base64: '5A==' },
  ]);
});

test('a format or a charset nobody reads is 415, and so is what is no CloudEvent at all', async () => {
  const event = minimal('nobody');
  for (const type of [
    'application/cloudevents',
    'application/cloudevents+avro',
    'application/cloudevents+protobuf',
    'application/cloudevents-batch+xml',
    'application/cloudevents+json; charset=utf-16',
    'application/json',
    'text/plain',
  ])
    expectProblem(await post<Problem>(event, type), 415);
});

test('too large is 413: a body, a batch, a single event; within a batch an event alone', async () => {
  const userId = fresh('large');
  const padded = (times: number) => minimal(userId, { data: Array(times).fill('x'.repeat(1_000)) });
  expectProblem(await post<Problem>(padded(600)), 413);
  expectProblem(await post<Problem>(padded(40)), 413);
  expectProblem(await post<Problem>(Array(501).fill(minimal(userId)), BATCH), 413);
  const answer = await post([padded(40), minimal(userId)], BATCH);
  expect(answer.body.results.map(({ status }) => status)).toEqual(['rejected', 'accepted']);
  const long = minimal(userId, { id: 'i'.repeat(256), source: `/${'s'.repeat(300)}` });
  expect((await post(long)).body.results[0]?.messageId).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect((await post(long)).body.results[0]?.status).toBe('duplicate');
});

test('a key is needed, as header or in the query', async () => {
  const event = minimal(fresh('keyed'));
  const call = (path: string, headers: Record<string, string> = {}) =>
    server.call<Problem>('POST', path, { body: event, headers: { 'content-type': STRUCTURED, ...headers } });
  expectProblem(await call('/v1/cloudevents'), 401);
  expectProblem(await call('/v1/cloudevents?writeKey=nope'), 401);
  expect((await call('/v1/cloudevents?writeKey=wk_local')).status).toBe(200);
});
