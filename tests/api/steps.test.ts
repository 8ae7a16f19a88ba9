// Journeys that do something: published over HTTP, walked by events and time.

import { expect, test } from 'vitest';
import { fresh, message, type TimelineEntry, track, useServer } from './server.ts';

const server = useServer();
const HOUR = 3_600_000;

const entries = async (id: string, kind: string, journey: string): Promise<TimelineEntry[]> =>
  (await server.timeline(id)).filter((entry) => entry.kind === kind && entry.journey === journey);

const mail = (send: string) => ({ send, channel: 'sms', purpose: 'service' });

test('S1 S2 S3 S4 S5 send, wait, branch and set run in order; what has no channel is suppressed and says so', async () => {
  const id = fresh('program');
  await server.publish({
    id,
    entry: [{ event: `${id} started` }],
    initial: 'first',
    stages: {
      first: {
        steps: [
          mail('welcome'),
          { set: 'score', value: '7.5 * 2.0' },
          { wait: 'PT2H' },
          {
            branch: [
              { if: 'traits.score > 100.0', steps: [mail('rich')] },
              { if: 'traits.score == 15.0', steps: [mail('middling'), { wait: 'P1D' }, mail('patient')] },
            ],
            else: [mail('poor')],
          },
          mail('last'),
        ],
        on: [{ event: 'Left', to: 'over' }],
      },
      over: { final: true },
    },
  });
  const who = { userId: fresh('walker') };
  const customer = `u:${who.userId}`;
  const startedAt = await server.now();
  await server.ingest([track(who, `${id} started`)]);
  const sent = async () => (await entries(customer, 'suppressed', id)).map((entry) => entry.message);
  expect(await sent()).toEqual(['welcome']);
  expect((await server.describe(customer)).traits).toEqual({ score: 15 });
  await server.advance('PT1H');
  expect(await sent()).toEqual(['welcome']);
  await server.advance('PT1H');
  expect(await sent()).toEqual(['welcome', 'middling']);
  await server.advance('P1D');
  expect(await sent()).toEqual(['welcome', 'middling', 'patient', 'last']);

  const suppressed = await entries(customer, 'suppressed', id);
  for (const entry of suppressed)
    expect(entry).toMatchObject({ channel: 'sms', purpose: 'service', reason: 'no channel' });
  expect(new Set(suppressed.map(({ key }) => key)).size).toBe(4);
  const after = suppressed.map(({ at }) => Date.parse(at) - startedAt);
  expect(after.map((ms) => Math.floor(ms / HOUR))).toEqual([0, 2, 26, 26]);
  expect(await entries(customer, 'set', id)).toMatchObject([{ trait: 'score', value: 15 }]);
});

test('S6 leaving the stage cancels the wait and everything after it', async () => {
  const id = fresh('cancelled');
  await server.publish({
    id,
    entry: [{ event: `${id} started` }],
    initial: 'waiting',
    stages: {
      waiting: {
        steps: [mail('before'), { wait: 'P1D' }, mail('never')],
        on: [{ event: 'Left', to: 'elsewhere' }],
      },
      elsewhere: { steps: [mail('elsewhere')], on: [{ event: `${id} started`, to: 'waiting' }] },
    },
  });
  const who = { userId: fresh('leaver') };
  await server.ingest([track(who, `${id} started`)]);
  expect((await server.describe(`u:${who.userId}`)).timers).toMatchObject([{ journey: id, kind: 'wait' }]);
  await server.ingest([track(who, 'Left')]);
  expect((await server.describe(`u:${who.userId}`)).timers).toEqual([]);
  await server.advance('P30D');
  const sent = (await entries(`u:${who.userId}`, 'suppressed', id)).map((entry) => entry.message);
  expect(sent).toEqual(['before', 'elsewhere']);
});

test('A1 T3 entering a stage again starts its timer and its steps again', async () => {
  const id = fresh('again');
  await server.publish({
    id,
    entry: [{ event: `${id} bought` }],
    initial: 'fresh',
    stages: {
      fresh: {
        steps: [mail('thanks')],
        on: [{ event: `${id} bought`, to: 'fresh' }],
        after: [{ delay: 'PT10H', to: 'stale' }],
      },
      stale: { final: true },
    },
  });
  const who = { userId: fresh('regular') };
  await server.ingest([track(who, `${id} bought`)]);
  await server.advance('PT6H');
  await server.ingest([track(who, `${id} bought`)]);
  await server.advance('PT6H');
  expect((await server.describe(`u:${who.userId}`)).stages[id]).toBe('fresh');
  await server.advance('PT4H');
  const { stages, runs } = await server.describe(`u:${who.userId}`);
  expect(stages[id]).toBeUndefined();
  expect(runs.find(({ journey }) => journey === id)).toMatchObject({ stage: 'stale', endedAt: expect.any(String) });
  // E3: the event that enters is offered to the stage it enters, which takes it too; the third is the second purchase.
  expect((await entries(`u:${who.userId}`, 'suppressed', id)).map((entry) => entry.message)).toEqual(
    Array(3).fill('thanks'),
  );
});

