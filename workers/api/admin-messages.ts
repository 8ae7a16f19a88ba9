// The messages to one customer as operators see them, from the customer's object. The templates they are made of are
// catalog documents: admin-catalog.ts.

import { Hono } from 'hono';
import { z } from 'zod';
import type { AdminEnv } from './admin.ts';
import { badLimit, badQuery, customerId, limitOf, noCustomer } from './admin-query.ts';
import { json } from './context.ts';

export function adminMessageRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get('/messages', async (c) => {
    const limit = limitOf(c.req.query('limit'));
    if (limit === null) return badLimit();
    const cursor = z.coerce
      .number()
      .int()
      .min(0)
      .safeParse(c.req.query('cursor') ?? Number.MAX_SAFE_INTEGER);
    if (!cursor.success) return badQuery('cursor', 'must be the value of next from the page before');
    const asked = c.req.query('customer');
    if (asked === undefined) return badQuery('customer', 'name one, such as u:4711');
    const id = customerId(asked);
    const messages = id === null ? null : await c.env.CUSTOMER.getByName(id).messagesOf(cursor.data, limit + 1);
    if (!messages) return noCustomer();
    const page = messages.slice(0, limit);
    return json({
      messages: page.map(({ number: _, at, ...message }) => ({ ...message, at: new Date(at).toISOString() })),
      next: messages.length > limit ? (page.at(-1)?.number ?? null) : null,
    });
  });

  return app;
}
