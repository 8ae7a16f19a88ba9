// SPEC.md of consent, group CS and what the object keeps: asked before everything, held at once, logged, joined. Object, queue
// consumer and mail binding are the real ones; the provider's failures are put in by hand.

import { env } from 'cloudflare:workers';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { LIMITS, RESEND_AFTER_MS } from '../../schema/limits.ts';
import { readLine, verifyLog } from '../../workers/consent/log.ts';
import type { IncomingEvent } from '../../workers/customer/messages.ts';
import { openPermit } from '../../workers/customer/permits.ts';
import {
  DAY,
  decide,
  deliverTasks,
  describeOf,
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
  START,
  send,
  setClock,
  tasks,
  timelineOf,
} from '../customer/object.ts';
import { often } from '../prove.ts';

const step = (message: string, purpose: string): JsonObject => ({ send: message, channel: 'email', purpose });
const journey = (id: string, event: string, ...steps: JsonObject[]): JsonObject => ({
  ...{ id, reentry: 'after_exit', entry: [{ event }], exit: [{ event: 'Stop' }] },
  initial: 'first',
  stages: { first: { steps }, over: { final: true } },
});

beforeAll(async () => {
  await prepare([
    journey('news', 'Interested', step('news', 'marketing'), { goto: 'over' }),
    journey('letter', 'Month', step('news', 'newsletter'), { goto: 'over' }),
    {
      id: 'reader',
      entry: [{ event: 'identify' }],
      exit: [{ event: 'Stop' }],
      initial: 'new',
      stages: { new: { on: [{ event: 'identify', to: 'reading' }] }, reading: {} },
    },
    journey('receipt', 'Ordered', step('news', 'transactional'), { goto: 'over' }),
    journey('confirming', 'Consent Requested', step('confirm', 'transactional'), { goto: 'over' }),
  ]);
  const message = (id: string, text: string) => ({
    kind: 'message' as const,
    id,
    document: { id, channel: 'email', purpose: 'service', locales: { en: { subject: 'News', text } } },
  });
  const item = (id: string, stages: string[]) => ({
    kind: 'content' as const,
    id,
    document: {
      id,
      kind: 'tip',
      placements: ['hero'],
      stages,
      priority: stages.length,
      locales: { en: { title: id } },
    },
  });
  const policies = {
    consent: {
      wording: 'v1',
      purposes: {
        marketing: { basis: 'consent', expires: 'P100D' },
        newsletter: { basis: 'consent', doubleOptIn: { channels: ['email'] } },
        personalisation: { basis: 'legitimate-interest' },
        analytics: { basis: 'legitimate-interest' },
      },
      signals: { globalPrivacyControl: ['personalisation'] },
      events: { purpose: 'analytics', without: 'necessary', necessary: ['Ordered', 'Interested', 'identify'] },
    },
  };
  await publishDrafts([
    message('news', 'News. {{ unsubscribeUrl }} {{ preferencesUrl }}'),
    message('confirm', '{{ confirmUrl }}'),
    item('for-anybody', []),
    item('for-readers', ['reader.reading']),
    { kind: 'policies', id: 'policies', document: policies },
  ]);
});

interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly headers: Record<string, string>;
}
let mails: Mail[] = [];
/** Done before a mail goes to the binding: it may fail. */
let before: () => Promise<void> = async () => undefined;

