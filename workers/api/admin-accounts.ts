// Companies as an operator sees them (workers/accounts/SPEC.md): who acts for each, what is known of it. The timeline and the
// record of one are those of any customer, under the id `g:` and its group id.

import { Hono } from 'hono';
import { z } from 'zod';
import { LIMITS } from '../../schema/limits.ts';
import { isAccountId } from '../accounts/state.ts';
import type { AdminEnv } from './admin.ts';
import { badLimit, limitOf } from './admin-query.ts';
import { json, problem } from './context.ts';

const time = z.iso.datetime();

export const AccountList = z.object({
  accounts: z.array(z.object({ id: z.string(), createdAt: time })),
  next: z.string().nullable().describe('The cursor of the next page; null on the last one.'),
});

export const AccountShown = z.object({
  id: z.string().describe('The group id.'),
  customerId: z.string().describe('Under which the routes of customers know it.'),
  traits: z.record(z.string(), z.unknown()),
  members: z.array(
    z.object({
      id: z.string(),
      alias: z.string().describe('What events of the account call the member.'),
      since: time,
    }),
  ),
  stages: z.record(z.string(), z.string()),
  events: z.int().min(0).describe('Events in its history.'),
  createdAt: time,
  lastActivityAt: time.nullable(),
});

const noAccount = () => problem({ kind: 'not-found', detail: 'Nobody has ever acted for such an account.' });
const iso = (at: number): string => new Date(at).toISOString();

export function adminAccountRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get('/accounts', async (c) => {
    const limit = limitOf(c.req.query('limit'));
    if (limit === null) return badLimit();
    const { results } = await c.env.DB.prepare(
      "SELECT id, created_at FROM customers WHERE id > ? AND id < 'g;' AND gone = 0 ORDER BY id LIMIT ?",
    )
      .bind(`g:${c.req.query('cursor') ?? ''}`, limit + 1)
      .all<{ id: string; created_at: number }>();
    const page = results.slice(0, limit).map((row) => ({ id: row.id.slice(2), createdAt: iso(row.created_at) }));
    return json({ accounts: page, next: results.length > limit ? (page.at(-1)?.id ?? null) : null });
  });

  app.get('/accounts/:id', async (c) => {
    const id = c.req.param('id');
    if (!isAccountId(id) || id.length > LIMITS.idCharsMax) return noAccount();
    const object = c.env.CUSTOMER.getByName(`g:${id}`);
    const [described, members] = await Promise.all([object.describe(), object.members()]);
    if (!described || !members) return noAccount();
    const { traits, stages, events, createdAt, lastActivityAt } = described;
    const present = Object.entries(members.members).flatMap(([alias, { customer, since }]) =>
      since === null ? [] : [{ id: customer, alias, since: iso(since) }],
    );
    return json({
      ...{ id, customerId: `g:${id}`, traits, members: present, stages, events, createdAt, lastActivityAt },
    });
  });

  return app;
}
