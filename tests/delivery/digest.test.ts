// SPEC.md of contact pressure, CP16 to CP19, as objects hold it: what waits goes as one, in one commit with the claim. Objects,
// alarms, queue consumer and mail binding are the real ones.

import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { below, drawsOf, pick } from '../../workers/simulate/random.ts';
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
  prepare,
  publishDrafts,
  send,
  setClock,
  tasks,
} from '../customer/object.ts';
import { allowed } from '../pressure/reference.ts';
import { often } from '../prove.ts';
import { deliverAll, liveUntil, told } from './living.ts';

/** A Monday at noon in Vienna. */
const MONDAY = Date.parse('2100-01-04T11:00:00Z');
const NEXT = Date.parse('2100-01-11T07:00:00Z');
const ZONE = 'Europe/Vienna';

const journey = (id: string, event: string, priority: number, purpose = 'marketing'): JsonObject => ({
  ...{ id, priority, tags: ['ads'], reentry: 'after_exit', entry: [{ event }], initial: 'first' },
  stages: { first: { steps: [{ send: id, channel: 'email', purpose }, { goto: 'over' }] }, over: { final: true } },
});
const message = (id: string, locale: JsonObject) => ({
  kind: 'message' as const,
  id,
  document: { id, channel: 'email', purpose: 'marketing', locales: { en: locale } },
});
const RULES = [
  { id: 'once-a-week', most: { count: 1, per: 'week' as const } },
  { id: 'night', quiet: { from: '21:00', to: '08:00' } },
];
const policy = (digest: object = { message: 'digest' }, more: object = {}) => ({
  kind: 'policies' as const,
  id: 'policies',
  document: { pressure: { zone: ZONE, rules: RULES, otherwise: 'digest', digest, waitAtMost: 'P30D', ...more } },
});
const LIST = '{% for item in digest.items %}{{ item.title }}/{{ item.journey }};{% endfor %}';

beforeAll(async () => {
  await prepare([
    journey('low', 'Low', 0),
    journey('high', 'High', 5),
    journey('news', 'News', 0, 'newsletter'),
    journey('receipt', 'Ordered', 0, 'transactional'),
  ]);
  await publishDrafts([
    ...['high', 'news', 'receipt'].map((id) => message(id, { subject: id, text: id })),
    message('low', { subject: 'low {{ event.properties.n }}', text: 'for {{ traits.email }}' }),
    message('digest', { subject: '{{ digest.items.size }} at once', text: LIST, html: `<ul>${LIST}</ul>` }),
  ]);
});

interface Mail {
  readonly at: number;
  readonly subject: string;
  readonly text: string;
}
let mails: Mail[] = [];
let before: (subject: string) => Promise<void> = async () => undefined;
beforeEach(async () => {
  mails = [];
  before = async () => undefined;
  tasks.splice(0);
  holdQueue();
  vi.spyOn(env.EMAIL, 'send').mockImplementation(async (mail: unknown) => {
    const of = (member: string) => String(Reflect.get(Object(mail), member));
    await before(of('subject'));
    mails.push({ at: Date.now(), subject: of('subject'), text: of('text') });
    return { messageId: 'm' };
  });
  setClock(MONDAY);
  await publishDrafts([policy()]);
});
afterEach(() => {
  vi.restoreAllMocks();
  holdQueue();
});

const says = (purpose: string, granted: boolean) => eventOf('Consent Updated', { properties: { purpose, granted } });
async function customer(): Promise<string> {
  const id = freshName();
  const traits = { email: 'anna@example.com' };
  await ingest(id, [
    eventOf('identify', { type: 'identify', traits }),
    says('marketing', true),
    says('newsletter', true),
  ]);
  return id;
}
let count = 0;
/** One after the other, each to its end. */
async function happen(id: string, ...events: string[]): Promise<void> {
  for (const event of events) {
    await send(id, event, { properties: { n: ++count } });
    await deliverAll();
  }
}
const subjects = () => mails.map(({ subject }) => subject);

