// What passes between a customer's object, the shards of a pot and its root, and how they are named.

/** The terms a pot has in the catalog at hand. */
export interface Terms {
  readonly unit: 'pieces' | 'money' | 'codes';
  /** Units in all; hundredths of the currency for money. Codes are counted where they are. */
  readonly most: number;
  /** The catalog's version. */
  readonly version: number;
}

export interface ClaimRequest {
  readonly key: string;
  readonly amount: number;
  /** Until when it is reserved, milliseconds. */
  readonly until: number;
  readonly terms: Terms;
}

export type Granted = { readonly granted: true; readonly code: string | null } | { readonly granted: false };

/** What came of a claim. `amount`: spent, or returned in all. */
export interface SettleRequest {
  readonly key: string;
  readonly what: 'confirm' | 'release' | 'return';
  readonly amount: number;
  /** Of a return: what was spent, in case it comes before its confirmation (U2). */
  readonly spent?: number;
}

export interface MoveRequest {
  readonly shard: string;
  readonly seq: number;
  readonly want: number;
  readonly terms: Terms;
  /** Codes that are given back. */
  readonly codes: readonly string[];
}

export interface Moved {
  readonly moved: number;
  readonly codes: readonly string[];
}

export interface Overview {
  readonly most: number;
  /** At the root and at the shards. */
  readonly free: number;
  readonly reserved: number;
  readonly confirmed: number;
  readonly shards: number;
}

export interface Added {
  readonly added: number;
  readonly duplicates: number;
  readonly codes: number;
}

export interface TotalsObject {
  claim(request: ClaimRequest): Promise<Granted>;
  settle(request: SettleRequest): Promise<void>;
  recall(): Promise<number>;
  counts(): Promise<{ readonly free: number; readonly reserved: number; readonly confirmed: number }>;
  move(request: MoveRequest): Promise<Moved | null>;
  overview(): Promise<Overview>;
  addCodes(codes: readonly string[]): Promise<Added>;
  wake(): Promise<void>;
}

export interface TotalsNamespace {
  getByName(name: string): TotalsObject;
  get(id: DurableObjectId): TotalsObject;
  idFromString(id: string): DurableObjectId;
}

/** Shards of a pot: few units are not spread, so that none is far from who asks. */
export const shardsOf = ({ unit, most }: Terms): number => (unit === 'codes' ? 4 : most >= 1_000 ? 16 : 1);

const MARK = '#';

export const shardName = (pot: string, shard: number): string => `${pot}${MARK}${shard}`;

/** The pot an object's name belongs to, and its shard; null for the root. */
export function readName(name: string): { readonly pot: string; readonly shard: string | null } {
  const at = name.lastIndexOf(MARK);
  return at < 0 ? { pot: name, shard: null } : { pot: name.slice(0, at), shard: name.slice(at + 1) };
}
