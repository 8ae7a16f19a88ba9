// Totals over HTTP: a budget under many customers and kills of the system, codes from a pool, and what operators see of both.

import { expect, test } from 'vitest';
import { often } from '../prove.ts';
import { type Answer, expectProblem, fresh, type Ingested, type Problem, track, useServer } from './server.ts';

const server = useServer();

interface Item {
  readonly id: string;
  readonly decisionId: string;
  readonly fields: { readonly code?: string };
}
interface Shown {
  readonly decisions: { readonly [placement: string]: readonly Item[] };
}
interface Counts {
  readonly most: number;
  readonly free: number;
  readonly reserved: number;
  readonly confirmed: number;
}

const put = async (id: string, members: object): Promise<void> => {
  const document = {
    ...{ placements: [id], stages: [], benefit: { kind: 'gift' }, locales: { en: { title: id } } },
    ...members,
  };
  const answer = await server.admin<Problem>('PUT', `/admin/offers/${id}`, document);
  expect(answer.status, answer.text).toBe(200);
};

const look = async (userId: string, placement: string): Promise<Answer<Shown> | null> =>
  server.site<Shown>('/v1/decide', { userId, placements: [placement] }).catch(() => null);

/** A system that was killed is asked again. */
async function shown(userId: string, placement: string): Promise<Item | null> {
  for (;;) {
    const answer = await look(userId, placement);
    if (answer?.status === 200 && !answer.text.includes('"degraded":true'))
      return answer.body.decisions[placement]?.[0] ?? null;
    await server.start().catch(() => undefined);
  }
}

const countsOf = async (id: string): Promise<Counts> => {
  const { body } = await server.admin<{ totals: Counts[] }>('GET', `/admin/offers/${id}/totals`);
  const [counts] = body.totals;
  if (!counts) throw new Error(`${id} has no totals`);
  return counts;
};

test('a budget under load and kills: never one too many, and none lost at the end', async () => {
  const budget = often(20, 200);
  const id = fresh('budget');
  await put(id, { budget: { pieces: budget, holdFor: 'PT1H' } });
  const customers = Array.from({ length: budget * 3 }, () => fresh('claimant'));
  const ordered = new Set<string>();
  /** Asks, and half of those who get it order it; a call that was cut off is made again with the same message. */
  const visit = async (userId: string, orders: boolean, isUp: () => Promise<void>): Promise<void> => {
    const ask = async (): Promise<Item | null> => {
      for (;;) {
        const answer = await look(userId, id);
        if (answer?.status === 200 && !answer.text.includes('"degraded":true'))
          return answer.body.decisions[id]?.[0] ?? null;
        await isUp();
      }
    };
    const item = await ask();
    if (!item || !orders) return;
    const event = track({ userId }, 'Order Completed', { order_id: userId, total: 9, decision_id: item.decisionId });
    for (;;) {
      const answer = await server.site<Ingested>('/v1/events', { events: [event] }).catch(() => null);
      if (answer?.status === 200) break;
      await isUp();
    }
    ordered.add(userId);
  };

  let restarting: Promise<void> = Promise.resolve();
  const kills = Array.from({ length: often(1, 5) }, (_, part) =>
    Math.floor((customers.length * (part + 1)) / often(2, 6)),
  );
  let visited = 0;
  const queue = customers.entries();
  const worker = async (): Promise<void> => {
    for (const [index, userId] of queue) {
      await visit(userId, index % 2 === 0, () => restarting);
      if (kills.includes(++visited)) {
        restarting = server.restart();
        await restarting;
      }
    }
  };
  await Promise.all(Array.from({ length: 12 }, worker));
  await server.advance('PT10M');
  const during = await countsOf(id);
  expect(during.confirmed).toBe(ordered.size);
  expect(during.confirmed + during.reserved).toBeLessThanOrEqual(budget);
  expect(ordered.size).toBeGreaterThan(0);

  // What nobody redeemed is released, and goes to who comes then.
  await server.advance('P1D');
  for (const userId of customers) if (!ordered.has(userId)) await visit(userId, true, () => restarting);
  await server.advance('PT10M');
  expect(ordered.size).toBe(budget);
  expect(await countsOf(id)).toMatchObject({ most: budget, free: 0, reserved: 0, confirmed: budget });
  expect(await shown(fresh('late'), id)).toBeNull();
});

test('codes: brought in or made, each customer a code of their own', async () => {
  const [id, pool] = [fresh('coded'), fresh('pool')];
  await put(id, { codes: { pool } });
  expectProblem(await server.admin<Problem>('GET', `/admin/pools/${pool}`), 404);
  const brought = await server.admin('POST', `/admin/pools/${pool}/codes`, { codes: ['ONE', 'TWO', 'ONE'] });
  expect([brought.status, brought.body]).toEqual([201, { id: pool, added: 2, duplicates: 1, codes: 2 }]);
  const made = await server.admin('POST', `/admin/pools/${pool}/codes`, { generate: { count: 3, prefix: 'WG-' } });
  expect([made.status, made.body]).toEqual([201, { id: pool, added: 3, duplicates: 0, codes: 5 }]);

  const codes: string[] = [];
  for (let more = 0; more < 5; more++) codes.push((await shown(fresh('coder'), id))?.fields.code ?? '');
  expect(new Set(codes).size).toBe(5);
  expect(codes.filter((code) => code === 'ONE' || code === 'TWO').length).toBe(2);
  expect(codes.filter((code) => /^WG-([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/.test(code)).length).toBe(3);
  expect(await shown(fresh('last'), id)).toBeNull();
  expect((await server.admin('GET', `/admin/pools/${pool}`)).body).toEqual({
    ...{ id: pool, most: 5, free: 0, reserved: 5, confirmed: 0 },
  });
});

test('what cannot be is refused with its place', async () => {
  const refused = async (members: object) => {
    const document = {
      ...{ placements: ['x'], stages: [], benefit: { kind: 'percent' }, locales: { en: { title: 'x' } } },
      ...members,
    };
    const { findings } = expectProblem(await server.admin<Problem>('PUT', '/admin/offers/refused', document), 422);
    return (findings ?? []).map(({ code, pointer }) => [code, pointer]);
  };
  const all = { event: 'click', scope: 'all', most: 9 };
  expect(await refused({ budget: { money: 100 } })).toEqual([['budget-hold', '/budget/money']]);
  expect(await refused({ budget: { money: 5, hold: 10 } })).toEqual([['budget-hold', '/budget/money']]);
  expect(await refused({ caps: [all, { ...all, most: 8 }] })).toEqual([['cap-twice', '/caps/1']]);
  expect(await refused({ caps: [{ ...all, within: 'P1D' }] })).toEqual([['schema', '/caps/0/within']]);
  expect(await refused({ caps: [{ event: 'click', most: 51 }] })).toEqual([['schema', '/caps/0/most']]);
  expect(await refused({ budget: {} })).toEqual([['schema', '/budget']]);
  const codes = (body: object) => server.admin<Problem>('POST', '/admin/pools/p/codes', body);
  expectProblem(await codes({}), 400);
  expectProblem(await codes({ codes: ['has space'] }), 400);
  expectProblem(await server.admin<Problem>('POST', '/admin/pools/Not%20An%20Id/codes', { codes: ['a'] }), 404);
});
