// The routes of totals as OpenAPI has to know them. The routes themselves: admin-totals.ts.

import { z } from 'zod';
import { content, offer, pool } from './openapi-examples.ts';
import type { Route } from './openapi-route.ts';

const idOf = (what: string, example: string) =>
  z.object({ id: z.string().describe(`The id of the ${what}.`).meta({ example }) });

const COUNTED =
  'What is reserved was shown to a customer and waits for what makes it final; it is released when its time is over. Exact at the moment of asking.';

export const TOTAL_ROUTES: readonly Route[] = [
  {
    method: 'get',
    path: '/admin/offers/{id}/totals',
    id: 'getOfferTotals',
    tag: 'catalog',
    summary: 'What is left of an offer’s caps in all, budget and codes',
    description: COUNTED,
    params: idOf('offer', offer.id),
    answers: { 200: { schema: 'ItemTotals', words: 'Each total with its counts.' } },
    problems: [404],
  },
  {
    method: 'get',
    path: '/admin/content/{id}/totals',
    id: 'getContentTotals',
    tag: 'catalog',
    summary: 'What is left of a content’s caps in all',
    description: COUNTED,
    params: idOf('content', content.id),
    answers: { 200: { schema: 'ItemTotals', words: 'Each total with its counts.' } },
    problems: [404],
  },
  {
    method: 'get',
    path: '/admin/pools/{id}',
    id: 'getPool',
    tag: 'catalog',
    summary: 'How many single-use codes a pool has, and where they are',
    params: idOf('pool', pool.id),
    answers: { 200: { schema: 'Pool', words: 'The counts.' } },
    problems: [404],
  },
  {
    method: 'post',
    path: '/admin/pools/{id}/codes',
    id: 'addCodes',
    tag: 'catalog',
    summary: 'Bring single-use codes into a pool, or have some made',
    description:
      'An offer gives them out with `codes: { pool }`. Codes that are in the pool stay as they are, so a call may be sent again.',
    params: idOf('pool', pool.id),
    body: { schema: 'CodesDraft', example: pool.draft },
    answers: { 201: { schema: 'PoolAdded', words: 'How many are new.' } },
    problems: [400, 404, 413],
  },
];
