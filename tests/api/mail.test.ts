// Mail over HTTP, with the real queue, consumer and mail binding: from a cart that rests to the mailbox, and through a
// provider that fails and a system that is killed. What was sent is read from the file the local system keeps it in.

import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { hashKey } from '../../workers/catalog/keys.ts';
import { PROVE } from '../prove.ts';
import { mailsOf } from './mails.ts';
import { fresh, message, track, useServer } from './server.ts';

const server = useServer();

const { all: mails, changes, arrived } = mailsOf(server);
/** The mails to one address, once there are so many. */
const mailsTo = (to: string, count: number) => arrived((mail) => mail.to === to, count);

interface Listed {
  readonly messages: readonly { readonly status: string; readonly subject: string; readonly key: string }[];
}
const messagesOf = async (userId: string) =>
  (await server.admin<Listed>('GET', `/admin/messages?customer=${encodeURIComponent(`u:${userId}`)}`)).body.messages;

const known = (userId: string, email: string, traits: object = {}) =>
  message({ userId }, 'identify', { traits: { email, ...traits } });
const consent = (userId: string, granted = true) =>
  track({ userId }, 'Consent Updated', { purpose: 'marketing', channel: 'email', granted });
const added = (userId: string, cart: string) =>
  track({ userId }, 'Product Added', { cart_id: cart, name: '<i>Akku</i> & Säge' });

test('a cart that rests: a mail in the customer’s language, in the list and in the mailbox; an order ends it', async () => {
  const userId = fresh('cart');
  const to = `${userId}@example.com`;
  await server.ingest([known(userId, to, { locale: 'de', firstName: 'Änne' }), consent(userId), added(userId, 'c1')]);
  expect((await server.describe(`u:${userId}`)).stages).toEqual({ lifecycle: 'decision' });
  await server.advance('PT4H');
  const [mail, ...more] = await mailsTo(to, 1);
  expect(more).toEqual([]);
  expect(mail).toMatchObject({ subject: 'Ihr Warenkorb bei Werkgarten wartet auf Sie' });
  expect(mail?.text).toContain('<i>Akku</i> & Säge');
  const [listed] = await messagesOf(userId);
  expect(listed?.subject).toBe(mail?.subject);
  expect(hashKey(listed?.key ?? '')).toBe(mail?.key);

  const page = await server.call('GET', '/mailbox');
  expect(page.headers.get('content-security-policy')).not.toContain('unsafe');
  expect(page.text).toContain('&lt;i&gt;Akku&lt;/i&gt; &amp; Säge');
  expect(page.text).not.toContain('<i>Akku');

  await server.ingest([track({ userId }, 'Order Completed', { cart_id: 'c1' })]);
  await server.advance('P8D');
  expect((await server.timeline(`u:${userId}`)).filter((entry) => entry.kind === 'message').length).toBe(2);
});

test('without consent, or once it is withdrawn, nothing is sent, and the timeline says why', async () => {
  const [never, withdrawn] = [fresh('never'), fresh('withdrawn')];
  await server.ingest([known(never, `${never}@example.com`), added(never, 'c1')]);
  await server.ingest([known(withdrawn, `${withdrawn}@example.com`), consent(withdrawn), added(withdrawn, 'c1')]);
  await server.ingest([consent(withdrawn, false)]);
  await server.advance('PT4H');
  for (const userId of [never, withdrawn]) {
    const suppressed = (await server.timeline(`u:${userId}`)).filter((entry) => entry.kind === 'suppressed');
    expect(suppressed).toMatchObject([
      { message: 'cart-reminder', reason: userId === never ? 'no consent' : 'consent withdrawn' },
    ]);
    expect(await messagesOf(userId)).toEqual([]);
  }
});

const CUSTOMERS = 1_000;
const KILLS = 5;
const AT_ONCE = 20;

test.runIf(PROVE)(
  'a provider that fails three times in ten, and kills: each transactional mail arrives, no marketing mail twice',
  async () => {
    const template = (id: string, purpose: string) => ({
      channel: 'email',
      purpose,
      locales: { en: { subject: id, text: id } },
    });
    for (const [id, purpose] of [
      ['receipt', 'transactional'],
      ['news', 'marketing'],
    ] as const) {
      expect((await server.admin('PUT', `/admin/messages/templates/${id}`, template(id, purpose))).status).toBe(200);
      const steps = [{ send: id, channel: 'email', purpose }];
      await server.publish({ id, entry: [{ event: `Ask ${id}` }], initial: 'first', stages: { first: { steps } } });
    }
    const kinds = Array.from({ length: CUSTOMERS }, (_, n) => (n % 2 === 0 ? 'receipt' : 'news'));
    const customers = kinds.map((kind) => ({ kind, userId: fresh(kind) }));
    const before = mails().length;
    const parts = Math.ceil(customers.length / (KILLS + 1));
    for (let n = 0; n <= KILLS; n++) {
      const part = customers.slice(n * parts, (n + 1) * parts);
      for (const { kind, userId } of part)
        await server.ingest([
          known(userId, `${userId}@shaky.example`),
          consent(userId),
          track({ userId }, `Ask ${kind}`),
        ]);
      if (n === KILLS) break;
      // In the midst of sending: as soon as a mail of this part has gone out.
      const sent = mails().length;
      for await (const _ of changes()) if (mails().length > Math.max(sent, before + n)) break;
      await server.restart();
    }

    // Time passes in steps shorter than a claim, each after a real second in which the queue gathers.
    let open = customers;
    for (let step = 0; step < 200 && open.length > 0; step++) {
      await delay(1_000);
      await server.advance('PT45S');
      open = await stillOpen(open);
    }
    expect(open).toEqual([]);
    const byAddress = Map.groupBy(mails(), (mail) => mail.to);
    let uncertain = 0;
    for (const { kind, userId } of customers) {
      const got = byAddress.get(`${userId}@shaky.example`) ?? [];
      const [listed] = await messagesOf(userId);
      expect(new Set(got.map((mail) => mail.key)).size).toBeLessThanOrEqual(1);
      if (kind === 'receipt') {
        expect(listed?.status).toBe('sent');
        expect(got.length).toBeGreaterThanOrEqual(1);
      } else {
        if (listed?.status === 'uncertain') uncertain++;
        else expect([listed?.status, got.length]).toEqual(['sent', 1]);
        expect(got.length).toBeLessThanOrEqual(1);
      }
    }
    // No more can be uncertain than were in hand when the system was killed.
    expect(uncertain).toBeLessThanOrEqual(KILLS * AT_ONCE);
  },
);

async function stillOpen<T extends { readonly userId: string }>(customers: readonly T[]): Promise<T[]> {
  const open: T[] = [];
  for (let at = 0; at < customers.length; at += AT_ONCE) {
    const part = customers.slice(at, at + AT_ONCE);
    const described = await Promise.all(part.map(({ userId }) => server.describe(`u:${userId}`)));
    open.push(...part.filter((_, index) => (described[index]?.effectsPending ?? 0) > 0));
  }
  return open;
}