test('C2 a condition that errs is false, and the error stands in the timeline with its place', async () => {
  const id = fresh('erring');
  await server.publish({
    id,
    entry: [{ event: `${id} started` }],
    initial: 'first',
    stages: {
      first: {
        steps: [
          { branch: [{ if: 'event.properties.nowhere.deeper > 3.0', steps: [mail('wrong')] }], else: [mail('right')] },
        ],
        on: [
          { event: 'Moved', if: 'event.properties.missing == "x"', to: 'second' },
          { event: 'Moved', to: 'third' },
        ],
      },
      second: { final: true },
      third: { final: true },
    },
  });
  const who = { userId: fresh('unlucky') };
  await server.ingest([track(who, `${id} started`), track(who, 'Moved')]);
  expect((await server.transitions(`u:${who.userId}`, id)).map(({ to }) => to)).toEqual(['first', 'third']);
  const errors = await entries(`u:${who.userId}`, 'error', id);
  expect(errors.map(({ pointer }) => pointer)).toEqual(['/stages/first/steps/0/branch/0/if', '/stages/first/on/0/if']);
  for (const { detail } of errors) expect(detail).toMatch(/\w/);
  expect((await entries(`u:${who.userId}`, 'suppressed', id)).map((entry) => entry.message)).toEqual(['right']);
});

test('T6 C4 events, properties and traits nobody knows change no run and break none', async () => {
  const who = { userId: fresh('odd') };
  await server.ingest([message(who, 'page')]);
  const strange = [
    track(who, 'Never Declared', { anything: [{ deep: null }] }),
    track(who, 'Product Viewed', { product_id: { not: 'a string' }, price: 'free', products: 7 }),
    track(who, 'constructor', { toString: 1, hasOwnProperty: 2 }),
    track(who, 'toString'),
    track(who, '💥'.repeat(50)),
    message(who, 'identify', { traits: { kind: 7, email: ['a'], unknown: { nested: true }, length: -1 } }),
    message(who, 'group', { groupId: 'g', traits: {} }),
    message(who, 'screen', { name: null, properties: {} }),
  ];
  const { results, customer } = await server.ingest(strange);
  expect(results.map(({ status }) => status)).toEqual(strange.map(() => 'accepted'));
  expect(customer.stages).toEqual({ lifecycle: 'awareness' });
  expect((await server.ingest([track(who, 'Order Completed', { revenue: 'a lot' })])).customer.stages).toEqual({
    lifecycle: 'purchase',
  });
  expect((await server.decide(who, ['hero'])).degraded).toBe(false);
});

test('V1 a run goes on with the version it began with; who enters later gets the new one', async () => {
  const id = fresh('versioned');
  const journey = (to: string, delay: string) => ({
    id,
    entry: [{ event: `${id} started` }],
    initial: 'first',
    stages: {
      first: { on: [{ event: 'Moved', to }], after: [{ delay, to: 'late' }] },
      left: { on: [{ event: `${id} started`, to: 'first' }] },
      right: { on: [{ event: `${id} started`, to: 'first' }] },
      late: {
        on: [
          { event: 'Moved', to: 'left' },
          { event: 'Back', to: 'right' },
        ],
      },
    },
  });
  expect(await server.publish(journey('left', 'P2D'))).toBe(1);
  const early = { userId: fresh('early') };
  const idle = { userId: fresh('idle') };
  await server.ingest([track(early, `${id} started`)]);
  await server.ingest([track(idle, `${id} started`)]);
  expect(await server.publish(journey('right', 'P9D'))).toBe(2);
  expect(await server.publish(journey('right', 'P9D'))).toBe(2);
  const late = { userId: fresh('late') };
  await server.ingest([track(late, `${id} started`)]);
  expect((await server.ingest([track(early, 'Moved')])).customer.stages[id]).toBe('left');
  expect((await server.ingest([track(late, 'Moved')])).customer.stages[id]).toBe('right');
  await server.advance('P3D');
  const { runs, stages } = await server.describe(`u:${idle.userId}`);
  expect(stages[id]).toBe('late');
  expect(runs).toMatchObject([{ journey: id, version: 1 }]);
  expect((await server.describe(`u:${late.userId}`)).runs).toMatchObject([{ journey: id, version: 2 }]);
  const { body } = await server.admin<{ versions: { version: number; current: boolean }[] }>(
    'GET',
    `/admin/journeys/${id}/versions`,
  );
  expect(body.versions).toMatchObject([
    { version: 1, current: false },
    { version: 2, current: true },
  ]);
});

