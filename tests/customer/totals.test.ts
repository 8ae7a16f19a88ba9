// Totals as objects: caps in all, budgets and codes, claimed by many customers at once, through evictions and lost answers;
// what orders, refunds and merges make of them.

import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import type { ClaimRequest, Overview, TotalsNamespace, TotalsObject } from '../../workers/totals/messages.ts';
import { often } from '../prove.ts';
import { known } from './merging.ts';
import {
  catalogVersion,
  DAY,
  describeOf,
  eventOf,
  evict,
  fireAlarm,
  freshName,
  HOUR,
  ingest,
  objectOf,
  passTime,
  prepare,
  publishDrafts,
  send,
} from './object.ts';

// The platform's type of a stub does not know the class.
const totals = env.TOTALS as unknown as TotalsNamespace;

const offer = (id: string, members: JsonObject) => ({
  kind: 'offer' as const,
  id,
  document: {
    ...{ id, stages: [], benefit: { kind: 'gift' }, locales: { en: { title: id } }, placements: [id] },
    ...members,
  },
});

const LIMIT = often(30, 300);

beforeAll(async () => {
  await prepare([]);
  await publishDrafts([
    offer('few', { budget: { pieces: LIMIT }, fallback: 'rest' }),
    offer('rest', { placements: ['nowhere'] }),
    offer('thrice', { caps: [{ event: 'decision', scope: 'all', most: 3 }] }),
    offer('daily', { caps: [{ event: 'decision', scope: 'all', most: 1, within: { calendar: 'day' } }] }),
    offer('lost', { budget: { pieces: 1, holdFor: 'PT2H' } }),
    offer('money', { benefit: { kind: 'amount', value: 10, currency: 'EUR' }, budget: { money: 25 } }),
    offer('coded', { codes: { pool: 'spring' } }),
    offer('pair', { budget: { pieces: 1 }, codes: { pool: 'none' } }),
    offer('moved', { budget: { pieces: 2 } }),
  ]);
});

interface Chosen {
  readonly id: string;
  readonly decisionId: string;
  readonly fields: JsonObject;
}

async function shown(id: string, placement: string): Promise<Chosen | null> {
  const reply = await objectOf(id).decide({
    customerId: id,
    catalogVersion: catalogVersion(),
    proven: true,
    decide: { placements: [placement], context: {}, locales: ['en'] },
  });
  if (reply.kind !== 'done') throw new Error(JSON.stringify(reply));
  return (reply.decisions[placement]?.[0] as Chosen | undefined) ?? null;
}

const must = async (id: string, placement: string): Promise<Chosen> => {
  const chosen = await shown(id, placement);
  if (!chosen) throw new Error(`${placement} shows nothing`);
  return chosen;
};

const of = async (pot: string): Promise<Omit<Overview, 'shards'>> => {
  const { shards: _, ...counts } = await totals.getByName(pot).overview();
  return counts;
};

/** What was told by the outbox arrives. */
async function settle(id: string): Promise<void> {
  for (let rounds = 0; rounds < 10 && (await describeOf(id)).effectsPending > 0; rounds++) {
    passTime(20_000);
    await fireAlarm(id);
  }
}

const order = (id: string, properties: JsonObject): Promise<unknown> => send(id, 'Order Completed', { properties });

