// SPEC.md of workers/experiments, where it meets rows: arms in the customer's object, outcomes, the way into D1 and back.

import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { refresh } from '../../workers/catalog/cache.ts';
import { readCells, readSnapshot } from '../../workers/catalog/snapshots.ts';
import type { Projection } from '../../workers/customer/messages.ts';
import type { Exposure } from '../../workers/experiments/exposure.ts';
import { dayOf } from '../../workers/experiments/tally.ts';
import { known, letForget } from './merging.ts';
import {
  DAY,
  d1,
  decide,
  deliver,
  eventOf,
  evict,
  forgetSent,
  freshName,
  holdQueue,
  ingest,
  inside,
  moves,
  passTime,
  prepare,
  publishDrafts,
  rowsOf,
  SECOND,
  send,
  sent,
  timelineOf,
} from './object.ts';

const offers = ['offer-a', 'offer-b', 'always'];
const offerDocument = (id: string, index: number): JsonObject => ({
  ...{ id, placements: ['hero'], stages: [], priority: 10 - index, benefit: { kind: 'gift' } },
  locales: { en: { title: id } },
});

const experimentOf = (id: string, more: JsonObject = {}): JsonObject => ({
  id,
  level: 'offer',
  arms: [
    { id: 'a', offers: ['offer-a'] },
    { id: 'b', offers: ['offer-b'] },
  ],
  goal: { event: 'Order Completed', within: 'P7D', if: 'event.properties.revenue > 10' },
  ...more,
});

const put = (document: JsonObject): Promise<void> =>
  publishDrafts([{ kind: 'experiment', id: String(document['id']), document }]);
const remove = (id: string): Promise<void> => publishDrafts([{ kind: 'experiment', id, document: null }]);

beforeAll(async () => {
  await prepare([
    {
      id: 'shop',
      entry: [{ event: 'page' }],
      initial: 'new',
      stages: { new: { on: [{ event: 'Order Completed', to: 'buyer' }] }, buyer: {} },
    },
  ]);
  await publishDrafts(offers.map((id, index) => ({ kind: 'offer', id, document: offerDocument(id, index) })));
});
beforeEach(forgetSent);
afterEach(() => {
  vi.restoreAllMocks();
  holdQueue();
});

const shownTo = async (id: string): Promise<string | undefined> =>
  (await decide(id, ['hero'])).decisions['hero']?.[0]?.id;
const recordsOf = async (id: string): Promise<Exposure[]> =>
  (await rowsOf(id, "SELECT body FROM parts WHERE name LIKE 'exposure:%' ORDER BY name")).map((row) =>
    JSON.parse(String(row['body'])),
  );
const counted = async (experiment: string): Promise<{ exposures: number; conversions: number }> => {
  const cells = await readCells(env.DB, experiment);
  return {
    exposures: cells.reduce((sum, cell) => sum + cell.exposures, 0),
    conversions: cells.reduce((sum, cell) => sum + cell.conversions, 0),
  };
};
const order = (revenue: number, at = Date.now()) => eventOf('Order Completed', { properties: { revenue }, at });

/** Customers who have seen the page, until one of them has this arm. */
async function customerWith(arm: string): Promise<string> {
  for (let tries = 0; tries < 40; tries++) {
    const id = freshName();
    await send(id, 'page');
    await shownTo(id);
    if ((await recordsOf(id)).at(-1)?.arm === arm) return id;
  }
  throw new Error(`nobody has the arm ${arm}`);
}

