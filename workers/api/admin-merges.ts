// Who has become a customer, and taking that back (workers/identity/SPEC.md, GM11 to GM14), for operators.

import { Hono } from 'hono';
import type { Undone } from '../customer/messages.ts';
import type { AdminEnv } from './admin.ts';
import { customerId, noCustomer } from './admin-query.ts';
import { json, problem } from './context.ts';
import type { Failure } from './problem.ts';

export function adminMergeRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get('/customers/:id/merges', async (c) => {
    const id = customerId(c.req.param('id'));
    const merges = id === null ? null : await c.env.CUSTOMER.getByName(id).merges();
    return merges ? json({ merges }) : noCustomer();
  });

  app.post('/customers/:id/merges/:source/undo', async (c) => {
    const [id, source] = [customerId(c.req.param('id')), customerId(c.req.param('source'))];
    if (id === null || source === null) return noCustomer();
    const undone = await c.env.CUSTOMER.getByName(id).undoMerge(source);
    return undone.kind === 'done' ? json({ source, state: 'undone' }) : problem(failureOf(undone));
  });

  return app;
}

function failureOf(undone: Exclude<Undone, { kind: 'done' }>): Failure {
  switch (undone.kind) {
    case 'none':
      return { kind: 'not-found', detail: 'No such customer has become this one.' };
    case 'through':
      return {
        kind: 'conflict',
        detail: `It came with ${undone.source}. Undo that merge first, then this one at ${undone.source}.`,
      };
    case 'under way':
      return { kind: 'conflict', detail: 'The merge is not finished yet. Try again.', retryAfterSeconds: 5 };
    case 'late':
      return { kind: 'gone', detail: 'The time in which this merge could be undone is over.' };
    case 'unavailable':
      return { kind: 'unavailable', detail: 'The customer cannot be reached right now.', retryAfterSeconds: 2 };
  }
}
