// The consumer of messages: claim, send, settle (I4). What it cannot claim or settle it leaves to the queue and, after
// that, to the customer's object, which hands an unsettled message out again.

import type {
  CustomerNamespace,
  CustomerObject,
  MessageTask,
  OutgoingMessage,
  Settlement,
} from '../customer/messages.ts';
import { type MailEnv, sendEmail } from './email.ts';

export interface MessageEnv extends MailEnv {
  readonly CUSTOMER: CustomerNamespace;
}

const SETTLE_ATTEMPTS = 3;
const DETAIL_CHARS_MAX = 200;

/** Sends what is still to be sent; every message is acknowledged or delivered again on its own. */
export async function consumeMessages(batch: MessageBatch<MessageTask>, env: MessageEnv): Promise<void> {
  await Promise.all(
    batch.messages.map(async (message) => {
      try {
        const waitMs = await deliver(message.body, env);
        if (waitMs === 0) message.ack();
        else message.retry({ delaySeconds: Math.ceil(waitMs / 1_000) });
      } catch {
        message.retry({ delaySeconds: 5 });
      }
    }),
  );
}

/** @returns milliseconds until it may be claimed; 0 when there is nothing more to do for it */
async function deliver({ customerId, key }: MessageTask, env: MessageEnv): Promise<number> {
  const customer = env.CUSTOMER.getByName(customerId);
  const claim = await customer.claimMessage(key);
  if (claim.kind === 'over') return 0;
  if (claim.kind === 'wait') return claim.ms;
  const settlement = await send(claim.message, env);
  // A digest may have come in its place.
  await settle(customer, claim.message.key, settlement);
  return 0;
}

async function send(message: OutgoingMessage, env: MessageEnv): Promise<Settlement> {
  try {
    await sendEmail(env, message);
    return { kind: 'sent' };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { kind: 'failed', detail: detail.slice(0, DETAIL_CHARS_MAX) };
  }
}

/** Word that gets lost here makes a transactional message go out twice and a marketing one uncertain, so it is repeated. */
async function settle(customer: CustomerObject, key: string, settlement: Settlement): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await customer.settleMessage(key, settlement);
      return;
    } catch (error) {
      if (attempt >= SETTLE_ATTEMPTS) throw error;
    }
  }
}
