// SPEC.md, group M: an anonymous customer becomes known.

import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { eventNames, known, letForget, prepareMerging, settle } from './merging.ts';
import {
  alarmOf,
  DAY,
  d1,
  decide,
  deliver,
  describeOf,
  dump,
  eventOf,
  evict,
  fireAlarm,
  forgetSent,
  freshName,
  HOUR,
  ingest,
  insideOf,
  moves,
  objectOf,
  passTime,
  send,
  sent,
  timelineOf,
} from './object.ts';

prepareMerging();

describe('M1', () => {
  it('M1 identify with both ids moves history, runs and traits, once', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    await send(anonymous, 'Start');
    await send(anonymous, 'identify', { type: 'identify', traits: { city: 'Bonn' } });
    await send(anonymous, 'Go');
    const reply = await ingest(customer, [known(anonymous)]);
    expect(reply.stages).toEqual({ shop: 'second' });
    const described = await describeOf(customer);
    expect(described).toMatchObject({ traits: { city: 'Bonn' }, events: 4 });
    expect(described.identifiers.anonymousIds).toEqual([anonymous.slice(2)]);
    expect(await eventNames(customer)).toEqual(['Start', 'identify', 'Go', 'identify']);
    await ingest(customer, [known(anonymous)]);
    await objectOf(customer).adopt(anonymous);
    const merged = (await timelineOf(customer)).filter((line) => line.kind === 'merged');
    expect(merged).toMatchObject([{ body: { from: anonymous } }]);
    expect((await describeOf(customer)).events).toBe(5);
  });

  it('M1 an object that moved on answers as the one it has become, with nothing its caller would have to dispose of', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    await send(anonymous, 'Start');
    await ingest(customer, [known(anonymous)]);
    const [described, entries] = await insideOf(anonymous, async (object) => [
      await object.describe(),
      await object.timeline(Number.MAX_SAFE_INTEGER, 10),
    ]);
    expect(described).toMatchObject({ id: customer });
    expect(entries).toEqual(
      (await timelineOf(customer)).reverse().map((line) => expect.objectContaining({ seq: line.seq })),
    );
    expect([described, entries].map((answer) => Symbol.dispose in Object(answer))).toEqual([false, false]);
  });

  it('M1 what was merged keeps its instants: of events, of the stage, of its timers', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    const at = Date.now();
    await send(anonymous, 'Start');
    passTime(DAY);
    await ingest(customer, [known(anonymous)]);
    const { runs, timers } = await describeOf(customer);
    expect(runs).toMatchObject([{ enteredAt: new Date(at).toISOString() }]);
    expect(timers).toMatchObject([{ dueAt: new Date(at + 2 * DAY).toISOString() }]);
    expect(await alarmOf(customer)).toBeLessThanOrEqual(at + 2 * DAY);
    passTime(3 * DAY);
    await fireAlarm(customer);
    expect((await describeOf(customer)).runs).toMatchObject([{ enteredAt: new Date(at + 2 * DAY).toISOString() }]);
  });

  it('M1 the anonymous object keeps the redirect and nothing else', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    await ingest(anonymous, [eventOf('Start'), eventOf('identify', { type: 'identify', traits: { city: 'Bonn' } })]);
    await ingest(customer, [known(anonymous)]);
    await settle(customer);
    await letForget(anonymous);
    const rows = await dump(anonymous);
    expect(rows['entries']).toEqual([]);
    expect(rows['parts']?.map((row) => String(row['name']).split(':')[0])).toEqual(['migration', 'traits']);
    expect(rows['customer']).toMatchObject([{ moved_to: customer, released: 1 }]);
    expect(JSON.stringify(rows)).not.toContain('Bonn');
  });

  it('M1 an anonymous id nobody has seen moves nothing', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    await ingest(customer, [known(anonymous)]);
    expect(await objectOf(anonymous).describe()).toBeNull();
    expect((await timelineOf(customer)).map((line) => line.kind)).toEqual(['event']);
  });

  it('M1 who belongs to one customer is not given to another', async () => {
    const [anonymous, customer, other] = [freshName('a'), freshName(), freshName()];
    await send(anonymous, 'Start');
    await ingest(customer, [known(anonymous)]);
    await settle(customer);
    await ingest(other, [known(anonymous)]);
    expect((await describeOf(other)).stages).toEqual({});
    expect(await eventNames(other)).toEqual(['identify']);
    expect(await eventNames(customer)).toEqual(['Start', 'identify']);
  });

  it('M1 an event both have counts once', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    const shared = eventOf('Start');
    await ingest(anonymous, [shared, eventOf('Go')]);
    await ingest(customer, [shared]);
    await ingest(customer, [known(anonymous)]);
    expect(await eventNames(customer)).toEqual(['Start', 'Go', 'identify']);
    expect((await describeOf(customer)).events).toBe(3);
  });

  it('M1 several anonymous ids become one customer', async () => {
    const [one, two, customer] = [freshName('a'), freshName('a'), freshName()];
    await send(one, 'One');
    await send(two, 'Two');
    await ingest(customer, [known(one), known(two)]);
    expect((await eventNames(customer)).toSorted()).toEqual(['One', 'Two', 'identify', 'identify']);
    expect((await describeOf(customer)).identifiers.anonymousIds).toEqual([one.slice(2), two.slice(2)]);
  });
});

