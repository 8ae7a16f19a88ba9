// Idempotency-Key on admin writes: the first answer is given again, whoever else wants the key is refused, and a call that
// died leaves neither a lock for ever nor a write done twice over somebody else's. A crash is what it leaves: a row in D1.

import { expect, test } from 'vitest';
import { IDEMPOTENCY } from '../../schema/limits.ts';
import { type Answer, expectProblem, fresh, message, openD1, type Problem, useServer } from './server.ts';

const server = useServer();
const ADMIN = { authorization: 'Bearer sk_local' };

interface Published {
  readonly id: string;
  readonly version: number;
}

const send = <T = Published>(
  method: string,
  path: string,
  key: string,
  body?: unknown,
  headers = {},
): Promise<Answer<T & Problem>> =>
  server.call(method, path, {
    headers: { ...ADMIN, 'idempotency-key': key, ...headers },
    ...(body === undefined ? {} : { body }),
  });

const content = (title: string) => ({ kind: 'tip', placements: ['hero'], stages: [], locales: { en: { title } } });
const freshKey = () => `"${crypto.randomUUID()}"`;
const versionOf = async (id: string) => (await server.admin<Published>('GET', `/admin/content/${id}`)).body.version;

/** Rows of the table, as the system keeps them. */
function rows<T>(work: (run: (sql: string, ...values: (string | number)[]) => Record<string, unknown>[]) => T): T {
  const database = openD1(server);
  try {
    return work((sql, ...values) => database.prepare(sql).all(...values));
  } finally {
    database.close();
  }
}

const seen = ({ status, text, headers }: Answer<unknown>) => [
  status,
  text,
  headers.get('content-type'),
  headers.get('waymark-catalog'),
];

test('the same call gets the same answer, byte for byte, however the world has changed since', async () => {
  const [id, key] = [fresh('doc'), freshKey()];
  const first = await send('PUT', `/admin/content/${id}`, key, content('one'));
  expect(first.status).toBe(200);
  expect((await server.admin('PUT', `/admin/content/${id}`, content('two'))).status).toBe(200);
  expect(seen(await send('PUT', `/admin/content/${id}`, key, content('one')))).toEqual(seen(first));
  expect(await versionOf(id)).toBe(2);
  const gone = freshKey();
  const deleted = await send('DELETE', `/admin/content/${id}`, gone);
  expect(deleted.body).toEqual({ id, deleted: true });
  expect(seen(await send('DELETE', `/admin/content/${id}`, gone))).toEqual(seen(deleted));
  expectProblem(await send<object>('DELETE', `/admin/content/${id}`, freshKey()), 404);
});

test('a refusal is an answer as well: it is given again', async () => {
  const key = freshKey();
  const body = { journey: { id: fresh('j'), initial: 'nowhere', stages: {} } };
  const first = await send<object>('POST', '/admin/journeys/publish', key, body);
  const { instance: _, ...problem } = expectProblem(first, 422) as Problem & { instance?: string };
  const again = expectProblem(await send<object>('POST', '/admin/journeys/publish', key, body), 422);
  expect(again).toMatchObject(problem);
});

test('the clock moves once, an import counts once', async () => {
  const key = freshKey();
  const moved = await send<{ now: string }>('POST', '/admin/clock', key, { advance: 'PT1H' });
  expect(moved.status).toBe(200);
  expect((await send('POST', '/admin/clock', key, { advance: 'PT1H' })).text).toBe(moved.text);
  expect((await server.now()) - Date.parse(moved.body.now)).toBeLessThan(60_000);
  const line = { ...message({ userId: fresh('u') }, 'page'), timestamp: new Date(Date.now() - 1_000).toISOString() };
  const importKey = freshKey();
  for (let times = 0; times < 2; times++)
    expect((await send('POST', '/admin/import', importKey, JSON.stringify(line))).body).toMatchObject({ accepted: 1 });
});

test('another body, path, query or method under the same key is 422 and does nothing', async () => {
  const [id, other, key] = [fresh('doc'), fresh('doc'), freshKey()];
  await send('PUT', `/admin/content/${id}`, key, content('one'));
  for (const [method, path, body] of [
    ['PUT', `/admin/content/${id}`, content('two')],
    ['PUT', `/admin/content/${id}`, `${JSON.stringify(content('one'))} `],
    ['PUT', `/admin/content/${other}`, content('one')],
    ['PUT', `/admin/content/${id}?dryRun=true`, content('one')],
    ['DELETE', `/admin/content/${id}`, undefined],
  ] as const)
    expectProblem(await send<object>(method, path, key, body), 422);
  expect(await versionOf(id)).toBe(1);
  expect((await server.admin('GET', `/admin/content/${other}`)).status).toBe(404);
});

test('of many at once one does the work; the others hear 409 with a time, or its answer', async () => {
  const [id, key] = [fresh('doc'), freshKey()];
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => send('PUT', `/admin/content/${id}`, key, content('x'))),
  );
  const done = answers.filter(({ status }) => status === 200);
  expect(done.length).toBeGreaterThanOrEqual(1);
  for (const { text } of done) expect(text).toBe(done[0]?.text);
  for (const answer of answers.filter(({ status }) => status !== 200)) {
    expectProblem(answer, 409);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect(await versionOf(id)).toBe(1);
  expect((await send('PUT', `/admin/content/${id}`, key, content('x'))).text).toBe(done[0]?.text);
});

