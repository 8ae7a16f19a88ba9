// Each message counts once, however often and however many at a time they come.

import { expect, test } from 'vitest';
import { fresh, type Ingested, message, track, useServer } from './server.ts';

const server = useServer();
const WRITE = 'wk_local';

test('one message sent a hundred times at once is accepted once', async () => {
  const who = { userId: fresh('repeater') };
  const event = track(who, 'Order Completed', { order_id: 'o1' });
  const answers = await Promise.all(Array.from({ length: 100 }, () => server.ingest([event])));
  const statuses = answers.map(({ results }) => results[0]?.status);
  expect(statuses.filter((status) => status === 'accepted')).toHaveLength(1);
  expect(statuses.filter((status) => status === 'duplicate')).toHaveLength(99);
  expect(await server.messageIds(`u:${who.userId}`)).toEqual([event.messageId]);
  expect((await server.describe(`u:${who.userId}`)).events).toBe(1);
  expect(await server.transitions(`u:${who.userId}`)).toHaveLength(2);
});

test('fifty events of one customer at once are all applied, and the stage is right', async () => {
  const who = { userId: fresh('busy') };
  const events = Array.from({ length: 50 }, (_, index) =>
    index === 17 ? track(who, 'Product Added') : track(who, 'Product List Viewed', { position: index }),
  );
  const answers = await Promise.all(events.map((event) => server.ingest([event])));
  expect(answers.map(({ results }) => results[0]?.status)).toEqual(events.map(() => 'accepted'));
  const ids = await server.messageIds(`u:${who.userId}`);
  expect(ids).toHaveLength(50);
  expect(new Set(ids)).toEqual(new Set(events.map(({ messageId }) => messageId)));
  expect((await server.describe(`u:${who.userId}`)).stages).toEqual({ lifecycle: 'decision' });
});

test('the same message twice in one call, and again over the tracking API, is one event', async () => {
  const who = { userId: fresh('twice') };
  const event = track(who, 'Product Viewed');
  const { results } = await server.ingest([event, event]);
  expect(results.map(({ status }) => status)).toEqual(['accepted', 'duplicate']);
  const again = await server.site('/v1/batch', { batch: [event, event], writeKey: WRITE });
  expect([again.status, again.body]).toEqual([200, { success: true }]);
  const alone = await server.site('/v1/track', event);
  expect([alone.status, alone.body]).toEqual([200, { success: true }]);
  expect(await server.messageIds(`u:${who.userId}`)).toEqual([event.messageId]);
});

test('a message without an id or a time gets both', async () => {
  const who = { anonymousId: fresh('plain') };
  const before = await server.now();
  const { results } = await server.ingest([{ type: 'page', ...who }]);
  const [entry] = await server.timeline(`a:${who.anonymousId}`);
  expect(entry).toMatchObject({ kind: 'event', type: 'page', messageId: results[0]?.messageId });
  expect(Date.parse(entry?.at ?? '')).toBeGreaterThanOrEqual(before);
});

test('two hundred customers at once do not mix', async () => {
  const customers = Array.from({ length: 200 }, () => ({ userId: fresh('crowd') }));
  const batch = customers.flatMap((who) => [message(who, 'page'), track(who, 'Product Added')]);
  expect((await server.site<object>('/v1/batch', { batch })).body).toEqual({ success: true });
  const stages = await Promise.all(customers.map(({ userId }) => server.describe(`u:${userId}`)));
  expect(stages.map(({ stages: at, events }) => ({ at, events }))).toEqual(
    customers.map(() => ({ at: { lifecycle: 'decision' }, events: 2 })),
  );
});

test('L2 a late event is placed at its own time and moves nothing back', async () => {
  const who = { userId: fresh('tardy') };
  await server.ingest([track(who, 'Order Completed')]);
  const at = new Date((await server.now()) - 5 * 86_400_000).toISOString();
  const { customer } = await server.ingest([track(who, 'Product Added', {}, { timestamp: at })]);
  expect(customer.stages).toEqual({ lifecycle: 'purchase' });
  const entries = await server.timeline(`u:${who.userId}`);
  expect(entries.filter(({ kind }) => kind === 'event').map((entry) => entry.at)[1]).toBe(at);
});

test('sentAt moves a timestamp by what the sender’s clock is off, and never past the receipt', async () => {
  const who = { userId: fresh('skewed') };
  const year = 365 * 86_400_000;
  const now = await server.now();
  const iso = (ms: number) => new Date(ms).toISOString();
  const events = [
    track(who, 'Product Viewed', {}, { timestamp: iso(now - year - 60_000), sentAt: iso(now - year) }),
    track(who, 'Product Viewed', {}, { timestamp: iso(now + year) }),
  ];
  await server.ingest(events);
  const after = await server.now();
  const [minuteAgo, future] = (await server.timeline(`u:${who.userId}`))
    .filter(({ kind }) => kind === 'event')
    .map((entry) => Date.parse(entry.at));
  expect(minuteAgo).toBeGreaterThanOrEqual(now - 60_000);
  expect(minuteAgo).toBeLessThanOrEqual(after - 60_000);
  expect(future).toBeLessThanOrEqual(after);
});

test('one message at fault is named and spoils no other', async () => {
  const who = { userId: fresh('mixed') };
  const good = track(who, 'Product Viewed');
  const answer = await server.site<Ingested>('/v1/events', {
    events: [{ ...who, type: 'track', messageId: 'nameless' }, good, { ...who, type: 'dance' }, 7],
  });
  expect(answer.status).toBe(200);
  expect(answer.body.results).toMatchObject([
    { messageId: 'nameless', status: 'rejected', errors: [{ pointer: '/event' }] },
    { messageId: good.messageId, status: 'accepted' },
    { status: 'rejected', errors: [{ pointer: '/type' }] },
    { status: 'rejected', errors: [{ pointer: '' }] },
  ]);
  const batch = await server.site('/v1/batch', { batch: [{ type: 'page' }, track(who, 'Product Added')] });
  expect(batch.status).toBe(200);
  expect(batch.body).toMatchObject({ success: true, rejected: [{ index: 0, errors: [{ pointer: '/userId' }] }] });
  expect((await server.describe(`u:${who.userId}`)).stages).toEqual({ lifecycle: 'decision' });
});

test('fields nobody declared are kept as they came', async () => {
  const who = { userId: fresh('keeper') };
  const event = track(
    who,
    'Something Of Ours',
    { deep: { list: [1, 'two', null, { three: true }] }, 'Ünïcode ✓': '€' },
    { context: { ip: '203.0.113.9', campaign: { name: 'spring' } }, integrations: { All: true }, extra: [1.5] },
  );
  await server.ingest([event]);
  const [entry] = await server.timeline(`u:${who.userId}`);
  expect(entry).toMatchObject({ ...event });
});
