// workers/identity/SPEC.md, GM1 to GM6, with the real objects: random graphs of merges, calls at the same time, objects
// thrown out of memory between them. The protocol itself, in every order: tests/identity/merge-graphs.test.ts.

import { expect, it } from 'vitest';
import { often } from '../prove.ts';
import { eventNames, prepareMerging } from './merging.ts';
import { describeOf, dump, eventOf, evict, fireAlarm, freshName, HOUR, ingest, passTime } from './object.ts';

prepareMerging();

/** Mulberry32: the same seed, the same graph. */
function drawing(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

const ROUNDS_MAX = 30;

it.each(Array.from({ length: often(6, 40) }, (_, n) => n + 1))(
  'GM1 GM5 GM6 random graph %d ends with every event once, and one hop to it',
  async (seed) => {
    const draw = drawing(seed);
    const users = Array.from({ length: 4 }, () => freshName());
    const all = [...users, ...Array.from({ length: 3 }, () => freshName('a'))];
    const one = (ids: readonly string[]): string => ids[draw(ids.length)] ?? '';
    const events = Array.from({ length: 14 }, (_, n) => {
      const merges = draw(2) === 0 ? one(all) : null;
      return { to: one(merges === null ? all : users), event: { ...eventOf(`e${n}`), merges } };
    });
    let open = events.map((each) => ({ ...each, taken: false }));
    for (let round = 0; round < ROUNDS_MAX && open.length > 0; round++) {
      // Some at the same time, each repeated until it is taken.
      const now = open.slice(0, 1 + draw(4));
      await Promise.all(
        now.map(async (each) => {
          each.taken = await ingest(each.to, [each.event]).then(
            () => true,
            () => false,
          );
        }),
      );
      open = open.filter(({ taken }) => !taken);
      await evict(one(all));
      passTime(HOUR);
      await fireAlarm(one(all));
    }
    expect(open).toEqual([]);
    for (let round = 0; round < 4; round++) {
      passTime(HOUR);
      for (const id of all) await fireAlarm(id);
    }
    const heads = new Map<string, string>();
    for (const { to } of events) heads.set(to, (await describeOf(to)).id);
    for (const [id, head] of heads)
      expect((await dump(id))['customer']).toMatchObject([{ moved_to: id === head ? null : head }]);
    const roots = [...new Set(heads.values())];
    const held = (await Promise.all(roots.map(eventNames))).flat();
    expect(held.toSorted()).toEqual(events.map(({ event }) => event.name).toSorted());
    for (const root of roots) expect((await describeOf(root)).id).toBe(root);
  },
);
