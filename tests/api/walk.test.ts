// A customer's whole way through the shipped lifecycle over HTTP, with the clock moved by hand.

import { expect, test } from 'vitest';
import { fresh, type Ingested, message, track, useServer } from './server.ts';

const server = useServer();
const DAY = 86_400_000;

test('a customer walks from the first page to the second order, and every stage shows its own hero', async () => {
  const userId = fresh('walker');
  const who = { userId };
  const heroes: Record<'de' | 'en' | 'none', string[]> = { de: [], en: [], none: [] };
  const stages: (string | undefined)[] = [];
  const look = async () => {
    const shown = await server.decide(who, ['hero'], 'de');
    const english = await server.decide(who, ['hero'], 'en');
    const plain = await server.decide(who, ['hero']);
    heroes.de.push(shown.decisions.hero?.[0]?.id ?? 'nothing');
    heroes.en.push(english.decisions.hero?.[0]?.id ?? 'nothing');
    heroes.none.push(plain.decisions.hero?.[0]?.id ?? 'nothing');
    expect(shown.degraded).toBe(false);
    stages.push(shown.customer.stages.lifecycle);
  };

  await server.ingest([message(who, 'page', { properties: { path: '/' } })]);
  await look();
  for (let view = 0; view < 3; view++) await server.ingest([track(who, 'Product Viewed', { product_id: 'p1' })]);
  await look();
  await server.ingest([track(who, 'Product Added', { product_id: 'p1' })]);
  await look();
  await server.ingest([track(who, 'Order Completed', { order_id: 'o1' })]);
  await look();
  expect((await server.advance('P14D')).timersFired).toBe(1);
  await look();
  expect((await server.advance('P60D')).timersFired).toBe(1);
  await look();
  await server.ingest([track(who, 'Order Completed', { order_id: 'o2' })]);
  await look();

  expect(stages).toEqual(['awareness', 'decision', 'decision', 'purchase', 'usage', 'repurchase', 'purchase']);
  for (const ids of Object.values(heroes)) {
    expect(ids).not.toContain('nothing');
    const [awareness, decision, again, purchase, usage, repurchase, back] = ids;
    expect(again).toBe(decision);
    expect(new Set([awareness, decision, purchase, usage, repurchase]).size).toBe(5);
    expect([awareness, decision, usage, repurchase]).not.toContain(back);
  }

  const transitions = await server.transitions(`u:${userId}`);
  expect(transitions.map(({ from, to }) => `${from} ${to}`)).toEqual([
    'null awareness',
    'awareness decision',
    'decision purchase',
    'purchase usage',
    'usage repurchase',
    'repurchase purchase',
  ]);
  const [, , ordered, used, due] = transitions.map(({ at }) => Date.parse(at));
  expect(used).toBe((ordered ?? 0) + 14 * DAY);
  expect(due).toBe((used ?? 0) + 60 * DAY);
  const timeline = await server.timeline(`u:${userId}`);
  expect(timeline.filter(({ kind }) => kind === 'event').map((entry) => entry.event ?? entry.type)).toEqual([
    'page',
    'Product Viewed',
    'Product Viewed',
    'Product Viewed',
    'Product Added',
    'Order Completed',
    'Order Completed',
  ]);
  expect(timeline.filter(({ kind }) => kind === 'decision')).toHaveLength(21);
  expect(timeline.map(({ seq }) => seq)).toEqual(timeline.map((_, index) => index + 1));
});

test('A3 a stage entered by a timer was entered when the timer was due, however late that was noticed', async () => {
  const userId = fresh('late');
  await server.ingest([track({ userId }, 'Order Completed')]);
  const orderedAt = Date.parse((await server.describe(`u:${userId}`)).runs[0]?.enteredAt ?? '');
  await server.advance('P100D');
  const { runs, timers, stages } = await server.describe(`u:${userId}`);
  expect(stages).toEqual({ lifecycle: 'repurchase' });
  expect(Date.parse(runs[0]?.enteredAt ?? '')).toBe(orderedAt + 74 * DAY);
  expect(timers.map(({ dueAt }) => Date.parse(dueAt))).toEqual([orderedAt + 254 * DAY]);
  expect((await server.transitions(`u:${userId}`)).map(({ at }) => Date.parse(at) - orderedAt)).toEqual([
    0,
    0,
    14 * DAY,
    74 * DAY,
  ]);
});

test('A2 activity moves the way into dormancy; dormant visitors come back to where they belong', async () => {
  const visitor = { anonymousId: fresh('visitor') };
  const buyer = { userId: fresh('buyer') };
  await server.ingest([message(visitor, 'page')]);
  await server.ingest([track(buyer, 'Order Completed')]);
  await server.advance('P29D');
  await server.ingest([track(visitor, 'Newsletter Opened')]);
  await server.advance('P29D');
  expect((await server.describe(`a:${visitor.anonymousId}`)).stages).toEqual({ lifecycle: 'awareness' });
  await server.advance('P1D');
  expect((await server.describe(`a:${visitor.anonymousId}`)).stages).toEqual({ lifecycle: 'dormant' });
  await server.advance('P200D');
  expect((await server.describe(`u:${buyer.userId}`)).stages).toEqual({ lifecycle: 'dormant' });
  expect((await server.ingest([message(visitor, 'page')])).customer.stages).toEqual({ lifecycle: 'awareness' });
  expect((await server.ingest([message(buyer, 'page')])).customer.stages).toEqual({ lifecycle: 'repurchase' });
});

test('the page may ask for its decision with the event, and gets the stage the event led to', async () => {
  const who = { anonymousId: fresh('asker') };
  const answer = await server.ingest([track(who, 'Checkout Started')], {
    decide: { placements: ['hero', 'no-such-placement'], context: { locale: 'de-AT' } },
  });
  expect(answer.customer.stages).toEqual({ lifecycle: 'decision' });
  expect(answer.decisions?.['no-such-placement']).toEqual([]);
  const [hero] = answer.decisions?.hero ?? [];
  expect(hero).toMatchObject({ kind: expect.stringMatching(/^(content|offer)$/), version: 1 });
  expect(hero?.decisionId).toMatch(/^[0-9a-f-]{36}-1$/);
  const asked = await server.decide(who, ['hero'], 'de');
  expect(asked.decisions.hero?.[0]?.fields).toEqual(hero?.fields);
});

test('T5 an order by its name in Google Analytics is an order', async () => {
  const answer = await server.ingest([track({ userId: fresh('ga4') }, 'purchase')]);
  expect(answer.customer.stages).toEqual({ lifecycle: 'purchase' });
});

test('how long it took stands in Server-Timing', async () => {
  const who = { userId: fresh('timed') };
  const answers = [
    await server.site<Ingested>('/v1/events', { events: [message(who, 'page')] }),
    await server.site<Ingested>('/v1/decide', { ...who, placements: ['hero'] }),
  ];
  for (const { headers } of answers) expect(headers.get('server-timing')).toMatch(/^total;dur=\d+/);
});
