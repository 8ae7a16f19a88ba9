// GET /v1/me over HTTP: who may ask, whatever the key, and what a customer sees of themselves.

import { createHash } from 'node:crypto';
import { SignJWT } from 'jose';
import { beforeAll, expect, test } from 'vitest';
import { type Answer, expectProblem, fresh, message, openD1, type Problem, track, useServer } from './server.ts';

const server = useServer();
const SECRET = 'a secret of thirty-two characters';
const MODES = ['off', 'optional', 'required'] as const;

interface Me {
  readonly id: string;
  readonly language: string | null;
  readonly stages: Record<string, string>;
  readonly identifiers: readonly { kind: string; value: string }[];
  readonly orders: readonly { id: string; status: string; total: number }[];
  readonly tasks: readonly { task: string; journey: string; title: string | null }[];
  readonly devices: readonly { kind: string; browser: string | null }[];
}

beforeAll(async () => {
  const database = openD1(server);
  const insert = database.prepare('INSERT INTO keys VALUES (?, ?, ?, ?, ?, 0)');
  const add = (key: string, role: string, mode: string, secret: string | null) =>
    insert.run(createHash('sha256').update(key).digest('hex'), key, role, mode, secret);
  for (const mode of MODES) add(`wk_${mode}`, 'write', mode, mode === 'off' ? null : SECRET);
  add('sv_server', 'server', 'off', SECRET);
  add('sk_other', 'admin', 'off', SECRET);
  database.close();
  await server.publish({
    id: 'complaint',
    entry: [{ event: 'Complained' }],
    initial: 'open',
    stages: {
      open: {
        steps: [{ task: 'call-back', title: 'Call back', assignee: 'anna', due: 'P1D' }],
        on: [{ event: 'Settled', to: 'closed' }],
      },
      closed: {},
    },
  });
});

const basic = (key: string) => ({ authorization: `Basic ${btoa(`${key}:`)}` });
const token = (sub: string, secret = SECRET, exp: string | number = '1h'): Promise<string> =>
  new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime(exp)
    .sign(new TextEncoder().encode(secret));

const ask = (headers: Record<string, string>, query = '') =>
  server.call<Me & Problem>('GET', `/v1/me${query}`, { headers });
const me = (key: string, customerToken: string) => ask({ ...basic(key), 'waymark-customer-token': customerToken });

function expectUnkept({ headers }: Answer<unknown>): void {
  expect(headers.get('cache-control')).toBe('no-store');
}

test('TK11 no key and no mode shows anything without a valid token', async () => {
  const who = { userId: fresh('private') };
  await server.ingest([message(who, 'identify', { traits: { email: 'private@example.com' } })]);
  const tokens = [
    null,
    '',
    'nonsense',
    await token(who.userId, 'another secret of this length....'),
    await token(who.userId, SECRET, 1),
  ];
  for (const key of [
    null,
    'wk_unknown',
    ...MODES.map((mode) => `wk_${mode}`),
    'wk_local',
    'sv_server',
    'sk_other',
    'sk_local',
  ])
    for (const text of tokens)
      for (const authorization of key === null ? [null] : [`Basic ${btoa(`${key}:`)}`, `Bearer ${key}`]) {
        const answer = await ask({
          ...(authorization === null ? {} : { authorization }),
          ...(text === null ? {} : { 'waymark-customer-token': text }),
        });
        expectProblem(answer, 401);
        expectUnkept(answer);
        expect(answer.text).not.toContain('private@');
      }
  const good = await token(who.userId);
  for (const key of ['wk_off', 'sv_server', 'sk_other', 'sk_local', 'wk_unknown'])
    expectProblem(await me(key, good), 401);
  for (const query of ['', `?userId=${who.userId}`, '?writeKey=wk_required']) expectProblem(await ask({}, query), 401);
});

