// One consumer for all queues, by the queue's name. What is not acknowledged the platform delivers again: from the queue
// itself some times, then from the dead-letter queue for as long as that keeps it; what stands there is logged by number.

import { within } from '../catalog/cache.ts';
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
  else await consumeInTime(batch as MessageBatch<readonly Projection[]>, env.DB);
}

/** Together with the queue's own delays below the 10 s after which a D1 that is back is to be up to date. */
const FOLD_WAIT_MS = 4_000;

/** A D1 that fails or hangs is a line in the log and another delivery; folding twice changes nothing. */
async function consumeInTime(batch: MessageBatch<readonly Projection[]>, db: D1Database): Promise<void> {
  let cause = 'timeout';
  const folded = consumeProjections(batch, db).then(
    () => true,
    (error: unknown) => {
      cause = error instanceof Error ? error.name : 'unknown';
      return false;
    },
  );
  if (await within(folded, FOLD_WAIT_MS, false)) return;
  console.error(
    JSON.stringify({ at: 'queue', what: 'not folded', queue: batch.queue, messages: batch.messages.length, cause }),
  );
  batch.retryAll();
}

const holdsMessages = (batch: MessageBatch<QueueBody>): batch is MessageBatch<MessageTask> =>
  batch.queue === 'waymark-messages';