describe('M2 and M3', () => {
  it('M2 the run in the later stage stays: the anonymous one', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    await ingest(anonymous, [eventOf('Start'), eventOf('Go')]);
    await send(customer, 'Start');
    expect((await ingest(customer, [known(anonymous)])).stages).toEqual({ shop: 'second' });
    expect((await describeOf(customer)).runs.map((run) => [run.stage, run.endedAt !== undefined])).toEqual([
      ['first', true],
      ['second', false],
    ]);
    expect(moves(await timelineOf(customer))).toContain('first > -');
  });

  it('M2 the run in the later stage stays: the known one', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    await send(anonymous, 'Start');
    await ingest(customer, [eventOf('Start'), eventOf('Go')]);
    expect((await ingest(customer, [known(anonymous)])).stages).toEqual({ shop: 'second' });
    expect((await describeOf(customer)).runs).toHaveLength(1);
  });

  it('M2 in a tie the known customer keeps its own', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    await send(anonymous, 'Start');
    passTime(HOUR);
    const at = Date.now();
    await send(customer, 'Start');
    passTime(HOUR);
    await ingest(customer, [known(anonymous)]);
    expect((await describeOf(customer)).runs).toMatchObject([{ enteredAt: new Date(at).toISOString() }]);
  });

  it('M2 a known customer who is through with the journey does not begin it again', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    await ingest(customer, [eventOf('Start'), eventOf('Finish')]);
    const over = (await describeOf(customer)).runs;
    passTime(HOUR);
    await send(anonymous, 'Start');
    await ingest(customer, [known(anonymous)]);
    expect((await describeOf(customer)).runs).toEqual(over);
  });

  it('M2 the run that stays goes on: by events and by timers', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    await ingest(anonymous, [eventOf('Start'), eventOf('Go')]);
    await send(customer, 'Start');
    await ingest(customer, [known(anonymous)]);
    await evict(customer);
    expect((await send(customer, 'Go')).stages).toEqual({ shop: 'third' });
    await send(customer, 'Start');
    expect((await describeOf(customer)).stages).toEqual({ shop: 'third' });
  });

  it('M3 a trait both have keeps the known customer’s value, others are added', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    await send(anonymous, 'identify', { type: 'identify', traits: { city: 'Bonn', size: 1 } });
    await send(customer, 'identify', { type: 'identify', traits: { city: 'Kiel' } });
    await ingest(customer, [known(anonymous, { name: 'Ada' })]);
    expect((await describeOf(customer)).traits).toEqual({ city: 'Kiel', size: 1, name: 'Ada' });
  });
});

describe('limits', () => {
  it('M3 the traits of both together stay within the limit', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    const large = (prefix: string) =>
      Object.fromEntries(Array.from({ length: 4 }, (_, n) => [`${prefix}${n}`, 'x'.repeat(15_000)]));
    await send(anonymous, 'identify', { type: 'identify', traits: large('a') });
    await send(customer, 'identify', { type: 'identify', traits: large('b') });
    await ingest(customer, [known(anonymous)]);
    const { traits } = await describeOf(customer);
    expect(traits).toMatchObject(large('b'));
    expect(JSON.stringify(traits).length).toBeLessThanOrEqual(LIMITS.traitsBytesMax);
  });
});

