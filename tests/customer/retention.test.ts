// Retention in real objects: the alarm, the commits, what is told, a rule that comes later, customers who are imported or merged.

import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { known } from './merging.ts';
import {
  alarmOf,
  catalogVersion,
  DAY,
  d1,
  deliver,
  deliverRousing,
  describeOf,
  eventOf,
  evict,
  fireAlarm,
  forgetSent,
  freshName,
  HOUR,
  ingest,
  objectOf,
  passTime,
  prepare,
  publishDrafts,
  rowsOf,
  send,
  sent,
  timelineOf,
} from './object.ts';

const publishRetention = (retention: JsonObject) =>
  publishDrafts([{ kind: 'policies', id: 'policies', document: { privacy: { retention, visitorsIdle: 'P9000D' } } }]);
const USUAL = { default: 'P60D', events: { page: 'P10D', Seen: 'P20D' } };

beforeAll(() => prepare([{ id: 'shop', entry: [{ event: 'Start' }], initial: 'first', stages: { first: {} } }]));
beforeEach(() => publishRetention(USUAL));

const page = (at?: number) => eventOf('page', { type: 'page', ...(at === undefined ? {} : { at }) });
const names = async (id: string) =>
  (await timelineOf(id)).flatMap(({ kind, name, body }) =>
    kind === 'expired' ? [JSON.stringify(body)] : [name ?? kind],
  );
/** What the index has to be told would wake the object first; a minute later it has heard. */
async function settled(id: string): Promise<number | null> {
  passTime(HOUR / 60);
  await fireAlarm(id);
  await deliver(sent.filter(({ customerId }) => customerId === id));
  await fireAlarm(id);
  return alarmOf(id);
}

it('PV9 PV11 the alarm stands a day after the first line is over, and what goes is counted in the timeline', async () => {
  const id = freshName();
  const at = Date.now();
  await ingest(id, [page(), eventOf('Seen'), eventOf('Start')]);
  expect(await settled(id)).toBe(at + 11 * DAY);
  await evict(id);
  passTime(10 * DAY + 22 * HOUR);
  await fireAlarm(id);
  expect(await names(id)).toEqual(['page', 'Seen', 'Start', 'transition']);
  passTime(2 * HOUR);
  await evict(id);
  await fireAlarm(id);
  expect(await names(id)).toEqual(['Seen', 'Start', 'transition', '{"lines":1,"events":1}']);
  expect(await describeOf(id)).toMatchObject({ events: 2, stages: { shop: 'first' } });
  expect((await objectOf(id).kept())?.parts).toMatchObject([{ name: 'checkpoint' }]);
  expect(await alarmOf(id)).toBe(at + 21 * DAY);
  passTime(200 * DAY);
  await fireAlarm(id);
  expect(await names(id)).toEqual(['{"lines":4,"events":2}']);
  expect(await describeOf(id)).toMatchObject({ events: 0, stages: { shop: 'first' } });
  // The numbers of lines that went are not given again.
  await send(id, 'Seen');
  expect((await timelineOf(id)).map(({ seq }) => seq)).toEqual([6, 7]);
});

it('PV9 a message id that has come is known as long as its line stands', async () => {
  const id = freshName();
  const again = eventOf('Seen');
  await ingest(id, [again]);
  passTime(20 * DAY);
  expect((await ingest(id, [again])).statuses).toEqual(['duplicate']);
});

it('PV11 an ordinary event costs no row more, and who has nothing to lose is not woken', async () => {
  const id = freshName();
  await ingest(id, [page()]);
  passTime(5 * DAY);
  await ingest(id, [page(), eventOf('Seen')]);
  expect(await rowsOf(id, "SELECT name FROM parts WHERE name = 'retention'")).toEqual([]);
  await publishRetention({ events: { Never: 'P10D' } });
  const other = freshName();
  await send(other, 'Seen');
  passTime(11 * DAY);
  await settled(other);
  expect(await alarmOf(other)).toBeNull();
  passTime(500 * DAY);
  await send(other, 'Seen');
  expect(await settled(other)).toBeNull();
  expect(await names(other)).toEqual(['Seen', 'Seen']);
});

