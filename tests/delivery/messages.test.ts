// From a send step to the mail provider: claim, send, settle (I4), with the object, the consumer and the binding real; the
// provider's own failures and a process that dies in between are put in by hand.

import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { CLAIM_MS, LIMITS, REQUEUE_AFTER_MS } from '../../schema/limits.ts';
import type { ShownMessage } from '../../workers/customer/messages.ts';
import {
  alarmOf,
  DAY,
  deliverTasks,
  describeOf,
  dump,
  eventOf,
  evict,
  fireAlarm,
  freshName,
  holdQueue,
  ingest,
  objectOf,
  passTime,
  prepare,
  publishDrafts,
  send,
  tasks,
  timelineOf,
} from '../customer/object.ts';

const step = (message: string, purpose: string, channel = 'email'): JsonObject => ({ send: message, channel, purpose });
const journey = (id: string, event: string, ...steps: JsonObject[]): JsonObject => ({
  id,
  reentry: 'after_exit',
  entry: [{ event }],
  exit: [{ event: 'Stop' }],
  initial: 'first',
  stages: { first: { steps } },
});

beforeAll(async () => {
  await prepare([
    journey('order', 'Ordered', step('receipt', 'transactional')),
    journey('news', 'Interested', step('news', 'marketing')),
    journey(
      'others',
      'Others',
      step('absent', 'service'),
      step('receipt', 'service', 'sms'),
      step('broken', 'service'),
    ),
  ]);
  const message = (id: string, locales: object) => ({
    kind: 'message' as const,
    id,
    document: { id, channel: 'email', purpose: 'service', locales },
  });
  await publishDrafts([
    message('receipt', {
      de: { subject: 'Danke, {{ traits.firstName }}', text: 'Nr. {{ event.properties.number }}' },
      en: {
        subject: 'Thank you, {{ traits.firstName }}',
        text: 'No. {{ event.properties.number }} <{{ traits.firstName }}>',
        html: '<p>No. {{ event.properties.number }}, {{ traits.firstName }}</p>',
      },
    }),
    message('news', { en: { subject: 'News', text: 'News' } }),
    message('broken', { en: { subject: '{{ traits.nothing }}', text: 'x' } }),
  ]);
});

interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  readonly headers: Record<string, string>;
}
let mails: Mail[] = [];

