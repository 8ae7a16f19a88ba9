// One consumer for all queues: by the queue's name to what handles it. What a consumer throws is delivered again by the
// platform and at last goes to the dead-letter queue, from where it is only counted: the objects themselves repeat.

import type { Projection } from '../customer/messages.ts';
import { consumeProjections, type DeliveryEnv } from './projections.ts';

export async function handleQueue(batch: MessageBatch<Projection>, env: DeliveryEnv): Promise<void> {
  if (batch.queue.endsWith('-dead')) {
    console.error(JSON.stringify({ at: 'dead-letter', messages: batch.messages.length }));
    return;
  }
  await consumeProjections(batch, env);
}
