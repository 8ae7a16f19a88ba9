// The messages to one customer as operators see them, from the customer's object. The templates they are made of are
// catalog documents: admin-catalog.ts.

import { Hono } from 'hono';
import type { AdminEnv } from './admin.ts';
import { badQuery, customerId, cutPage, noCustomer, pageOf } from './admin-query.ts';
import { json } from './context.ts';

export function adminMessageRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get('/messages', async (c) => {
    const page = pageOf((name) => c.req.query(name), Number.MAX_SAFE_INTEGER);
    if (page instanceof Response) return page;
    const asked = c.req.query('customer');
    if (asked === undefined) return badQuery('customer', 'name one, such as u:4711');
    const id = customerId(asked);
    const { cursor, limit } = page;
    const found = id === null ? null : await c.env.CUSTOMER.getByName(id).messagesOf(cursor, limit + 1);
    if (!found) return noCustomer();
    const [messages, next] = cutPage(found, limit, ({ number }) => number);
    return json({
      messages: messages.map(({ number: _, at, ...message }) => ({ ...message, at: new Date(at).toISOString() })),
      next,
    });
  });

  return app;
}
