// Killed the hard way under traffic: what was acknowledged is there once, what was not is there once after the client
// has repeated it, and time goes on where it stood.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { holdState } from '../../workers/cli/lock.ts';
import { killWhileStarting, survivors, tryStart } from './process.ts';
import { fresh, type Ingested, type Message, message, track, useServer } from './server.ts';

const server = useServer();
const DAY = 86_400_000;
/** 128 and the number of the signal, as a shell reports it. */
const SIGTERM_CODE = 143;

const CLIENTS = 8;
const ROUNDS = 6;
/** Acknowledged events after which the system is killed, while more are under way. */
const EVENTS_A_ROUND = 40;

/** What was sent of one customer, in order, and the ids that have to answer with exactly that. */
interface History {
  readonly ids: string[];
  readonly sent: string[];
}

interface Client {
  readonly histories: readonly History[];
  /** The next message, which counts as sent. */
  readonly next: () => Message;
}

/** One customer, one event after another. */
function steadyClient(): Client {
  const userId = fresh('steady');
  const history: History = { ids: [`u:${userId}`], sent: [] };
  const next = () => {
    const event = track({ userId }, 'Product Viewed');
    history.sent.push(event.messageId);
    return event;
  };
  return { histories: [history], next };
}

/** One visitor after another, each of whom becomes known on the way and is named by either id afterwards. */
function movingClient(): Client {
  const histories: History[] = [];
  const steps = ['visit', 'visit', 'identify', 'visit', 'known', 'visit'];
  let count = 0;
  let [userId, anonymousId] = ['', ''];
  const next = () => {
    const step = steps[count++ % steps.length];
    if (count % steps.length === 1) {
      [userId, anonymousId] = [fresh('known'), fresh('visitor')];
      histories.push({ ids: [`a:${anonymousId}`], sent: [] });
    }
    const history = histories.at(-1);
    if (step === 'identify') history?.ids.push(`u:${userId}`);
    const event =
      step === 'identify'
        ? message({ userId, anonymousId }, 'identify')
        : track(step === 'known' ? { userId } : { anonymousId }, 'Product Viewed');
    history?.sent.push(event.messageId);
    return event;
  };
  return { histories, next };
}

/** Sends one message after another until the system is gone. @returns the one that was not acknowledged */
async function keepSending(client: Client, unsure: Message | null, onAcknowledged: () => void): Promise<Message> {
  for (let event = unsure; ; event = null) {
    event ??= client.next();
    const answer = await server.site<Ingested>('/v1/events', { events: [event] }).catch(() => null);
    if (answer?.status !== 200) return event;
    onAcknowledged();
  }
}

/** What stood when the system was killed for the first time; everything later is held against it. */
async function prepare() {
  const buyer = { userId: fresh('buyer') };
  await server.ingest([track(buyer, 'Order Completed')]);
  const { runs } = await server.describe(`u:${buyer.userId}`);

  const content = { kind: 'tip', placements: ['kept'], stages: [], locales: { en: { title: 'kept' } } };
  expect((await server.admin('PUT', '/admin/content/kept', content)).status).toBe(200);
  const journey = { id: 'old', entry: [{ event: 'Old' }], initial: 'first' };
  await server.publish({ ...journey, stages: { first: { after: [{ delay: 'P2D', to: 'left' }] }, left: {} } });
  const idler = { userId: fresh('idler') };
  await server.ingest([track(idler, 'Old')]);
  await server.publish({ ...journey, stages: { first: { after: [{ delay: 'P2D', to: 'right' }] }, right: {} } });
  const catalog = (await server.admin('GET', '/admin/content')).headers.get('waymark-catalog');

  const imported = Array.from({ length: 20 }, () => ({ userId: fresh('imported') }));
  const timestamp = new Date((await server.now()) - 20 * DAY).toISOString();
  const lines = imported.map((who) => JSON.stringify(track(who, 'Order Completed', {}, { timestamp })));
  expect((await server.admin('POST', '/admin/import', lines.join('\n'))).body).toMatchObject({ accepted: 20 });

  const [userId, anonymousId] = [fresh('known'), fresh('visitor')];
  const known = message({ userId, anonymousId }, 'identify');
  const moved = [track({ anonymousId }, 'Product Viewed'), track({ anonymousId }, 'Order Completed'), known];
  for (const event of moved) await server.ingest([event]);
  return { buyer, orderedAt: Date.parse(runs[0]?.enteredAt ?? ''), catalog, idler, imported, known, moved };
}