it('CP16 CP17 CP19 what waits goes as one at the first instant with room, the higher journey in front', async () => {
  count = 0;
  const id = await customer();
  await happen(id, 'High', 'Low', 'High', 'Low');
  expect(subjects()).toEqual(['high']);
  await evict(id);
  await liveUntil(id, NEXT - 1);
  expect(mails).toHaveLength(1);
  await liveUntil(id, NEXT);
  expect(mails[1]).toMatchObject({ at: NEXT, subject: '3 at once', text: 'high/high;low 2/low;low 4/low;' });
  const [digest] = await told(id, 'digest');
  expect(digest).toMatchObject({
    message: 'digest',
    items: [expect.any(String), expect.any(String), expect.any(String)],
  });
  const key = Reflect.get(Object(digest), 'key');
  const merged = (await told(id, 'message')).filter((line) => Reflect.get(Object(line), 'status') === 'merged');
  expect(merged).toMatchObject(
    ['high', 'low', 'low'].map((of) => ({ journey: of, detail: 'pressure: once-a-week', digest: key })),
  );
  expect(Reflect.get(Object(digest), 'items')).toEqual(merged.map((line) => Reflect.get(Object(line), 'key')));
  // One contact: the week is full with it, and the next one goes a week later, alone as itself.
  await happen(id, 'Low');
  await liveUntil(id, NEXT + 7 * DAY);
  expect(subjects()).toEqual(['high', '3 at once', 'low 5']);
  expect((await describeOf(id)).effectsPending).toBe(0);
  const statuses = (await objectOf(id).messagesOf(Number.MAX_SAFE_INTEGER, 100))?.map(({ status }) => status).sort();
  expect(statuses).toEqual(['merged', 'merged', 'merged', 'sent', 'sent', 'sent']);
});

it('CP16 a digest is of one purpose, and what needs no room is in none', async () => {
  const id = await customer();
  await happen(id, 'High', 'Low', 'News', 'Ordered', 'Low');
  expect(subjects()).toEqual(['high', 'receipt']);
  await liveUntil(id, NEXT + 7 * DAY);
  expect(subjects().slice(2).sort()).toEqual(['2 at once', 'news']);
});

it('CP16 CP8 what is new and higher goes before the digest, which takes room once', async () => {
  const id = await customer();
  await happen(id, 'High', 'Low', 'Low');
  setClock(NEXT);
  await ingest(id, [eventOf('High')]);
  await deliverAll();
  expect(subjects()).toEqual(['high', 'high']);
  await liveUntil(id, NEXT + 7 * DAY);
  expect(subjects()).toEqual(['high', 'high', '2 at once']);
  // Two may go in a week: the digest takes one place, so there is one for what is new.
  await publishDrafts([policy({ message: 'digest' }, { rules: [{ id: 'two', most: { count: 2, per: 'week' } }] })]);
  const other = await customer();
  mails = [];
  await happen(other, 'High', 'High', 'High', 'High', 'High');
  await liveUntil(other, Date.now() + 8 * DAY);
  expect(subjects()).toEqual(['high', 'high', '3 at once']);
});

it('CP18 nothing goes with it whose consent was withdrawn, or that is too old', async () => {
  await publishDrafts([policy({ message: 'digest', expires: 'P3D' })]);
  const id = await customer();
  await happen(id, 'High', 'Low');
  await liveUntil(id, MONDAY + 5 * DAY);
  await happen(id, 'High', 'High');
  await liveUntil(id, NEXT);
  expect(mails[1]).toMatchObject({ subject: '2 at once', text: 'high/high;high/high;' });
  expect(await told(id, 'suppressed')).toMatchObject([{ message: 'low', reason: 'pressure: too old for the digest' }]);
  await happen(id, 'Low', 'Low', 'News');
  setClock(NEXT + HOUR);
  await ingest(id, [says('marketing', false)]);
  await liveUntil(id, NEXT + 14 * DAY);
  expect(mails).toHaveLength(2);
});

it('CP16 what the provider refuses goes again as it was written', async () => {
  const id = await customer();
  await happen(id, 'High', 'Low', 'High');
  before = (subject) => (subject.endsWith('at once') ? Promise.reject(new Error('later')) : Promise.resolve());
  await liveUntil(id, NEXT + 1);
  expect(mails).toHaveLength(1);
  before = async () => undefined;
  await liveUntil(id, NEXT + 2 * HOUR);
  expect(subjects()).toEqual(['high', '2 at once']);
  expect(await told(id, 'digest')).toHaveLength(1);
});

it('CP18 CP19 a digest that lost its room takes in what waits by then, and drops what is too old', async () => {
  await publishDrafts([policy({ message: 'digest', expires: 'P10D' })]);
  count = 0;
  const id = await customer();
  await happen(id, 'High', 'Low');
  await liveUntil(id, NEXT - DAY);
  await happen(id, 'Low');
  let refusals = 0;
  before = (subject) =>
    subject.endsWith('at once') && ++refusals === 1 ? Promise.reject(new Error('later')) : Promise.resolve();
  await liveUntil(id, NEXT);
  // Before it is tried again, what is higher takes the week.
  await happen(id, 'High');
  expect(subjects()).toEqual(['high', 'high']);
  await liveUntil(id, NEXT + 3 * DAY);
  await happen(id, 'High');
  await liveUntil(id, NEXT + 7 * DAY);
  expect(mails.slice(2)).toMatchObject([{ subject: '2 at once', text: 'high/high;low 3/low;' }]);
  const [first, second] = await told(id, 'digest');
  const [old] = Reflect.get(Object(first), 'items');
  expect(Reflect.get(Object(second), 'items')).not.toContain(old);
  expect(await told(id, 'suppressed')).toMatchObject([
    { key: old, journey: 'low', message: 'low', reason: 'pressure: too old for the digest' },
  ]);
  const statuses = (await objectOf(id).messagesOf(Number.MAX_SAFE_INTEGER, 100))?.map(({ status }) => status).sort();
  expect(statuses).toEqual(['merged', 'merged', 'merged', 'merged', 'sent', 'sent', 'sent']);
});

