// The routes of companies as OpenAPI has to know them. The routes themselves: admin-accounts.ts.

import { z } from 'zod';
import type { Route } from './openapi-route.ts';

export const ACCOUNT_ROUTES: readonly Route[] = [
  {
    method: 'get',
    path: '/admin/accounts',
    id: 'listAccounts',
    tag: 'customers',
    summary: 'Companies that people act for',
    query: z.object({
      limit: z.int().min(1).max(200).optional(),
      cursor: z.string().optional().describe('The value of next from the page before.'),
    }),
    answers: { 200: { schema: 'AccountList', words: 'A page, in the order of the ids.' } },
    problems: [400],
  },
  {
    method: 'get',
    path: '/admin/accounts/{id}',
    id: 'getAccount',
    tag: 'customers',
    summary: 'One company: its traits, its stages, who acts for it',
    params: z.object({ id: z.string().describe('The group id.').meta({ example: 'company-1' }) }),
    answers: { 200: { schema: 'Account', words: 'What is known of it.' } },
    problems: [404],
  },
];
