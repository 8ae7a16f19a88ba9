// workers/identity/SPEC.md, group GM: any graph of merges, in any order, with calls late, lost and repeated, ends with every
// event once, with the customer it belongs to.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { often } from '../prove.ts';
import { eventOf, makeNetwork, type Network } from './network.ts';

type Op =
  | { readonly kind: 'event'; readonly id: string }
  | { readonly kind: 'identify'; readonly user: string; readonly visitor: string }
  | { readonly kind: 'alias'; readonly user: string; readonly previous: string };

const user = fc.integer({ min: 1, max: 5 }).map((n) => `u:${n}`);
const visitor = fc.integer({ min: 1, max: 4 }).map((n) => `a:v${n}`);
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 3, arbitrary: fc.oneof(user, visitor).map((id): Op => ({ kind: 'event', id })) },
  { weight: 2, arbitrary: fc.record({ user, visitor }).map((ids): Op => ({ kind: 'identify', ...ids })) },
  { weight: 2, arbitrary: fc.record({ user, previous: user }).map((ids): Op => ({ kind: 'alias', ...ids })) },
);
const graph = fc.array(op, { minLength: 2, maxLength: 14 });

/** Sends what an operation stands for, again and again until it is taken. */
function begin(network: Network, each: Op, n: number, finished: () => void): void {
  const event = `e${n}`;
  const to = each.kind === 'event' ? each.id : each.user;
  const merges = each.kind === 'event' ? [] : [each.kind === 'identify' ? each.visitor : each.previous];
  const send = (): void =>
    network.send(to, { method: 'ingest', events: [event], merges, via: null }, (answer) => {
      if (answer?.kind === 'done') finished();
      else send();
    });
  send();
}

const STEPS_MAX = 50_000;

/** Lets everything under way come to an end, alarms included. */
function quiesce(network: Network, draw: (below: number) => number): void {
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    if (network.step(draw)) continue;
    const waking = network.waking();
    if (waking.length === 0) return;
    for (const id of waking) network.send(id, { method: 'wake' }, () => undefined);
  }
  throw new Error('it never comes to rest');
}

const rootOf = (network: Network, id: string): string => network.nodes.get(id)?.movedTo ?? id;

/** Who is one with whom, as the operations say: the naive way. */
function componentsOf(ops: readonly Op[]): (id: string) => string {
  const named = new Map<string, string>();
  const nameOf = (id: string): string => named.get(id) ?? id;
  for (const each of ops) {
    if (each.kind !== 'alias') continue;
    const [from, to] = [nameOf(each.previous), nameOf(each.user)];
    for (const [id, name] of [...named, [each.previous, from] as const, [each.user, to] as const])
      if (name === from || name === to) named.set(id, to);
  }
  return nameOf;
}

function expectWhole(network: Network, events: number): void {
  for (const { id, movedTo } of network.nodes.values())
    if (movedTo !== null) expect(network.nodes.get(movedTo)?.movedTo ?? null, `${id} > ${movedTo}`).toBeNull();
  const held = [...network.nodes.values()].flatMap(({ movedTo, entries }) => (movedTo === null ? entries : []));
  expect(held.map(eventOf).toSorted()).toEqual(Array.from({ length: events }, (_, n) => `e${n}`).toSorted());
}

/** The reference: a list of who holds which event, and who forwards to whom. No pages, no calls. */
function reference(ops: readonly Op[]): Map<string, string> {
  const owner = new Map<string, string>();
  const holder = new Map<string, string>();
  const known = new Set<string>();
  const find = (id: string): string => {
    const next = owner.get(id);
    return next === undefined ? id : find(next);
  };
  const move = (from: string, to: string): void => {
    for (const [event, id] of holder) if (id === from) holder.set(event, to);
    owner.set(from, to);
  };
  ops.forEach((each, n) => {
    const to = find(each.kind === 'event' ? each.id : each.user);
    if (each.kind === 'alias' && find(each.previous) !== to && known.has(find(each.previous)))
      move(find(each.previous), to);
    if (each.kind === 'identify' && known.has(each.visitor)) {
      if (!owner.has(each.visitor)) move(each.visitor, to);
      else owner.set(each.visitor, to);
    }
    known.add(to);
    holder.set(`e${n}`, to);
  });
  return holder;
}

describe('graphs of merges, one call after the other', () => {
  it('GM1 GM3 GM4 every event is with whom a naive reference has it', () => {
    fc.assert(
      fc.property(graph, (ops) => {
        const network = makeNetwork();
        ops.forEach((each, n) => {
          begin(network, each, n, () => undefined);
          quiesce(network, () => 0);
        });
        expectWhole(network, ops.length);
        const holder = reference(ops);
        for (const { movedTo, entries, id } of network.nodes.values())
          if (movedTo === null)
            for (const event of entries.map(eventOf)) expect([event, holder.get(event)]).toEqual([event, id]);
      }),
      { numRuns: often(500, 5_000) },
    );
  });
});

describe('graphs of merges, all at once', () => {
  it('GM5 GM6 late, lost and repeated calls, and objects that crash, lose nothing, double nothing, and form no circle', () => {
    let moved = 0;
    let crashes = 0;
    fc.assert(
      fc.property(graph, fc.infiniteStream(fc.nat()), (ops, stream) => {
        const network = makeNetwork();
        const draw = (below: number): number => Number(stream.next().value) % below;
        let open = ops.length;
        for (const [n, each] of ops.entries()) {
          begin(network, each, n, () => {
            open--;
          });
          for (let steps = draw(12); steps > 0; steps--) network.step(draw);
          const ids = [...network.nodes.keys()];
          if (draw(3) === 0 && ids.length > 0) {
            network.crash(ids[draw(ids.length)] ?? '');
            crashes++;
          }
        }
        quiesce(network, draw);
        expect(open).toBe(0);
        expectWhole(network, ops.length);
        const nameOf = componentsOf(ops);
        // Two users are one exactly where somebody said so.
        const users = [...network.nodes.keys()].filter((id) => id.startsWith('u:'));
        const said = new Map<string, string>();
        for (const id of users) {
          const root = rootOf(network, id);
          expect(said.get(root) ?? nameOf(id)).toBe(nameOf(id));
          said.set(root, nameOf(id));
        }
        moved += network.steps();
      }),
      { numRuns: often(500, 5_000) },
    );
    expect(moved).toBeGreaterThan(100);
    expect(crashes).toBeGreaterThan(100);
  });
});
