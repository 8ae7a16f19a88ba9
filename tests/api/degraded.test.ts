// Parts of the system fail for real: a customer's database is damaged, a table of D1 is gone. Pages still get
// something, events are never lost silently, and what comes back works on.

import { rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  type Decided,
  expectProblem,
  filesOf,
  fresh,
  message,
  openD1,
  type Problem,
  track,
  useServer,
} from './server.ts';

const server = useServer();

test('without D1 events are taken and pages decided with the catalog at hand; what asks D1 says 503, until it is back', async () => {
  const before = { userId: fresh('before') };
  await server.ingest([track(before, 'Order Completed')]);
  await server.decide(before, ['hero']);
  const database = openD1(server);
  const tables = ['catalog_head', 'documents', 'customers', 'customer_stages'];
  for (const table of tables) database.exec(`ALTER TABLE ${table} RENAME TO away_${table}`);
  try {
    const healthz = await server.call<Problem>('GET', '/healthz');
    expectProblem(healthz, 503);
    const during = { userId: fresh('during') };
    const answer = await server.ingest([track(during, 'Product Added')], { decide: { placements: ['hero'] } });
    expect(answer.customer.stages).toEqual({ lifecycle: 'decision' });
    expect(answer.decisions?.hero?.[0]?.id).toBeDefined();
    expect((await server.decide(before, ['hero'])).customer.stages).toEqual({ lifecycle: 'purchase' });
    expect((await server.describe(`u:${during.userId}`)).stages).toEqual({ lifecycle: 'decision' });
    for (const [method, path, body] of [
      ['GET', '/admin/funnel', undefined],
      ['GET', '/admin/customers', undefined],
      ['PUT', '/admin/content/x', { kind: 'tip', placements: ['p'], stages: [], locales: { en: {} } }],
    ] as const)
      expectProblem(await server.admin(method, path, body), 503);
  } finally {
    for (const table of tables) database.exec(`ALTER TABLE away_${table} RENAME TO ${table}`);
    database.close();
  }
  expect((await server.call('GET', '/healthz')).status).toBe(200);
  const { lifecycle } = await server.funnel();
  expect(lifecycle?.decision).toBeGreaterThanOrEqual(1);
  expect(lifecycle?.purchase).toBeGreaterThanOrEqual(1);
});

test('a customer whose database is damaged: pages get the defaults, events get 503 and go on to be the client’s', async () => {
  const who = { userId: fresh('damaged') };
  const others = new Set(filesOf(server, 'do'));
  await server.ingest([track(who, 'Order Completed')]);
  await server.stop();
  const files = filesOf(server, 'do').filter((file) => !others.has(file));
  expect(files).toHaveLength(1);
  for (const file of files) {
    writeFileSync(file, 'no database '.repeat(2_000));
    for (const side of ['-wal', '-shm']) rmSync(file + side, { force: true });
  }
  await server.start();

  const other = { anonymousId: fresh('visitor') };
  const healthy = await server.decide(other, ['hero'], 'de');
  expect(healthy.degraded).toBe(false);
  const decided = await server.decide(who, ['hero', 'nothing'], 'de');
  expect(decided.degraded).toBe(true);
  expect(decided.customer).toEqual({ id: `u:${who.userId}`, stages: {} });
  expect(decided.decisions.hero?.[0]).toMatchObject({
    id: healthy.decisions.hero?.[0]?.id,
    fields: healthy.decisions.hero?.[0]?.fields,
  });
  expect(decided.decisions.nothing).toEqual([]);

  const body = { events: [message(who, 'page')], decide: { placements: ['hero'] } };
  const refused = await server.site<Problem & Partial<Decided>>('/v1/events', body);
  expectProblem(refused, 503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(refused.body).toMatchObject({
    degraded: true,
    decisions: { hero: [{ id: healthy.decisions.hero?.[0]?.id }] },
  });
  const alone = await server.site<Problem & Partial<Decided>>('/v1/events', { events: [message(who, 'page')] });
  expectProblem(alone, 503);
  expect(alone.body.degraded).toBe(true);

  const good = track(other, 'Product Added');
  const batch = await server.site<Problem>('/v1/batch', { batch: [good, message(who, 'page')] });
  expectProblem(batch, 503);
  expect(Number(batch.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await server.messageIds(`a:${other.anonymousId}`)).toEqual([good.messageId]);
  const line = { ...message(who, 'page'), timestamp: new Date(Date.now() - 1_000).toISOString() };
  expectProblem(await server.admin('POST', '/admin/import', JSON.stringify(line)), 503);
  for (const path of ['', '/timeline'])
    expectProblem(await server.admin('GET', `/admin/customers/${encodeURIComponent(`u:${who.userId}`)}${path}`), 503);
});
