// `waymark replay` against the real server: what is read by HTTP is enough to rebuild a customer, across versions of a
// journey, and what was saved can be replayed without the system.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCommand } from '../cli/command.ts';
import { expectProblem, fresh, type Problem, track, useServer } from './server.ts';

const server = useServer();

const journey = (to: string) => ({
  id: 'tour',
  entry: [{ event: 'Tour Began' }],
  reentry: 'after_exit',
  exit: [{ event: 'Tour Ended' }],
  initial: 'one',
  stages: {
    one: { steps: [{ set: 'seen', value: "count('Tour Began')" }, { wait: 'P1D' }], after: [{ delay: 'P2D', to }] },
    two: { steps: [{ task: 'call', due: 'P1D' }, { emit: 'Tour Called' }] },
    three: { after: [{ delay: 'PT1H', to: 'one' }] },
  },
});

test('a customer who lived through two versions is rebuilt byte for byte', async () => {
  const who = { userId: fresh('traveller') };
  const publish = (to: string) => server.admin('POST', '/admin/journeys/publish', { journey: journey(to) });
  expect((await publish('two')).status).toBe(201);
  await server.ingest([track(who, 'Tour Began')]);
  await server.advance('PT30H');
  expect((await publish('three')).status).toBe(201);
  await server.advance('P2D');
  await server.ingest([track(who, 'Tour Ended'), track(who, 'Product Viewed')]);
  await server.ingest([track(who, 'Tour Began')]);
  await server.advance('P5D');
  const id = `u:${who.userId}`;
  expect((await server.describe(id)).runs.find((run) => run.journey === 'tour')?.version).toBe(2);

  const environment = { WAYMARK_URL: server.address(), WAYMARK_ADMIN_KEY: 'sk_local' };
  const saved = join(server.state, 'history.json');
  const live = await runCommand(['replay', id, '--save', saved, '--json'], environment);
  expect(live.errors).toBe('');
  expect(JSON.parse(live.output)).toMatchObject({ outcome: 'identical', events: 4, differences: [] });
  const again = await runCommand(['replay', '--file', saved, '--json'], { WAYMARK_URL: 'http://127.0.0.1:1' });
  expect([again.code, again.output]).toEqual([0, live.output]);
});

test('a version and a customer nobody knows are told so', async () => {
  for (const path of ['/admin/journeys/lifecycle/versions/99', '/admin/journeys/lifecycle/versions/x'])
    expectProblem(await server.admin<Problem>('GET', path), 404);
  expectProblem(await server.admin<Problem>('GET', '/admin/customers/u:nobody/record'), 404);
  expectProblem(await server.admin<Problem>('GET', '/admin/customers/u:nobody/record?cursor=x'), 400);
});
