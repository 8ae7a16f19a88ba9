// After a publish that calendars may begin: every customer looks once when it has to wake, though nothing happens to it.
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

/** @throws where D1 or the queue fails, or a customer cannot be reached: then the page is to be done again */
export async function rousePage({ after, version }: Rousing['rouse'], env: RousingEnv): Promise<void> {
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
  if (last && results.length === LIMITS.rousedPageMax)
    await env.PROJECTIONS.send({ rouse: { after: last.id, version } });
}