describe('in the object', () => {
  it('X2 X3 X4 the first decision that a tested offer would win exposes, shows the arm, and is in the timeline', async () => {
    await put(experimentOf('first'));
    const [inA, inB] = [await customerWith('a'), await customerWith('b')];
    expect([await shownTo(inA), await shownTo(inB)]).toEqual(['offer-a', 'offer-b']);
    const [record] = await recordsOf(inB);
    expect(record).toMatchObject({
      ...{ experiment: 'first', arm: 'b', version: 1, shares: { a: 0.5, b: 0.5 }, snapshot: 0, convertedAt: null },
      until: (record?.at ?? 0) + 7 * DAY,
    });
    const lines = (await timelineOf(inB)).filter(({ kind }) => kind === 'exposure');
    expect(lines.map(({ body }) => body)).toEqual([expect.objectContaining({ experiment: 'first', arm: 'b' })]);
    await remove('first');
    expect([await shownTo(inB)]).toEqual(['offer-a']);
  });

  it('X2 the arm stays through eviction, other weights, another salt and a holdout of nearly all', async () => {
    await put(experimentOf('sticky'));
    const ids = [await customerWith('a'), await customerWith('b')];
    const arms = [
      { id: 'a', offers: ['offer-a'], weight: 1 },
      { id: 'b', offers: ['offer-b'], weight: 1_000_000 },
    ];
    for (const more of [
      { arms },
      { arms: [...arms].reverse(), salt: 'other' },
      { holdout: 0.99 },
      { audience: 'false' },
    ]) {
      await put(experimentOf('sticky', more));
      for (const id of ids) await evict(id);
      expect(await Promise.all(ids.map(shownTo))).toEqual(['offer-a', 'offer-b']);
    }
    for (const id of ids) expect(await recordsOf(id)).toHaveLength(1);
    await remove('sticky');
  });

  it('X5 X12 who is held out sees what is left; a known customer without proof is nobody and not exposed', async () => {
    await put(experimentOf('held', { holdout: 0.5 }));
    const id = await customerWith('holdout');
    expect(await shownTo(id)).toBe('always');
    const other = freshName();
    await send(other, 'page');
    const asked = { placements: ['hero'], context: {}, locales: ['en'] };
    const { decisions } = await ingest(other, [eventOf('page')], { proven: false, decide: asked });
    expect(decisions?.['hero']?.[0]?.id).toBe('offer-a');
    expect(await recordsOf(other)).toEqual([]);
    await remove('held');
  });

  it('X10 an order in the window whose condition holds is the outcome, once; what comes before or after is none', async () => {
    await put(experimentOf('goal'));
    const [early, small, late, good] = [
      await customerWith('a'),
      await customerWith('a'),
      await customerWith('b'),
      await customerWith('b'),
    ];
    const at = Date.now();
    await ingest(early, [order(50, at - DAY)]);
    await ingest(small, [order(5)]);
    passTime(SECOND);
    await ingest(good, [order(50)]);
    passTime(SECOND);
    await ingest(good, [order(70)]);
    passTime(7 * DAY);
    await ingest(late, [order(50)]);
    const convertedAt = async (id: string) => (await recordsOf(id))[0]?.convertedAt;
    expect(await Promise.all([early, small, late].map(convertedAt))).toEqual([null, null, null]);
    expect(await convertedAt(good)).toBe(at + SECOND);
    expect(moves(await timelineOf(good))).toContain('new > buyer');
    await remove('goal');
  });

  it('X9 in a merge the earlier record stays with the outcome of both, and the other is forgotten', async () => {
    await put(experimentOf('merged'));
    const anonymous = freshName('a');
    await send(anonymous, 'page');
    await shownTo(anonymous);
    const [earlier] = await recordsOf(anonymous);
    passTime(SECOND);
    const user = freshName();
    await send(user, 'page');
    await shownTo(user);
    await ingest(user, [order(90)]);
    passTime(SECOND);
    await ingest(user, [known(anonymous)]);
    const [merged, ...more] = await recordsOf(user);
    expect(merged).toEqual({ ...earlier, convertedAt: (earlier?.at ?? 0) + SECOND });
    expect(more).toEqual([]);
    expect(await shownTo(user)).toBe(`offer-${earlier?.arm}`);
    await deliver(sent);
    expect(await counted('merged')).toEqual({ exposures: 1, conversions: 1 });
    await letForget(anonymous);
    expect(await recordsOf(anonymous)).toEqual([]);
    await remove('merged');
  });
});

