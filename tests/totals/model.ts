// A pot as it is lived with: customers claim, confirm, release and return through shards and root that are the real rules,
// over a net that delays, repeats and reorders what passes, and loses it; a shard that dies forgets what it waited for.
// Everything is drawn from one seed. What must hold is asked by the test.

import { freeOf, isRepeat, move, NEW_ROOT, type RootState, withLimit } from '../../workers/totals/root.ts';
import {
  begin,
  type Claim,
  confirm,
  end,
  giveBack,
  heldBy,
  isOver,
  NEW_SHARD,
  type Outcome,
  release,
  reserve,
  type ShardState,
} from '../../workers/totals/shard.ts';

export interface Plan {
  readonly seed: number;
  readonly most: number;
  readonly shards: number;
  readonly customers: number;
  /** Claims that are tried. */
  readonly claims: number;
}

interface Shard {
  state: ShardState;
  readonly claims: Map<string, Claim>;
}

type Message =
  | { readonly kind: 'move'; readonly shard: number; readonly seq: number; readonly want: number }
  | { readonly kind: 'moved'; readonly shard: number; readonly seq: number; readonly moved: number }
  | { readonly kind: 'recall'; readonly shard: number }
  | { readonly kind: 'settle'; readonly shard: number; readonly key: string; readonly what: Settling };
type Settling = 'confirm' | 'release' | 'return';

const HOLD_MS = 1_000;

function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export function openModel(plan: Plan) {
  const draw = randomFrom(plan.seed);
  let root: RootState = withLimit(NEW_ROOT, plan.most, 1);
  const shards = Array.from({ length: plan.shards }, (): Shard => ({ state: NEW_SHARD, claims: new Map() }));
  const net: Message[] = [];
  let now = 0;
  let keys = 0;
  const tally = { granted: 0, refused: 0, confirmed: 0, died: 0 };

  const shardAt = (index: number): Shard => {
    const shard = shards[index];
    if (!shard) throw new Error(`no shard ${index}`);
    return shard;
  };

  /** On its way, perhaps twice, perhaps not at all; what must arrive is sent again by whoever waits for it. */
  const post = (message: Message): void => {
    const luck = draw(20);
    if (luck > 0 || message.kind === 'settle') net.push(message);
    if (luck > 17) net.push(message);
  };

  const start = (index: number, want: number): void => {
    const shard = shardAt(index);
    const next = begin(shard.state, want);
    if (!next?.pending) return;
    shard.state = next;
    post({ kind: 'move', shard: index, seq: next.pending.seq, want });
  };

  const keep = (shard: Shard, key: string, outcome: Outcome | null): void => {
    if (!outcome) return;
    shard.state = outcome.shard;
    shard.claims.set(key, outcome.claim);
  };

  const settle = (shard: Shard, key: string, what: Settling): void => {
    const known = shard.claims.get(key) ?? null;
    const before = shard.state.confirmed;
    keep(
      shard,
      key,
      what === 'confirm'
        ? confirm(shard.state, known, 1)
        : what === 'release'
          ? release(shard.state, known)
          : giveBack(shard.state, known, 1),
    );
    tally.confirmed += shard.state.confirmed - before;
  };

  const take = (message: Message): void => {
    const shard = shardAt(message.shard);
    if (message.kind === 'settle') settle(shard, message.key, message.what);
    else if (message.kind === 'recall') {
      if (shard.state.free > 0) start(message.shard, -shard.state.free);
    } else if (message.kind === 'moved') shard.state = end(shard.state, message.seq, message.moved);
    else {
      const request = { shard: String(message.shard), seq: message.seq, want: message.want };
      if (request.want > 0 && !isRepeat(root, request) && freeOf(root) < request.want)
        for (let other = 0; other < plan.shards; other++)
          if (other !== message.shard && (root.shards[other]?.net ?? 0) > 0) post({ kind: 'recall', shard: other });
      const outcome = move(root, request, plan.shards);
      if (!outcome) return;
      root = outcome.root;
      post({ kind: 'moved', shard: message.shard, seq: message.seq, moved: outcome.moved });
    }
  };

  /** One customer tries once; some try a key again that was granted before. */
  const claim = (fate: 'confirm' | 'release' | 'forget' | 'return'): boolean => {
    const index = draw(plan.customers) % plan.shards;
    const shard = shardAt(index);
    const key = `k${keys++}`;
    const outcome = reserve(shard.state, shard.claims.get(key) ?? null, 1, now + HOLD_MS);
    if (!outcome) {
      tally.refused++;
      start(index, 1 - shard.state.free);
      return false;
    }
    keep(shard, key, outcome);
    tally.granted++;
    if (fate !== 'forget')
      post({ kind: 'settle', shard: index, key, what: fate === 'release' ? 'release' : 'confirm' });
    if (fate === 'return') post({ kind: 'settle', shard: index, key, what: 'return' });
    return true;
  };

  /** Something of what is on its way arrives, in any order. */
  const deliver = (count: number): void => {
    for (let done = 0; done < count && net.length > 0; done++) {
      const index = draw(net.length);
      const message = net[index];
      const last = net.pop();
      if (last && index < net.length) net[index] = last;
      if (message) take(message);
    }
  };

  /** Whoever waits for an answer asks again, as after a restart. */
  const revive = (index: number): void => {
    tally.died++;
    const { pending } = shardAt(index).state;
    if (pending) post({ kind: 'move', shard: index, ...pending });
  };

  const expire = (ms: number): void => {
    now += ms;
    // Outboxes have told by then: who confirms later has spent what may be somebody else's (U4).
    const passing = net.splice(0);
    for (const message of passing) if (message.kind === 'settle') take(message);
    net.push(...passing.filter(({ kind }) => kind !== 'settle'));
    for (const shard of shards)
      for (const [key, known] of shard.claims) if (isOver(known, now)) keep(shard, key, release(shard.state, known));
  };

  /** What does not add up; empty where everything does. */
  const faults = (): string[] => {
    const found: string[] = [];
    shards.forEach(({ state }, index) => {
      const leased = root.shards[index] ?? { seq: 0, moved: 0, net: 0 };
      const { pending } = state;
      const answered = pending !== null && pending.seq === leased.seq;
      const underWay = pending === null ? 0 : answered ? Math.max(0, leased.moved) : Math.max(0, -pending.want);
      if (leased.net !== heldBy(state) + underWay)
        found.push(`shard ${index} has ${heldBy(state)} and ${underWay} under way, the root gave it ${leased.net}`);
      if (state.free < 0) found.push(`shard ${index} has ${state.free} free`);
      if (state.reserved < 0 || state.confirmed < 0) found.push(`shard ${index} counts below nothing`);
    });
    const used = shards.reduce((sum, { state }) => sum + state.reserved + state.confirmed, 0);
    if (used > plan.most) found.push(`${used} are given of ${plan.most}`);
    if (freeOf(root) < 0) found.push(`the root has ${freeOf(root)}`);
    return found;
  };

  return {
    ...{ draw, claim, deliver, revive, expire, faults, tally },
    isQuiet: () => net.length === 0 && shards.every(({ state }) => state.pending === null),
    used: () => shards.reduce((sum, { state }) => sum + state.reserved + state.confirmed, 0),
    confirmed: () => shards.reduce((sum, { state }) => sum + state.confirmed, 0),
  };
}
