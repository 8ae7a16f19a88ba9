// What a pot's root knows: how much there is, and how much of it each shard has leased. Pure; kept by totals.ts.

/** Of one shard. Persisted, so members are only added. */
export interface Leased {
  /** The number of its last movement, and what that moved (U7). */
  readonly seq: number;
  readonly moved: number;
  /** What it has of the pot. */
  readonly net: number;
}

export interface RootState {
  /** Units there are in all. */
  readonly most: number;
  /** The catalog's version that said so. */
  readonly version: number;
  readonly shards: { readonly [shard: string]: Leased };
}

export const NEW_ROOT: RootState = { most: 0, version: -1, shards: {} };

/** What nobody has taken; below nothing where the limit was lowered. */
export const freeOf = ({ most, shards }: RootState): number =>
  Object.values(shards).reduce((free, { net }) => free - net, most);

/** U10. */
export const withLimit = (root: RootState, most: number, version: number): RootState =>
  version > root.version ? { ...root, most, version } : root;

export interface Movement {
  readonly shard: string;
  readonly seq: number;
  /** Units the shard wants, or below nothing: gives back. */
  readonly want: number;
}

/** U7, whether this movement was answered before. */
export const isRepeat = ({ shards }: RootState, { shard, seq }: Movement): boolean => (shards[shard]?.seq ?? 0) === seq;

/**
 * U7, U8: what the movement comes to. Null: its number is neither the last nor the next, so it is an echo of one that was
 * settled long ago.
 * @param shards how many there are
 */
export function move(
  root: RootState,
  { shard, seq, want }: Movement,
  shards: number,
): { readonly root: RootState; readonly moved: number } | null {
  const own = root.shards[shard] ?? { seq: 0, moved: 0, net: 0 };
  if (seq === own.seq) return { root, moved: own.moved };
  if (seq !== own.seq + 1) return null;
  const free = Math.max(0, freeOf(root));
  const moved = want < 0 ? want : Math.min(free, Math.max(want, Math.ceil(free / (2 * shards))));
  const leased: Leased = { seq, moved, net: own.net + moved };
  return { root: { ...root, shards: { ...root.shards, [shard]: leased } }, moved };
}
