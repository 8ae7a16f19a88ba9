// Experiments over HTTP: documents, arms in decisions, outcomes, and what the results say once windows are over.

import { expect, test } from 'vitest';
import { expectProblem, fresh, message, type Problem, track, useServer } from './server.ts';

const server = useServer();

interface Counts {
  readonly exposures: number;
  readonly conversions: number;
}
interface Results {
  readonly version: number;
  readonly state: string;
  readonly winner: string | null;
  readonly arms: readonly (Counts & {
    readonly arm: string;
    readonly mature: Counts;
    readonly rate: number | null;
    readonly interval: { readonly low: number; readonly high: number };
    readonly lift: {
      readonly against: string;
      readonly lift: number | null;
      readonly low: number;
      readonly p: number;
    } | null;
    readonly propensity: { readonly min: number };
  })[];
  readonly mismatch: { readonly p: number; readonly found: boolean };
  readonly snapshot: { readonly version: number } | null;
}

const resultsOf = async (id: string): Promise<Results> =>
  (await server.admin<Results>('GET', `/admin/experiments/${id}`)).body;

/** Two offers for a placement of their own, and an experiment between them. */
async function experiment(more: object = {}): Promise<{ id: string; placement: string; offers: readonly string[] }> {
  const id = fresh('experiment');
  const placement = `${id}-place`;
  const offers = ['one', 'two'].map((name) => `${id}-${name}`);
  for (const [index, offer] of offers.entries())
    await server.admin('PUT', `/admin/offers/${offer}`, {
      ...{ placements: [placement], stages: [], priority: 10 - index, benefit: { kind: 'gift' } },
      locales: { en: { title: offer } },
    });
  const document = {
    ...{ level: 'offer', goal: { event: 'Order Completed', within: 'P7D' } },
    arms: [
      { id: 'one', offers: [offers[0]] },
      { id: 'two', offers: [offers[1]] },
    ],
    ...more,
  };
  const answer = await server.admin<{ version: number }>('PUT', `/admin/experiments/${id}`, document);
  expect([answer.status, answer.body]).toEqual([200, { id, version: 1 }]);
  return { id, placement, offers };
}

/** A new customer who looks at the placement. @returns who, and what was shown */
async function look(placement: string): Promise<{ userId: string; shown: string | undefined }> {
  const userId = fresh('customer');
  await server.ingest([message({ userId }, 'page')]);
  const { decisions } = await server.decide({ userId }, [placement]);
  return { userId, shown: decisions[placement]?.[0]?.id };
}

test('the shipped experiment is listed; a fault is refused with its place; who has no admin key is told nothing', async () => {
  const { body } = await server.admin<{ experiments: { id: string; state: string }[] }>('GET', '/admin/experiments');
  expect(body.experiments).toContainEqual(expect.objectContaining({ id: 'voucher-or-question', state: 'running' }));
  const faulty = { level: 'offer', arms: [{ id: 'a' }], goal: { event: 'Order Completed', within: 'P7D' } };
  const refused = await server.admin<Problem>('PUT', '/admin/experiments/faulty', faulty);
  expect(expectProblem(refused, 422).findings?.map(({ pointer }) => pointer)).toEqual(['/arms', '/target']);
  expectProblem(await server.admin<Problem>('GET', '/admin/experiments/faulty'), 404);
  expectProblem(await server.admin<Problem>('DELETE', '/admin/experiments/faulty'), 404);
  expectProblem(await server.site<Problem>('/admin/experiments', {}), [401, 403]);
});

test('customers are exposed and counted; once windows are over rates, lifts and p are there', async () => {
  const { id, placement, offers } = await experiment();
  for (let n = 0; n < 40; n++) {
    const { userId, shown } = await look(placement);
    expect(offers).toContain(shown);
    if (shown === offers[1]) await server.ingest([track({ userId }, 'Order Completed', { order_id: fresh('o') })]);
    expect((await server.decide({ userId }, [placement])).decisions[placement]?.[0]?.id).toBe(shown);
  }
  await server.advance('PT1H');
  const early = await resultsOf(id);
  expect(early.arms.reduce((sum, { exposures }) => sum + exposures, 0)).toBe(40);
  expect(early.arms.map(({ rate, mature }) => [rate, mature.exposures])).toEqual([
    [null, 0],
    [null, 0],
  ]);
  expect(early).toMatchObject({
    version: 1,
    state: 'running',
    winner: null,
    mismatch: { found: false },
    snapshot: null,
  });
  await server.advance('P9D');
  const { arms, state, winner } = await resultsOf(id);
  const [one, two] = arms;
  expect([one?.rate, two?.rate]).toEqual([0, 1]);
  expect(two?.mature).toEqual({ exposures: two?.exposures, conversions: two?.exposures });
  expect(one?.interval.high).toBeLessThan(0.5);
  expect(two?.interval.low).toBeGreaterThan(0.5);
  expect(two?.lift).toMatchObject({ against: 'one', lift: null });
  expect(two?.lift?.p).toBeLessThan(0.01);
  expect(two?.propensity.min).toBe(0.5);
  expect([state, winner]).toEqual(['decided', 'two']);

  expect((await server.admin('DELETE', `/admin/experiments/${id}`)).status).toBe(200);
  expect((await look(placement)).shown).toBe(offers[0]);
  expectProblem(await server.admin<Problem>('GET', `/admin/experiments/${id}`), 404);
});

test('with winner: automatic who comes new gets the winner, and who had an arm keeps it', async () => {
  const { id, placement, offers } = await experiment({ winner: 'automatic' });
  let losers: string[] = [];
  for (let n = 0; n < 60; n++) {
    const { userId, shown } = await look(placement);
    if (shown === offers[0]) losers = [...losers, userId];
    if (shown === offers[1] || losers.length === 1)
      await server.ingest([track({ userId }, 'Order Completed', { order_id: fresh('o') })]);
  }
  await server.advance('P9D');
  await look(placement);
  await server.advance('PT1H');
  expect(await resultsOf(id)).toMatchObject({
    state: 'decided',
    winner: 'two',
    snapshot: { version: expect.any(Number) },
  });
  // The catalog is looked at again within seconds; a publish makes it at once.
  await server.admin('PUT', `/admin/offers/${offers[0]}`, {
    ...{ placements: [placement], stages: [], priority: 11, benefit: { kind: 'gift' } },
    locales: { en: { title: 'again' } },
  });
  for (let n = 0; n < 12; n++) expect((await look(placement)).shown).toBe(offers[1]);
  for (const userId of losers.slice(0, 3))
    expect((await server.decide({ userId }, [placement])).decisions[placement]?.[0]?.id).toBe(offers[0]);
});