test('kill -9 under traffic, six times: every event is in its timeline exactly once, and time goes on where it stood', async () => {
  const { buyer, orderedAt, catalog, idler, imported, known, moved } = await prepare();
  const clients = Array.from({ length: CLIENTS }, (_, index) => (index % 2 ? movingClient() : steadyClient()));
  let unsure: (Message | null)[] = clients.map(() => null);
  let clock = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const enough = Promise.withResolvers<void>();
    let acknowledged = 0;
    const onAcknowledged = () => {
      if (++acknowledged === EVENTS_A_ROUND) enough.resolve();
    };
    const rest = Promise.all(
      clients.map((client, index) => keepSending(client, unsure[index] ?? null, onAcknowledged)),
    );
    await enough.promise;
    await server.kill9();
    unsure = await rest;
    await server.start();
    expect(await server.now()).toBeGreaterThanOrEqual(clock);
    if (round === 2) clock = Date.parse((await server.advance('P14D')).now);
  }
  for (const event of unsure) if (event) await server.ingest([event]);
  const histories = clients.flatMap((client) => client.histories);
  expect(histories.flatMap(({ sent }) => sent).length).toBeGreaterThanOrEqual(ROUNDS * EVENTS_A_ROUND);
  for (const { ids, sent } of histories)
    for (const id of ids) {
      expect(await server.messageIds(id)).toEqual(sent);
      expect((await server.describe(id)).events).toBe(sent.length);
    }

  // A2, A3: timers fired at their time, once.
  expect((await server.describe(`u:${buyer.userId}`)).stages).toEqual({ lifecycle: 'usage' });
  await server.advance('P60D');
  expect((await server.transitions(`u:${buyer.userId}`)).slice(2)).toEqual([
    { from: 'purchase', to: 'usage', at: new Date(orderedAt + 14 * DAY).toISOString() },
    { from: 'usage', to: 'repurchase', at: new Date(orderedAt + 74 * DAY).toISOString() },
  ]);

  // The catalog is the one that was written over HTTP, and the run has the version it began with (V1).
  expect((await server.admin('GET', '/admin/content')).headers.get('waymark-catalog')).toBe(catalog);
  expect((await server.decide(buyer, ['kept'])).decisions.kept?.[0]?.id).toBe('kept');
  expect((await server.describe(`u:${idler.userId}`)).runs).toMatchObject([
    { journey: 'old', stage: 'left', version: 1 },
  ]);

  // What was moved is there once (M1), under both ids.
  const { userId, anonymousId, messageId } = known;
  expect((await server.ingest([known])).results).toEqual([{ messageId, status: 'duplicate' }]);
  for (const id of [`u:${String(userId)}`, `a:${String(anonymousId)}`]) {
    expect(await server.messageIds(id)).toEqual(moved.map((event) => event.messageId));
    expect((await server.describe(id)).stages).toEqual({ lifecycle: 'repurchase' });
  }

  // An import that was begun can be finished.
  expect((await server.admin('POST', '/admin/import/finish')).body).toMatchObject({ customers: 20 });
  for (const who of imported)
    expect((await server.describe(`u:${who.userId}`)).stages).toEqual({ lifecycle: 'repurchase' });
});

test('killed while the clock is moved: every timer has fired once, and none early', async () => {
  const buyers = Array.from({ length: 100 }, () => ({ userId: fresh('buyer') }));
  await server.site('/v1/batch', { batch: buyers.map((who) => track(who, 'Order Completed')) });
  const from = await server.now();
  const moving = server.advance('P15D').catch(() => null);
  await server.admin('GET', '/admin/clock');
  await server.restart();
  await moving;
  if ((await server.now()) < from + 15 * DAY) await server.advance('P15D');
  const transitions = await Promise.all(buyers.map(({ userId }) => server.transitions(`u:${userId}`)));
  for (const [first, second, third, ...more] of transitions) {
    expect([first?.to, second?.to, third?.to, more]).toEqual(['awareness', 'purchase', 'usage', []]);
    expect(Date.parse(third?.at ?? '') - Date.parse(second?.at ?? '')).toBe(14 * DAY);
  }
  expect((await server.funnel()).lifecycle?.purchase ?? 0).toBe(0);
});

test('kill -9 of Node alone: its workerd ends by itself, and the folder can be started on at once', async () => {
  const who = { userId: fresh('survivor') };
  const event = track(who, 'Order Completed');
  await server.ingest([event]);
  const left = await server.killOnly();
  expect(left.length).toBeGreaterThan(0);
  expect(await survivors(left)).toEqual([]);
  await server.start();
  expect(await server.messageIds(`u:${who.userId}`)).toEqual([event.messageId]);
});

test('a second start on a folder in use is refused in words, and disturbs nobody', async () => {
  const { code, said } = await tryStart(server.state);
  expect(code).toBe(1);
  expect(said).toContain(`The system already runs on ${server.state}.`);
  expect(said).not.toMatch(/\n\s+at /);
  const who = { userId: fresh('undisturbed') };
  expect((await server.ingest([track(who, 'Order Completed')])).customer.stages).toEqual({ lifecycle: 'purchase' });
});

test('SIGTERM ends the system and all that belongs to it', async () => {
  const children = server.children();
  expect(await server.stop()).toBe(SIGTERM_CODE);
  expect(await survivors(children)).toEqual([]);
});

test('a system that is killed while it starts leaves no workerd behind either', async () => {
  await server.kill9();
  const left = await killWhileStarting(server.state);
  expect(left).toHaveLength(1);
  expect(await survivors(left)).toEqual([]);
});

test('a folder is held by one system: of two starts at the same moment one is refused', () => {
  const state = mkdtempSync(join(tmpdir(), 'waymark-test-'));
  const release = holdState(state);
  expect(() => holdState(state)).toThrow(`already runs on ${state}`);
  release();
  holdState(state)();
  rmSync(state, { recursive: true });
});
