// An anonymous customer becomes known: history, run, traits and timers go over once, whoever asks and however often.

import { expect, test } from 'vitest';
import { fresh, message, track, useServer, type Who } from './server.ts';

const server = useServer();
const DAY = 86_400_000;

interface Pair extends Who {
  readonly userId: string;
  readonly anonymousId: string;
}

const pair = (): Pair => ({ userId: fresh('user'), anonymousId: fresh('visitor') });

const identify = ({ userId, anonymousId }: Pair, traits: object = {}) =>
  message({ userId, anonymousId }, 'identify', { traits });

const kinds = async (id: string, kind: string) => (await server.timeline(id)).filter((entry) => entry.kind === kind);

test('M1 identify moves history, run and timers to the known customer', async () => {
  const { userId, anonymousId } = pair();
  const before = [track({ anonymousId }, 'Product Added'), track({ anonymousId }, 'Order Completed')];
  await server.ingest(before);
  const anonymous = await server.describe(`a:${anonymousId}`);
  const known = identify({ userId, anonymousId }, { email: 'm@example.com' });
  const answer = await server.ingest([known]);
  expect(answer.customer).toEqual({ id: `u:${userId}`, stages: { lifecycle: 'purchase' } });

  const customer = await server.describe(`u:${userId}`);
  expect(customer.runs).toEqual(anonymous.runs);
  expect(customer.timers).toEqual(anonymous.timers);
  expect(customer).toMatchObject({
    events: 3,
    traits: { email: 'm@example.com' },
    identifiers: { userId, anonymousIds: [anonymousId] },
  });
  expect(await server.messageIds(`u:${userId}`)).toEqual([...before, known].map(({ messageId }) => messageId));
  expect((await server.transitions(`u:${userId}`)).map(({ to }) => to)).toEqual(['awareness', 'decision', 'purchase']);

  await server.advance('P14D');
  const [run] = (await server.describe(`u:${userId}`)).runs;
  expect(run?.stage).toBe('usage');
  expect(Date.parse(run?.enteredAt ?? '')).toBe(Date.parse(anonymous.runs[0]?.enteredAt ?? '') + 14 * DAY);
});

test('M1 the anonymous id answers with the known customer afterwards, everywhere', async () => {
  const { userId, anonymousId } = pair();
  await server.ingest([track({ anonymousId }, 'Order Completed')]);
  await server.ingest([identify({ userId, anonymousId })]);
  const page = message({ anonymousId }, 'page');
  expect((await server.ingest([page])).customer).toEqual({ id: `u:${userId}`, stages: { lifecycle: 'purchase' } });
  expect((await server.decide({ anonymousId }, ['hero'])).customer.id).toBe(`u:${userId}`);
  expect((await server.decide({ anonymousId }, [])).customer).toEqual({
    id: `u:${userId}`,
    stages: { lifecycle: 'purchase' },
  });
  expect(await server.describe(`a:${anonymousId}`)).toEqual(await server.describe(`u:${userId}`));
  expect(await server.timeline(`a:${anonymousId}`)).toEqual(await server.timeline(`u:${userId}`));
  expect(await server.messageIds(`u:${userId}`)).toContain(page.messageId);
  const batch = await server.site('/v1/batch', { batch: [track({ anonymousId }, 'Order Completed')] });
  expect(batch.status).toBe(200);
  expect((await server.describe(`u:${userId}`)).events).toBe(4);
});

test('M1 a message id that was seen before the move is a duplicate after it', async () => {
  const { userId, anonymousId } = pair();
  const order = track({ anonymousId }, 'Order Completed');
  await server.ingest([order]);
  await server.ingest([identify({ userId, anonymousId })]);
  expect((await server.ingest([order])).results[0]?.status).toBe('duplicate');
  expect((await server.ingest([{ ...order, userId }])).results[0]?.status).toBe('duplicate');
  expect((await server.describe(`u:${userId}`)).events).toBe(2);
});

test('M1 two identify calls and an alias at the same moment move everything once', async () => {
  for (let round = 0; round < 10; round++) {
    const { userId, anonymousId } = pair();
    const before = Array.from({ length: 5 }, (_, number) => track({ anonymousId }, 'Product Viewed', { number }));
    await server.ingest(before);
    const calls = [
      identify({ userId, anonymousId }),
      identify({ userId, anonymousId }),
      message({ userId }, 'alias', { previousId: anonymousId }),
      track({ anonymousId }, 'Product Added'),
      track({ userId }, 'Product Added'),
    ];
    await Promise.all(calls.map((call) => server.ingest([call])));
    const customer = await server.describe(`u:${userId}`);
    expect(customer.events).toBe(10);
    expect(customer.runs.filter(({ endedAt }) => endedAt === undefined)).toHaveLength(1);
    expect(customer.stages).toEqual({ lifecycle: 'decision' });
    const ids = await server.messageIds(`a:${anonymousId}`);
    expect([...ids].sort()).toEqual([...before, ...calls].map(({ messageId }) => messageId).sort());
    expect(await kinds(`u:${userId}`, 'merged')).toHaveLength(1);
  }
});

