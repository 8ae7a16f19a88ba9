// workers/identity/SPEC.md, group GM, with the real objects: users who are one, chains, circles, shared computers, runs and
// messages on the way.

import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import type { IncomingEvent } from '../../workers/customer/messages.ts';
import { eventNames, known, letForget, prepareMerging, settle } from './merging.ts';
import {
  decide,
  describeOf,
  dump,
  eventOf,
  evict,
  fireAlarm,
  freshName,
  HOUR,
  ingest,
  objectOf,
  passTime,
  send,
  timelineOf,
} from './object.ts';

prepareMerging();

/** An alias that says that `previous` is this customer. */
const alias = (previous: string): IncomingEvent => eventOf('alias', { type: 'alias', merges: previous });

describe('users who are one', () => {
  it('GM1 GM3 a chain ends with one customer, to whom every earlier id leads in one hop', async () => {
    const [visitor, one, two, three] = [freshName('a'), freshName(), freshName(), freshName()];
    await send(visitor, 'Start');
    await ingest(one, [known(visitor)]);
    await settle(one);
    await send(two, 'Two');
    await ingest(two, [alias(one)]);
    await settle(two);
    await ingest(three, [alias(two)]);
    await settle(three);
    expect((await eventNames(three)).toSorted()).toEqual(['Start', 'Two', 'alias', 'alias', 'identify']);
    const calls = vi.spyOn(env.CUSTOMER, 'getByName');
    for (const id of [visitor, one, two]) {
      calls.mockClear();
      expect((await send(id, 'Later')).customerId).toBe(three);
      expect(calls.mock.calls.map(([name]) => name)).toEqual([id, three]);
      expect((await decide(id, ['home'])).customerId).toBe(three);
    }
    expect((await describeOf(visitor)).id).toBe(three);
  });

  it('GM3 a circle changes nothing: who became the other one is that one', async () => {
    const [one, two] = [freshName(), freshName()];
    await send(one, 'One');
    await send(two, 'Two');
    await ingest(two, [alias(one)]);
    await settle(two);
    const reply = await ingest(one, [alias(two)]);
    expect(reply.customerId).toBe(two);
    expect(await eventNames(two)).toEqual(['Two', 'One', 'alias', 'alias']);
    expect((await ingest(two, [alias(two)])).customerId).toBe(two);
    expect((await timelineOf(two)).filter(({ kind }) => kind === 'merged')).toHaveLength(1);
  });

  it('GM5 two who say at once that they are each other become one', async () => {
    const [one, two] = [freshName(), freshName()];
    await send(one, 'One');
    await send(two, 'Two');
    let open = [() => ingest(one, [alias(two)]), () => ingest(two, [alias(one)])];
    for (let rounds = 0; rounds < 10 && open.length > 0; rounds++) {
      const outcomes = await Promise.allSettled(open.map((call) => call()));
      open = open.filter((_, index) => outcomes[index]?.status === 'rejected');
      passTime(HOUR);
      await Promise.all([fireAlarm(one), fireAlarm(two)]);
    }
    const [first, second] = [await describeOf(one), await describeOf(two)];
    expect(first.id).toBe(second.id);
    expect((await eventNames(first.id)).filter((name) => name !== 'alias').toSorted()).toEqual(['One', 'Two']);
  });

  it('GM4 a shared computer: what the second user finds is their own, and what comes is theirs', async () => {
    const [visitor, first, second] = [freshName('a'), freshName(), freshName()];
    await send(visitor, 'Before');
    await ingest(first, [known(visitor)]);
    await settle(first);
    await send(visitor, 'Between');
    await ingest(second, [known(visitor)]);
    await settle(second);
    expect((await send(visitor, 'After')).customerId).toBe(second);
    expect(await eventNames(first)).toEqual(['Before', 'identify', 'Between']);
    expect(await eventNames(second)).toEqual(['identify', 'After']);
    await ingest(first, [known(visitor)]);
    expect((await send(visitor, 'Back')).customerId).toBe(first);
    expect(await eventNames(second)).toEqual(['identify', 'After']);
  });

  it('GM4 who shared a computer and turns out to be one has all of it', async () => {
    const [visitor, first, second] = [freshName('a'), freshName(), freshName()];
    await send(visitor, 'Before');
    await ingest(first, [known(visitor)]);
    await settle(first);
    await ingest(second, [known(visitor)]);
    await ingest(first, [alias(second)]);
    await settle(first);
    expect((await send(visitor, 'After')).customerId).toBe(first);
    expect((await eventNames(first)).toSorted()).toEqual(['After', 'Before', 'alias', 'identify', 'identify']);
  });

  it('GM5 what was promised to somebody who never took it stays where it is', async () => {
    const [one, two] = [freshName(), freshName()];
    await send(one, 'One');
    await send(two, 'Two');
    // An ask of `two` that comes late: by now `two` has become `one`.
    await ingest(one, [alias(two)]);
    await settle(one);
    expect(await objectOf(one).handOver(two, 0)).toMatchObject({ kind: 'page' });
    await evict(one);
    passTime(HOUR);
    await fireAlarm(one);
    expect((await send(two, 'Later')).customerId).toBe(one);
    expect(await eventNames(one)).toEqual(['One', 'Two', 'alias', 'Later']);
  });
});

describe('runs and timers', () => {
  it('GM10 timers of both go on, each once', async () => {
    const [one, two] = [freshName(), freshName()];
    await send(one, 'Start');
    await ingest(two, [alias(one)]);
    await settle(two);
    passTime(72 * HOUR);
    await Promise.all([fireAlarm(one), fireAlarm(two)]);
    const moves = (await timelineOf(two)).filter(({ kind }) => kind === 'transition');
    expect(moves).toHaveLength(2);
    expect((await describeOf(two)).stages).toEqual({ shop: 'late' });
  });
});

describe('what is kept', () => {
  it('GM14 the source forgets everything once the merge cannot be undone any more', async () => {
    const [one, two] = [freshName(), freshName()];
    await send(one, 'identify', { type: 'identify', traits: { city: 'Bonn' } });
    await ingest(two, [alias(one)]);
    await settle(two);
    expect(JSON.stringify(await dump(one))).toContain('Bonn');
    await letForget(one);
    expect(JSON.stringify(await dump(one))).not.toContain('Bonn');
    const parts = (await dump(two))['parts'] ?? [];
    expect(parts.filter(({ name }) => String(name).startsWith('undo:'))).toEqual([]);
    expect(await objectOf(two).undoMerge(one)).toEqual({ kind: 'late' });
  });
});
