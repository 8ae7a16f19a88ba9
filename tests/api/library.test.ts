// The shipped journeys together, over HTTP with the movable clock: a complaint holds every promotion until it is settled,
// a buyer of wear parts is reminded, missed and won back, a birthday comes round each year in the customer's zone.

import { expect, test } from 'vitest';
import { mailsOf } from './mails.ts';
import { fresh, message, type TimelineEntry, track, useServer } from './server.ts';

const server = useServer();
const mails = mailsOf(server);

/** A customer who may be written to, with mail of his own. */
async function customer(traits: object = {}) {
  const userId = fresh('customer');
  const email = `${userId}@example.com`;
  const consent = { purpose: 'marketing', channel: 'email', granted: true };
  await server.ingest([
    message({ userId }, 'identify', { traits: { email, locale: 'en', ...traits } }),
    track({ userId }, 'Consent Updated', consent),
  ]);
  return {
    say: (event: string, properties: object = {}) => server.ingest([track({ userId }, event, properties)]),
    stages: async () => (await server.describe(`u:${userId}`)).stages,
    timeline: () => server.timeline(`u:${userId}`),
    /** Subjects, once there are so many. */
    subjects: async (count: number) =>
      (await mails.arrived(({ to }) => to === email, count)).map(({ subject }) => subject),
    runsOf: async (journey: string) =>
      (await server.describe(`u:${userId}`)).runs.filter((run) => run.journey === journey).map(({ stage }) => stage),
  };
}

const ofKind = (entries: readonly TimelineEntry[], kind: string) => entries.filter((entry) => entry.kind === kind);

test('while a complaint is open no promotion goes out; once it is settled the reminder that waited does', async () => {
  const { say, subjects, timeline, runsOf } = await customer();
  await say('Product Added', { cart_id: 'cart-1', name: 'Hedge trimmer' });
  await say('Complaint Opened', { complaint_id: 'k-1', topic: 'delivery' });
  await server.advance('PT6H');
  expect(await subjects(1)).toEqual(['We have received your complaint']);
  expect(await runsOf('cart-recovery')).toEqual(['filling']);
  expect(ofKind(await timeline(), 'task')).toMatchObject([{ task: 'answer-complaint' }]);

  await say('Complaint Closed', { complaint_id: 'k-1', satisfied: false });
  await say('Support Contacted', { topic: 'delivery' });
  expect(await runsOf('complaint-recovery')).toEqual(['follow-up']);
  expect(ofKind(await timeline(), 'grant')).toMatchObject([{ grant: 'goodwill' }]);

  await server.advance('P8D');
  // A queue keeps no order.
  expect((await subjects(3)).sort()).toEqual([
    'Is everything all right now?',
    'We have received your complaint',
    'Your basket at Werkgarten is waiting for you',
  ]);
  expect(await runsOf('complaint-recovery')).toEqual(['closed']);
});

test('wear parts: due at the date the shop expects, then missed, then won back', async () => {
  const { say, stages, subjects, timeline } = await customer({
    nextWearParts: new Date((await server.now()) + 60 * 86_400_000).toISOString().slice(0, 10),
    timezone: 'Europe/Vienna',
  });
  await say('Order Completed', { order_id: 'o-1', products: [{ product_id: 'chain', category: 'wear-parts' }] });
  expect(await stages()).toMatchObject({ replenishment: 'stocked' });
  await server.advance('P50D');
  expect(await stages()).toMatchObject({ replenishment: 'due' });
  expect(await subjects(1)).toEqual(['Time for new wear parts?']);
  await server.advance('P46D');
  expect(await stages()).toMatchObject({ 'win-back': 'asking' });
  expect(ofKind(await timeline(), 'audience')).toMatchObject([{ audience: 'lapsed', change: 'add' }]);
  expect(await subjects(2)).toContain('What did we miss?');
  await say('Order Completed', { order_id: 'o-2' });
  expect((await stages())['win-back']).toBeUndefined();
  expect(ofKind(await timeline(), 'audience').at(-1)).toMatchObject({ audience: 'lapsed', change: 'remove' });
});

test('a birthday comes round each year, at nine in the morning where the customer lives', async () => {
  const { timeline, stages } = await customer({ birthday: '1980-02-29', timezone: 'America/New_York' });
  expect(await stages()).toMatchObject({ birthday: 'waiting' });
  await server.advance('P730D');
  const greetings = ofKind(await timeline(), 'transition').filter((entry) => entry['to'] === 'greeting');
  expect(greetings).toHaveLength(2);
  for (const { at } of greetings) expect(at).toMatch(/-02-2[89]T14:00:00\.000Z$/);
});