test('M1 two users who claim one visitor at the same moment: one gets everything, the other nothing', async () => {
  for (let round = 0; round < 10; round++) {
    const anonymousId = fresh('visitor');
    const users = [fresh('one'), fresh('two')];
    const before = Array.from({ length: 4 }, () => track({ anonymousId }, 'Product Viewed'));
    await server.ingest(before);
    await Promise.all(users.map((userId) => server.ingest([identify({ userId, anonymousId })])));
    const counts = await Promise.all(users.map(async (userId) => (await server.describe(`u:${userId}`)).events));
    expect(counts.sort()).toEqual([1, 5]);
    const owner = await server.describe(`a:${anonymousId}`);
    // GM4: what comes for the visitor from now on is one user's, whoever of the two has the history.
    expect(users.map((userId) => `u:${userId}`)).toContain(owner.id);
    expect(owner.identifiers.anonymousIds).toEqual([anonymousId]);
  }
});

test('M1 a visitor with more history than one page moves whole', async () => {
  const { userId, anonymousId } = pair();
  const sent: string[] = [];
  for (let call = 0; call < 3; call++) {
    const batch = Array.from({ length: 400 }, () => track({ anonymousId }, 'Product List Viewed'));
    await server.site('/v1/batch', { batch });
    sent.push(...batch.map(({ messageId }) => messageId));
  }
  const known = identify({ userId, anonymousId });
  await Promise.all([server.ingest([known]), server.ingest([{ ...known, messageId: 'again' }])]);
  const ids = await server.messageIds(`u:${userId}`);
  expect(ids.slice(0, 1200)).toEqual(sent);
  expect(ids).toHaveLength(1202);
});

test('M1 conditions count what was moved', async () => {
  const { userId, anonymousId } = pair();
  await server.ingest([track({ anonymousId }, 'Product Viewed'), track({ anonymousId }, 'Product Viewed')]);
  const answer = await server.ingest([identify({ userId, anonymousId }), track({ userId }, 'Product Viewed')]);
  expect(answer.customer.stages).toEqual({ lifecycle: 'decision' });
});

test('M1 several visitors of one user all move', async () => {
  const userId = fresh('user');
  const visitors = Array.from({ length: 3 }, () => fresh('visitor'));
  for (const anonymousId of visitors) await server.ingest([track({ anonymousId }, 'Product Viewed')]);
  await server.ingest(visitors.map((anonymousId) => identify({ userId, anonymousId })));
  const customer = await server.describe(`u:${userId}`);
  expect([...customer.identifiers.anonymousIds].sort()).toEqual([...visitors].sort());
  expect(customer.events).toBe(6);
});

test('M1 an id that never held an event leaves no redirect', async () => {
  const { userId, anonymousId } = pair();
  await server.ingest([identify({ userId, anonymousId })]);
  const page = message({ anonymousId }, 'page');
  expect((await server.ingest([page])).customer.id).toBe(`a:${anonymousId}`);
  await server.ingest([identify({ userId, anonymousId })]);
  expect(await server.messageIds(`u:${userId}`)).toContain(page.messageId);
});

test('M1 a customer who became another is in no list and in no count', async () => {
  const { userId, anonymousId } = pair();
  await server.ingest([track({ anonymousId }, 'Checkout Started')]);
  const before = (await server.funnel()).lifecycle?.decision ?? 0;
  await server.ingest([identify({ userId, anonymousId })]);
  expect((await server.funnel()).lifecycle?.decision).toBe(before);
  const list = await server.admin<{ customers: { id: string }[] }>('GET', '/admin/customers?limit=200');
  const ids = list.body.customers.map(({ id }) => id);
  expect(ids).toContain(`u:${userId}`);
  expect(ids).not.toContain(`a:${anonymousId}`);
});

test('M2 of two runs the later stage stays, whoever has it; in a tie the known customer’s', async () => {
  const further = pair();
  await server.ingest([track({ userId: further.userId }, 'Product Added')]);
  await server.ingest([track({ anonymousId: further.anonymousId }, 'Order Completed')]);
  expect((await server.ingest([identify(further)])).customer.stages).toEqual({ lifecycle: 'purchase' });

  const behind = pair();
  await server.ingest([track({ userId: behind.userId }, 'Order Completed')]);
  await server.ingest([track({ anonymousId: behind.anonymousId }, 'Product Added')]);
  expect((await server.ingest([identify(behind)])).customer.stages).toEqual({ lifecycle: 'purchase' });

  const level = pair();
  await server.ingest([track({ userId: level.userId }, 'Order Completed')]);
  const { runs } = await server.describe(`u:${level.userId}`);
  await server.advance('P1D');
  await server.ingest([track({ anonymousId: level.anonymousId }, 'Order Completed')]);
  await server.ingest([identify(level)]);
  expect((await server.describe(`u:${level.userId}`)).runs).toEqual(runs);
});

test('M2 a visitor who has gone silent does not undo what the known customer has reached', async () => {
  const { userId, anonymousId } = pair();
  await server.ingest([track({ anonymousId }, 'Product Added')]);
  await server.advance('P20D');
  await server.ingest([track({ userId }, 'Order Completed')]);
  await server.advance('P15D');
  expect((await server.describe(`a:${anonymousId}`)).stages).toEqual({ lifecycle: 'dormant' });
  expect((await server.ingest([identify({ userId, anonymousId })])).customer.stages).toEqual({ lifecycle: 'usage' });
});

test('M3 a trait both have keeps the known customer’s value', async () => {
  const { userId, anonymousId } = pair();
  await server.ingest([message({ anonymousId }, 'identify', { traits: { size: 'L', color: 'red' } })]);
  await server.ingest([message({ userId }, 'identify', { traits: { size: 'M' } })]);
  await server.ingest([message({ userId }, 'alias', { previousId: anonymousId })]);
  expect((await server.describe(`u:${userId}`)).traits).toEqual({ size: 'M', color: 'red' });
});
