// GM2, GM11 over HTTP: who may say that two users are one, and an operator takes it back.

import { expect, test } from 'vitest';
import { fresh, message, track, useServer } from './server.ts';

const server = useServer();

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