test('a key is 1 to 255 printable characters, quoted or not; what reads takes none', async () => {
  const id = fresh('doc');
  for (const bad of ['""', '"', 'a b', '"a', `"${'x'.repeat(256)}"`, 'x'.repeat(256), '"\\x"', 'é'])
    expectProblem(await send<object>('PUT', `/admin/content/${id}`, bad, content('one')), 400);
  expect((await server.admin('GET', `/admin/content/${id}`)).status).toBe(404);
  const key = crypto.randomUUID();
  const first = await send('PUT', `/admin/content/${id}`, key, content('one'));
  expect((await send('PUT', `/admin/content/${id}`, `"${key}"`, content('one'))).text).toBe(first.text);
  expect((await send('PUT', `/admin/content/${id}`, `"${'y'.repeat(255)}"`, content('one'))).status).toBe(200);
  expect((await send('GET', `/admin/content/${id}`, '""')).status).toBe(200);
});

test('a key belongs to the admin key it came with, and opens nothing without one', async () => {
  const [id, key] = [fresh('doc'), freshKey()];
  await send('PUT', `/admin/content/${id}`, key, content('one'));
  const stranger = { authorization: 'Bearer wk_local' };
  expectProblem(await send<object>('PUT', `/admin/content/${id}`, key, content('one'), stranger), 403);
  const hashes = rows((run) => run('SELECT id, fingerprint FROM idempotency'));
  expect(JSON.stringify(hashes)).not.toContain(key.slice(1, -1));
  for (const { id: hash, fingerprint } of hashes) expect(`${hash}${fingerprint}`).toMatch(/^[\da-f]{128}$/);
});

/** Leaves behind what a call leaves that was killed `agoMs` ago, before its answer was kept. */
const die = (agoMs: number) =>
  rows((run) =>
    run(
      'UPDATE idempotency SET status = NULL, body = NULL, claimed_at = claimed_at - ? WHERE rowid = (SELECT max(rowid) FROM idempotency)',
      agoMs,
    ),
  );

test('killed before its answer was kept: 409 for two minutes, then done again, once', async () => {
  const [id, key] = [fresh('doc'), freshKey()];
  const put = () => send('PUT', `/admin/content/${id}`, key, content('one'));
  const first = await put();
  die(0);
  expectProblem(await put(), 409);
  die(IDEMPOTENCY.claimMs);
  // Published meanwhile, as if the write had not been reached: the version row says that nothing has changed since.
  rows((run) =>
    run('UPDATE idempotency SET catalog_version = (SELECT version FROM catalog_head) WHERE status IS NULL'),
  );
  const again = await Promise.all([put(), put(), put()]);
  expect(again.map(({ status }) => status).filter((status) => status === 200).length).toBeGreaterThanOrEqual(1);
  for (const answer of again) if (answer.status !== 200) expectProblem(answer, 409);
  expect((await put()).body).toEqual(first.body);
  expect(await versionOf(id)).toBe(1);
});

test('killed, and the catalog has changed since: nobody undoes what was published in between', async () => {
  const [id, key] = [fresh('doc'), freshKey()];
  const put = () => send('PUT', `/admin/content/${id}`, key, content('one'));
  await put();
  await server.admin('PUT', `/admin/content/${id}`, content('two'));
  die(IDEMPOTENCY.claimMs);
  const { detail } = expectProblem(await put(), 409);
  expect(detail).toContain('new Idempotency-Key');
  expect(await versionOf(id)).toBe(2);
});

test('a passing fault is not kept: the next attempt does the work', async () => {
  const [id, key] = [fresh('doc'), freshKey()];
  rows((run) => run('ALTER TABLE documents RENAME TO away_documents'));
  try {
    expectProblem(await send<object>('PUT', `/admin/content/${id}`, key, content('one')), 503);
  } finally {
    rows((run) => run('ALTER TABLE away_documents RENAME TO documents'));
  }
  expect((await send('PUT', `/admin/content/${id}`, key, content('one'))).body).toEqual({ id, version: 1 });
});

test('what is kept is bounded: old keys go after a day, and the oldest when there are too many', async () => {
  const [id, old] = [fresh('doc'), freshKey()];
  await send('PUT', `/admin/content/${id}`, old, content('one'));
  rows((run) => run('UPDATE idempotency SET expires_at = expires_at - ?', IDEMPOTENCY.keptMs));
  await send('PUT', `/admin/content/${id}`, freshKey(), content('two'));
  const count = () => rows((run) => run('SELECT count(*) AS n FROM idempotency'))[0]?.['n'];
  expect(count()).toBe(1);
  rows((run) =>
    run(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO idempotency (id, fingerprint, claim, claimed_at, catalog_version, expires_at) SELECT 'filler' || i, '', '', 0, 0, 9e15 + i FROM n`,
      IDEMPOTENCY.keysMax + 50,
    ),
  );
  const key = freshKey();
  const first = await send('PUT', `/admin/content/${id}`, key, content('three'));
  expect(count()).toBe(IDEMPOTENCY.keysMax);
  expect((await send('PUT', `/admin/content/${id}`, key, content('three'))).text).toBe(first.text);
  expect(rows((run) => run("SELECT count(*) AS n FROM idempotency WHERE id = 'filler1'"))[0]?.['n']).toBe(0);
});
