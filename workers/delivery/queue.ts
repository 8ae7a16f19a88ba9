// One consumer for all queues, by the queue's name. What is not acknowledged the platform delivers again: from the queue
// itself some times, then from the dead-letter queue for as long as that keeps it; what stands there is logged by number.

import { within } from '../catalog/cache.ts';
import { now } from '../clock.ts';
import { linkSecretIn } from '../customer/links.ts';
import type { Announcing, MessageTask, Projection, Rousing } from '../customer/messages.ts';
import { type AnnouncingEnv, announce } from './announcing.ts';
import { consumeMessages, type MessageEnv } from './messages.ts';
import { consumeProjections } from './projections.ts';
import { type RousingEnv, rousePage } from './rousing.ts';

export type QueueBody = readonly Projection[] | MessageTask | Rousing | Announcing;

export interface QueueEnv extends MessageEnv, RousingEnv, AnnouncingEnv {
  readonly PROJECTIONS: { send(message: Rousing | Announcing): Promise<unknown> };
  readonly LINK_SECRET?: string;
}

export async function handleQueue(batch: MessageBatch<QueueBody>, env: QueueEnv): Promise<void> {
  if (batch.queue.endsWith('-dead'))
    console.error(JSON.stringify({ at: 'dead-letter', messages: batch.messages.length }));
  if (holdsMessages(batch)) await consumeMessages(batch, env);
  else {
    const { messages } = batch as MessageBatch<readonly Projection[] | Rousing | Announcing>;
    const projections = messages.filter(({ body }) => Array.isArray(body)) as Message<readonly Projection[]>[];
    if (projections.length > 0) await consumeInTime(batch, projections, env);
    for (const message of messages) {
      const { body } = message;
      if ('rouse' in body) await doPage(message, 'not roused', () => rousePage(body.rouse, env, now()));
      if ('announce' in body) await doPage(message, 'not announced', () => announce(body, env, now()));
    }
  }
}

/** Together with the queue's own delays below the 10 s after which a D1 that is back is to be up to date. */
const FOLD_WAIT_MS = 4_000;

/** A D1 that fails or hangs is a line in the log and another delivery; folding twice changes nothing. */
async function consumeInTime(
  { queue }: MessageBatch<QueueBody>,
  messages: readonly Message<readonly Projection[]>[],
  env: QueueEnv,
): Promise<void> {
  let cause = 'timeout';
  const folded = consumeProjections(messages, env.DB, linkSecretIn(env)).then(
    () => true,
    (error: unknown) => {
      cause = error instanceof Error ? error.name : 'unknown';
      return false;
    },
  );
  if (await within(folded, FOLD_WAIT_MS, false)) return;
  console.error(JSON.stringify({ at: 'queue', what: 'not folded', queue, messages: messages.length, cause }));
  for (const message of messages) message.retry();
}

/** A page that fails is delivered again, and done again from its beginning. */
async function doPage(message: Message<unknown>, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
    message.ack();
  } catch (error) {
    const cause = error instanceof Error ? error.name : 'unknown';
    console.error(JSON.stringify({ at: 'queue', what, cause }));
    message.retry();
  }
}

const holdsMessages = (batch: MessageBatch<QueueBody>): batch is MessageBatch<MessageTask> =>
  batch.queue === 'waymark-messages';