describe('in the catalog', () => {
  it('there is a limit to experiments, and room again for one that is taken out', async () => {
    const many = Array.from({ length: LIMITS.experimentsMax - 1 }, (_, n) => `many-${n}`);
    await put(experimentOf('at-the-limit'));
    await publishDrafts(many.map((id) => ({ kind: 'experiment', id, document: experimentOf(id) })));
    await expect(put(experimentOf('one-more'))).rejects.toThrow('more than 500 experiments');
    await remove('at-the-limit');
    await put(experimentOf('one-more'));
    await publishDrafts([...many, 'one-more'].map((id) => ({ kind: 'experiment', id, document: null })));
  });
});

describe('rows', () => {
  /** Rows that the object writes meanwhile. */
  async function rowsWritten(id: string, work: () => Promise<unknown>): Promise<number> {
    const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
    const spy = await inside(id, ({ sql }) => {
      const exec = sql.exec.bind(sql);
      return vi.spyOn(sql, 'exec').mockImplementation((query, ...bindings) => {
        const cursor = exec(query, ...bindings);
        cursors.push(cursor);
        return cursor;
      });
    });
    await work();
    spy.mockRestore();
    return cursors.reduce((sum, cursor) => sum + cursor.rowsWritten, 0);
  }

  it('an exposure is two and the customer, an outcome one; a decision that exposes nobody is what it was', async () => {
    await put(experimentOf('rows'));
    const id = freshName();
    await send(id, 'page');
    expect(await rowsWritten(id, () => decide(id, ['hero']))).toBe(4);
    expect(await rowsWritten(id, () => decide(id, ['hero']))).toBe(1);
    await ingest(id, [order(5)]);
    const without = await rowsWritten(id, () => ingest(id, [order(5)]));
    expect(await rowsWritten(id, () => ingest(id, [order(50)]))).toBe(without + 1);
    await remove('rows');
  });
});

describe('into D1 and back', () => {
  it('X10 a customer counts once, however often word of it is repeated and in whatever order', async () => {
    await put(experimentOf('counted'));
    const ids = [await customerWith('a'), await customerWith('b'), await customerWith('b')];
    forgetSent();
    const words: Projection[] = [];
    for (const id of ids) {
      const shown = freshName();
      await send(shown, 'page');
      await shownTo(shown);
      await ingest(shown, [order(20)]);
      expect(id).not.toBe(shown);
    }
    words.push(...sent);
    for (const batch of [words, words.toReversed(), words.slice(-1), words]) {
      await deliver(batch);
      expect(await counted('counted')).toEqual({ exposures: 3, conversions: 3 });
    }
    for (const word of words.toReversed()) await deliver([word]);
    expect(await counted('counted')).toEqual({ exposures: 3, conversions: 3 });
    const days = await d1("SELECT DISTINCT day FROM experiment_cells WHERE experiment = 'counted' AND exposures > 0");
    expect(days).toEqual([{ day: dayOf(Date.now()) }]);
    expect(await d1('SELECT * FROM experiment_cells WHERE exposures < 0 OR conversions < 0')).toEqual([]);
    await remove('counted');
  });

  it('Y2 Y4 Y6 counts teach shares, which come with the catalog and stand with their version in the next exposure', async () => {
    const thompson = { allocation: { thompson: { by: 'stages.shop', minimum: 0.1 } } };
    await put(experimentOf('learning', thompson));
    for (let n = 0; n < 30; n++) {
      const id = freshName();
      await send(id, 'page');
      if ((await shownTo(id)) === 'offer-b') await ingest(id, [order(20)]);
    }
    await deliver(sent);
    const snapshot = await readSnapshot(env.DB, 'learning');
    expect(snapshot).toMatchObject({ exposures: 30, arms: ['a', 'b'] });
    expect(snapshot?.shares['new']?.['b']).toBeGreaterThan(0.8);
    expect((await refresh(env.DB)).snapshots.get('learning')).toEqual(snapshot);
    const next = freshName();
    await send(next, 'page');
    await shownTo(next);
    expect((await recordsOf(next))[0]).toMatchObject({
      context: 'new',
      snapshot: snapshot?.version,
      shares: snapshot?.shares['new'],
    });
    await deliver(sent);
    expect(await readSnapshot(env.DB, 'learning')).toEqual(snapshot);
    await remove('learning');
  });
});