describe('a budget of pieces', () => {
  it('U1 B1 is claimed by many at once and never one too many; who comes too late sees the fallback', async () => {
    const ids = Array.from({ length: LIMIT * 3 }, () => freshName());
    const chosen = await Promise.all(ids.map((id) => shown(id, 'few')));
    const winners = ids.filter((_, index) => chosen[index]?.id === 'few');
    expect(winners.length).toBe(LIMIT);
    expect(chosen.filter((one) => one?.id === 'rest').length).toBe(LIMIT * 2);
    expect(await of('offer:few:pieces')).toEqual({ most: LIMIT, free: 0, reserved: LIMIT, confirmed: 0 });

    await evict(winners[0] ?? '');
    const [again] = await Promise.all([shown(winners[0] ?? '', 'few'), shown(winners[0] ?? '', 'few')]);
    expect(again?.id).toBe('few');
    for (const id of winners.slice(0, 5)) {
      const { decisionId } = await must(id, 'few');
      await order(id, { order_id: id, total: 50, decision_id: decisionId });
      await settle(id);
    }
    expect(await of('offer:few:pieces')).toEqual({ most: LIMIT, free: 0, reserved: LIMIT - 5, confirmed: 5 });
  });

  it('U3 B2 what is not redeemed is released after its time and an hour, and given to the next', async () => {
    const [first, second] = [freshName(), freshName()];
    const { decisionId } = await must(first, 'lost');
    expect(await shown(second, 'lost')).toBeNull();
    passTime(2 * HOUR + 1);
    expect(await shown(second, 'lost')).toBeNull();
    passTime(HOUR);
    expect((await must(second, 'lost')).id).toBe('lost');
    expect(await shown(first, 'lost')).toBeNull();
    // U4: what the first spent late was spent, and is missing from now on.
    await order(first, { order_id: 'late', decision_id: decisionId });
    await settle(first);
    expect(await of('offer:lost:pieces')).toEqual({ most: 1, free: -1, reserved: 1, confirmed: 1 });
  });

  it('B1 what was granted of one pot is released when another has nothing', async () => {
    const id = freshName();
    expect(await shown(id, 'pair')).toBeNull();
    await settle(id);
    expect(await of('offer:pair:pieces')).toEqual({ most: 1, free: 1, reserved: 0, confirmed: 0 });
  });
});

describe('caps in all', () => {
  it('B2 each decision takes one, also of one customer at once', async () => {
    const id = freshName();
    const chosen = await Promise.all([1, 2, 3, 4, 5].map(() => shown(id, 'thrice')));
    expect(chosen.filter(Boolean).length).toBe(3);
    await settle(id);
    expect(await of('offer:thrice:decision::')).toEqual({ most: 3, free: 0, reserved: 0, confirmed: 3 });
  });

  it('B1 with a calendar every day has its own', async () => {
    const [first, second] = [freshName(), freshName()];
    expect(await shown(first, 'daily')).not.toBeNull();
    expect(await shown(second, 'daily')).toBeNull();
    passTime(DAY);
    expect(await shown(second, 'daily')).not.toBeNull();
  });

  it('B3 a visitor nobody knows of, without an object to claim, sees none', async () => {
    const { defaultDecisions } = await import('../../workers/customer/answer.ts');
    const { freshCatalog, refresh } = await import('../../workers/catalog/cache.ts');
    const catalog = freshCatalog() ?? (await refresh(env.DB));
    const request = { placements: ['few', 'thrice'], context: {}, locales: ['en'] };
    expect(defaultDecisions(catalog, request, Date.now())).toMatchObject({ few: [{ id: 'rest' }], thrice: [] });
  });
});

describe('a budget in money', () => {
  it('U4 U5 B4 B5 what was really spent is confirmed, and a return gives back in proportion', async () => {
    const [first, second, third] = [freshName(), freshName(), freshName()];
    const { decisionId } = await must(first, 'money');
    expect((await must(second, 'money')).id).toBe('money');
    expect(await shown(third, 'money')).toBeNull();
    expect(await of('offer:money:money')).toEqual({ most: 2_500, free: 500, reserved: 2_000, confirmed: 0 });

    await order(first, { order_id: 'o1', total: 80, discount: 4.5, decision_id: decisionId });
    await settle(first);
    expect(await of('offer:money:money')).toEqual({ most: 2_500, free: 1_050, reserved: 1_000, confirmed: 450 });
    passTime(1_000);
    expect((await must(third, 'money')).id).toBe('money');

    for (const [total, confirmed] of [
      [20, 338],
      [20, 225],
      [500, 0],
    ] as const) {
      await send(first, 'Order Refunded', { properties: { order_id: 'o1', total } });
      await settle(first);
      expect((await of('offer:money:money')).confirmed).toBe(confirmed);
    }
  });
});

