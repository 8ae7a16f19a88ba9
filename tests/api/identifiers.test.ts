// Identifiers over HTTP, as the shipped policies declare them: who finds whom, what a public key may bring about and what
// only a secret one.

import { createHash } from 'node:crypto';
import { SignJWT } from 'jose';
import { beforeAll, expect, test } from 'vitest';
import type { Described } from '../../workers/customer/messages.ts';
import { expectProblem, fresh, message, openD1, type Problem, track, useServer } from './server.ts';

const server = useServer();
const SECRET = 'a secret of thirty-two characters';

beforeAll(async () => {
  const database = openD1(server);
  const insert = database.prepare('INSERT INTO keys VALUES (?, ?, ?, ?, ?, 0)');
  for (const [key, role, mode] of [
    ['wk_required', 'write', 'required'],
    ['sv_server', 'server', 'off'],
  ] as const)
    insert.run(createHash('sha256').update(key).digest('hex'), key, role, mode, SECRET);
  database.close();
  await server.publish({
    id: 'nothing',
    entry: [{ event: 'Never' }],
    initial: 'only',
    stages: { only: { final: true } },
  });
});

const as = (key: string) => ({ authorization: `Basic ${btoa(`${key}:`)}` });
const token = (sub: string): Promise<string> =>
  new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));

/** States traits of somebody, with a key and, where one is needed, a token. */
async function state(
  key: string,
  who: { userId?: string; anonymousId?: string },
  traits: object,
  customerToken?: string,
) {
  const body = {
    events: [message(who, 'identify', { traits })],
    ...(customerToken === undefined ? {} : { customerToken }),
  };
  const answer = await server.call('POST', '/v1/events', { body, headers: as(key) });
  expect(answer.status, answer.text).toBe(200);
  return settled(who.userId === undefined ? `a:${who.anonymousId}` : `u:${who.userId}`);
}

/** What follows from an event is delivered when the clock passes it: nothing here waits by the wall clock. */
async function settled(id: string): Promise<Described> {
  for (let rounds = 0; rounds < 10; rounds++) {
    const described = await server.describe(id);
    if (described.identifiers.stated.every(({ standing }) => standing !== 'pending')) return described;
    await server.advance('PT1M');
  }
  throw new Error(`${id} is not settled`);
}

const find = (identifier: string, more = '') =>
  server.admin<{ customers: { id: string }[] } & Problem>(
    'GET',
    `/admin/customers?identifier=${encodeURIComponent(identifier)}${more}`,
  );
const found = async (identifier: string) => (await find(identifier)).body.customers.map(({ id }) => id);

const freshEmail = () => `${fresh('mail')}@example.at`;

test('ID9 an operator finds a customer by any way of writing an identifier, also after a merge', async () => {
  const [userId, anonymousId, email] = [fresh('owner'), fresh('visitor'), freshEmail()];
  const number = fresh('k');
  await state('sv_server', { anonymousId }, { email, customerNumber: number });
  expect(await found(`email:${email}`)).toEqual([`a:${anonymousId}`]);
  await server.ingest([message({ userId, anonymousId }, 'identify')]);
  await settled(`u:${userId}`);
  const spelled = number.toUpperCase().split('').join(' ');
  for (const identifier of [`email:${email}`, `email: ${email.toUpperCase()} `, `customer-number:${spelled}`])
    expect([identifier, await found(identifier)]).toEqual([identifier, [`u:${userId}`]]);
  expect(await found(`email:${freshEmail()}`)).toEqual([]);
});

test('ID5 ID9 an import brings identifiers, and counts as a voucher', async () => {
  const [imported, squatter, email, other] = [fresh('imported'), fresh('squatter'), freshEmail(), freshEmail()];
  await state('wk_local', { userId: squatter }, { email });
  const lines = [email, other].map((address, index) => ({
    ...message({ userId: `${imported}${index}` }, 'identify', { traits: { email: address } }),
    timestamp: `2026-01-0${index + 1}T00:00:00Z`,
  }));
  const body = lines.map((line) => JSON.stringify(line)).join('\n');
  expect((await server.admin<{ accepted: number }>('POST', '/admin/import', body)).body).toMatchObject({ accepted: 2 });
  expect((await server.admin('POST', '/admin/import/finish')).status).toBe(200);
  for (const index of [0, 1]) await settled(`u:${imported}${index}`);
  expect([await found(`email:${email}`), await found(`email:${other}`)]).toEqual([
    [`u:${imported}0`],
    [`u:${imported}1`],
  ]);
  expect((await server.describe(`u:${squatter}`)).identifiers.stated).toMatchObject([{ standing: 'taken' }]);
});

test('ID9 PV8 who finds a customer by an identifier stands in the log of who reads', async () => {
  const [userId, email] = [fresh('owner'), freshEmail()];
  await state('sv_server', { userId }, { email });
  const customer = encodeURIComponent(`u:${userId}`);
  const reads = async () => {
    const { body } = await server.admin<{ reads: { route: string; requestId: string }[] }>(
      'GET',
      `/admin/access?customer=${customer}`,
    );
    return body.reads.filter(({ route }) => route === 'GET /admin/customers');
  };
  expect(await reads()).toEqual([]);
  const answer = await find(`email:${email}`);
  const requestId = answer.headers.get('x-request-id');
  const found = await reads();
  expect(found).toMatchObject([{ requestId }]);
  expect(JSON.stringify(found)).not.toContain(email);
});

