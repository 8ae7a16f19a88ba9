// The channel e-mail: one message to the platform's mail binding. It takes no idempotency key, so the caller claims
// before and settles after.

import { hashKey } from '../catalog/keys.ts';
import type { OutgoingMessage } from '../customer/messages.ts';

export interface MailEnv {
  readonly EMAIL: SendEmail;
  /** The sender's address, and the name shown with it. */
  readonly MAIL_FROM?: string;
  readonly MAIL_FROM_NAME?: string;
}

/** How long the provider may take before it counts as failed, milliseconds; below the time a claim lasts. */
const PROVIDER_MS_MAX = 15_000;

/** RFC 8058: the reader's own program can end these mails, by one POST. */
const oneClick = (url: string) => ({
  'List-Unsubscribe': `<${url}>`,
  'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
});

/** @throws when the provider does not take it */
export async function sendEmail(
  env: MailEnv,
  { key, to, subject, text, html, unsubscribeUrl }: OutgoingMessage,
): Promise<void> {
  if (!env.MAIL_FROM) throw new Error('MAIL_FROM is not set');
  const from = env.MAIL_FROM_NAME ? { email: env.MAIL_FROM, name: env.MAIL_FROM_NAME } : env.MAIL_FROM;
  const sending = env.EMAIL.send({
    from,
    to,
    subject,
    text,
    ...(html === null ? {} : { html }),
    // The key names the customer, so the mail carries its hash: enough to tell two deliveries of one message.
    headers: { 'X-Waymark-Key': hashKey(key), ...(unsubscribeUrl === undefined ? {} : oneClick(unsubscribeUrl)) },
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the provider did not answer in time')), PROVIDER_MS_MAX);
  });
  try {
    await Promise.race([sending, late]);
  } finally {
    clearTimeout(timer);
  }
}