describe('codes', () => {
  it('U6 B2 B4 B5 each customer has one, keeps it, redeems it by name, and after a return it is free again', async () => {
    const pool = totals.getByName('pool:spring');
    expect(await pool.addCodes(['A-1', 'A-2', 'A-1'])).toEqual({ added: 2, duplicates: 1, codes: 2 });
    const ids = [freshName(), freshName(), freshName(), freshName()];
    const chosen = await Promise.all(ids.map((id) => shown(id, 'coded')));
    const codes = chosen.flatMap((one) => (one ? [one.fields['code']] : []));
    expect(codes.sort()).toEqual(['A-1', 'A-2']);
    const winner = ids[chosen.findIndex((one) => one?.fields['code'] === 'A-1')] ?? '';
    await evict(winner);
    expect((await must(winner, 'coded')).fields['code']).toBe('A-1');

    await send(winner, 'Coupon Applied', { properties: { coupon_id: 'A-1' } });
    expect(await of('pool:spring')).toEqual({ most: 2, free: 0, reserved: 2, confirmed: 0 });
    await order(winner, { order_id: 'c1', total: 9, coupon: 'A-1' });
    await settle(winner);
    expect(await of('pool:spring')).toEqual({ most: 2, free: 0, reserved: 1, confirmed: 1 });
    await send(winner, 'Order Refunded', { properties: { order_id: 'c1' } });
    await settle(winner);
    passTime(1_000);
    const loser = ids[chosen.indexOf(null)] ?? '';
    expect((await must(loser, 'coded')).fields['code']).toBe('A-1');
  });
});

describe('what may go wrong', () => {
  it('U2 U3 a claim whose answer was lost is given up, and the decision goes on without it', async () => {
    const getByName = env.TOTALS.getByName.bind(env.TOTALS);
    const broken = vi.spyOn(env.TOTALS, 'getByName').mockImplementation(((name: string) => {
      const object = getByName(name) as unknown as TotalsObject;
      if (!name.includes('#')) return object;
      return {
        claim: async (request: ClaimRequest) => {
          await object.claim(request);
          throw new Error('the answer is lost');
        },
      };
    }) as never);
    const id = freshName();
    expect(await shown(id, 'moved')).toBeNull();
    broken.mockRestore();
    expect(await of('offer:moved:pieces')).toEqual({ most: 2, free: 1, reserved: 1, confirmed: 0 });
    await settle(id);
    expect(await of('offer:moved:pieces')).toEqual({ most: 2, free: 2, reserved: 0, confirmed: 0 });
  });

  it('B6 in a merge the known customer’s claim stays and the visitor’s is released', async () => {
    const [visitor, customer] = [freshName('a'), freshName()];
    const [own, other] = [await must(customer, 'moved'), await must(visitor, 'moved')];
    await ingest(customer, [known(visitor)]);
    await settle(customer);
    expect(await of('offer:moved:pieces')).toEqual({ most: 2, free: 1, reserved: 1, confirmed: 0 });
    await order(customer, { order_id: 'm', decision_id: other.decisionId });
    await order(customer, { order_id: 'm', decision_id: own.decisionId });
    await settle(customer);
    expect(await of('offer:moved:pieces')).toEqual({ most: 2, free: 1, reserved: 0, confirmed: 1 });
  });

  it('B6 imported events confirm nothing', async () => {
    const id = freshName();
    const { decisionId } = await must(id, 'moved');
    const before = await of('offer:moved:pieces');
    await objectOf(id).importEvents(catalogVersion(), [
      eventOf('Order Completed', { properties: { order_id: 'i', decision_id: decisionId }, at: Date.now() }),
    ]);
    expect(await of('offer:moved:pieces')).toEqual(before);
  });
});
