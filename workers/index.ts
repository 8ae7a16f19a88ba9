// The Worker: exports the handlers and the Durable Object classes, and nothing else.

import { createApp } from './api/app.ts';
import type { Env } from './api/context.ts';
import { handleQueue, type QueueBody } from './delivery/queue.ts';

export { Customer } from './customer/customer.ts';
export { Registry } from './customer/registry.ts';
export { Totals } from './totals/totals.ts';

const app = createApp(null);

export default {
  fetch: app.fetch,
  queue: (batch, env) => handleQueue(batch, env),
} satisfies ExportedHandler<Env, QueueBody>;
