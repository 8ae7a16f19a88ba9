// After a publish that calendars may begin, or that computed traits and segments follow from: every customer looks once
// what is due, though nothing happens to it.
// A page of the index is one message; the next page is sent before this one is acknowledged. Safe to repeat.

import { LIMITS } from '../../schema/limits.ts';
import type { CustomerNamespace, Rousing } from '../customer/messages.ts';

export interface RousingEnv {
  readonly DB: D1Database;
  readonly CUSTOMER: CustomerNamespace;
  readonly PROJECTIONS: { send(message: Rousing): Promise<unknown> };
}

/** Objects asked at once. */
const AT_ONCE = 32;

/**
 * Asks one page of customers, keeps how far it has come, and sends the next page. Of an older publish than the newest
 * nothing is asked any more: the newest asks everybody (SG12).
 * @throws where D1 or the queue fails, or a customer cannot be reached: then the page is to be done again
 */
export async function rousePage({ after, version }: Rousing['rouse'], env: RousingEnv, now: number): Promise<void> {
  const newest = await newestRousing(env.DB);
  if (newest && newest.version > version) return;
  const { results } = await env.DB.prepare('SELECT id FROM customers WHERE id > ? AND gone = 0 ORDER BY id LIMIT ?')
    .bind(after, LIMITS.rousedPageMax)
    .all<{ id: string }>();
  for (let start = 0; start < results.length; start += AT_ONCE) {
    const replies = await Promise.all(
      results.slice(start, start + AT_ONCE).map(({ id }) => env.CUSTOMER.getByName(id).rouse(version)),
    );
    if (replies.some(({ kind }) => kind !== 'done')) throw new Error('a customer could not be reached');
  }
  const last = results.at(-1);
  const isLast = !last || results.length < LIMITS.rousedPageMax;
  if (!isLast) await env.PROJECTIONS.send({ rouse: { after: last.id, version } });
  // Done, it names nobody: the cursor is a customer's id.
  await env.DB.prepare(
    'UPDATE rousings SET asked = asked + ?, cursor = ?, done_at = ? WHERE version = ? AND cursor = ? AND done_at IS NULL',
  )
    .bind(results.length, isLast ? '' : last.id, isLast ? now : null, version, after)
    .run();
}

export interface RousingRow {
  readonly version: number;
  readonly started_at: number;
  readonly customers: number;
  readonly asked: number;
  readonly cursor: string;
  readonly done_at: number | null;
}

/** The newest publish every customer is told of; null before the first. */
export const newestRousing = (db: D1Database): Promise<RousingRow | null> =>
  db.prepare('SELECT * FROM rousings ORDER BY version DESC LIMIT 1').first<RousingRow>();
