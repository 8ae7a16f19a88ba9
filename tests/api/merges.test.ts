// GM2, GM11 over HTTP: who may say that two users are one, and an operator takes it back.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { expectProblem, fresh, message, openD1, type Problem, track, useServer } from './server.ts';

const server = useServer();
const SECRET = 'a secret of thirty-two characters';

const shipped = JSON.parse(readFileSync(join(import.meta.dirname, '../../journeys/policies.json'), 'utf8'));
async function publishPolicy(aliasByToken: boolean): Promise<void> {
  const { $schema: _, identity, ...others } = shipped;
  const policies = { ...others, identity: { ...identity, aliasByToken } };
  expect(await server.admin('POST', '/admin/catalog', { policies })).toMatchObject({ status: 200 });
}

beforeAll(async () => {
  const database = openD1(server);
  const insert = database.prepare('INSERT INTO keys VALUES (?, ?, ?, ?, ?, 0)');
  for (const [key, role, mode] of [
    ['wk_required', 'write', 'required'],
    ['wk_optional', 'write', 'optional'],
    ['wk_off', 'write', 'off'],
    ['sv_server', 'server', 'off'],
  ] as const)
    insert.run(createHash('sha256').update(key).digest('hex'), key, role, mode, SECRET);
  database.close();
  await publishPolicy(false);
});

const as = (key: string, customerToken?: string) => ({
  authorization: `Basic ${btoa(`${key}:`)}`,
  ...(customerToken === undefined ? {} : { 'waymark-customer-token': customerToken }),
});
const token = (sub: string, secret = SECRET, expires = '1h'): Promise<string> =>
  new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(secret));

const merges = (id: string) =>
  server.admin<{ merges: { source: string; state: string; undoUntil: string | null }[] }>(
    'GET',
    `/admin/customers/${encodeURIComponent(id)}/merges`,
  );
const undo = (id: string, source: string) =>
  server.admin<{ state: string }>(
    'POST',
    `/admin/customers/${encodeURIComponent(id)}/merges/${encodeURIComponent(source)}/undo`,
  );

test('GM2 a public key joins no two users by an alias', async () => {
  const [one, two] = [fresh('one'), fresh('two')];
  await server.ingest([track({ userId: one }, 'Product Viewed')]);
  await server.ingest([message({ userId: two }, 'alias', { previousId: one })]);
  expect((await server.describe(`u:${one}`)).id).toBe(`u:${one}`);
  expect((await merges(`u:${two}`)).body.merges).toEqual([]);
});

test('GM11 an operator sees who has become a customer, and undoes it once', async () => {
  const [user, visitor] = [fresh('user'), fresh('visitor')];
  await server.ingest([track({ anonymousId: visitor }, 'Product Viewed')]);
  await server.ingest([message({ userId: user, anonymousId: visitor }, 'identify', {})]);
  const [id, source] = [`u:${user}`, `a:${visitor}`];
  expect((await merges(id)).body.merges).toMatchObject([{ source, state: 'done', undoUntil: expect.any(String) }]);
  expect(await undo(id, `${source}x`)).toMatchObject({ status: 404 });
  expect(await undo(id, source)).toMatchObject({ status: 200, body: { source, state: 'undone' } });
  expect((await server.describe(source)).id).toBe(source);
  expect((await server.describe(source)).events).toBe(1);
  expect((await server.describe(id)).events).toBe(1);
  expect(await undo(id, source)).toMatchObject({ status: 404 });
  expect(await merges('u:nobody-at-all')).toMatchObject({ status: 404 });
});

