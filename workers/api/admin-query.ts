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

export const badQuery = (name: string, detail: string) =>
  problem({ kind: 'invalid', errors: [{ pointer: '', detail: `query parameter ${name}: ${detail}` }] });
export const badLimit = () => badQuery('limit', `must be a whole number from 1 to ${LIMITS.pageItemsMax}`);
export const noCustomer = () =>
  problem({
    kind: 'not-found',
    detail: 'There is no such customer. Ids look like u:<userId> or a:<anonymousId>, URL-encoded.',
  });

/** Only ids that can be customers reach an object: asking must not create one. */
export function customerId(id: string): string | null {
  return /^[ua]:./su.test(id) && id.length <= LIMITS.idCharsMax + 2 ? id : null;
}
