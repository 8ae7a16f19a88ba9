// SPEC.md of contact pressure, CP11 to CP14, as objects hold it: the alarm comes of rows, a message that was sent puts the
// next one off, and the record tells replay all. Objects, alarms, queue consumer and mail binding are the real ones.

import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { rouseAfter } from '../../workers/api/rouse.ts';
import { publish } from '../../workers/catalog/publish.ts';
import {
  alarmOf,
  catalogVersion,
  DAY,
  eventOf,
  evict,
  fireAlarm,
  freshName,
  HOUR,
  holdQueue,
  ingest,
  inside,
  objectOf,
  prepare,
  publishDrafts,
  rowsOf,
  send,
  setClock,
  tasks,
  timelineOf,
} from '../customer/object.ts';
import { deliverAll, liveUntil } from './living.ts';

const NOON = Date.parse('2100-01-04T12:00:00Z');
const QUARTER = 90 * DAY;
const OVERDUE = 'Contact Overdue';

const sending = (id: string, entry: JsonObject): JsonObject => ({
  ...{ id, reentry: 'after_exit', entry: [entry], initial: 'first' },
  stages: {
    first: { steps: [{ send: id, channel: 'email', purpose: 'marketing' }, { goto: 'over' }] },
    over: { final: true },
  },
});
const policies = (more: object = {}) => ({
  kind: 'policies' as const,
  id: 'policies',
  document: {
    pressure: {
      rules: [],
      least: [{ id: 'quarter', purpose: 'marketing', channel: 'email', within: 'P90D' }],
      ...more,
    },
  },
});

beforeAll(async () => {
  const again = { event: OVERDUE, if: "event.properties.rule == 'quarter'" };
  await prepare([sending('again', again), sending('news', { event: 'News' })]);
  await publishDrafts(
    ['again', 'news'].map((id) => ({
      kind: 'message' as const,
      id,
      document: { id, channel: 'email', purpose: 'marketing', locales: { en: { subject: id, text: id } } },
    })),
  );
});

let mails: string[] = [];
beforeEach(async () => {
  mails = [];
  tasks.splice(0);
  holdQueue();
  vi.spyOn(env.EMAIL, 'send').mockImplementation(async (mail: unknown) => {
    mails.push(String(Reflect.get(Object(mail), 'subject')));
    return { messageId: 'm' };
  });
  setClock(NOON);
  await publishDrafts([policies()]);
});
afterEach(() => {
  vi.restoreAllMocks();
  holdQueue();
});

const says = (granted: boolean) => eventOf('Consent Updated', { properties: { purpose: 'marketing', granted } });
async function customer(id = freshName()): Promise<string> {
  await ingest(id, [eventOf('identify', { type: 'identify', traits: { email: 'anna@example.com' } }), says(true)]);
  return id;
}
const overdue = async (id: string) => (await timelineOf(id)).filter(({ name }) => name === OVERDUE);

it('CP11 CP12 happens at the very instant by alarm, and the message it leads to begins the next time', async () => {
  const id = await customer();
  await liveUntil(id, NOON + HOUR);
  expect(await alarmOf(id)).toBe(NOON + QUARTER);
  await evict(id);
  await liveUntil(id, NOON + QUARTER - 1);
  expect(await overdue(id)).toEqual([]);
  await liveUntil(id, NOON + QUARTER);
  expect(await overdue(id)).toMatchObject([
    {
      ...{ kind: 'event', at: NOON + QUARTER, appliedAt: NOON + QUARTER },
      body: {
        properties: { rule: 'quarter', purpose: 'marketing', channel: 'email', since: new Date(NOON).toISOString() },
      },
    },
  ]);
  expect(mails).toEqual(['again']);
  await evict(id);
  await liveUntil(id, NOON + 2 * QUARTER);
  expect((await overdue(id)).map(({ at }) => at)).toEqual([NOON + QUARTER, NOON + 2 * QUARTER]);
});

it('CP11 a message of another journey puts it off, and one that was not sent does not', async () => {
  const id = await customer();
  await liveUntil(id, NOON + 10 * DAY);
  await send(id, 'News');
  await deliverAll();
  expect(mails).toEqual(['news']);
  await liveUntil(id, NOON + 10 * DAY + QUARTER - 1);
  expect(await overdue(id)).toEqual([]);
  vi.mocked(env.EMAIL.send).mockRejectedValue(new Error('550 no such mailbox'));
  await send(id, 'News');
  await deliverAll();
  await liveUntil(id, NOON + 10 * DAY + QUARTER);
  expect((await overdue(id)).map(({ at }) => at)).toEqual([NOON + 10 * DAY + QUARTER]);
});

