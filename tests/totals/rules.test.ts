// The rules of a pot, one by one, and a million claims against them (U).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { freeOf, move, NEW_ROOT, withLimit } from '../../workers/totals/root.ts';
import {
  begin,
  type Claim,
  confirm,
  end,
  GRACE_MS,
  giveBack,
  heldBy,
  isOver,
  NEW_SHARD,
  release,
  reserve,
  type ShardState,
} from '../../workers/totals/shard.ts';
import { often } from '../prove.ts';
import { openModel } from './model.ts';

const having = (free: number): ShardState => ({ ...NEW_SHARD, free });

describe('a claim', () => {
  it('U1 is granted only from what is free', () => {
    expect(reserve(having(2), null, 3, 0)).toBeNull();
    expect(reserve(having(3), null, 3, 9)).toEqual({
      shard: { ...having(0), reserved: 3 },
      claim: { state: 'reserved', amount: 3, until: 9, returned: 0 },
    });
  });

  it('U2 granted, confirmed, released or returned twice is so once', () => {
    const once = reserve(having(5), null, 2, 9);
    if (!once) throw new Error('not granted');
    expect(reserve(once.shard, once.claim, 2, 99)).toEqual(once);
    const final = confirm(once.shard, once.claim, 2);
    expect(final?.shard).toEqual({ ...having(3), confirmed: 2 });
    expect(confirm(once.shard, final?.claim ?? null, 2)).toBeNull();
    expect(release(once.shard, final?.claim ?? null)).toBeNull();
    const gone = release(having(5), null);
    expect([gone?.shard, gone && reserve(gone.shard, gone.claim, 2, 9)]).toEqual([having(5), null]);
    const back = final && giveBack(final.shard, final.claim, 1);
    expect(back?.shard).toEqual({ ...having(4), confirmed: 1 });
    expect(back && giveBack(back.shard, back.claim, 1)).toBeNull();
  });

  it('U3 is over an hour after its end, a confirmed one never', () => {
    const claim: Claim = { state: 'reserved', amount: 1, until: 1_000, returned: 0 };
    expect([isOver(claim, 999 + GRACE_MS), isOver(claim, 1_000 + GRACE_MS)]).toEqual([false, true]);
    expect(isOver({ ...claim, state: 'confirmed' }, Infinity)).toBe(false);
  });

  it('U4 is confirmed with what was really spent, and too late as well', () => {
    const held: Claim = { state: 'reserved', amount: 10, until: 0, returned: 0 };
    const shard = { ...having(1), reserved: 10 };
    expect(confirm(shard, held, 4)?.shard).toEqual({ ...having(7), confirmed: 4 });
    expect(confirm(shard, held, 13)?.shard).toEqual({ ...having(-2), confirmed: 13 });
    expect(confirm(having(1), { ...held, state: 'released' }, 3)?.shard).toEqual({ ...having(-2), confirmed: 3 });
    expect(confirm(having(1), null, 3)?.claim.state).toBe('confirmed');
  });

  it('U5 is returned in all, not by the piece, and never more than was spent', () => {
    const spent: Claim = { state: 'confirmed', amount: 10, until: 0, returned: 4 };
    const shard = { ...having(0), confirmed: 6 };
    expect(giveBack(shard, spent, 4)).toBeNull();
    expect(giveBack(shard, spent, 3)).toBeNull();
    expect(giveBack(shard, spent, 99)).toEqual({
      shard: { ...having(6), confirmed: 0 },
      claim: { ...spent, returned: 10 },
    });
  });
});