beforeEach(() => {
  mails = [];
  before = async () => undefined;
  tasks.splice(0);
  holdQueue();
  vi.spyOn(env.EMAIL, 'send').mockImplementation(async (mail: unknown) => {
    await before();
    mails.push(mail as Mail);
    return { messageId: 'm' };
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  holdQueue();
});

const known = (id: string) =>
  ingest(id, [eventOf('identify', { type: 'identify', traits: { email: 'anna@example.com' } })]);
const say = (id: string, properties: JsonObject) => send(id, 'Consent Updated', { properties });
const yes = (id: string, purpose = 'marketing') => say(id, { purpose, channel: 'email' });
const no = (id: string, purpose = 'marketing') => say(id, { purpose, channel: 'email', granted: false });
/** What a link of a mail says. */
const byLink = (name: string, properties: JsonObject): IncomingEvent => {
  const event = eventOf(name, { properties });
  return { ...event, type: 'consent', body: JSON.stringify({ ...JSON.parse(event.body), type: 'consent' }) };
};
const deliverAll = () => deliverTasks(tasks.splice(0));
const reasonsOf = async (id: string) =>
  (await timelineOf(id)).flatMap(({ kind, body }) =>
    kind === 'suppressed' ? [Reflect.get(Object(body), 'reason')] : [],
  );
const logOf = async (id: string) =>
  ((await objectOf(id).consentLog(0, 1_000))?.lines ?? []).flatMap((line) => readLine(JSON.parse(line)) ?? []);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('a message', () => {
  it('CS1 goes out with a yes, and the reason it does not stands in the timeline', async () => {
    const id = freshName();
    await known(id);
    await send(id, 'Interested');
    await yes(id);
    await send(id, 'Interested');
    await deliverAll();
    passTime(100 * DAY);
    await send(id, 'Interested');
    await send(id, 'Ordered');
    await deliverAll();
    expect(mails).toHaveLength(2);
    expect(await reasonsOf(id)).toEqual(['no consent', 'consent expired']);
  });

  it('CS1 CN10 that waits when a pause begins is not sent', async () => {
    const id = freshName();
    await known(id);
    await yes(id);
    await send(id, 'Interested');
    await ingest(id, [byLink('Preferences Updated', { paused_until: new Date(Date.now() + DAY).toISOString() })]);
    await deliverAll();
    expect([mails, await reasonsOf(id)]).toEqual([[], ['paused']]);
    passTime(DAY);
    await send(id, 'Interested');
    await deliverAll();
    expect(mails).toHaveLength(1);
  });

  it('CS2 that waits is given up in the commit that says no: in the outbox, in the queue, between attempts', async () => {
    const id = freshName();
    await known(id);
    await yes(id);
    // In the queue.
    await send(id, 'Interested');
    await no(id);
    expect((await describeOf(id)).effectsPending).toBe(0);
    expect(await reasonsOf(id)).toEqual(['consent withdrawn']);
    await deliverAll();
    // Between two attempts.
    passTime(1_000);
    await yes(id);
    before = async () => Promise.reject(new Error('421 try again'));
    await send(id, 'Interested');
    await deliverAll();
    before = async () => undefined;
    await no(id);
    passTime(RESEND_AFTER_MS + DAY);
    await fireAlarm(id);
    await deliverAll();
    expect([mails, await reasonsOf(id)]).toEqual([[], ['consent withdrawn', 'consent withdrawn']]);
    expect((await describeOf(id)).effectsPending).toBe(0);
  });

  it('CS3 that may be ended carries the way to end it, by one POST; a receipt does not', async () => {
    const id = freshName();
    await known(id);
    await yes(id);
    await send(id, 'Interested');
    await send(id, 'Ordered');
    await deliverAll();
    const [news, receipt] = mails;
    const [, token = ''] =
      /^<https:\/\/waymark\.test\/unsubscribe\/(.+)>$/.exec(news?.headers['List-Unsubscribe'] ?? '') ?? [];
    expect(openPermit('platform tests', 'unsubscribe', token)).toMatchObject({
      customerId: id,
      purpose: 'marketing',
      channel: 'email',
    });
    expect(openPermit('platform tests', 'preferences', token)).toBeNull();
    expect(openPermit('other', 'unsubscribe', token)).toBeNull();
    expect(news?.headers['List-Unsubscribe-Post']).toBe('List-Unsubscribe=One-Click');
    expect(news?.text).toContain(token);
    expect(news?.text).not.toContain(id);
    expect(Object.keys(receipt?.headers ?? {})).toEqual(['X-Waymark-Key']);
  });
});

describe('a yes that has to be confirmed', () => {
  it('CN5 CN6 asks by mail, and counts once the link of it says so', async () => {
    const id = freshName();
    await known(id);
    await yes(id, 'newsletter');
    await send(id, 'Month');
    await deliverAll();
    expect(await reasonsOf(id)).toEqual(['consent not confirmed']);
    const [, token = ''] = /^https:\/\/waymark\.test\/confirm\/(\S+)/.exec(mails[0]?.text ?? '') ?? [];
    const permit = openPermit('platform tests', 'confirm', token);
    expect(permit).toMatchObject({ customerId: id, purpose: 'newsletter', channel: 'email' });
    await send(id, 'Consent Confirmed', { properties: { purpose: 'newsletter', channel: 'email' } });
    await send(id, 'Month');
    expect(await reasonsOf(id)).toHaveLength(2);
    passTime(1_000);
    await ingest(id, [byLink('Consent Confirmed', { purpose: 'newsletter', channel: 'email' })]);
    await send(id, 'Month');
    await deliverAll();
    expect([mails.length, (await reasonsOf(id)).length]).toEqual([2, 2]);
    expect((await describeOf(id)).consents).toMatchObject({
      newsletter: { email: { permitted: true, granted: true, confirmed: true, wording: 'v1' } },
    });
  });

  it('CN5 asks once, however often the same message comes', async () => {
    const id = freshName();
    await known(id);
    const event = eventOf('Consent Updated', { properties: { purpose: 'newsletter', channel: 'email' } });
    await ingest(id, [event]);
    await ingest(id, [event]);
    await deliverAll();
    expect([mails.length, (await logOf(id)).length]).toEqual([1, 1]);
  });
});

describe('somebody who says the same over and over', () => {
  it('CN12 CN13 fills no log, and floods nobody with mails', async () => {
    const id = freshName();
    await known(id);
    for (let times = 0; times < 20; times++) {
      passTime(60_000);
      await say(id, { purpose: 'newsletter', channel: 'email', granted: times % 2 === 0 });
      await say(id, { purpose: 'newsletter', channel: 'email', granted: times % 2 === 0 });
      await send(id, 'Stop');
    }
    await deliverAll();
    expect([mails.length, (await logOf(id)).length]).toEqual([LIMITS.confirmationsMax, 20]);
  });
});

describe('a page', () => {
  it('CS4 gets what anybody would get where it may not be personal, and nothing is recorded', async () => {
    const id = freshName();
    await known(id);
    const shown = async () => {
      const { stages, decisions } = await decide(id, ['hero']);
      return [stages, decisions['hero']?.map((item) => item.id)];
    };
    expect(await shown()).toEqual([{ reader: 'reading' }, ['for-readers']]);
    const lines = (await timelineOf(id)).length;
    await ingest(id, [
      {
        ...eventOf('identify', { type: 'identify' }),
        body: '{"type":"identify","context":{"gpc":true}}',
        signals: true,
      },
    ]);
    expect(await shown()).toEqual([{}, ['for-anybody']]);
    expect(await objectOf(id).standing(0, true)).toBe(JSON.stringify({ id, stages: {} }));
    expect((await timelineOf(id)).slice(lines).map(({ kind }) => kind)).toEqual(['consent', 'event']);
    passTime(1_000);
    await say(id, { purpose: 'personalisation' });
    expect(await shown()).toEqual([{ reader: 'reading' }, ['for-readers']]);
  });
});

describe('an event', () => {
  it('CS5 of a customer who does not want it is not kept, unless it is necessary or speaks of consent', async () => {
    const id = freshName();
    await known(id);
    await say(id, { purpose: 'analytics', granted: false });
    const reply = await ingest(id, [eventOf('page', { type: 'page' }), eventOf('Ordered')]);
    expect(reply.statuses).toEqual(['accepted', 'accepted']);
    const kept = (await timelineOf(id)).flatMap(({ kind, name }) => (kind === 'event' ? [name] : []));
    expect(kept).toEqual(['identify', 'Consent Updated', 'Ordered']);
    passTime(1_000);
    await say(id, { purpose: 'analytics', granted: true });
    await send(id, 'page', { type: 'page' });
    expect((await timelineOf(id)).at(-1)).toMatchObject({ kind: 'event', name: 'page' });
  });
});

describe('the log', () => {
  it('CL1 holds every statement in one chain, also after the object was out of memory', async () => {
    const id = freshName();
    await known(id);
    for (const granted of [true, false, true]) {
      passTime(1_000);
      await say(id, { purpose: 'marketing', channel: 'email', granted, source: 'form' });
      await evict(id);
    }
    const lines = await logOf(id);
    expect(lines).toMatchObject(
      [true, false, true].map((granted, index) => ({ of: id, n: index + 1, statement: { granted, source: 'form' } })),
    );
    expect(verifyLog(lines, sha256)).toEqual([]);
  });

  it('CL1 knows its own end', async () => {
    const id = freshName();
    await known(id);
    expect(await objectOf(id).consentLog(0, 10)).toEqual({ lines: [], end: null });
    await yes(id);
    passTime(1_000);
    await no(id);
    const { end = '' } = (await objectOf(id).consentLog(0, 10)) ?? {};
    const lines = await logOf(id);
    expect([verifyLog(lines, sha256, end), end === lines[1]?.hash]).toEqual([[], true]);
    expect(verifyLog(lines.slice(0, 1), sha256, end)).toMatchObject([{ of: id, n: 2 }]);
  });

  it('CN9 CL2 of two who become one the stricter word stays, and both logs can be checked', async () => {
    const [visitor, id] = [freshName('a'), freshName()];
    await no(visitor);
    passTime(1_000);
    await known(id);
    await yes(id);
    await ingest(id, [eventOf('identify', { type: 'identify', merges: visitor })]);
    await send(id, 'Interested');
    expect(await reasonsOf(id)).toEqual(['consent withdrawn']);
    const lines = await logOf(id);
    expect(lines.map((line) => [line.of, line.n])).toEqual(
      expect.arrayContaining([
        [visitor, 1],
        [id, 1],
        [id, 2],
      ]),
    );
    expect(verifyLog(lines, sha256)).toEqual([]);
    passTime(1_000);
    await yes(id);
    await send(id, 'Interested');
    await deliverAll();
    expect(mails).toHaveLength(1);
  });
});

describe('whatever happens', () => {
  const action = fc.constantFrom(
    'yes',
    'no',
    'no to all',
    'want',
    'deliver',
    'fail',
    'wait',
    'expire',
    'evict',
    'pause',
    'on',
  );

  it('CS1 CS2 no mail goes out that nobody wanted at that moment', { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 6, maxLength: 24 }), async (actions) => {
        // Each customer lives in the same years: the platform sets no alarm after 2189.
        setClock(START + 365 * DAY);
        const id = freshName();
        await known(id);
        /** The reference: when the last word was said, and since when there is a pause. */
        let granted: number | null = null;
        let pausedUntil = 0;
        const isWanted = () => granted !== null && Date.now() < granted + 100 * DAY && Date.now() >= pausedUntil;
        const unwanted: string[] = [];
        before = async () => {
          if (!isWanted()) unwanted.push(new Date().toISOString());
        };
        for (const each of actions) {
          passTime(1_000);
          if (each === 'yes') {
            await yes(id);
            granted = Date.now();
          } else if (each === 'no' || each === 'no to all') {
            await (each === 'no' ? no(id) : say(id, { granted: false }));
            granted = null;
          } else if (each === 'want') await send(id, 'Interested');
          else if (each === 'deliver') await deliverAll();
          else if (each === 'fail') {
            const check = before;
            before = async () => {
              await check();
              throw new Error('421 try again');
            };
            await deliverAll();
            before = check;
          } else if (each === 'wait') {
            passTime(RESEND_AFTER_MS);
            await fireAlarm(id);
          } else if (each === 'expire') passTime(60 * DAY);
          else if (each === 'evict') await evict(id);
          else {
            pausedUntil = each === 'pause' ? Date.now() + 30 * DAY : 0;
            const until = each === 'pause' ? new Date(pausedUntil).toISOString() : null;
            await ingest(id, [byLink('Preferences Updated', { paused_until: until })]);
          }
        }
        for (
          let attempt = 0;
          attempt < LIMITS.messageAttemptsMax && (await describeOf(id)).effectsPending > 0;
          attempt++
        ) {
          passTime(DAY);
          await fireAlarm(id);
          await deliverAll();
        }
        expect(unwanted).toEqual([]);
      }),
      { numRuns: often(15, 1_000) },
    );
  });
});
