// Click-through links: an item with an address gets a link of ours that leads there and counts the click. What the link
// carries is sealed (AES-256-GCM), so nobody can read whom it was shown to or bend where it leads.

import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { LIMITS } from '../../schema/limits.ts';
import type { Decision, Decisions } from './messages.ts';

let localSecret: string | null = null;

/** Local mode only (workers/local): what seals where there is no LINK_SECRET. */
export function useLocalLinkSecret(secret: string): void {
  localSecret = secret;
}

/** Null where a deployment has no LINK_SECRET: then items keep their own addresses. */
export const linkSecretIn = (env: { readonly LINK_SECRET?: string }): string | null =>
  env.LINK_SECRET || localSecret || null;

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** The form of what is sealed. */
const VERSION = '1';
/** A longer token is none of ours. */
const TOKEN_CHARS_MAX = 6_000;

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

const keys = new Map<string, Buffer>();

function keyOf(secret: string): Buffer {
  const known = keys.get(secret) ?? createHash('sha256').update(`waymark links ${secret}`).digest();
  keys.set(secret, known);
  return known;
}

export function sealClick(secret: string, { customerId, decisionId, kind, id, placement, url, madeAt }: Click): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret), nonce);
  const text = JSON.stringify([customerId, decisionId, kind, id, placement, url, madeAt]);
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return VERSION + sealed.toString('base64url');
}

/** Null for what this system has not sealed. */
export function openClick(secret: string, token: string): Click | null {
  if (!token.startsWith(VERSION) || token.length > TOKEN_CHARS_MAX) return null;
  const sealed = Buffer.from(token.slice(VERSION.length), 'base64url');
  if (sealed.length <= NONCE_BYTES + TAG_BYTES) return null;
  try {
    const decipher = createDecipheriv('aes-256-gcm', keyOf(secret), sealed.subarray(0, NONCE_BYTES));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    const text = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    const [customerId, decisionId, kind, id, placement, url, madeAt] = Sealed.parse(JSON.parse(text));
    return { customerId, decisionId, kind, id, placement, url, madeAt };
  } catch {
    return null;
  }
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