describe('a lease', () => {
  const root = withLimit(NEW_ROOT, 100, 1);

  it('U7 is answered once by its number, and the same again; an echo of an old one is no movement', () => {
    const first = move(root, { shard: '0', seq: 1, want: 3 }, 2);
    expect([first?.moved, freeOf(first?.root ?? root)]).toEqual([25, 75]);
    expect(move(first?.root ?? root, { shard: '0', seq: 1, want: 3 }, 2)).toEqual(first);
    const second = move(first?.root ?? root, { shard: '0', seq: 2, want: -5 }, 2);
    expect([second?.moved, freeOf(second?.root ?? root)]).toEqual([-5, 80]);
    expect(move(second?.root ?? root, { shard: '0', seq: 1, want: 3 }, 2)).toBeNull();
    expect(move(root, { shard: '0', seq: 2, want: 3 }, 2)).toBeNull();
  });

  it('U7 at the shard one movement is under way, and its answer counts once', () => {
    const asked = begin(having(0), 4);
    expect(asked && begin(asked, 1)).toBeNull();
    const got = asked && end(asked, 1, 9);
    expect(got).toEqual({ ...having(9), seq: 1 });
    expect(got && end(got, 1, 9)).toEqual(got);
    const given = got && begin(got, -9);
    expect([given?.free, given && heldBy(end(given, 2, -9))]).toEqual([0, 0]);
  });

  it('U8 is what is asked for or a share, never more than there is', () => {
    const of = (want: number, shards: number) => move(root, { shard: '0', seq: 1, want }, shards)?.moved;
    expect([of(1, 16), of(40, 16), of(1_000, 16), of(1, 1)]).toEqual([4, 40, 100, 50]);
    const empty = { ...root, shards: { 1: { seq: 1, moved: 100, net: 100 } } };
    expect(move(empty, { shard: '0', seq: 1, want: 1 }, 16)?.moved).toBe(0);
  });

  it('U10 the newest limit holds, and one that was lowered leases nothing', () => {
    const leased = { ...root, shards: { 0: { seq: 1, moved: 60, net: 60 } } };
    expect(withLimit(leased, 50, 1)).toBe(leased);
    const lowered = withLimit(leased, 50, 2);
    expect([freeOf(lowered), move(lowered, { shard: '1', seq: 1, want: 1 }, 2)?.moved]).toEqual([-10, 0]);
  });
});

/** All claims, then as many more as it takes for what was given back to be given again. */
function exhaust(plan: Parameters<typeof openModel>[0], everySteps: number): ReturnType<typeof openModel> {
  const model = openModel(plan);
  for (let tried = 0; tried < plan.claims; tried++) {
    const luck = model.draw(100);
    model.claim(luck < 55 ? 'confirm' : luck < 70 ? 'release' : luck < 85 ? 'forget' : 'return');
    model.deliver(model.draw(4));
    if (luck === 99) model.revive(model.draw(plan.shards));
    if (tried % everySteps === 0) {
      model.expire(GRACE_MS / 3);
      expect(model.faults()).toEqual([]);
    }
  }
  for (let more = 0; model.confirmed() < plan.most && more < plan.most * 50 + 10_000; more++) {
    model.claim('confirm');
    model.deliver(3);
    if (more % 100 === 0) model.expire(GRACE_MS);
    if (more % 7 === 0) model.revive(model.draw(plan.shards));
  }
  return model;
}

it('U1 U9 under repeats, losses, disorder and deaths never one too many is given, and none is lost at the end', {
  timeout: 900_000,
}, () => {
  const plan = { customers: 10_000, shards: 16, seed: 7 };
  const model = exhaust({ ...plan, most: often(2_000, 100_000), claims: often(20_000, 1_000_000) }, often(200, 20_000));
  expect([model.faults(), model.confirmed()]).toEqual([[], often(2_000, 100_000)]);
  expect(model.tally.refused).toBeGreaterThan(100);
  expect(model.tally.died).toBeGreaterThan(100);
});

it('U1 U9 whatever the number of shards and the limit', { timeout: 600_000 }, () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 5 }), (seed, most, shards) => {
      const model = exhaust({ seed, most, shards, customers: 50, claims: most * 4 }, 5);
      expect([model.faults(), model.confirmed()]).toEqual([[], most]);
    }),
    { numRuns: often(100, 5_000), seed: 11 },
  );
});
