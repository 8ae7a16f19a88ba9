// One consumer for all queues, by the queue's name. What is not acknowledged the platform delivers again: from the queue
// itself some times, then from the dead-letter queue for as long as that keeps it; what stands there is logged by number.

import type { MessageTask, Projection } from '../customer/messages.ts';
import { consumeMessages, type MessageEnv } from './messages.ts';
import { consumeProjections } from './projections.ts';

export type QueueBody = readonly Projection[] | MessageTask;

export interface QueueEnv extends MessageEnv {
  readonly DB: D1Database;
}

export async function handleQueue(batch: MessageBatch<QueueBody>, env: QueueEnv): Promise<void> {
  if (batch.queue.endsWith('-dead'))
    console.error(JSON.stringify({ at: 'dead-letter', messages: batch.messages.length }));
  if (holdsMessages(batch)) await consumeMessages(batch, env);
  else await consumeProjections(batch as MessageBatch<readonly Projection[]>, env.DB);
}

const holdsMessages = (batch: MessageBatch<QueueBody>): batch is MessageBatch<MessageTask> =>
  batch.queue === 'waymark-messages';
