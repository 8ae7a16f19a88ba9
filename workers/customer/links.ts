// Click-through links: an item with an address gets a link of ours that leads there and counts the click. What the link
// carries is sealed (AES-256-GCM), so nobody can read whom it was shown to or bend where it leads.

import { z } from 'zod';
import { LIMITS } from '../../schema/limits.ts';
import type { Decision, Decisions } from './messages.ts';
import { seal, unseal } from './sealing.ts';

let localSecret: string | null = null;

/** Local mode only (workers/local): what seals where there is no LINK_SECRET. */
export function useLocalLinkSecret(secret: string): void {
  localSecret = secret;
}

let localOrigin: string | null = null;

/** Local mode only: where it is reached, once somebody has. */
export function useLocalOrigin(origin: string): void {
  localOrigin = origin;
}

/** Where the system itself is reached, for addresses in messages; null where a deployment does not say. */
export const publicOriginIn = (env: { readonly PUBLIC_URL?: string }): string | null =>
  env.PUBLIC_URL?.replace(/\/+$/, '') || localOrigin;

/** Null where a deployment has no LINK_SECRET: then items keep their own addresses. */
export const linkSecretIn = (env: { readonly LINK_SECRET?: string }): string | null =>
  env.LINK_SECRET || localSecret || null;

/** What addresses in messages are made with; null where there is nothing to seal with, or no public address. */
export function linksIn(env: {
  readonly LINK_SECRET?: string;
  readonly PUBLIC_URL?: string;
}): { readonly secret: string; readonly origin: string } | null {
  const secret = linkSecretIn(env);
  const origin = publicOriginIn(env);
  return secret !== null && origin !== null ? { secret, origin } : null;
}

const Sealed = z.tuple([
  z.string(), // the customer
  z.string(), // the decision
  z.enum(['content', 'offer']),
  z.string(), // the item
  z.string(), // the placement
  z.string(), // where it leads
  z.number(), // when it was made, milliseconds
]);

export interface Click {
  readonly customerId: string;
  readonly decisionId: string;
  readonly kind: Decision['kind'];
  readonly id: string;
  readonly placement: string;
  readonly url: string;
  readonly madeAt: number;
}

const USE = 'links';

export function sealClick(secret: string, { customerId, decisionId, kind, id, placement, url, madeAt }: Click): string {
  return seal(secret, USE, JSON.stringify([customerId, decisionId, kind, id, placement, url, madeAt]), true);
}

/** Null for what this system has not sealed. */
export function openClick(secret: string, token: string): Click | null {
  const text = unseal(secret, USE, token);
  const read = text === null ? null : Sealed.safeParse(JSON.parse(text)).data;
  if (!read) return null;
  const [customerId, decisionId, kind, id, placement, url, madeAt] = read;
  return { customerId, decisionId, kind, id, placement, url, madeAt };
}

/** Where a field leads, if it is an address of the web. */
function addressOf({ fields }: Decision): string | null {
  const { url } = fields;
  if (typeof url !== 'string' || url.length > LIMITS.uriCharsMax || !/^https?:\/\//i.test(url)) return null;
  return URL.canParse(url) ? url : null;
}

/** Gives each item that leads somewhere its `clickUrl` below `origin`. */
export function withLinks(
  decisions: Decisions,
  { secret, origin, customerId, madeAt }: { secret: string; origin: string; customerId: string; madeAt: number },
): Decisions {
  for (const placement in decisions)
    decisions[placement] = (decisions[placement] ?? []).map((decision) => {
      const url = addressOf(decision);
      if (url === null) return decision;
      const { decisionId, kind, id } = decision;
      const token = sealClick(secret, { customerId, decisionId, kind, id, placement, url, madeAt });
      return { ...decision, clickUrl: `${origin}/r/${token}` };
    });
  return decisions;
}
