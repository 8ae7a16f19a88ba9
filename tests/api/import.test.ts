// History import over HTTP: the rules of time under import, what is refused, who becomes known on the way.

import { beforeAll, expect, test } from 'vitest';
import { fresh, type Message, message, track, useServer } from './server.ts';

const server = useServer();
const CLOCK = '1998-07-01T00:00:00Z';
const DAY = 86_400_000;

beforeAll(async () => {
  expect((await server.admin('POST', '/admin/clock', { set: CLOCK })).status).toBe(200);
});

interface Imported {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly { line: number; errors: readonly { pointer: string; detail: string }[] }[];
}

const importLines = (lines: readonly (object | string)[]) =>
  server.admin<Imported>(
    'POST',
    '/admin/import',
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  );

const finish = () => server.admin<{ customers: number; timersFired: number }>('POST', '/admin/import/finish');

const at = (days: number): string => new Date(Date.parse('1998-01-01T00:00:00Z') + days * DAY).toISOString();
const order = (userId: string, days: number): Message =>
  track({ userId }, 'Order Completed', {}, { timestamp: at(days) });

test('A5 a timer due at an event’s instant fires before the event, under import too', async () => {
  const userId = fresh('exact');
  await importLines([order(userId, 0), order(userId, 14)]);
  await finish();
  expect((await server.transitions(`u:${userId}`)).slice(1, 4)).toEqual([
    { from: 'awareness', to: 'purchase', at: at(0) },
    { from: 'purchase', to: 'usage', at: at(14) },
    { from: 'usage', to: 'purchase', at: at(14) },
  ]);
});

test('L1 an event out of order is applied at the time reached, and stands in the history at its own', async () => {
  const userId = fresh('disorder');
  await importLines([order(userId, 0), order(userId, 40), order(userId, 10)]);
  await finish();
  expect((await server.transitions(`u:${userId}`)).slice(1, 5)).toEqual([
    { from: 'awareness', to: 'purchase', at: at(0) },
    { from: 'purchase', to: 'usage', at: at(14) },
    { from: 'usage', to: 'purchase', at: at(40) },
    { from: 'purchase', to: 'purchase', at: at(40) },
  ]);
  const events = (await server.timeline(`u:${userId}`)).filter(({ kind }) => kind === 'event');
  expect(events.map((entry) => entry.at)).toEqual([at(0), at(40), at(10)]);
});

test('refused lines are named by line and place, and spoil no other', async () => {
  const userId = fresh('lines');
  const { status, body } = await importLines([
    order(userId, 0),
    '{"type":"track"',
    '',
    { ...order(userId, 1), timestamp: undefined },
    { ...order(userId, 1), timestamp: '2030-01-01T00:00:00Z' },
    { ...order(userId, 1), event: undefined },
    '[]',
    { ...order(userId, 1), properties: { text: 'x'.repeat(40_000) } },
    '{"__proto__":1}',
    order(userId, 2),
  ]);
  expect(status).toBe(200);
  expect(body.accepted).toBe(2);
  expect(body.rejected.map(({ line, errors }) => [line, errors[0]?.pointer])).toEqual([
    [2, ''],
    [4, '/timestamp'],
    [5, '/timestamp'],
    [6, '/event'],
    [7, ''],
    [8, '/properties/text'],
    [9, '/__proto__'],
  ]);
  for (const { errors } of body.rejected) expect(errors[0]?.detail).toMatch(/\w/);
  await finish();
  expect((await server.describe(`u:${userId}`)).events).toBe(2);
});

test('the contract’s limits of a call: 500 events are taken, 501 are not', async () => {
  const userId = fresh('limit');
  const lines = Array.from({ length: 501 }, (_, index) => order(userId, index / 1000));
  const refused = await importLines(lines);
  expect(refused.status).toBe(413);
  expect((await importLines(lines.slice(0, 500))).body.accepted).toBe(500);
  expect((await finish()).body.customers).toBe(1);
});

test('what was meant to be sent is suppressed under import, and the reason says so', async () => {
  await server.publish({
    id: 'greeting',
    entry: [{ event: 'Order Completed' }],
    initial: 'thanked',
    stages: {
      thanked: {
        steps: [
          { send: 'thanks', channel: 'email', purpose: 'service' },
          { wait: 'P3D' },
          { send: 'how-is-it', channel: 'email', purpose: 'service' },
          { wait: 'P300D' },
          { send: 'a-year', channel: 'letter', purpose: 'service' },
        ],
        after: [{ delay: 'P3000D', to: 'over' }],
      },
      over: { final: true },
    },
  });
  const userId = fresh('silent');
  await importLines([order(userId, 0)]);
  await finish();
  const suppressed = async () => (await server.timeline(`u:${userId}`)).filter(({ kind }) => kind === 'suppressed');
  expect((await suppressed()).map((entry) => [entry.message, entry.reason, entry.at])).toEqual([
    ['thanks', 'import', at(0)],
    ['how-is-it', 'import', at(3)],
  ]);
  await server.advance('P200D');
  expect((await suppressed()).at(-1)).toMatchObject({ message: 'a-year', reason: 'no channel', at: at(303) });
});