test('TK11 a valid token shows its own customer and no other, by header or as Bearer', async () => {
  const [one, other] = [{ userId: fresh('one') }, { userId: fresh('other') }];
  await server.ingest([track(one, 'Order Completed', { order_id: 'mine' })]);
  await server.ingest([track(other, 'Order Completed', { order_id: 'theirs' })]);
  const good = await token(one.userId);
  const answers = [
    await me('wk_required', good),
    await me('wk_optional', good),
    await ask({ authorization: `Bearer ${good}` }, '?writeKey=wk_required'),
    await ask({ authorization: 'Bearer wk_required', 'waymark-customer-token': good }),
    await me('wk_required', await token(one.userId)),
    await ask({ ...basic('wk_required'), 'waymark-customer-token': good }, `?userId=${other.userId}`),
  ];
  for (const answer of answers) {
    expect(answer.status, answer.text).toBe(200);
    expectUnkept(answer);
    expect(answer.body.id).toBe(`u:${one.userId}`);
    expect(answer.text).not.toContain('theirs');
  }
  expectProblem(await ask({ authorization: `Bearer ${good}` }), 401);
  expectProblem(await ask({ authorization: `Bearer ${good}` }, '?writeKey=wk_off'), 401);
});

test('TK11 the local key takes tokens of the local secret', async () => {
  const who = { userId: fresh('local') };
  await server.ingest([message(who, 'page')]);
  const answer = await me('wk_local', await token(who.userId, 'ts_local'));
  expect([answer.status, answer.body.id]).toEqual([200, `u:${who.userId}`]);
});

test('TK11 of somebody of whom nothing is known there is nothing, and nothing comes of asking', async () => {
  const userId = fresh('nobody');
  const answer = await me('wk_required', await token(userId));
  expect(answer.body).toMatchObject({
    id: `u:${userId}`,
    stages: {},
    orders: [],
    tasks: [],
    devices: [],
    identifiers: [],
  });
  expectProblem(await server.admin('GET', `/admin/customers/u%3A${userId}`), 404);
});

test('TK12 TK13 TK14 ID1 shows orders, open tasks, devices, stages and masked identifiers', async () => {
  const userId = fresh('shopper');
  const [phone, desk] = [fresh('phone'), fresh('desk')];
  const context = (userAgent: string) => ({ userAgent });
  const PHONE = 'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36';
  const DESK = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0';
  await server.ingest([
    { ...track({ anonymousId: phone }, 'Product Added', { product_id: 'saw' }), context: context(PHONE) },
  ]);
  await server.ingest([{ ...message({ userId, anonymousId: phone }, 'identify'), context: context(PHONE) }]);
  await server.ingest([
    {
      ...message({ userId, anonymousId: desk }, 'identify', {
        traits: { email: 'anna@example.at', phone: '+436641234567', language: 'de' },
      }),
      context: context(DESK),
    },
    track({ userId }, 'Order Completed', { order_id: 'o1', total: 99, currency: 'EUR' }),
    track({ userId }, 'Order Completed', { order_id: 'o2', total: 5 }),
    track({ userId }, 'Order Cancelled', { order_id: 'o1' }),
    track({ userId }, 'Complained'),
  ]);
  const answer = await me('wk_required', await token(userId));
  expect(answer.body).toMatchObject({
    language: 'de',
    stages: { complaint: 'open' },
    identifiers: [
      { kind: 'email', value: 'a***@example.at' },
      { kind: 'phone', value: '+43***67' },
    ],
    tasks: [{ task: 'call-back', title: 'Call back', journey: 'complaint' }],
  });
  expect(Object.fromEntries(answer.body.orders.map(({ id, status }) => [id, status]))).toEqual({
    o1: 'cancelled',
    o2: 'placed',
  });
  expect(answer.body.devices.map(({ kind, browser }) => `${kind} ${browser}`).sort()).toEqual([
    'computer Firefox',
    'phone Chrome',
  ]);
  for (const hidden of ['anna@', '6641234', 'assignee', phone, desk, 'messageId'])
    expect(answer.text).not.toContain(hidden);
  const { devices } = await server.describe(`u:${userId}`);
  expect(devices.map(({ id }) => id).sort()).toEqual([phone, desk].sort());
  await server.ingest([track({ userId }, 'Settled')]);
  expect((await me('wk_required', await token(userId))).body.tasks).toEqual([]);
});