it('CP18 where it cannot be written each goes for itself, and that is recorded', async () => {
  await publishDrafts([policy({ message: 'nobody' })]);
  const id = await customer();
  await happen(id, 'High', 'High', 'High');
  await liveUntil(id, NEXT + 7 * DAY);
  expect(subjects()).toEqual(['high', 'high', 'high']);
  expect((await told(id, 'digest'))[0]).toMatchObject({ message: 'nobody', reason: 'no template' });
});

it('CP17 a digest lists so many at most, and the rest waits on', async () => {
  const id = await customer();
  const most = LIMITS.digestItemsMax;
  await happen(id, 'High');
  await ingest(
    id,
    Array.from({ length: most + 2 }, () => eventOf('High')),
  );
  await deliverAll();
  await liveUntil(id, NEXT);
  expect(subjects()).toEqual(['high', `${most} at once`]);
  await liveUntil(id, NEXT + 7 * DAY);
  expect(subjects()).toEqual(['high', `${most} at once`, '2 at once']);
});

it('CP18 nothing goes twice where no word comes back of a digest', async () => {
  const id = await customer();
  await happen(id, 'High', 'High', 'High');
  setClock(NEXT);
  const claims = await Promise.all(
    ((await objectOf(id).pressure())?.waiting ?? []).map(({ key }) => objectOf(id).claimMessage(key)),
  );
  expect(claims.map(({ kind }) => kind).sort()).toEqual(['over', 'send']);
  await evict(id);
  await liveUntil(id, NEXT + 14 * DAY);
  expect(subjects()).toEqual(['high']);
  expect((await told(id, 'message')).at(-1)).toMatchObject({ message: 'digest', status: 'uncertain' });
});

const LIVES = often(6, 200);
it(`CP16 CP18 in ${LIVES} random lives everything ends once, and no mail breaks a rule`, async () => {
  let digests = 0;
  for (let life = 0; life < LIVES; life++) {
    const draw = drawsOf(`digests/${life}`);
    const id = await customer();
    const begin = Date.now();
    mails = [];
    before = async () => {
      if (draw() < 0.15) throw new Error('try later');
    };
    for (let input = 0; input < 12; input++) {
      await liveUntil(id, Date.now() + pick(draw, [0, HOUR, 9 * HOUR, 2 * DAY]));
      const events = Array.from({ length: 1 + below(draw, 2) }, () => eventOf(pick(draw, ['Low', 'High', 'News'])));
      await ingest(id, events);
      if (draw() < 0.7) await deliverTasks(tasks.splice(0).reverse());
      if (draw() < 0.3) await evict(id);
    }
    before = async () => undefined;
    await liveUntil(id, Date.now() + 60 * DAY);
    const messages = (await objectOf(id).messagesOf(Number.MAX_SAFE_INTEGER, 200)) ?? [];
    const ended = (status: string) => messages.filter((each) => each.status === status);
    expect(messages.filter(({ status }) => status === 'queued' || status === 'claimed')).toEqual([]);
    expect(mails).toHaveLength(ended('sent').length);
    const listed = (await told(id, 'digest')).flatMap((line) => Reflect.get(Object(line), 'items') ?? []);
    // What went with a digest went with one, unless that one went with another.
    const own = ended('merged').filter(({ key }) => !key.includes('/digest/'));
    expect(own.every(({ key }) => listed.includes(key))).toBe(true);
    for (const [index, mail] of mails.entries()) {
      const earlier = mails.slice(0, index).map((each, number) => ({ ...each, key: `k${number}`, ...KIND }));
      expect([life, index, allowed({ rules: RULES }, earlier, ZONE, mail.at)]).toEqual([life, index, true]);
    }
    expect(mails.every(({ at }) => at >= begin)).toBe(true);
    digests += mails.filter(({ subject }) => subject.endsWith('at once')).length;
    setClock(MONDAY + (life + 1) * 98 * DAY);
  }
  expect(digests).toBeGreaterThan(LIVES);
});
const KIND = { channel: 'email', purpose: 'marketing', tags: ['ads'] };