describe('an alias of two users', () => {
  /** Two users the system knows. */
  async function users(): Promise<readonly [string, string]> {
    const [one, two] = [fresh('one'), fresh('two')];
    for (const userId of [one, two]) await server.ingest([track({ userId }, 'Product Viewed')]);
    return [one, two];
  }
  const alias = (userId: string, previousId: string) => message({ userId }, 'alias', { previousId });
  const own = async (user: string) => (await server.describe(`u:${user}`)).id === `u:${user}`;

  /** By each way an alias can be said. */
  const WAYS: readonly [string, (said: object, headers: Record<string, string>) => Promise<{ status: number }>][] = [
    ['/v1/alias', (body, headers) => server.call('POST', '/v1/alias', { body, headers })],
    ['/v1/batch', (said, headers) => server.call('POST', '/v1/batch', { body: { batch: [said] }, headers })],
    ['/v1/events', (said, headers) => server.call('POST', '/v1/events', { body: { events: [said] }, headers })],
  ];

  test.each(WAYS)('GM2 a server key joins them by %s, once', async (_, say) => {
    const [one, two] = await users();
    const said = alias(two, one);
    for (let times = 0; times < 2; times++) expect(await say(said, as('sv_server'))).toMatchObject({ status: 200 });
    expect([await own(one), await own(two)]).toEqual([false, true]);
    expect((await server.describe(`u:${two}`)).events).toBe(3);
    expect((await merges(`u:${two}`)).body.merges).toMatchObject([{ source: `u:${one}`, state: 'done' }]);
  });

  test('GM2 what says nothing is refused at its place, and a user who becomes himself stays', async () => {
    const [one, two] = await users();
    for (const [said, pointer] of [
      [{ ...message({ userId: two }, 'alias'), previousId: undefined }, '/previousId'],
      [{ ...message({ anonymousId: fresh('v') }, 'alias', { previousId: one }) }, '/userId'],
    ] as const) {
      const answer = await server.call<Problem>('POST', '/v1/alias', { body: said, headers: as('sv_server') });
      expectProblem(answer, 400);
      expect(answer.text).toContain(pointer);
    }
    const self = { body: alias(one, one), headers: as('sv_server') };
    expect(await server.call('POST', '/v1/alias', self)).toMatchObject({ status: 200 });
    expectProblem(await server.call<Problem>('POST', '/v1/alias', { body: alias(two, one) }), 401);
    expect([await own(one), await own(two)]).toEqual([true, true]);
  });

  test.each(WAYS)('GM2 by %s a token joins nobody where the policy does not say so', async (_, say) => {
    const [one, two] = await users();
    for (const key of ['wk_required', 'wk_optional'])
      expect(await say(alias(two, one), as(key, await token(two)))).toMatchObject({ status: 200 });
    expect([await own(one), await own(two)]).toEqual([true, true]);
  });

  describe('where aliasByToken says so', () => {
    beforeAll(() => publishPolicy(true));

    test.each(WAYS)('GM2 by %s a token that proves the target joins them', async (_, say) => {
      for (const key of ['wk_required', 'wk_optional']) {
        const [one, two] = await users();
        expect(await say(alias(two, one), as(key, await token(two)))).toMatchObject({ status: 200 });
        expect([key, await own(one), await own(two)]).toEqual([key, false, true]);
      }
    });

    test.each(WAYS)(
      'GM2 by %s nothing else does: no token, another one, one that is over or signed by nobody',
      async (_, say) => {
        const [one, two] = await users();
        const [other, over, forged] = [
          await token(one),
          await token(two, SECRET, '-1h'),
          await token(two, `${SECRET}x`),
        ];
        for (const key of ['wk_required', 'wk_optional', 'wk_off', 'wk_local'])
          for (const proof of [undefined, '', 'no token', other, over, forged]) {
            const { status } = await say(alias(two, one), as(key, proof));
            expect([key, status]).toEqual([key, 200]);
          }
        expect([await own(one), await own(two)]).toEqual([true, true]);
        expect((await merges(`u:${two}`)).body.merges).toEqual([]);
      },
    );

    test('GM11 an operator takes it back', async () => {
      const [one, two] = await users();
      await server.call('POST', '/v1/alias', { body: alias(two, one), headers: as('wk_required', await token(two)) });
      expect(await undo(`u:${two}`, `u:${one}`)).toMatchObject({ status: 200, body: { state: 'undone' } });
      expect([await own(one), await own(two)]).toEqual([true, true]);
    });
  });
});
