// workers/identity/SPEC.md, GM11 to GM13: a merge is undone: what the source brought goes back, what came since stays.

import { describe, expect, it } from 'vitest';
import type { IncomingEvent } from '../../workers/customer/messages.ts';
import { eventNames, failing, known, mend, prepareMerging, settle } from './merging.ts';
import {
  DAY,
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

const alias = (previous: string): IncomingEvent => eventOf('alias', { type: 'alias', merges: previous });
const identify = (id: string, traits: Record<string, string>) => send(id, 'identify', { type: 'identify', traits });

describe('undoing a merge', () => {
  it('GM11 gives the source its events, runs and traits back, and both know of it', async () => {
    const [one, two] = [freshName(), freshName()];
    await ingest(one, [eventOf('Start'), eventOf('Go')]);
    await identify(one, { city: 'Bonn', size: 'L' });
    const before = await describeOf(one);
    await ingest(two, [eventOf('Start')]);
    await identify(two, { city: 'Kiel' });
    const own = await describeOf(two);
    await ingest(two, [alias(one)]);
    await settle(two);
    expect((await describeOf(two)).stages).toEqual({ shop: 'second' });
    await identify(two, { name: 'Ada' });
    expect(await objectOf(two).undoMerge(one)).toEqual({ kind: 'done' });
    await settle(two);
    const [first, second] = [await describeOf(one), await describeOf(two)];
    expect(first).toMatchObject({
      id: one,
      traits: before.traits,
      runs: before.runs,
      stages: { shop: 'second' },
      events: 3,
    });
    expect(second).toMatchObject({ id: two, traits: { city: 'Kiel', name: 'Ada' }, runs: own.runs, events: 4 });
    expect(await eventNames(one)).toEqual(['Start', 'Go', 'identify']);
    expect(await eventNames(two)).toEqual(['Start', 'identify', 'alias', 'identify']);
    for (const [id, body] of [
      [one, { from: two }],
      [two, { source: one }],
    ] as const)
      expect((await timelineOf(id)).filter(({ kind }) => kind === 'unmerged')).toMatchObject([{ body }]);
    // Each goes on alone, out of memory too.
    await evict(one);
    await evict(two);
    expect((await send(one, 'Go')).stages).toEqual({ shop: 'third' });
    expect((await send(two, 'Go')).stages).toEqual({ shop: 'second' });
  });

  it('GM11 a visitor stands alone again, and may be joined anew', async () => {
    const [visitor, user, other] = [freshName('a'), freshName(), freshName()];
    await send(visitor, 'Start');
    await ingest(user, [known(visitor)]);
    await settle(user);
    await objectOf(user).undoMerge(visitor);
    await settle(user);
    expect((await send(visitor, 'Go')).customerId).toBe(visitor);
    expect((await describeOf(user)).stages).toEqual({});
    await ingest(other, [known(visitor)]);
    expect(await eventNames(other)).toEqual(['Start', 'Go', 'identify']);
  });

  it('GM11 timers of both fire once, each at its own customer', async () => {
    const [one, two] = [freshName(), freshName()];
    await send(one, 'Start');
    await ingest(two, [alias(one)]);
    await settle(two);
    await objectOf(two).undoMerge(one);
    await settle(two);
    passTime(3 * DAY);
    await Promise.all([fireAlarm(one), fireAlarm(two)]);
    expect((await describeOf(one)).stages).toEqual({ shop: 'late' });
    expect((await describeOf(two)).stages).toEqual({});
  });

  it.each(['before', 'after'] as const)(
    'GM11 word of it that fails %s it arrives is repeated, and counts once',
    async (when) => {
      const [one, two] = [freshName(), freshName()];
      await send(one, 'One');
      await ingest(two, [alias(one)]);
      await settle(two);
      failing(one, 'restore', when);
      expect(await objectOf(two).undoMerge(one)).toEqual({ kind: 'done' });
      await evict(two);
      await settle(two);
      mend();
      expect(await eventNames(one)).toEqual(['One']);
      expect(await eventNames(two)).toEqual(['alias']);
      expect((await timelineOf(one)).filter(({ kind }) => kind === 'unmerged')).toHaveLength(1);
      expect(await objectOf(two).undoMerge(one)).toEqual({ kind: 'none' });
    },
  );

  it('GM12 traits and parts that have changed since stay', async () => {
    const [one, two] = [freshName(), freshName()];
    await identify(one, { city: 'Bonn', size: 'L' });
    await ingest(two, [alias(one)]);
    await settle(two);
    await identify(two, { city: 'Ulm' });
    await objectOf(two).undoMerge(one);
    expect((await describeOf(two)).traits).toEqual({ city: 'Ulm' });
  });

  it('GM13 who came with another one goes with it, and forwards to it again', async () => {
    const [visitor, one, two] = [freshName('a'), freshName(), freshName()];
    await send(visitor, 'Before');
    await ingest(one, [known(visitor)]);
    await settle(one);
    await ingest(two, [alias(one)]);
    await settle(two);
    expect(await objectOf(two).undoMerge(visitor)).toEqual({ kind: 'through', source: one });
    expect(await objectOf(two).undoMerge(one)).toEqual({ kind: 'done' });
    await settle(two);
    await settle(one);
    expect((await send(visitor, 'After')).customerId).toBe(one);
    expect(await eventNames(one)).toEqual(['Before', 'identify', 'After']);
    expect(await objectOf(one).undoMerge(visitor)).toEqual({ kind: 'done' });
    await settle(one);
    expect(await eventNames(visitor)).toEqual(['Before']);
    expect(await eventNames(one)).toEqual(['identify', 'After']);
  });

  it('GM11 is refused after its time, of who never came, and while a merge is under way', async () => {
    const [one, two, three] = [freshName(), freshName(), freshName()];
    await send(one, 'One');
    await ingest(two, [alias(one)]);
    await settle(two);
    expect(await objectOf(two).undoMerge(three)).toEqual({ kind: 'none' });
    expect(await objectOf(three).undoMerge(one)).toEqual({ kind: 'none' });
    passTime(7 * DAY - HOUR * 2);
    expect(await objectOf(two).merges()).toMatchObject([{ source: one, state: 'done', undoUntil: expect.any(String) }]);
    passTime(3 * HOUR);
    expect(await objectOf(two).merges()).toMatchObject([{ source: one, state: 'done', undoUntil: null }]);
    expect(await objectOf(two).undoMerge(one)).toEqual({ kind: 'late' });
    expect((await dump(one))['entries']).toHaveLength(1);
  });
});

describe('parts', () => {
  const consent = (purpose: string, granted: boolean) =>
    eventOf('Consent Updated', { properties: { purpose, channel: 'email', granted } });
  const saidOf = async (id: string): Promise<string[]> => {
    const { consents } = await describeOf(id);
    return Object.entries(consents)
      .flatMap(([purpose, byChannel]) =>
        Object.values(Object(byChannel)).map((said) => `${purpose} ${Object(said).granted}`),
      )
      .sort();
  };

  it('GM7 consents join by the stricter word, and part again; what was said since stays', async () => {
    const [one, two] = [freshName(), freshName()];
    await ingest(one, [consent('marketing', false), consent('newsletter', true)]);
    await ingest(two, [consent('marketing', true)]);
    await ingest(two, [alias(one)]);
    await settle(two);
    expect(await saidOf(two)).toEqual(['marketing false', 'newsletter true']);
    passTime(HOUR);
    await ingest(two, [consent('newsletter', false)]);
    await objectOf(two).undoMerge(one);
    await settle(two);
    expect(await saidOf(two)).toEqual(['marketing true', 'newsletter false']);
    expect(await saidOf(one)).toEqual(['marketing false', 'newsletter true']);
    await evict(two);
    expect(await saidOf(two)).toEqual(['marketing true', 'newsletter false']);
  });
});