beforeEach(() => {
  mails = [];
  tasks.splice(0);
  provider(async () => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
  holdQueue();
});

/** The binding with something done before each mail goes to it. */
function provider(before: () => Promise<void>): void {
  vi.restoreAllMocks();
  holdQueue();
  vi.spyOn(env.EMAIL, 'send').mockImplementation(async (mail: unknown) => {
    await before();
    mails.push(mail as Mail);
    return { messageId: 'm' };
  });
}

const known = (id: string, traits: object = {}) =>
  ingest(id, [
    eventOf('identify', { type: 'identify', traits: { email: 'anna@example.com', firstName: 'Anna', ...traits } }),
  ]);
const consent = (id: string, properties: object = {}) =>
  send(id, 'Consent Updated', { properties: { purpose: 'marketing', channel: 'email', granted: true, ...properties } });

const messagesOf = async (id: string): Promise<ShownMessage[]> =>
  (await objectOf(id).messagesOf(Number.MAX_SAFE_INTEGER, 100)) ?? [];
const statusesOf = async (id: string) => (await messagesOf(id)).map((message) => message.status);
const reasonsOf = async (id: string) =>
  (await timelineOf(id)).flatMap(({ kind, body }) =>
    kind === 'suppressed' ? [Reflect.get(Object(body), 'reason')] : [],
  );
const deliverAll = () => deliverTasks(tasks.splice(0));

describe('a message that goes out', () => {
  it('is rendered in the language of the customer, and HTML is escaped where values are put in', async () => {
    const id = freshName();
    await known(id, { firstName: '<b>"Änne"</b>' });
    await send(id, 'Ordered', { properties: { number: 7 } });
    expect(await deliverAll()).toEqual([]);
    expect(mails).toMatchObject([
      {
        to: 'anna@example.com',
        subject: 'Thank you, <b>"Änne"</b>',
        text: 'No. 7 <<b>"Änne"</b>>',
        html: '<p>No. 7, &lt;b&gt;&#34;Änne&#34;&lt;/b&gt;</p>',
      },
    ]);
    const german = freshName();
    await known(german, { locale: 'de-AT' });
    await send(german, 'Ordered', { properties: { number: 8 } });
    await deliverAll();
    expect(mails[1]).toMatchObject({ subject: 'Danke, Anna', text: 'Nr. 8' });
  });

  it('is once in the list and twice in the timeline: queued, and sent', async () => {
    const id = freshName();
    await known(id);
    await send(id, 'Ordered');
    await deliverAll();
    expect(await messagesOf(id)).toMatchObject([
      { status: 'sent', to: 'anna@example.com', customerId: id, channel: 'email' },
    ]);
    const told = (await timelineOf(id)).filter((line) => line.kind === 'message').map((line) => line.body);
    expect(told).toMatchObject([{ status: 'queued' }, { status: 'sent' }]);
    expect((await describeOf(id)).effectsPending).toBe(0);
  });

  it('I4 has one key, which is that of no other customer, however often it is delivered', async () => {
    const ids = [freshName(), freshName()];
    for (const id of ids) {
      await known(id);
      await send(id, 'Ordered');
    }
    const twice = tasks.splice(0).flatMap((task) => [task, task]);
    await deliverTasks(twice);
    await deliverTasks(twice);
    expect(mails).toHaveLength(2);
    expect(new Set(mails.map((mail) => mail.headers['X-Waymark-Key'])).size).toBe(2);
  });

  it('a line break in a value begins no header', async () => {
    const id = freshName();
    await known(id, { firstName: 'Anna\r\nBcc: all@example.com' });
    await send(id, 'Ordered');
    await deliverAll();
    expect(mails[0]?.subject).toBe('Thank you, Anna Bcc: all@example.com');
  });
});

describe('a message that does not go out', () => {
  it.each([
    ['import', 'nothing is sent under import'],
    ['no address', 'the customer has none'],
  ])('is suppressed: %s', async (reason) => {
    const id = freshName();
    if (reason === 'import') {
      await objectOf(id).importEvents(0, [
        eventOf('identify', { type: 'identify', traits: { email: 'a@example.com' } }),
        eventOf('Ordered'),
      ]);
      await objectOf(id).finishImport(0);
    } else await send(id, 'Ordered');
    expect(await reasonsOf(id)).toEqual([reason]);
    expect([tasks, await messagesOf(id)]).toEqual([[], []]);
  });

  it.each([
    'nobody',
    'a@b',
    '@b.de',
    'a@.de',
    'a b@c.de',
    'a@c.de, b@c.de',
    'a@c.de\nBcc: b@c.de',
    '"a"@c.de',
    `${'x'.repeat(250)}@c.de`,
    7,
    null,
  ])('an address of %j is none', async (email) => {
    const id = freshName();
    await known(id, { email });
    await send(id, 'Ordered');
    expect(await reasonsOf(id)).toEqual(['no address']);
  });

  it('each for its own reason: no template, no channel, a template that leaves nothing to say', async () => {
    const id = freshName();
    await known(id);
    await send(id, 'Others');
    expect(await reasonsOf(id)).toEqual(['no template', 'no channel', 'template failed']);
  });
});

describe('consent', () => {
  it.each([
    ['none recorded', [], 'no consent'],
    ['given', [{}], null],
    ['given for every channel', [{ channel: undefined }], null],
    ['given for another channel', [{ channel: 'sms' }], 'no consent'],
    ['given for another purpose', [{ purpose: 'research' }], 'no consent'],
    ['given and withdrawn', [{}, { granted: false }], 'consent withdrawn'],
    ['withdrawn and given again', [{ granted: false }, {}], null],
    ['withdrawn for another channel', [{}, { channel: 'sms', granted: false }], null],
    ['withdrawn for everything', [{}, { channel: undefined, purpose: undefined, granted: false }], 'consent withdrawn'],
  ])('for marketing: %s', async (_, said, reason) => {
    const id = freshName();
    await known(id);
    for (const properties of said) {
      passTime(1_000);
      await consent(id, properties);
    }
    await send(id, 'Interested');
    expect(await reasonsOf(id)).toEqual(reason === null ? [] : [reason]);
    await deliverAll();
    expect(mails).toHaveLength(reason === null ? 1 : 0);
  });

  it('withdrawn while the message waits in the queue: it is not sent', async () => {
    const id = freshName();
    await known(id);
    await consent(id);
    await send(id, 'Interested');
    passTime(1_000);
    await consent(id, { granted: false });
    await deliverAll();
    expect([mails, await statusesOf(id), await reasonsOf(id)]).toEqual([[], ['suppressed'], ['consent withdrawn']]);
    expect((await describeOf(id)).effectsPending).toBe(0);
  });
});

describe('a provider that fails', () => {
  it('is tried again later, with the same key, and then no more', async () => {
    const id = freshName();
    await known(id);
    let calls = 0;
    provider(async () => {
      if (++calls <= 3) throw new Error('421 try again');
    });
    await send(id, 'Ordered');
    for (let attempt = 1; attempt <= 4; attempt++) {
      expect(await deliverAll()).toEqual([]);
      passTime(3_600_000);
      await fireAlarm(id);
    }
    expect([mails.length, calls, await statusesOf(id)]).toEqual([1, 4, ['sent']]);
    expect(tasks).toEqual([]);
  });

  it('is given up after so many attempts, and the timeline says why', async () => {
    const id = freshName();
    await known(id);
    provider(async () => {
      throw new Error('550 no such mailbox');
    });
    await send(id, 'Ordered');
    for (let attempt = 0; attempt < LIMITS.messageAttemptsMax + 5; attempt++) {
      await deliverAll();
      passTime(3_600_000);
      await fireAlarm(id);
    }
    expect(await statusesOf(id)).toEqual(['failed']);
    const last = (await timelineOf(id)).at(-1);
    expect(last).toMatchObject({ kind: 'message', body: { status: 'failed', detail: '550 no such mailbox' } });
  });
});

describe('a process that dies', () => {
  const die = () => Promise.reject(new Error('gone'));

  it('before the task was queued: the alarm hands it out', async () => {
    const id = freshName();
    await known(id);
    vi.spyOn(env.MESSAGES, 'send').mockImplementation(die);
    await send(id, 'Ordered');
    holdQueue();
    await evict(id);
    passTime(REQUEUE_AFTER_MS);
    await fireAlarm(id);
    await deliverAll();
    expect(mails).toHaveLength(1);
  });

  it('with the queue: the alarm hands it out again', async () => {
    const id = freshName();
    await known(id);
    await send(id, 'Ordered');
    expect(tasks.splice(0)).toHaveLength(1);
    await evict(id);
    for (let n = 0; n < 2 && tasks.length === 0; n++) {
      passTime(REQUEUE_AFTER_MS);
      await fireAlarm(id);
    }
    await deliverAll();
    expect(mails).toHaveLength(1);
  });

  const sendAndDie = async (id: string) => {
    // The consumer claims and sends; its word never reaches the object.
    const [task] = tasks;
    if (!task) throw new Error('nothing was queued');
    const claim = await objectOf(id).claimMessage(task.key);
    expect(claim).toMatchObject({ kind: 'send' });
    await evict(id);
  };

  it('between sending and settling: nobody else sends while the claim lasts', async () => {
    const id = freshName();
    await known(id);
    await send(id, 'Ordered');
    await sendAndDie(id);
    passTime(CLAIM_MS - 1_000);
    expect(await deliverTasks([...tasks])).toHaveLength(1);
    expect(mails).toEqual([]);
  });

  it('between sending and settling: a transactional message is sent again', async () => {
    const id = freshName();
    await known(id);
    await send(id, 'Ordered');
    await sendAndDie(id);
    passTime(CLAIM_MS);
    expect(await deliverAll()).toEqual([]);
    expect([mails.length, await statusesOf(id)]).toEqual([1, ['sent']]);
  });

  it('between sending and settling: a marketing message is uncertain, and not sent again', async () => {
    const id = freshName();
    await known(id);
    await consent(id);
    await send(id, 'Interested');
    await sendAndDie(id);
    passTime(CLAIM_MS);
    await deliverAll();
    expect([mails.length, await statusesOf(id)]).toEqual([0, ['uncertain']]);
    expect((await describeOf(id)).effectsPending).toBe(0);
  });

  it('a second word on a message changes nothing', async () => {
    const id = freshName();
    await known(id);
    await send(id, 'Ordered');
    const key = tasks[0]?.key ?? '';
    await deliverAll();
    const before = await dump(id);
    await objectOf(id).settleMessage(key, { kind: 'failed', detail: 'late' });
    expect(await objectOf(id).claimMessage(key)).toEqual({ kind: 'over' });
    expect(await dump(id)).toEqual(before);
  });
});

describe('an anonymous customer with messages becomes known', () => {
  it('M1 the known one has them, the open one is sent once, and nothing of them stays behind', async () => {
    const anonymous = freshName('a');
    const customer = freshName();
    await known(anonymous);
    await send(anonymous, 'Ordered', { properties: { number: 1 } });
    await deliverAll();
    await send(anonymous, 'Stop');
    await send(anonymous, 'Ordered', { properties: { number: 2 } });
    const open = tasks.splice(0);
    await ingest(customer, [eventOf('identify', { type: 'identify', merges: anonymous })]);
    await deliverTasks(open);
    passTime(REQUEUE_AFTER_MS);
    await fireAlarm(customer);
    await deliverAll();
    expect(mails.map((mail) => mail.text)).toEqual(['No. 1 <Anna>', 'No. 2 <Anna>']);
    expect(await statusesOf(customer)).toEqual(['sent', 'sent']);
    // Until then the merge could be undone.
    passTime(9 * DAY);
    await fireAlarm(anonymous);
    expect(JSON.stringify(await dump(anonymous))).not.toContain('anna@example.com');
    expect(await alarmOf(anonymous)).toBeNull();
  });
});