it('CP13 not without a yes, and not of a visitor nobody knows', async () => {
  const [never, no, visitor] = [freshName(), await customer(), await customer(freshName('a'))];
  await send(never, 'Page Viewed');
  setClock(NOON + HOUR);
  await ingest(no, [says(false)]);
  for (const id of [never, no, visitor]) {
    await liveUntil(id, NOON + 2 * QUARTER);
    expect([id, await overdue(id)]).toEqual([id, []]);
    setClock(NOON + HOUR);
  }
});

it('CP14 an event that comes later is applied after it, and what it waited for is told once', async () => {
  const id = await customer();
  setClock(NOON + 2 * QUARTER);
  await ingest(id, [eventOf('News'), eventOf('News')]);
  const lines = (await timelineOf(id)).filter(({ kind }) => kind === 'event').map(({ name, at }) => [name, at]);
  expect(lines.slice(2)).toEqual([
    [OVERDUE, NOON + QUARTER],
    ['News', NOON + 2 * QUARTER],
    ['News', NOON + 2 * QUARTER],
  ]);
});

it('CP11 nothing was overdue before the policy was published, and idle customers are told of it', async () => {
  const without = { kind: 'policies' as const, id: 'policies', document: { pressure: { rules: [] } } };
  await publishDrafts([without]);
  const id = await customer();
  await liveUntil(id, NOON + HOUR);
  expect(await alarmOf(id)).toBeNull();
  setClock(NOON + 2 * QUARTER);
  const published = await publish(env.DB, [policies({ zone: 'Europe/Vienna' })], Date.now(), false);
  await rouseAfter(env, published, false);
  expect(env.PROJECTIONS.send).toHaveBeenCalledWith({ rouse: { after: '', version: catalogVersion() } });
  await objectOf(id).rouse(0);
  await fireAlarm(id);
  expect((await overdue(id)).map(({ at }) => at)).toEqual([NOON + 2 * QUARTER]);
});

const DAYS_LATER = NOON + 9 * DAY;
const keptOf = (id: string) =>
  rowsOf(id, "SELECT name, body FROM parts WHERE name IN ('contacts', 'overdue') ORDER BY name");
/** Two customers; the second had a message nine days later, and becomes the first after that. */
async function merged(): Promise<{ readonly id: string; readonly before: unknown }> {
  const [id, other] = [await customer(), await customer()];
  await liveUntil(id, NOON + HOUR);
  await liveUntil(other, DAYS_LATER);
  await send(other, 'News');
  await deliverAll();
  const before = await keptOf(id);
  await ingest(id, [eventOf('alias', { type: 'alias', merges: other })]);
  return { id, before };
}

it('CP12 of two customers who become one it counts from the contact either had last', async () => {
  const { id } = await merged();
  await liveUntil(id, DAYS_LATER + QUARTER - 1);
  expect(await overdue(id)).toEqual([]);
  await liveUntil(id, DAYS_LATER + QUARTER);
  expect((await overdue(id)).map(({ at }) => at)).toEqual([DAYS_LATER + QUARTER]);
});

it('CP12 after a merge was undone it is as it was', async () => {
  const { id, before } = await merged();
  const [source] = await objectOf(id)
    .merges()
    .then((merges) => merges ?? []);
  await liveUntil(id, DAYS_LATER + DAY);
  expect(await objectOf(id).undoMerge(source?.source ?? '')).toEqual({ kind: 'done' });
  expect(await keptOf(id)).toEqual(before);
  await liveUntil(id, NOON + QUARTER);
  expect((await overdue(id)).map(({ at }) => at)).toEqual([NOON + QUARTER]);
});

it('CP12 what is remembered for it stands in an export, and is gone with the customer', async () => {
  const id = await customer();
  await liveUntil(id, NOON + QUARTER);
  const names = async () => ((await objectOf(id).kept())?.parts ?? []).map(({ name }) => name).sort();
  expect(await names()).toEqual(['consents', 'contacts', 'overdue']);
  await objectOf(id).erase();
  expect(await keptOf(id)).toEqual([]);
});

it('an event costs no statement more with such a policy than without it', async () => {
  const id = await customer();
  const statements = async (): Promise<string[]> => {
    const seen: string[] = [];
    const spy = await inside(id, ({ sql }) => {
      const exec = sql.exec.bind(sql);
      return vi.spyOn(sql, 'exec').mockImplementation((query, ...bindings) => {
        seen.push(query);
        return exec(query, ...bindings);
      });
    });
    await send(id, 'Page Viewed');
    spy.mockRestore();
    return seen;
  };
  await send(id, 'Page Viewed');
  const withPolicy = await statements();
  await publishDrafts([{ kind: 'policies', id: 'policies', document: { pressure: { rules: [] } } }]);
  await send(id, 'Page Viewed');
  expect(withPolicy).toEqual(await statements());
});