test('E4 an exit ends the run in the middle of a wait, and reentry never means never', async () => {
  const id = fresh('exiting');
  await server.publish({
    id,
    entry: [{ event: `${id} started` }],
    exit: [{ event: 'Closed', if: 'event.properties.final == true' }],
    initial: 'first',
    stages: {
      first: { steps: [{ wait: 'P1D' }, mail('never')], after: [{ delay: 'P5D', to: 'over' }] },
      over: { final: true },
    },
  });
  const who = { userId: fresh('leaver') };
  await server.ingest([track(who, `${id} started`), track(who, 'Closed', { final: false })]);
  expect((await server.describe(`u:${who.userId}`)).stages[id]).toBe('first');
  expect((await server.ingest([track(who, 'Closed', { final: true })])).customer.stages[id]).toBeUndefined();
  await server.ingest([track(who, `${id} started`)]);
  await server.advance('P9D');
  expect((await server.describe(`u:${who.userId}`)).runs).toHaveLength(1);
  expect(await entries(`u:${who.userId}`, 'suppressed', id)).toEqual([]);
});

test('A4 timers of many customers and journeys fire in due order, each at its own time, in one move of the clock', async () => {
  const id = fresh('chain');
  await server.publish({
    id,
    entry: [{ event: `${id} started` }],
    initial: 's0',
    stages: Object.fromEntries([
      ...Array.from({ length: 24 }, (_, hour) => [`s${hour}`, { after: [{ delay: 'PT1H', to: `s${hour + 1}` }] }]),
      ['s24', { final: true }],
    ]),
  });
  const users = Array.from({ length: 20 }, () => ({ userId: fresh('chained') }));
  for (const who of users) await server.ingest([track(who, `${id} started`)]);
  const { timersFired } = await server.advance('P1D');
  expect(timersFired).toBeGreaterThanOrEqual(20 * 24);
  for (const { userId } of users) {
    const transitions = await server.transitions(`u:${userId}`, id);
    expect(transitions.map(({ to }) => to)).toEqual(Array.from({ length: 25 }, (_, hour) => `s${hour}`));
    const [first = 0, ...rest] = transitions.map(({ at }) => Date.parse(at));
    expect(rest.map((at) => at - first)).toEqual(rest.map((_, index) => (index + 1) * HOUR));
  }
});

test('a stage with the most steps there may be runs whole, and takes events on', async () => {
  const id = fresh('longest');
  const published = await server.admin('POST', '/admin/journeys/publish', {
    journey: {
      id,
      entry: [{ event: `${id} started` }],
      initial: 'first',
      stages: {
        first: {
          steps: Array.from({ length: 500 }, (_, index) => ({ set: 'n', value: `${index}.0` })),
          on: [{ event: 'Moved', to: 'second' }],
        },
        second: { final: true },
      },
    },
  });
  expect(published.status, published.text).toBe(201);
  const who = { userId: fresh('patient') };
  const answer = await server.ingest([track(who, `${id} started`)]);
  expect(answer.results[0]?.status).toBe('accepted');
  expect((await server.describe(`u:${who.userId}`)).traits).toEqual({ n: 499 });
  expect((await server.ingest([track(who, 'Moved')])).customer.stages[id]).toBeUndefined();
});

test('a clock that is being moved cannot be moved by a second call, and no move is lost', async () => {
  const from = await server.now();
  const calls = Array.from({ length: 4 }, () => server.admin('POST', '/admin/clock', { advance: 'PT1H' }));
  const statuses = (await Promise.all(calls)).map((answer) => answer.status);
  const moved = statuses.filter((status) => status === 200).length;
  expect(statuses.filter((status) => status !== 200 && status !== 409)).toEqual([]);
  expect(moved).toBeGreaterThan(0);
  const passed = (await server.now()) - from;
  expect(passed).toBeGreaterThanOrEqual(moved * HOUR);
  expect(passed).toBeLessThan((moved + 1) * HOUR);
});
