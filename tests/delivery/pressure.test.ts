// SPEC.md of contact pressure, as objects hold it: room is taken with the claim, the higher journey goes first, what has no
// room waits with an alarm. Objects, alarms, queue consumer and mail binding are the real ones.

import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import {
  DAY,
  deliverTasks,
  describeOf,
  eventOf,
  evict,
  freshName,
  HOUR,
  holdQueue,
  ingest,
  objectOf,
  passTime,
  prepare,
  publishDrafts,
  send,
  setClock,
  tasks,
} from '../customer/object.ts';
import { deliverAll, liveUntil, told } from './living.ts';

/** A Monday at noon in Vienna. */
const MONDAY = Date.parse('2100-01-04T11:00:00Z');
const WEEK = 7 * DAY;

const journey = (id: string, event: string, priority: number, purpose = 'marketing', tags = ['ads']): JsonObject => ({
  ...{ id, priority, tags, reentry: 'after_exit', entry: [{ event }], exit: [{ event: 'Stop' }], initial: 'first' },
  stages: { first: { steps: [{ send: id, channel: 'email', purpose }, { goto: 'over' }] }, over: { final: true } },
});
const policy = (more: object = {}): JsonObject => ({
  pressure: {
    zone: 'Europe/Vienna',
    rules: [
      { id: 'twice-a-week', most: { count: 2, per: 'week' } },
      { id: 'night', quiet: { from: '21:00', to: '08:00' } },
    ],
    ...more,
  },
});

beforeAll(async () => {
  await prepare([
    journey('low', 'Low', 0),
    journey('high', 'High', 5),
    journey('receipt', 'Ordered', 0, 'transactional'),
  ]);
  await publishDrafts(
    ['low', 'high', 'receipt'].map((id) => ({
      kind: 'message' as const,
      id,
      document: { id, channel: 'email', purpose: 'service', locales: { en: { subject: id, text: id } } },
    })),
  );
});

let mails: string[] = [];
let before: () => Promise<void> = async () => undefined;
beforeEach(async () => {
  mails = [];
  before = async () => undefined;
  tasks.splice(0);
  holdQueue();
  vi.spyOn(env.EMAIL, 'send').mockImplementation(async (mail: unknown) => {
    await before();
    mails.push(String(Reflect.get(Object(mail), 'subject')));
    return { messageId: 'm' };
  });
  setClock(MONDAY);
  await publishDrafts([{ kind: 'policies', id: 'policies', document: policy() }]);
});
afterEach(() => {
  vi.restoreAllMocks();
  holdQueue();
});

async function customer(traits: object = {}): Promise<string> {
  const id = freshName();
  await ingest(id, [
    eventOf('identify', { type: 'identify', traits: { email: 'anna@example.com', ...traits } }),
    eventOf('Consent Updated', { properties: { purpose: 'marketing', granted: true } }),
  ]);
  return id;
}

it('CP7 CP9 the third of a week waits for the next, and its timeline says until when and why', async () => {
  const id = await customer();
  for (const event of ['Low', 'High', 'Low']) {
    await send(id, event);
    await deliverAll();
  }
  expect(mails).toEqual(['low', 'high']);
  const monday = Date.parse('2100-01-11T07:00:00Z');
  expect(await told(id, 'deferred')).toMatchObject([
    { message: 'low', rule: 'twice-a-week', until: '2100-01-11T07:00:00.000Z' },
  ]);
  await evict(id);
  await liveUntil(id, monday - 1);
  // At midnight there is room in the week, and none in the night.
  expect([mails.length, (await told(id, 'deferred')).length]).toEqual([2, 1]);
  await liveUntil(id, monday);
  expect(mails).toEqual(['low', 'high', 'low']);
  expect((await describeOf(id)).effectsPending).toBe(0);
});

it('CP8 of two journeys that want the last room of a week the higher one gets it, whichever is claimed first', async () => {
  for (const order of [0, 1]) {
    setClock(MONDAY);
    mails = [];
    const id = await customer();
    await send(id, 'Low');
    await deliverAll();
    await ingest(id, [eventOf('Low'), eventOf('High')]);
    const both = tasks.splice(0);
    await deliverTasks(order === 0 ? both : both.reverse());
    await deliverAll();
    expect(mails).toEqual(['low', 'high']);
    await liveUntil(id, MONDAY + WEEK);
    expect(mails).toEqual(['low', 'high', 'low']);
  }
});

it('CP8 a higher one that may not go out takes no room', async () => {
  await publishDrafts([
    {
      kind: 'policies',
      id: 'policies',
      document: policy({
        rules: [
          { id: 'one', most: { count: 1, per: 'week' } },
          { id: 'never-high', applies: { tags: ['tall'] }, quiet: { from: '00:01', to: '00:00' } },
        ],
      }),
    },
    { kind: 'journey', id: 'high', document: journey('high', 'High', 5, 'marketing', ['tall']) },
  ]);
  const id = await customer();
  await ingest(id, [eventOf('Low'), eventOf('High')]);
  await deliverAll();
  expect(mails).toEqual(['low']);
  await publishDrafts([{ kind: 'journey', id: 'high', document: journey('high', 'High', 5) }]);
});

