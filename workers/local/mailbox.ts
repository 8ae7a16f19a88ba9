// The mail of local mode: what the mail binding took is kept by the process that runs workerd, and GET /mailbox shows it.
// Addresses at two domains behave like a provider on a bad day, so that this can be tried without one.

import { Hono } from 'hono';
import { html } from 'hono/html';
import type { AppEnv } from '../api/context.ts';
import { hashKey } from '../catalog/keys.ts';
import { now } from '../clock.ts';
import type { LocalEnv } from './clock.ts';

/** One mail as it was sent, and as the mailbox keeps it. */
interface KeptMail {
  readonly at: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
  readonly key: string;
  /** How the reader's own program ends mails like this one. */
  readonly unsubscribe: string | null;
}

/** Every mail to this domain is refused. */
const REFUSED = '@refused.example';
/** Of the mails to this domain three in ten attempts fail. */
const SHAKY = '@shaky.example';
const SHAKY_SHARE = 0.3;

/** The mail binding, with every mail it takes kept for the mailbox. */
export function localMail(env: LocalEnv): SendEmail {
  return {
    send: async (mail: EmailMessage | EmailMessageBuilder) => {
      const kept = keptOf(mail as EmailMessageBuilder);
      if (kept.to.endsWith(REFUSED)) throw new Error('550 this mailbox does not exist');
      if (kept.to.endsWith(SHAKY) && Math.random() < SHAKY_SHARE) throw new Error('421 try again later');
      const result = await env.EMAIL.send(mail as EmailMessageBuilder);
      const answer = await env.HOST.fetch('http://host/mail', { method: 'POST', body: JSON.stringify(kept) });
      if (!answer.ok) throw new Error('the mailbox cannot be written');
      return result;
    },
  };
}

/** Takes mails out of the mailbox, by the keys of their messages. @returns how many there were */
export async function forgetMails(env: object, keys: readonly string[]): Promise<number> {
  const answer = await (env as LocalEnv).HOST.fetch('http://host/mail', {
    method: 'DELETE',
    body: JSON.stringify(keys.map(hashKey)),
  });
  const { forgotten } = await answer.json<{ forgotten: number }>();
  return forgotten;
}

function keptOf({ to, subject, text, html: body, headers }: EmailMessageBuilder): KeptMail {
  return {
    at: new Date(now()).toISOString(),
    to: String(to),
    subject,
    text: text ?? '',
    html: body ?? null,
    key: headers?.['X-Waymark-Key'] ?? '',
    unsubscribe: headers?.['List-Unsubscribe'] ?? null,
  };
}

/** Nothing in a mail runs: no scripts, no forms, and what it shows comes from nowhere else. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

const STYLE = `body { font: 1rem/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem }
article { border: 1px solid #8888; border-radius: .5rem; padding: 0 1rem 1rem; margin: 1rem 0 }
h2 { font-size: 1.1rem } dl { display: grid; grid-template-columns: max-content auto; gap: 0 1rem }
dd { margin: 0; overflow-wrap: anywhere } pre { white-space: pre-wrap } iframe { width: 100%; height: 16rem; border: 1px solid #8884 }`;

export function mailboxRoutes(): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.get('/mailbox', async (c) => {
    const answer = await (c.env as LocalEnv).HOST.fetch('http://host/mail');
    const mails = await answer.json<KeptMail[]>();
    return c.html(page(mails), 200, HEADERS);
  });
  app.get('/mailbox/style.css', (c) => c.body(STYLE, 200, { ...HEADERS, 'content-type': 'text/css' }));
  return app;
}

const page = (mails: readonly KeptMail[]) => html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Mailbox of Waymark</title>
<link rel="stylesheet" href="/mailbox/style.css">
<h1>Mailbox</h1>
<p>Every mail this system has sent, the newest first; it has reached nobody.
Addresses at ${REFUSED.slice(1)} are always refused, those at ${SHAKY.slice(1)} three times in ten.</p>
${mails.length === 0 ? html`<p>No mail yet.</p>` : ''}
${mails.map(
  (mail) => html`<article>
<h2>${mail.subject}</h2>
<dl><dt>To</dt><dd>${mail.to}</dd><dt>At</dt><dd><time>${mail.at}</time></dd><dt>Key</dt><dd>${mail.key}</dd>${mail.unsubscribe ? html`<dt>List-Unsubscribe</dt><dd>${mail.unsubscribe}</dd>` : ''}</dl>
<pre>${mail.text}</pre>
${mail.html === null ? '' : html`<iframe sandbox title="HTML of the mail" srcdoc="${mail.html}"></iframe>`}
</article>`,
)}
</html>`;