test('an imported event’s own time counts, whatever its sender’s clock said when it was sent', async () => {
  const userId = fresh('exported');
  await importLines([{ ...order(userId, 0), originalTimestamp: at(-1), sentAt: at(-1), receivedAt: at(0) }]);
  await finish();
  const [event] = (await server.timeline(`u:${userId}`)).filter(({ kind }) => kind === 'event');
  expect(event?.at).toBe(at(0));
});

const visit = (anonymousId: string, days: number, event = 'Product Viewed'): Message =>
  track({ anonymousId }, event, {}, { timestamp: at(days) });
const known = (userId: string, anonymousId: string, days: number): Message =>
  message({ userId, anonymousId }, 'identify', { timestamp: at(days), traits: { since: days } });

async function expectOneHistory(userId: string, anonymousId: string, messageIds: readonly string[]): Promise<void> {
  expect(await server.messageIds(`a:${anonymousId}`)).toEqual(messageIds);
  expect(await server.messageIds(`u:${userId}`)).toEqual(messageIds);
}

test('L3 identify within one call: visits before and after it and orders are one history, each at its own time', async () => {
  for (let round = 0; round < 10; round++) {
    const [userId, anonymousId] = [fresh('user'), fresh('visitor')];
    const lines = [
      visit(anonymousId, 0),
      visit(anonymousId, 1),
      known(userId, anonymousId, 2),
      visit(anonymousId, 3),
      order(userId, 20),
      order(userId, 40),
    ];
    expect((await importLines(lines)).body).toMatchObject({ accepted: 6, rejected: [] });
    await finish();
    await expectOneHistory(
      userId,
      anonymousId,
      lines.map(({ messageId }) => messageId),
    );
    expect((await server.transitions(`u:${userId}`)).slice(0, 7)).toEqual([
      { from: null, to: 'awareness', at: at(0) },
      { from: 'awareness', to: 'decision', at: at(3) },
      { from: 'decision', to: 'purchase', at: at(20) },
      { from: 'purchase', to: 'usage', at: at(34) },
      { from: 'usage', to: 'purchase', at: at(40) },
      { from: 'purchase', to: 'usage', at: at(54) },
      { from: 'usage', to: 'repurchase', at: at(114) },
    ]);
  }
});

test('L3 identify in a later call, or after the visitor was finished, gives the same history', async () => {
  const [userId, anonymousId] = [fresh('user'), fresh('visitor')];
  const lines = [visit(anonymousId, 0, 'Checkout Started'), known(userId, anonymousId, 2), order(userId, 20)];
  for (const line of lines) expect((await importLines([line])).body.accepted).toBe(1);
  await finish();
  await expectOneHistory(
    userId,
    anonymousId,
    lines.map(({ messageId }) => messageId),
  );
  expect((await server.transitions(`u:${userId}`)).slice(1, 4)).toEqual([
    { from: 'awareness', to: 'decision', at: at(0) },
    { from: 'decision', to: 'purchase', at: at(20) },
    { from: 'purchase', to: 'usage', at: at(34) },
  ]);
  const more = [visit(anonymousId, 300), order(userId, 301)];
  expect((await importLines([{ ...more[0] }])).body.accepted).toBe(1);
  await finish();
  await server.advance('PT1S');
  expect((await server.describe(`u:${userId}`)).stages).toEqual((await server.describe(`a:${anonymousId}`)).stages);
});

test('after finish an imported customer lives on: timers of a visitor who became known fire as the clock moves', async () => {
  const [userId, anonymousId] = [fresh('user'), fresh('visitor')];
  await importLines([visit(anonymousId, 0), known(userId, anonymousId, 1)]);
  await finish();
  const soon = new Date((await server.now()) - DAY).toISOString();
  expect((await importLines([track({ anonymousId }, 'Order Completed', {}, { timestamp: soon })])).body.accepted).toBe(
    1,
  );
  await finish();
  expect((await server.describe(`u:${userId}`)).stages.lifecycle).toBe('purchase');
  await server.advance('P13D');
  expect((await server.describe(`u:${userId}`)).stages.lifecycle).toBe('usage');
});

test('sending the same lines again, whole or in part, changes nothing', async () => {
  const userId = fresh('again');
  const lines = [order(userId, 0), order(userId, 5), order(userId, 9)];
  await importLines(lines.slice(0, 2));
  expect((await importLines(lines)).body).toMatchObject({ accepted: 1, duplicates: 2 });
  await finish();
  const timeline = await server.timeline(`u:${userId}`);
  expect((await importLines([...lines, ...lines])).body).toMatchObject({ accepted: 0, duplicates: 6 });
  expect((await finish()).body).toEqual({ customers: 1, timersFired: 0 });
  expect(await server.timeline(`u:${userId}`)).toEqual(timeline);
});