it('CP7 gives room back for what was not sent after all', async () => {
  const id = await customer();
  before = () => Promise.reject(new Error('550 no such mailbox'));
  await send(id, 'Low');
  await send(id, 'Low');
  await deliverAll();
  before = async () => undefined;
  await send(id, 'High');
  await deliverAll();
  expect(mails).toEqual(['high']);
  // Then what failed is tried again, as far as there is room.
  await liveUntil(id, MONDAY + 3 * HOUR);
  expect(mails).toEqual(['high', 'low']);
});

it('CP1 a receipt goes out at once, whatever went before and at any hour', async () => {
  const id = await customer();
  passTime(12 * HOUR);
  for (let times = 0; times < 4; times++) await send(id, 'Ordered');
  await send(id, 'Low');
  await deliverAll();
  expect(mails).toEqual(Array.from({ length: 4 }, () => 'receipt'));
  expect(await told(id, 'deferred')).toMatchObject([{ rule: 'night' }]);
});

it('CP5 the night is that of the customer', async () => {
  const id = await customer({ timezone: 'America/New_York' });
  // In New York it is six in the morning.
  await send(id, 'Low');
  await deliverAll();
  expect(await told(id, 'deferred')).toMatchObject([{ until: '2100-01-04T13:00:00.000Z' }]);
});

it('CP6 the customer’s own wish counts as well', async () => {
  const id = await customer();
  const wish = eventOf('Preferences Updated', { properties: { frequency: 'weekly' } });
  await ingest(id, [{ ...wish, type: 'consent', body: JSON.stringify({ ...JSON.parse(wish.body), type: 'consent' }) }]);
  await send(id, 'Low');
  await send(id, 'High');
  await deliverAll();
  expect([mails, (await told(id, 'deferred')).length]).toEqual([['high'], 1]);
});

it('CP9 is dropped where the policy says so, or where it would wait for too long', async () => {
  const id = await customer();
  await publishDrafts([{ kind: 'policies', id: 'policies', document: policy({ otherwise: 'drop' }) }]);
  for (let times = 0; times < 3; times++) {
    await send(id, 'Low');
    await deliverAll();
  }
  expect(await told(id, 'suppressed')).toMatchObject([{ message: 'low', reason: 'pressure: twice-a-week' }]);
  await publishDrafts([{ kind: 'policies', id: 'policies', document: policy({ waitAtMost: 'P1D' }) }]);
  await send(id, 'Low');
  await deliverAll();
  expect([mails.length, (await told(id, 'suppressed')).length]).toEqual([2, 2]);
  expect((await describeOf(id)).effectsPending).toBe(0);
});

it('CP9 a message that waits when consent is withdrawn is given up', async () => {
  const id = await customer();
  for (let times = 0; times < 3; times++) await send(id, 'Low');
  await deliverAll();
  passTime(HOUR);
  await send(id, 'Consent Updated', { properties: { purpose: 'marketing', granted: false } });
  expect(await told(id, 'suppressed')).toMatchObject([{ reason: 'consent withdrawn' }]);
  await liveUntil(id, MONDAY + 2 * WEEK);
  expect(mails).toHaveLength(2);
});

it('CP10 of two customers who become one the contacts of both count', async () => {
  const [visitor, id] = [freshName('a'), await customer()];
  await ingest(visitor, [
    eventOf('identify', { type: 'identify', traits: { email: 'anna@example.com' } }),
    eventOf('Consent Updated', { properties: { purpose: 'marketing', granted: true } }),
    eventOf('Low'),
  ]);
  await send(id, 'High');
  await deliverAll();
  await ingest(id, [eventOf('identify', { type: 'identify', merges: visitor })]);
  await send(id, 'High');
  await deliverAll();
  expect([mails.length, (await told(id, 'deferred')).length]).toEqual([2, 1]);
  expect(await objectOf(visitor).owner()).toBe(id);
});

it('CP15 operators see what is used, what is left and what waits', async () => {
  const id = await customer({ timezone: 'America/New_York' });
  setClock(MONDAY + 3 * HOUR);
  for (const event of ['Low', 'High', 'Low']) {
    await send(id, event);
    await deliverAll();
  }
  const shown = await objectOf(id).pressure();
  expect(shown).toMatchObject({
    ...{ zone: 'America/New_York', wish: null, least: [] },
    rules: [
      {
        ...{ rule: 'twice-a-week', most: 2, used: 2, room: 0, quiet: null, freeAt: '2100-01-11T05:00:00.000Z' },
        window: { from: '2100-01-04T05:00:00.000Z', to: '2100-01-11T05:00:00.000Z' },
      },
      {
        rule: 'night',
        window: null,
        used: null,
        quiet: { from: '21:00', to: '08:00' },
        freeAt: '2100-01-04T14:00:00.000Z',
      },
    ],
    waiting: [
      {
        ...{
          journey: 'low',
          message: 'low',
          channel: 'email',
          purpose: 'marketing',
          priority: 0,
          rule: 'twice-a-week',
        },
        ...{ since: '2100-01-04T14:00:00.000Z', until: '2100-01-11T13:00:00.000Z' },
      },
    ],
  });
  expect(await objectOf('u:nobody').pressure()).toBeNull();
});
