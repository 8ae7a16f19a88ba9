// SPEC.md of privacy, group PV, as the object keeps it: what erasing removes, what is asked afterwards, idle visitors.

import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it } from 'vitest';
import { customerHash } from '../../workers/customer/sealing.ts';
import {
  alarmOf,
  catalogVersion,
  DAY,
  d1,
  decide,
  deliver,
  deliverTasks,
  describeOf,
  dump,
  eventOf,
  evict,
  fireAlarm,
  forgetSent,
  freshName,
  ingest,
  objectOf,
  passTime,
  prepare,
  publishDrafts,
  rowsOf,
  send,
  sent,
  tasks,
} from './object.ts';

beforeAll(async () => {
  await prepare([
    {
      id: 'shop',
      entry: [{ event: 'Start' }],
      initial: 'first',
      stages: {
        first: {
          steps: [{ send: 'receipt', channel: 'email', purpose: 'transactional' }],
          on: [{ event: 'Go', to: 'second' }],
          after: [{ delay: 'P2D', to: 'second' }],
        },
        second: {},
      },
    },
  ]);
  await publishDrafts([
    {
      kind: 'message',
      id: 'receipt',
      document: {
        id: 'receipt',
        channel: 'email',
        purpose: 'transactional',
        locales: { en: { subject: 'R', text: 'R' } },
      },
    },
    {
      kind: 'content',
      id: 'tip',
      document: {
        id: 'tip',
        kind: 'tip',
        placements: ['hero'],
        stages: [],
        priority: 1,
        locales: { en: { title: 'Tip' } },
      },
    },
    { kind: 'policies', id: 'policies', document: { privacy: { erasedFor: 'P10D', visitorsIdle: 'P100D' } } },
  ]);
});

const known = (id: string, more = {}) =>
  ingest(id, [eventOf('identify', { type: 'identify', traits: { email: 'anna@example.com' }, ...more })]);
const erase = (id: string) => objectOf(id).erase();
/** As who answers for erasing does first. */
const noteErased = (id: string) =>
  env.DB.prepare('INSERT INTO erased (hash, erased_at) VALUES (?, ?)')
    .bind(customerHash('platform tests', id), Date.now())
    .run();

