// What the lists under /admin share: the size of a page, the name of a customer, and how a wrong one is refused.

import { z } from 'zod';
import { LIMITS } from '../../schema/limits.ts';
import { problem } from './problem.ts';

const PAGE_ITEMS = 50;

/** Null where it is not a size. */
export const limitOf = (text: string | undefined): number | null => {
  const parsed = z.coerce
    .number()
    .int()
    .min(1)
    .max(LIMITS.pageItemsMax)
    .safeParse(text ?? PAGE_ITEMS);
  return parsed.success ? parsed.data : null;
};

/** Which page of a numbered list is asked for. */
export interface PageOf {
  readonly cursor: number;
  readonly limit: number;
}

/** The page by `limit` and `cursor`, the latter the number of the last item before it; or the refusal. */
export function pageOf(query: (name: string) => string | undefined, first: number): PageOf | Response {
  const limit = limitOf(query('limit'));
  if (limit === null) return badLimit();
  const cursor = z.coerce
    .number()
    .int()
    .min(0)
    .safeParse(query('cursor') ?? first);
  return cursor.success
    ? { cursor: cursor.data, limit }
    : badQuery('cursor', 'must be the value of next from the page before');
}

/** Of one item more than a page holds: the page, and where the next one begins, if there is one. */
export function cutPage<T>(items: readonly T[], limit: number, numberOf: (item: T) => number): [T[], number | null] {
  const page = items.slice(0, limit);
  const last = page.at(-1);
  return [page, items.length > limit && last !== undefined ? numberOf(last) : null];
}

export const badQuery = (name: string, detail: string) =>
  problem({ kind: 'invalid', errors: [{ pointer: '', detail: `query parameter ${name}: ${detail}` }] });
export const badLimit = () => badQuery('limit', `must be a whole number from 1 to ${LIMITS.pageItemsMax}`);
export const noCustomer = () =>
  problem({
    kind: 'not-found',
    detail: 'There is no such customer. Ids look like u:<userId> or a:<anonymousId>, URL-encoded.',
  });

/** Only ids that can be customers, or accounts, reach an object: asking must not create one. */
export function customerId(id: string): string | null {
  return /^[uag]:./su.test(id) && id.length <= LIMITS.idCharsMax + 2 ? id : null;
}
