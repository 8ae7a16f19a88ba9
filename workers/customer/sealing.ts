// Text that leaves the system and comes back, in addresses: sealed with AES-256-GCM, so that nobody reads or bends it. Each
// use has a key of its own, made from the deployment's LINK_SECRET.

import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** The form of what is sealed. */
const VERSION = '1';
/** A longer token is none of ours. */
const TOKEN_CHARS_MAX = 6_000;

const keys = new Map<string, Buffer>();

function keyOf(secret: string, use: string): Buffer {
  const words = `waymark ${use} ${secret}`;
  const known = keys.get(words) ?? createHash('sha256').update(words).digest();
  keys.set(words, known);
  return known;
}

/** The same text gives the same hash, and only who has the secret can make one: HMAC-SHA-256, hexadecimal. */
export const keyedHash = (secret: string, use: string, text: string): string =>
  createHmac('sha256', keyOf(secret, use)).update(text).digest('hex');

/** What stands for a customer where nothing personal may. */
export const customerHash = (secret: string, customerId: string): string => keyedHash(secret, 'customers', customerId);

/** @param anew every sealing gives another token; otherwise the same text gives the same one */
export function seal(secret: string, use: string, text: string, anew: boolean): string {
  const key = keyOf(secret, use);
  const nonce = anew
    ? randomBytes(NONCE_BYTES)
    : createHmac('sha256', key).update(text).digest().subarray(0, NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return VERSION + sealed.toString('base64url');
}

/** Null for what this system has not sealed for this use. */
export function unseal(secret: string, use: string, token: string): string | null {
  if (!token.startsWith(VERSION) || token.length > TOKEN_CHARS_MAX) return null;
  const sealed = Buffer.from(token.slice(VERSION.length), 'base64url');
  if (sealed.length <= NONCE_BYTES + TAG_BYTES) return null;
  try {
    const decipher = createDecipheriv('aes-256-gcm', keyOf(secret, use), sealed.subarray(0, NONCE_BYTES));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    return decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    return null;
  }
}