describe('a merge under import', () => {
  it('stands in the time of the import: events, stages and timers, and what follows', async () => {
    const [anonymous, customer] = [freshName('a'), freshName()];
    const past = Date.now() - 300 * DAY;
    await objectOf(anonymous).importEvents(0, [eventOf('Start', { at: past })]);
    const identify = { ...known(anonymous), at: past + DAY };
    await objectOf(customer).importEvents(0, [identify, eventOf('Go', { at: past + 1.5 * DAY })]);
    const lines = (await timelineOf(customer)).filter((line) => line.kind === 'event');
    expect(lines.map((line) => line.appliedAt)).toEqual([past, past + DAY, past + 1.5 * DAY]);
    expect((await describeOf(customer)).runs).toMatchObject([
      { stage: 'second', enteredAt: new Date(past + 1.5 * DAY).toISOString() },
    ]);
    await objectOf(customer).finishImport(0);
    expect((await describeOf(customer)).runs).toMatchObject([
      { stage: 'late', enteredAt: new Date(past + 4.5 * DAY).toISOString() },
    ]);
  });
});

describe('after a merge', () => {
  async function merged(): Promise<[string, string]> {
    const [anonymous, customer] = [freshName('a'), freshName()];
    await send(anonymous, 'Start');
    await ingest(customer, [known(anonymous)]);
    await settle(customer);
    return [anonymous, customer];
  }

  it('whatever comes for the anonymous id goes on to the customer, in one hop', async () => {
    const [anonymous, customer] = await merged();
    const calls = vi.spyOn(env.CUSTOMER, 'getByName');
    const request = { customerId: anonymous, catalogVersion: 0, proven: true, decide: null };
    const reply = await objectOf(anonymous).ingest({ ...request, events: [eventOf('Go')] });
    expect(reply).toMatchObject({ kind: 'done', customerId: customer, stages: { shop: 'second' } });
    // The test's own call, and one from the anonymous object.
    expect(calls.mock.calls.map(([name]) => name)).toEqual([anonymous, customer]);
    expect((await decide(anonymous, ['home'])).customerId).toBe(customer);
    expect((await describeOf(anonymous)).id).toBe(customer);
    expect((await timelineOf(anonymous)).map((line) => line.seq)).toEqual(
      (await timelineOf(customer)).map((line) => line.seq),
    );
    expect(await eventNames(anonymous)).toEqual(await eventNames(customer));
  });

  it('also when the anonymous object has been out of memory', async () => {
    const [anonymous, customer] = await merged();
    await evict(anonymous);
    const reply = await send(anonymous, 'Go');
    expect([reply.customerId, reply.stages]).toEqual([customer, { shop: 'second' }]);
  });

  it('an import for the anonymous id is told whose it is', async () => {
    const [anonymous, customer] = await merged();
    expect(await objectOf(anonymous).importEvents(0, [eventOf('Go')])).toEqual({ kind: 'moved', to: customer });
    expect([await objectOf(anonymous).owner(), await objectOf(customer).owner()]).toEqual([customer, customer]);
    expect(await eventNames(anonymous)).toEqual(await eventNames(customer));
  });

  it('the index forgets the anonymous one, and a late projection does not bring it back', async () => {
    forgetSent();
    const [anonymous, customer] = [freshName('a'), freshName()];
    await send(anonymous, 'Start');
    const late = [...sent];
    await deliver(sent);
    passTime(HOUR);
    await ingest(customer, [known(anonymous)]);
    await settle(customer);
    passTime(HOUR);
    await fireAlarm(anonymous);
    await deliver(sent);
    expect(late).toMatchObject([{ customerId: anonymous, gone: false }]);
    await deliver(late);
    await deliver(late);
    expect(await d1('SELECT gone, next_due_at FROM customers WHERE id = ?', anonymous)).toEqual([
      { gone: 1, next_due_at: null },
    ]);
    expect(await d1('SELECT * FROM customer_stages WHERE customer_id = ?', anonymous)).toEqual([]);
    expect(await d1('SELECT stage FROM customer_stages WHERE customer_id = ?', customer)).toEqual([{ stage: 'first' }]);
  });
});
