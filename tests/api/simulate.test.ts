// POST /admin/simulate against the real server: the same bytes for the same seed, bounds, drafts at fault, and that no
// customer comes of it.

import { expect, test } from 'vitest';
import { SIMULATION } from '../../schema/limits.ts';
import { expectProblem, type Problem, useServer } from './server.ts';

const server = useServer();

interface Simulated {
  customers: number;
  events: number;
  digest: string;
  until: string;
  journeys: { journey: string; stages: { stage: string; customers: number }[] }[];
  faults: { detail: string }[];
}

const simulate = (body: object) => server.admin<Simulated>('POST', '/admin/simulate', body);
const from = '2026-01-01T00:00:00Z';
const draft = {
  id: 'draft',
  entry: [{ event: 'Sale Seen' }],
  initial: 'first',
  stages: { first: { on: [{ event: 'Sale Left', to: 'over' }] }, over: { final: true } },
};

test('what is published is simulated, the same for the same seed, and no customer comes of it', async () => {
  const before = await server.admin('GET', '/admin/customers');
  const [one, again, other] = [
    await simulate({ customers: 40, days: 90, seed: 'a', from }),
    await simulate({ customers: 40, days: 90, seed: 'a', from }),
    await simulate({ customers: 40, days: 90, seed: 'b', from }),
  ];
  expect(one.status).toBe(200);
  expect(one.body.customers).toBe(40);
  expect(one.body.until).toBe('2026-04-01T00:00:00.000Z');
  expect(one.text).toBe(again.text);
  expect(other.body.digest).not.toBe(one.body.digest);
  expect(one.body.journeys.map(({ journey }) => journey)).toContain('lifecycle');
  expect((await server.admin('GET', '/admin/customers')).text).toBe(before.text);
});

test('a draft and recorded events need not be published', async () => {
  const said = (userId: string, event: string, day: number) => ({
    type: 'track',
    event,
    userId,
    timestamp: `2026-02-0${day}T00:00:00Z`,
  });
  const events = [said('a', 'Sale Seen', 1), said('b', 'Sale Seen', 2), said('a', 'Sale Left', 3)];
  const { status, body } = await simulate({ journeys: [draft], events, days: 2 });
  expect([status, body.customers, body.events, body.until]).toEqual([200, 2, 3, '2026-02-05T00:00:00.000Z']);
  expect(body.journeys).toMatchObject([
    {
      journey: 'draft',
      stages: [
        { stage: 'first', customers: 2 },
        { stage: 'over', customers: 1 },
      ],
    },
  ]);
});

test('what it may ask for is bounded, and faults are named with their place', async () => {
  const most = { customers: 100, days: SIMULATION.customerDaysMax / 100, journeys: [draft] };
  expect((await simulate(most)).status).toBe(200);
  for (const more of [
    { ...most, customers: 101 },
    { customers: SIMULATION.customersMax + 1, days: 1 },
    { customers: 1, days: SIMULATION.daysMax + 1 },
  ])
    expectProblem(await server.admin<Problem>('POST', '/admin/simulate', more), 400);
  const event = await server.admin<Problem>('POST', '/admin/simulate', {
    events: [{ type: 'track', event: 'A', userId: 'a' }],
  });
  expect([event.status, event.body.errors?.[0]?.pointer]).toEqual([400, '/events/0/timestamp']);
  const wrong = await server.admin<Problem & { findings: object[] }>('POST', '/admin/simulate', {
    journeys: [draft, { ...draft, initial: 'none' }],
  });
  expect(wrong.status).toBe(422);
  expect(wrong.body.findings[0]).toMatchObject({ document: 'journeys/1', pointer: '/initial', code: 'unknown-stage' });
  const busy = { delay: 'PT1S', to: 'first' };
  const circles = { ...draft, stages: { first: { after: [busy] } } };
  const { status, body } = await simulate({ customers: 10, days: 90, journeys: [circles] });
  expect(status).toBe(200);
  expect(body.faults[0]?.detail).toContain('loop of short delays');
});