test('ID9 what cannot be looked for is refused with what can', async () => {
  for (const identifier of ['', 'email', 'phone:+436641234567', 'constructor:x', 'Email:a@example.at']) {
    const { errors } = expectProblem(await find(identifier), 400);
    expect(errors?.[0]?.detail).toContain('kinds are customer-number, email');
  }
  expect(expectProblem(await find('email:nobody'), 400).errors?.[0]?.detail).toContain('no email');
  expectProblem(await find('email:a@example.at', '&stage=lifecycle:usage'), 400);
  const call = { headers: as('wk_local') };
  expectProblem(await server.call<Problem>('GET', '/admin/customers?identifier=email:a@example.at', call), 401);
});

test('ID5 ID6 a public key can neither take an identifier from its owner nor join anybody by one', async () => {
  const [owner, thief, visitor, email] = [fresh('owner'), fresh('thief'), fresh('visitor'), freshEmail()];
  await server.ingest([track({ userId: owner }, 'Order Completed')]);
  await state('sv_server', { userId: owner }, { email });
  for (const key of ['wk_local', 'wk_required']) {
    await state(key, { userId: thief }, { email });
    await state(key, { anonymousId: visitor }, { email });
  }
  await state('wk_required', { userId: thief }, { email }, await token(thief));
  expect(await found(`email:${email}`)).toEqual([`u:${owner}`]);
  expect((await server.describe(`a:${visitor}`)).id).toBe(`a:${visitor}`);
  expect((await server.describe(`u:${thief}`)).identifiers.stated).toMatchObject([{ standing: 'taken' }]);
  expect((await server.describe(`u:${owner}`)).identifiers).toMatchObject({
    anonymousIds: [],
    stated: [{ standing: 'owned' }],
  });
});

test('ID5 who has a token takes an identifier from who only said so first', async () => {
  const [owner, squatter, email] = [fresh('owner'), fresh('squatter'), freshEmail()];
  await state('wk_local', { userId: squatter }, { email });
  expect(await found(`email:${email}`)).toEqual([`u:${squatter}`]);
  await state('wk_required', { userId: owner }, { email });
  expect(await found(`email:${email}`)).toEqual([`u:${squatter}`]);
  await state('wk_required', { userId: owner }, { email }, await token(owner));
  expect(await found(`email:${email}`)).toEqual([`u:${owner}`]);
  const lines = (await server.timeline(`u:${squatter}`)).filter(({ kind }) => kind === 'identifier-conflict');
  expect(lines).toMatchObject([{ identifier: 'email', owner: `u:${owner}` }]);
  expect(JSON.stringify(lines)).not.toContain(email);
});

test('ID6 a server that states a visitor’s e-mail joins the visitor to its owner', async () => {
  const [owner, visitor, email] = [fresh('owner'), fresh('visitor'), freshEmail()];
  await state('sv_server', { userId: owner }, { email });
  await server.ingest([track({ anonymousId: visitor }, 'Product Added')]);
  const joined = await state('sv_server', { anonymousId: visitor }, { email });
  expect([joined.id, joined.identifiers.anonymousIds]).toEqual([`u:${owner}`, [visitor]]);
  expect(await found(`email:${email}`)).toEqual([`u:${owner}`]);
});

test('ID4 a claim that was under way when everything was killed is made afterwards', async () => {
  const people = Array.from({ length: 10 }, () => ({ userId: fresh('killed'), email: freshEmail() }));
  const told = people.map(({ userId, email }) =>
    server.ingest([message({ userId }, 'identify', { traits: { email } })]),
  );
  await Promise.all(told);
  await server.restart();
  for (const { userId, email } of people) {
    const described = await settled(`u:${userId}`);
    expect(described.identifiers.stated).toMatchObject([{ value: email, standing: 'owned' }]);
    expect(await found(`email:${email}`)).toEqual([`u:${userId}`]);
  }
});

test('ID10 ID6 external ids in the context of an event: a server key joins a visitor by them, a public key nobody', async () => {
  const [userId, visitor, stranger, email] = [fresh('owner'), fresh('visitor'), fresh('stranger'), freshEmail()];
  const context = { externalIds: [{ id: email, type: 'email', collection: 'users', encoding: 'none' }] };
  const viewed = async (key: string, who: { userId?: string; anonymousId?: string }) => {
    const body = { events: [{ ...track(who, 'Product Viewed'), context }] };
    const answer = await server.call('POST', '/v1/events', { body, headers: as(key) });
    expect(answer.status, answer.text).toBe(200);
    return settled(who.userId === undefined ? `a:${who.anonymousId}` : `u:${who.userId}`);
  };
  await viewed('sv_server', { userId });
  expect(await found(`email:${email}`)).toEqual([`u:${userId}`]);
  expect((await viewed('wk_local', { anonymousId: stranger })).id).toBe(`a:${stranger}`);
  expect((await viewed('sv_server', { anonymousId: visitor })).id).toBe(`u:${userId}`);
});
