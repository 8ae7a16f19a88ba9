// The simulator over the shipped journeys and over small ones whose report can be counted by hand.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { readSources } from '../../workers/cli/files.ts';
import { renderReport } from '../../workers/cli/simulation.ts';
import { readRecorded } from '../../workers/simulate/recorded.ts';
import type { Report } from '../../workers/simulate/report.ts';
import { type Documents, prepareSetting } from '../../workers/simulate/setting.ts';
import { simulate, syntheticLives } from '../../workers/simulate/simulate.ts';
import { spokenIn } from '../../workers/simulate/vocabulary.ts';
import { PROVE } from '../prove.ts';

const DAY = 86_400_000;
const FROM = Date.parse('2026-01-01T00:00:00Z');

function shipped(): Documents {
  const { sources } = readSources(join(import.meta.dirname, '../../journeys'));
  const of = (kind: string) => sources.filter((source) => source.kind === kind).map(({ document }) => document);
  const fragments = of('fragment');
  return { events: of('events')[0], journeys: of('journey'), messages: of('message'), fragments };
}

function prepared(documents: Documents) {
  const setting = prepareSetting(documents);
  if (!setting.ok) throw new Error(JSON.stringify(setting.faults));
  return setting;
}

function run(seed: string, customers: number, days: number, documents = shipped()): Report {
  const { setting, vocabulary } = prepared(documents);
  const { declarations, resolve } = vocabulary;
  const spoken = spokenIn(setting.machines.values(), resolve, declarations);
  const until = FROM + days * DAY;
  const lives = syntheticLives({ seed, from: FROM, until, spoken, declarations }, customers);
  return simulate(setting, lives, { seed, from: FROM, until, stuckAfterMs: 90 * DAY });
}

describe('a synthetic population', () => {
  it('of the same seed gives the same bytes; of another seed another life', () => {
    const [one, again, other] = [run('a', 60, 60), run('a', 60, 60), run('b', 60, 60)];
    expect(JSON.stringify(again)).toBe(JSON.stringify(one));
    expect(renderReport(again)).toBe(renderReport(one));
    expect(other.digest).not.toBe(one.digest);
    expect(one.events).toBeGreaterThan(1_000);
  });

  it('uses the journeys: every stage of the shipped lifecycle and cart recovery is reached, and messages are sent', () => {
    const report = run('a', 60, 365);
    for (const journey of ['lifecycle', 'cart-recovery'])
      for (const { stage, customers } of report.journeys.find((each) => each.journey === journey)?.stages ?? [])
        expect([journey, stage, customers > 0]).toEqual([journey, stage, true]);
    expect(report.messages.sent).toBeGreaterThan(100);
    expect(report.messages.suppressed['no consent']).toBeGreaterThan(0);
    expect(report.faults).toEqual([]);
    const weeks = report.messages.weeks.reduce((sum, week) => sum + week.messages, 0);
    expect(weeks).toBe(report.messages.sent);
  });

  // Seconds of this thread's own time, and only where all is proved: a busy machine says nothing of the simulator.
  const secondsOf = (work: () => void): number => {
    const before = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1e6;
  };

  it.runIf(PROVE)('two years of one customer take less than a second', () => {
    run('warm', 1, 30);
    expect(secondsOf(() => expect(run('a', 1, 730).events).toBeGreaterThan(100))).toBeLessThan(1);
  });

  it.runIf(PROVE)(
    '10,000 customers of a synthetic population take less than 30 seconds',
    () => {
      const seconds = secondsOf(() => expect(run('a', 10_000, 90).events).toBeGreaterThan(100_000));
      console.info(`10,000 customers of 90 days: ${seconds.toFixed(1)} s`);
      expect(seconds).toBeLessThan(30);
    },
    300_000,
  );
});

const shop: Documents = {
  events: { events: { Order: { properties: { total: { type: 'number' } } } } },
  journeys: [
    {
      id: 'orders',
      entry: [{ event: 'Start' }],
      initial: 'first',
      exit: [],
      stages: {
        first: {
          steps: [{ send: 'hello', channel: 'email', purpose: 'service' }],
          on: [
            { event: 'Order', if: 'event.properties.total > 10', to: 'done' },
            { event: 'Odd', if: 'traits.unknown > 1', to: 'done' },
            { event: 'Lost', to: 'nowhere' },
          ],
        },
        nowhere: {},
        done: { final: true },
      },
    },
  ],
  messages: [
    { id: 'hello', channel: 'email', purpose: 'service', locales: { en: { subject: 'Hello', text: 'Hello.' } } },
  ],
};

const said = (userId: string, day: number, event: string, more: JsonObject = {}): string =>
  JSON.stringify({ type: 'track', event, userId, timestamp: new Date(FROM + day * DAY).toISOString(), ...more });

function replayed(lines: readonly string[], days: number): Report {
  const { setting, vocabulary } = prepared(shop);
  const recorded = readRecorded(lines, vocabulary.resolve);
  if (!recorded.ok) throw new Error(JSON.stringify(recorded.faults));
  const until = (recorded.last ?? 0) + days * DAY;
  return simulate(setting, recorded.lives, { seed: null, from: recorded.first ?? 0, until, stuckAfterMs: 5 * DAY });
}