it('PV11 a long history leaves in several commits, and goes on with the alarm', { timeout: 60_000 }, async () => {
  const id = freshName();
  const total = 2 * LIMITS.retentionLinesMax + 10;
  for (let sent = 0; sent < total; sent += 500)
    await ingest(
      id,
      Array.from({ length: Math.min(500, total - sent) }, () => page()),
    );
  await send(id, 'Seen');
  passTime(11 * DAY);
  await fireAlarm(id);
  expect(await names(id)).toEqual([
    'Seen',
    ...[LIMITS.retentionLinesMax, LIMITS.retentionLinesMax, 10].map((n) => `{"lines":${n},"events":${n}}`),
  ]);
  expect(await describeOf(id)).toMatchObject({ events: 1 });
});

it('PV9 a late event goes when its own time is over, after an eviction too', async () => {
  const id = freshName();
  await send(id, 'Seen');
  passTime(2 * DAY);
  await ingest(id, [page(Date.now() - 8 * DAY)]);
  const at = Date.now();
  await evict(id);
  expect(await settled(id)).toBe(at + 3 * DAY);
  passTime(3 * DAY);
  await fireAlarm(id);
  expect(await names(id)).toEqual(['Seen', '{"lines":1,"events":1}']);
});

it('PV9 under import nothing goes; afterwards what is over does', async () => {
  const id = freshName();
  const now = Date.now();
  await objectOf(id).importEvents(catalogVersion(), [
    page(now - 100 * DAY),
    eventOf('Seen', { at: now - 19 * DAY }),
    page(now - 3 * DAY),
  ]);
  await fireAlarm(id);
  expect((await timelineOf(id)).length).toBe(3);
  await objectOf(id).finishImport(catalogVersion());
  await fireAlarm(id);
  expect(await names(id)).toEqual(['Seen', 'page', '{"lines":1,"events":1}']);
});

it('PV9 what a visitor brought goes by its own time, and undoing the merge afterwards counts what was left', async () => {
  const [visitor, id] = [freshName('a'), freshName()];
  await ingest(visitor, [page(), page()]);
  passTime(5 * DAY);
  await ingest(id, [known(visitor)]);
  expect((await describeOf(id)).events).toBe(3);
  await settled(id);
  passTime(6 * DAY);
  await evict(id);
  await fireAlarm(id);
  expect((await names(id)).filter((name) => name === 'page')).toEqual([]);
  expect((await describeOf(id)).events).toBe(1);
  expect(await objectOf(id).undoMerge(visitor)).toMatchObject({ kind: 'done' });
  expect((await describeOf(id)).events).toBe(1);
  await fireAlarm(id);
  await fireAlarm(visitor);
  expect((await names(visitor)).filter((name) => name === 'page')).toEqual([]);
});

it('PV10 what was said of consent stays, and its log', async () => {
  const id = freshName();
  await publishDrafts([
    {
      ...{ kind: 'policies', id: 'policies' },
      document: {
        consent: { purposes: { marketing: { basis: 'consent' } } },
        privacy: { retention: { default: 'P7D' } },
      },
    },
  ]);
  await send(id, 'Consent Updated', { properties: { purpose: 'marketing', channel: 'email', status: 'granted' } });
  await send(id, 'Seen');
  passTime(100 * DAY);
  await fireAlarm(id);
  expect(await names(id)).toEqual(['consent:log', 'Consent Updated', '{"lines":1,"events":1}']);
});

describe('PV12 a retention that is published', () => {
  it('holds for lines of idle customers, who hear of it', async () => {
    await publishRetention({});
    const id = freshName();
    forgetSent();
    await ingest(id, [page(), eventOf('Seen')]);
    await settled(id);
    passTime(30 * DAY);
    await publishRetention({ events: { page: 'P10D' } });
    expect(await d1('SELECT done_at FROM rousings ORDER BY version DESC LIMIT 1')).toEqual([{ done_at: null }]);
    await deliverRousing('');
    expect(await names(id)).toEqual(['Seen', '{"lines":1,"events":1}']);
  });

  it('rouses nobody where it says what held already', async () => {
    const before = await d1('SELECT count(*) AS n FROM rousings');
    await publishDrafts([
      { kind: 'policies', id: 'policies', document: { privacy: { retention: USUAL, erasedFor: 'P40D' } } },
    ]);
    expect(await d1('SELECT count(*) AS n FROM rousings')).toEqual(before);
  });

  it('that is taken back lets lines stay, and wakes nobody', async () => {
    const id = freshName();
    await ingest(id, [page()]);
    await settled(id);
    await publishRetention({});
    passTime(90 * DAY);
    await fireAlarm(id);
    expect([await names(id), await alarmOf(id)]).toEqual([['page'], null]);
  });
});