describe('an erased customer', () => {
  it('PV2 leaves a tombstone with a time in it, and no alarm', async () => {
    const id = freshName();
    await known(id);
    await send(id, 'Start');
    const { removed, keys } = await erase(id);
    expect(removed).toEqual({ entries: expect.any(Number), runs: 1, messages: 1 });
    expect([removed.entries > 2, keys.length]).toEqual([true, 1]);
    expect(await alarmOf(id)).toBeNull();
    const kept = await rowsOf(id, "SELECT name, body FROM parts WHERE name NOT LIKE 'migration:%'");
    expect(kept).toEqual([{ name: 'erased', body: String(Date.now()) }]);
    const rows = await dump(id);
    expect(Object.entries(rows).filter(([name, all]) => name !== 'parts' && all.length > 0)).toEqual([]);
    expect(await objectOf(id).describe()).toBeNull();
  });

  it('PV3 is erased again without harm', async () => {
    const id = freshName();
    await known(id);
    await erase(id);
    expect((await erase(id)).removed).toEqual({ entries: 0, runs: 0, messages: 0 });
    const nobody = freshName();
    expect((await erase(nobody)).removed).toEqual({ entries: 0, runs: 0, messages: 0 });
    expect((await ingest(nobody, [eventOf('Start')])).statuses).toEqual(['erased']);
  });

  it('PV4 takes no event, live or imported, and a page gets what anybody gets', async () => {
    const id = freshName();
    await known(id);
    await erase(id);
    const before = await dump(id);
    await evict(id);
    const reply = await ingest(id, [eventOf('Start'), eventOf('Go')]);
    expect([reply.statuses, reply.stages]).toEqual([['erased', 'erased'], {}]);
    expect(await objectOf(id).importEvents(catalogVersion(), [eventOf('Start')])).toEqual({
      kind: 'done',
      statuses: ['erased'],
    });
    const { decisions, stages } = await decide(id, ['hero']);
    expect([decisions['hero']?.map((item) => item.id), stages]).toEqual([['tip'], {}]);
    expect(await objectOf(id).standing(catalogVersion(), true)).toBe(JSON.stringify({ id, stages: {} }));
    await fireAlarm(id);
    expect(await dump(id)).toEqual(before);
  });

  it('PV4 gets no message that is under way, and no word to the index brings a row back', async () => {
    const id = freshName();
    tasks.splice(0);
    forgetSent();
    await known(id);
    await send(id, 'Start');
    const late = [...sent];
    expect([tasks.length, late.length > 0]).toEqual([1, true]);
    await erase(id);
    await noteErased(id);
    expect(await deliverTasks(tasks.splice(0))).toEqual([]);
    await deliver(late);
    expect(await d1('SELECT * FROM customers WHERE id = ?', id)).toEqual([]);
    expect(await d1('SELECT * FROM customer_stages WHERE customer_id = ?', id)).toEqual([]);
  });

  it('PV5 becomes nobody, and nobody becomes them', async () => {
    const [visitor, id, other] = [freshName('a'), freshName(), freshName()];
    await known(id);
    await erase(id);
    await send(visitor, 'Start');
    await known(id, { merges: visitor });
    expect(await objectOf(visitor).owner()).toBe(visitor);
    expect((await describeOf(visitor)).stages).toEqual({ shop: 'first' });
    await objectOf(id).adopt(visitor);
    expect(await objectOf(visitor).owner()).toBe(visitor);
    await erase(visitor);
    await known(other, { merges: visitor });
    expect((await describeOf(other)).identifiers.anonymousIds).toEqual([]);
  });

  it('PV6 begins anew after a time, as somebody of whom nothing is known, in the index too', async () => {
    const id = freshName();
    forgetSent();
    await known(id);
    const late = [...sent];
    await noteErased(id);
    await erase(id);
    passTime(10 * DAY - 1);
    expect((await ingest(id, [eventOf('Start')])).statuses).toEqual(['erased']);
    passTime(1);
    forgetSent();
    expect((await ingest(id, [eventOf('Start')])).statuses).toEqual(['accepted']);
    await evict(id);
    await deliver(late);
    expect(await d1('SELECT id FROM customers WHERE id = ?', id)).toEqual([]);
    await deliver([...sent]);
    expect(await d1('SELECT stage FROM customer_stages WHERE customer_id = ?', id)).toEqual([{ stage: 'first' }]);
    expect(await describeOf(id)).toMatchObject({ traits: {}, events: 1, stages: { shop: 'first' } });
    expect(await rowsOf(id, "SELECT * FROM parts WHERE name = 'erased'")).toEqual([]);
  });
});

describe('a visitor nobody knows', () => {
  it('PV7 is removed by the alarm once nothing has been heard for long, with the rows of the index', async () => {
    const id = freshName('a');
    forgetSent();
    await send(id, 'Start');
    passTime(3 * DAY);
    await fireAlarm(id);
    await deliver([...sent]);
    expect(await d1('SELECT stage FROM customer_stages WHERE customer_id = ?', id)).toEqual([{ stage: 'second' }]);
    passTime(90 * DAY);
    await send(id, 'Go');
    const heard = Date.now();
    passTime(DAY);
    await fireAlarm(id);
    expect(await alarmOf(id)).toBe(heard + 100 * DAY);
    passTime(98 * DAY);
    await fireAlarm(id);
    expect((await describeOf(id)).events).toBe(2);
    passTime(DAY);
    forgetSent();
    await fireAlarm(id);
    expect([await objectOf(id).describe(), await alarmOf(id)]).toEqual([null, null]);
    await deliver([...sent]);
    for (const [table, column] of [
      ['customers', 'id'],
      ['customer_stages', 'customer_id'],
    ])
      expect(await d1(`SELECT * FROM ${table} WHERE ${column} = ?`, id)).toEqual([]);
    // Nothing stands in the way of coming back.
    forgetSent();
    expect((await ingest(id, [eventOf('Start')])).statuses).toEqual(['accepted']);
    await deliver([...sent]);
    expect(await d1('SELECT stage FROM customer_stages WHERE customer_id = ?', id)).toEqual([{ stage: 'first' }]);
  });

  it('PV7 stays while somebody is known by it, and who is known stays however long', async () => {
    const [visitor, id] = [freshName('a'), freshName()];
    await send(visitor, 'Start');
    await known(id, { merges: visitor });
    passTime(300 * DAY);
    await fireAlarm(id);
    await fireAlarm(visitor);
    expect(await objectOf(visitor).owner()).toBe(id);
    expect((await describeOf(id)).events).toBe(2);
  });
});