const identify = JSON.stringify({
  type: 'identify',
  userId: 'a',
  anonymousId: 'x',
  timestamp: '2026-01-01T00:00:00Z',
  traits: { email: 'a@example.com' },
});

describe('recorded events', () => {
  const lines = [
    identify,
    said('b', 0, 'Start'),
    said('b', 1, 'Lost'),
    '',
    said('a', 8, 'Start'),
    said('c', 2, 'Start'),
    said('c', 9, 'Order', { properties: { total: 5 } }),
    said('c', 9, 'Odd'),
    JSON.stringify({
      type: 'track',
      event: 'Order',
      anonymousId: 'x',
      properties: { total: 20 },
      timestamp: '2026-01-10',
    }),
  ];
  const report = replayed(lines, 0);

  it('give a funnel that can be counted by hand', () => {
    expect(report.customers).toBe(3);
    expect(report.events).toBe(8);
    expect(report.journeys).toEqual([
      {
        journey: 'orders',
        runs: 3,
        ended: 1,
        stages: [
          { stage: 'first', customers: 3, entered: 3, now: 1, hours: 24 },
          { stage: 'nowhere', customers: 1, entered: 1, now: 1, hours: null },
          { stage: 'done', customers: 1, entered: 1, now: 0, hours: null },
        ],
      },
    ]);
  });

  it('count messages by week and say why others were not sent', () => {
    expect(report.messages).toEqual({
      sent: 1,
      templates: { hello: 1 },
      suppressed: { 'no address': 2 },
      perCustomerAndWeek: 0.2593,
      weeks: [
        { week: 1, messages: 0, customers: 0, most: 0 },
        { week: 2, messages: 1, customers: 1, most: 1 },
      ],
    });
  });

  it('show who is stuck: where nothing leads on, and where it takes too long', () => {
    expect(report.stuck).toEqual([
      {
        journey: 'orders',
        stage: 'nowhere',
        reason: 'no way on',
        customers: 1,
        examples: [{ customer: 'u:b', since: '2026-01-02T00:00:00.000Z' }],
      },
      {
        journey: 'orders',
        stage: 'first',
        reason: 'too long',
        customers: 1,
        examples: [{ customer: 'u:c', since: '2026-01-03T00:00:00.000Z' }],
      },
    ]);
  });

  it('show conditions that err', () => {
    expect(report.faults).toEqual([
      { journey: 'orders', pointer: '/stages/first/on/1/if', detail: expect.stringContaining('unknown'), times: 1 },
    ]);
    expect(renderReport(report)).toContain('orders /stages/first/on/1/if');
  });

  it('that are no events are named by line', () => {
    const recorded = readRecorded(
      ['{', '[]', '{"type":"track","event":"A","userId":"a"}', '{"type":"track","userId":"a"}', said('a', 0, 'Start')],
      (name) => name,
    );
    expect(recorded.ok ? [] : recorded.faults.map(({ line, pointer }) => [line, pointer])).toEqual([
      [1, ''],
      [2, ''],
      [3, '/timestamp'],
      [4, '/event'],
    ]);
  });

  it('of a real shop move 300 of its customers through the shipped lifecycle', () => {
    const file = join(import.meta.dirname, '../fixtures/CDNOW_sample.txt');
    const rows = readFileSync(file, 'utf8').split('\n').slice(0, 900);
    const orders = rows.flatMap((row) => {
      const [customer, , date = ''] = row.trim().split(/\s+/);
      const timestamp = `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6, 8)}T12:00:00Z`;
      return customer ? [JSON.stringify({ type: 'track', event: 'Order Completed', userId: customer, timestamp })] : [];
    });
    const { setting, vocabulary } = prepared(shipped());
    const recorded = readRecorded(orders, vocabulary.resolve);
    if (!recorded.ok) throw new Error(JSON.stringify(recorded.faults));
    const span = { seed: null, from: recorded.first ?? 0, until: (recorded.last ?? 0) + 400 * DAY, stuckAfterMs: DAY };
    const { journeys, customers } = simulate(setting, recorded.lives, span);
    const lifecycle = journeys.find(({ journey }) => journey === 'lifecycle');
    expect(lifecycle?.stages.find(({ stage }) => stage === 'purchase')?.entered).toBe(orders.length);
    expect(lifecycle?.stages.find(({ stage }) => stage === 'dormant')?.now).toBe(customers);
  });
});

describe('documents that do not compile', () => {
  it('are named with their place', () => {
    const wrong = prepareSetting({
      events: undefined,
      journeys: [{ ...(shop.journeys[0] as object), initial: 'none' }, shop.journeys[0], shop.journeys[0]],
      messages: [{ id: 'x' }],
    });
    expect(wrong.ok ? [] : wrong.faults.map(({ document, pointer }) => `${document}${pointer}`)).toEqual(
      expect.arrayContaining(['journeys/0/initial', 'journeys/2/id', 'messages/0/channel']),
    );
  });
});
