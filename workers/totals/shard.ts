// What one shard of a pot does with the units it has leased: reserves, confirms, releases, takes back. Pure: counts and
// the one claim an order is about go in, both as they are afterwards come out; kept by totals.ts. Instants in milliseconds.

/** Persisted, so members are only added. */
export interface ShardState {
  readonly free: number;
  readonly reserved: number;
  /** Less what was returned. */
  readonly confirmed: number;
  /** The number of the last movement that is over, and the one under way (U7). */
  readonly seq: number;
  readonly pending: { readonly seq: number; readonly want: number } | null;
}

export const NEW_SHARD: ShardState = { free: 0, reserved: 0, confirmed: 0, seq: 0, pending: null };

/** What the shard has of the pot, a movement under way left out (U1). */
export const heldBy = ({ free, reserved, confirmed }: ShardState): number => free + reserved + confirmed;

export interface Claim {
  readonly state: 'reserved' | 'confirmed' | 'released';
  readonly amount: number;
  readonly until: number;
  /** Of a confirmed one: what came back. */
  readonly returned: number;
}

export interface Outcome {
  readonly shard: ShardState;
  readonly claim: Claim;
}

/** U3: how long after its end a reservation is kept, so that what was done in time still finds it. */
export const GRACE_MS = 3_600_000;

export const isOver = ({ state, until }: Claim, now: number): boolean =>
  state === 'reserved' && until + GRACE_MS <= now;

/** U1, U2: null where the shard has too little, or the claim was given up before. */
export function reserve(shard: ShardState, claim: Claim | null, amount: number, until: number): Outcome | null {
  if (claim && claim.state !== 'released') return { shard, claim };
  if (claim || shard.free < amount) return null;
  return {
    shard: { ...shard, free: shard.free - amount, reserved: shard.reserved + amount },
    claim: { state: 'reserved', amount, until, returned: 0 },
  };
}

/** U4. */
export function confirm(shard: ShardState, claim: Claim | null, spent: number): Outcome | null {
  if (claim?.state === 'confirmed') return null;
  const held = claim?.state === 'reserved' ? claim.amount : 0;
  return {
    shard: {
      ...shard,
      free: shard.free + held - spent,
      reserved: shard.reserved - held,
      confirmed: shard.confirmed + spent,
    },
    claim: { state: 'confirmed', amount: spent, until: claim?.until ?? 0, returned: 0 },
  };
}

/** A claim that is not needed any more: one that was never heard of is not granted later, and nothing final is undone. */
export function release(shard: ShardState, claim: Claim | null): Outcome | null {
  if (!claim) return { shard, claim: { state: 'released', amount: 0, until: 0, returned: 0 } };
  if (claim.state !== 'reserved') return null;
  const { amount } = claim;
  return {
    shard: { ...shard, free: shard.free + amount, reserved: shard.reserved - amount },
    claim: { ...claim, state: 'released' },
  };
}

/** U5: so much of what was confirmed has come back in all. */
export function giveBack(shard: ShardState, claim: Claim | null, returned: number): Outcome | null {
  if (claim?.state !== 'confirmed') return null;
  const more = Math.min(returned, claim.amount) - claim.returned;
  if (more <= 0) return null;
  return {
    shard: { ...shard, free: shard.free + more, confirmed: shard.confirmed - more },
    claim: { ...claim, returned: claim.returned + more },
  };
}

/** U7: a movement begins. What is given back leaves at once. Null while another is under way. */
export function begin(shard: ShardState, want: number): ShardState | null {
  if (shard.pending) return null;
  return { ...shard, free: shard.free + Math.min(0, want), pending: { seq: shard.seq + 1, want } };
}

/** U7: the root has answered a movement. The same answer a second time changes nothing. */
export function end(shard: ShardState, seq: number, moved: number): ShardState {
  if (shard.pending?.seq !== seq) return shard;
  return { ...shard, free: shard.free + Math.max(0, moved), seq, pending: null };
}
