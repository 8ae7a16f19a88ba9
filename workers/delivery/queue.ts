// One consumer for all queues. What it throws is delivered again by the platform: by the queue itself some times, then,
// from the dead-letter queue, for as long as that keeps it. What stands there is logged by its number.

import type { Projection } from '../customer/messages.ts';
import { consumeProjections } from './projections.ts';

export async function handleQueue(
  batch: MessageBatch<readonly Projection[]>,
  env: { readonly DB: D1Database },
): Promise<void> {
  if (batch.queue.endsWith('-dead'))
    console.error(JSON.stringify({ at: 'dead-letter', messages: batch.messages.length }));
  await consumeProjections(batch, env.DB);
}
