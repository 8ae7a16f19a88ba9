// The object of one identifier: which customer owns it. One object each, so that of two claims at one instant one is
// first. Named by a keyed hash, so that neither its name nor what it holds tells the e-mail or number. Rules ID5 to ID7.

import { DurableObject } from 'cloudflare:workers';
import { type Claimant, outranks } from '../identity/identifiers.ts';

export interface IdentifierClaim extends Claimant {
  /** A customer who has become this one: what was theirs is this one's. */
  readonly from: string | null;
}

export interface Owned {
  readonly customerId: string;
  /** From whom it was taken by rank, if it was. */
  readonly before: string | null;
}

/** The object's methods as its callers see them. */
export interface RegistryCalls {
  claim(claim: IdentifierClaim): Promise<Owned>;
  release(customerId: string): Promise<void>;
  owner(): Promise<string | null>;
}

export interface RegistryNamespace {
  getByName(name: string): RegistryCalls;
}

interface Kept extends Claimant {
  readonly before: string | null;
}

const OWNER = 'owner';

export class Registry extends DurableObject implements RegistryCalls {
  /** The owner after this claim; it may be repeated, and tells the same. */
  async claim({ customerId, vouched, from }: IdentifierClaim): Promise<Owned> {
    const owner = this.#kept();
    const isOwn = owner !== null && (owner.customerId === customerId || owner.customerId === from);
    if (owner && !isOwn && !outranks({ customerId, vouched }, owner)) return owner;
    const before = isOwn ? owner.before : (owner?.customerId ?? null);
    const next: Kept = { customerId, vouched: vouched || (isOwn && owner.vouched), before };
    if (JSON.stringify(next) !== JSON.stringify(owner)) this.ctx.storage.kv.put(OWNER, next);
    return next;
  }

  /** Nobody's again, if it is this customer's; then its file is a new one, in which nothing is left of whose it was. */
  async release(customerId: string): Promise<void> {
    if (this.#kept()?.customerId === customerId) await this.ctx.storage.deleteAll();
  }

  async owner(): Promise<string | null> {
    return this.#kept()?.customerId ?? null;
  }

  #kept(): Kept | null {
    return this.ctx.storage.kv.get<Kept>(OWNER) ?? null;
  }
}
