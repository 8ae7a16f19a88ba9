// SPEC.md, group M: a merge goes page by page, once, whatever fails on the way.

import { describe, expect, it } from 'vitest';
import { LIMITS, RESEND_AFTER_MS } from '../../schema/limits.ts';
import { eventNames, failing, known, letForget, mend, prepareMerging, settle } from './merging.ts';
import {
  alarmOf,
  describeOf,
  dump,
  eventOf,
  evict,
  fireAlarm,
  freshName,
  ingest,
  objectOf,
  passTime,
  rowsOf,
  send,
  timelineOf,
} from './object.ts';

prepareMerging();

describe('a merge of many pages', () => {
  const count = 2 * LIMITS.movePageEntriesMax + 7;
  const many = () => Array.from({ length: count }, (_, n) => eventOf('Step', { properties: { n } }));

  it('moves every entry once, in order', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    const events = many();
    for (let from = 0; from < count; from += 500) await ingest(anonymous, events.slice(from, from + 500));
    await ingest(customer, [known(anonymous)]);
    const lines = (await timelineOf(customer)).filter((line) => line.name === 'Step');
    expect(lines.map((line) => line.messageId)).toEqual(events.map((event) => event.messageId));
    expect((await describeOf(customer)).events).toBe(count + 1);
    await settle(customer);
    await letForget(anonymous);
    expect((await dump(anonymous))['entries']).toEqual([]);
  });

  it('exactly full pages end too', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    await ingest(anonymous, many().slice(0, LIMITS.movePageEntriesMax));
    await ingest(customer, [known(anonymous)]);
    expect((await describeOf(customer)).events).toBe(LIMITS.movePageEntriesMax + 1);
    await settle(customer);
    await letForget(anonymous);
    expect((await dump(anonymous))['entries']).toEqual([]);
  });

  it.each([
    ['the first page never comes', 'handOver', 'before', 1],
    ['the first page is lost on its way', 'handOver', 'after', 1],
    ['two pages are lost', 'handOver', 'after', 2],
    ['the release never comes', 'release', 'before', 1],
    ['the answer to the release is lost', 'release', 'after', 1],
    ['the release fails again and again', 'release', 'before', 4],
  ] as const)('when %s, repeating ends with everything there once', async (_, method, when, times) => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    const events = [eventOf('Start'), ...many()];
    for (let from = 0; from < events.length; from += 500) await ingest(anonymous, events.slice(from, from + 500));
    failing(anonymous, method, when, times);
    const identify = known(anonymous);
    let refused = 0;
    for (;;) {
      const reply = await ingest(customer, [identify]).catch(() => null);
      if (reply) break;
      refused++;
      await evict(customer);
    }
    expect(refused).toBe(method === 'handOver' ? times : 0);
    await settle(customer);
    mend();
    expect(await eventNames(customer)).toEqual([...events.map((event) => event.name), 'identify']);
    expect(await describeOf(customer)).toMatchObject({ events: events.length + 1, effectsPending: 0 });
    expect((await describeOf(customer)).stages).toEqual({ shop: 'first' });
    await letForget(anonymous);
    const left = await dump(anonymous);
    expect(left['entries']).toEqual([]);
    expect(left['customer']).toMatchObject([{ moved_to: customer, released: 1 }]);
  });

  it('a commit that fails between two pages loses nothing', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    const events = many();
    for (let from = 0; from < count; from += 500) await ingest(anonymous, events.slice(from, from + 500));
    await send(customer, 'Before');
    const limit = LIMITS.movePageEntriesMax + 100;
    await rowsOf(
      customer,
      `CREATE TRIGGER poison BEFORE INSERT ON entries WHEN NEW.seq > ${limit} BEGIN SELECT RAISE(ABORT, 'poisoned'); END`,
    );
    await expect(ingest(customer, [known(anonymous)])).rejects.toThrow('poisoned');
    expect((await describeOf(customer)).events).toBe(LIMITS.movePageEntriesMax + 1);
    expect((await dump(anonymous))['entries']).toHaveLength(count);
    await evict(customer);
    await rowsOf(customer, 'DROP TRIGGER poison');
    await ingest(customer, [known(anonymous)]);
    expect((await describeOf(customer)).events).toBe(count + 2);
  });

  it('calls that race for it take every entry once, and none is lost that comes meanwhile', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    const events = many();
    for (let from = 0; from < count; from += 500) await ingest(anonymous, events.slice(from, from + 500));
    const meanwhile = Array.from({ length: 5 }, () => eventOf('Meanwhile'));
    const replies = await Promise.all([
      ...Array.from({ length: 5 }, () => ingest(customer, [known(anonymous)])),
      ...meanwhile.map((event) => ingest(anonymous, [event])),
    ]);
    expect(replies.map((reply) => reply.statuses)).toEqual(replies.map(() => ['accepted']));
    await settle(customer);
    const lines = (await timelineOf(customer)).filter((line) => line.kind === 'event');
    expect(lines).toHaveLength(count + 10);
    expect(new Set(lines.map((line) => line.messageId)).size).toBe(count + 10);
    expect((await describeOf(customer)).events).toBe(count + 10);
    expect((await timelineOf(customer)).filter((line) => line.kind === 'merged')).toHaveLength(1);
    await letForget(anonymous);
    expect((await dump(anonymous))['entries']).toEqual([]);
  });

  it('one that was begun and never finished is finished by the alarm of the anonymous object', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    await send(anonymous, 'Start');
    expect(await objectOf(anonymous).handOver(customer, 0)).toMatchObject({ kind: 'page' });
    expect(await alarmOf(anonymous)).toBe(Date.now() + RESEND_AFTER_MS);
    await evict(anonymous);
    passTime(RESEND_AFTER_MS);
    await fireAlarm(anonymous);
    expect((await describeOf(customer)).stages).toEqual({ shop: 'first' });
    await settle(customer);
    await letForget(anonymous);
    expect((await dump(anonymous))['entries']).toEqual([]);
  });
});
