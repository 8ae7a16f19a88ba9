// Companies over HTTP: group calls with and without somebody who vouches, what operators see, what a member gets, erasing.

import { expect, test } from 'vitest';
import { expectProblem, fresh, message, type Problem, track, useServer } from './server.ts';

const server = useServer();

interface Account {
  readonly id: string;
  readonly traits: Readonly<Record<string, unknown>>;
  readonly members: readonly { readonly id: string; readonly alias: string }[];
  readonly stages: Readonly<Record<string, string>>;
  readonly events: number;
}

const accountOf = (id: string) => server.admin<Account & Problem>('GET', `/admin/accounts/${id}`);
const group = (userId: string, groupId: string, traits: object = {}) =>
  message({ userId }, 'group', { groupId, traits });

test('AC1 AC9 a write key makes nobody a member, and an account is no customer of its', async () => {
  const [userId, company] = [fresh('clerk'), fresh('company')];
  await server.ingest([group(userId, company, { plan: 'gold' })]);
  await server.ingest([message({ userId: `g:${company}` }, 'identify', { traits: { plan: 'gold' } })]);
  await server.advance('PT1S');
  expectProblem(await accountOf(company), 404);
  expect((await server.describe(`u:${userId}`)).account).toBeNull();
});

test('AC1 AC4 AC5 AC8 AC11 a company of two: what they buy is the company’s, and who is erased is no longer in it', async () => {
  const [one, two, company] = [fresh('clerk'), fresh('clerk'), fresh('company')];
  const events = [one, two].map((userId) => group(userId, company, { name: 'Meier & Söhne' }));
  for (const event of events) expect((await server.admin('POST', '/v1/events', { events: [event] })).status).toBe(200);
  await server.advance('PT1M');
  for (const [index, userId] of [one, two].entries())
    await server.ingest([track({ userId }, 'Order Completed', { order_id: fresh('o'), total: 100 * (index + 1) })]);
  await server.advance('PT1M');
  const { body } = await accountOf(company);
  expect(body.members.map(({ id }) => id).sort()).toEqual([`u:${one}`, `u:${two}`].sort());
  expect(body.traits).toMatchObject({ name: 'Meier & Söhne', orders: 2, revenueLastYear: 300 });
  expect((await server.describe(`u:${one}`)).account).toMatchObject({ id: company });
  const listed = await server.admin<{ accounts: { id: string }[] }>('GET', '/admin/accounts?limit=200');
  expect(listed.body.accounts.map(({ id }) => id)).toContain(company);
  const customers = await server.admin<{ customers: { id: string }[] }>('GET', '/admin/customers?limit=200');
  expect(customers.body.customers.filter(({ id }) => id.startsWith('g:'))).toEqual([]);
  expect((await server.admin('POST', `/admin/customers/u%3A${one}/erase`)).status).toBe(200);
  const left = (await accountOf(company)).body;
  expect([left.members.map(({ id }) => id), left.traits['revenueLastYear']]).toEqual([[`u:${two}`], 300]);
  const record = await server.admin('GET', `/admin/customers/g%3A${company}/timeline`);
  expect(JSON.stringify(record.body)).not.toContain(`u:${one}"`);
});

test('AC9 what is no account is not found', async () => {
  expectProblem(await accountOf(fresh('nobody')), 404);
  expectProblem(await server.admin<Problem>('GET', '/admin/accounts?limit=0'), 400);
});
