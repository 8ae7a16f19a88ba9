// SPEC.md of consent, group CN: what counts, by example and against a reference that keeps everything that was ever said.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { NO_CONSENT_RULES } from '../../workers/consent/policy.ts';
import {
  type Consents,
  joined,
  NO_CONSENTS,
  refusal,
  type Statement,
  statementOn,
  withStatement,
} from '../../workers/consent/state.ts';
import { BY_LINK, keptWithout } from '../../workers/consent/statements.ts';
import { EMPTY_VOCABULARY } from '../../workers/engine/compile.ts';
import { compilePolicies } from '../../workers/policies/policies.ts';
import { often } from '../prove.ts';
import { AT, DAY, having, heard, RULES, refusedFor, rulesOf, statement } from './saying.ts';

describe('what counts', () => {
  it('CN1 each basis has its rule, and so has a purpose nobody wrote about', () => {
    const no = having({ granted: false, purpose: null, channel: null });
    const bases = ['transactional', 'service', 'marketing', 'newsletter', 'analytics'];
    expect(bases.map((purpose) => refusedFor(NO_CONSENTS, purpose))).toEqual([
      null,
      null,
      'no consent',
      'no consent',
      null,
    ]);
    expect(bases.map((purpose) => refusedFor(no, purpose))).toEqual([
      null,
      'consent withdrawn',
      'consent withdrawn',
      'consent withdrawn',
      null,
    ]);
    const unwritten = (purpose: string) => refusal(NO_CONSENTS, NO_CONSENT_RULES, purpose, 'email', AT);
    expect(['marketing', 'newsletter', 'service', 'transactional'].map(unwritten)).toEqual([
      'no consent',
      'no consent',
      null,
      null,
    ]);
  });

  it('CN2 the latest that covers it, and of two at one instant the no', () => {
    expect(refusedFor(having({}, { granted: false, channel: null, at: AT + 1 }))).toBe('consent withdrawn');
    expect(refusedFor(having({ granted: false, channel: null }, { at: AT + 1 }))).toBeNull();
    expect(refusedFor(having({}, { granted: false, purpose: null }))).toBe('consent withdrawn');
    expect(refusedFor(having({ granted: false, purpose: null }, {}))).toBe('consent withdrawn');
    expect(refusedFor(having({ channel: 'sms' }))).toBe('no consent');
    expect(refusedFor(having({ purpose: null, channel: null }))).toBeNull();
  });

  it('CN3 an older statement changes nothing', () => {
    const consents = having({ granted: false });
    expect(withStatement(consents, RULES, statement({ at: AT - 1 }))).toEqual({
      consents,
      counts: false,
      pending: false,
    });
    const late = heard(consents, 'Consent Updated', { properties: { purpose: 'marketing', channel: 'email' } }, AT - 1);
    expect(late.consents).toEqual(consents);
    expect(late.steps).toHaveLength(1);
  });

  it('CN4 a yes ends at an instant', () => {
    const consents = having({ purpose: 'newsletter', confirmed: true });
    expect(refusedFor(consents, 'newsletter', 'email', AT + 10 * DAY - 1)).toBeNull();
    expect(refusedFor(consents, 'newsletter', 'email', AT + 10 * DAY)).toBe('consent expired');
  });

  it('CN5 a yes that has to be confirmed counts once it is, and a renewed one at once', () => {
    const asked = heard(NO_CONSENTS, 'Consent Updated', { properties: { purpose: 'newsletter', channel: 'email' } });
    expect(refusedFor(asked.consents, 'newsletter')).toBe('consent not confirmed');
    expect(asked.requests).toMatchObject([
      {
        name: 'Consent Requested',
        message: {
          type: BY_LINK,
          properties: { purpose: 'newsletter', channel: 'email', wording: 'v1', stated_at: new Date(AT).toISOString() },
        },
      },
    ]);
    const properties = { purpose: 'newsletter', channel: 'email' };
    const confirmed = heard(asked.consents, 'Consent Confirmed', { type: BY_LINK, properties }, AT + DAY);
    expect([refusedFor(confirmed.consents, 'newsletter', 'email', AT + DAY), confirmed.requests]).toEqual([null, []]);
    const renewed = heard(confirmed.consents, 'Consent Updated', { properties }, AT + 2 * DAY);
    expect([refusedFor(renewed.consents, 'newsletter', 'email', AT + 11 * DAY), renewed.requests]).toEqual([null, []]);
    const lapsed = heard(confirmed.consents, 'Consent Updated', { properties }, AT + 12 * DAY);
    expect(refusedFor(lapsed.consents, 'newsletter', 'email', AT + 12 * DAY)).toBe('consent not confirmed');
    expect(lapsed.requests).toHaveLength(1);
    // By source, and by channel.
    expect(refusedFor(having({ source: 'form' }))).toBe('consent not confirmed');
    expect(refusedFor(having({ source: 'branch' }))).toBeNull();
    expect(refusedFor(having({ source: 'form', channel: 'sms' }), 'marketing', 'sms')).toBeNull();
  });

  it('CN6 only a link confirms, and only a yes that still stands', () => {
    const properties = { purpose: 'newsletter', channel: 'email' };
    const asked = heard(NO_CONSENTS, 'Consent Updated', { properties }).consents;
    const claimed = heard(asked, 'Consent Confirmed', { properties }, AT + 1);
    expect([claimed.consents, claimed.steps]).toEqual([asked, []]);
    const sent = heard(
      asked,
      'Consent Updated',
      { properties: { ...properties, confirmed: true, type: BY_LINK } },
      AT + 1,
    );
    expect(refusedFor(sent.consents, 'newsletter')).toBe('consent not confirmed');
    const withdrawn = heard(
      asked,
      'Consent Updated',
      { properties: { ...properties, granted: false } },
      AT + 1,
    ).consents;
    expect(heard(withdrawn, 'Consent Confirmed', { type: BY_LINK, properties }, AT + 2).steps).toEqual([]);
    expect(heard(NO_CONSENTS, 'Consent Confirmed', { type: BY_LINK, properties }, AT + 2).steps).toEqual([]);
  });

  it('CN7 Global Privacy Control is a no once, and a later yes counts', () => {
    const context = { gpc: true };
    const yes = having({ at: AT - DAY, confirmed: true });
    const controlled = heard(yes, 'page', { type: 'page', context }).consents;
    expect([refusedFor(controlled), refusedFor(controlled, 'personalisation', null)]).toEqual([
      'consent withdrawn',
      'consent withdrawn',
    ]);
    const again = heard(
      controlled,
      'Consent Updated',
      { context, properties: { purpose: 'marketing' } },
      AT + 1,
    ).consents;
    expect(refusedFor(again)).toBeNull();
    expect(refusedFor(heard(again, 'page', { context }, AT + 2).consents)).toBeNull();
    expect(heard(NO_CONSENTS, 'page', { context: { gpc: false } }).consents).toBe(NO_CONSENTS);
    expect(heard(NO_CONSENTS, 'page', { context }, AT, NO_CONSENT_RULES).steps).toEqual([]);
  });

  it('CN8 signals of the site say what the policy says they stand for, and never undo a no that came another way', () => {
    const consent = (said: object) => ({ context: { consent: said } });
    const on = heard(NO_CONSENTS, 'page', consent({ categoryPreferences: { Ads: true, Other: false } })).consents;
    expect([refusedFor(on), refusedFor(on, 'newsletter')]).toEqual([null, 'no consent']);
    expect(heard(on, 'page', consent({ categoryPreferences: { Ads: true } }), AT + 1).steps).toEqual([]);
    const off = heard(on, 'page', consent({ categoryPreferences: { Ads: false } }), AT + 1).consents;
    expect(refusedFor(off)).toBe('consent withdrawn');
    expect(refusedFor(heard(off, 'page', consent({ categoryPreferences: { Ads: true } }), AT + 2).consents)).toBeNull();
    expect(refusedFor(heard(off, 'page', consent({ consentMode: { ad_storage: 'granted' } }), AT + 2).consents)).toBe(
      'consent withdrawn',
    );
    const left = having({ granted: false, source: 'unsubscribe' });
    expect(heard(left, 'page', consent({ categoryPreferences: { Ads: true } }), AT + 1).steps).toEqual([]);
    const tcf = heard(NO_CONSENTS, 'page', consent({ tcf: { purposes: { '4': false, '99': true } } })).consents;
    expect(refusedFor(tcf, 'personalisation', null)).toBe('consent withdrawn');
    const odd = [
      null,
      7,
      'x',
      [],
      { categoryPreferences: [] },
      { categoryPreferences: { Ads: 'maybe' } },
      { tcf: null },
    ];
    for (const said of odd) expect(heard(NO_CONSENTS, 'page', { context: { consent: said } }).steps).toEqual([]);
  });

  it('CN9 of two customers the stricter word stays until there is another', () => {
    const both = joined(having({ at: AT + DAY }), having({ granted: false }));
    expect(refusedFor(both)).toBe('consent withdrawn');
    expect(refusedFor(withStatement(both, RULES, statement({ at: AT + DAY + 1 })).consents)).toBeNull();
    expect(refusedFor(joined(having({ source: 'form', at: AT - 1 }), having({ confirmed: true })))).toBe(
      'consent not confirmed',
    );
    expect(
      refusedFor(
        joined(
          having({ purpose: 'newsletter', confirmed: true }),
          having({ purpose: 'newsletter', confirmed: true, at: AT + DAY }),
        ),
        'newsletter',
        'email',
        AT + 10 * DAY,
      ),
    ).toBe('consent expired');
  });

  it('CN9 joining is the same in either order, and again changes nothing', () => {
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 8 }), fc.array(arbitrary, { maxLength: 8 }), (some, others) => {
        const [one, other] = [having(...some), having(...others)];
        expect(joined(one, other).said).toEqual(joined(other, one).said);
        expect(joined(joined(one, other), other).said).toEqual(joined(one, other).said);
      }),
      { numRuns: often(200, 20_000) },
    );
  });

  it('CN10 a pause holds back what is not of contract, for a time', () => {
    const until = AT + 30 * DAY;
    const paused_until = new Date(until).toISOString();
    const said = { type: BY_LINK, properties: { paused_until, frequency: 'weekly' } };
    const paused = heard(having({ confirmed: true }), 'Preferences Updated', said).consents;
    expect(['marketing', 'service', 'transactional'].map((purpose) => refusedFor(paused, purpose))).toEqual([
      'paused',
      'paused',
      null,
    ]);
    expect([refusedFor(paused, 'marketing', 'email', until), paused.frequency]).toEqual([null, 'weekly']);
    expect(refusedFor(paused, 'personalisation', null)).toBeNull();
    expect(heard(NO_CONSENTS, 'Preferences Updated', { properties: { paused_until } }).consents).toBe(NO_CONSENTS);
  });
});

describe('what anybody can say', () => {
  const say = (before: Consents, properties: object, at = AT) =>
    heard(before, 'Consent Updated', { properties }, at).consents;

  it('CN11 names are names, and there is room for so many that nobody knows', () => {
    for (const odd of ['*', 'a/b', ' ', '<b>', 'x'.repeat(200), 7, {}, ['marketing']])
      for (const member of ['purpose', 'channel']) expect(say(NO_CONSENTS, { [member]: odd })).toBe(NO_CONSENTS);
    let consents = NO_CONSENTS;
    for (let n = 0; n < 3_000; n++) consents = say(consents, { purpose: `junk-${n}` });
    expect(Object.keys(consents.said)).toHaveLength(LIMITS.consentUnnamedMax);
    // What can be asked about always has a place.
    const no = say(consents, { purpose: 'marketing', channel: 'email', granted: false });
    expect(refusedFor(no)).toBe('consent withdrawn');
    expect(Object.keys(say(no, {}).said)).toContain('*/*');
    expect(refusedFor(say(say(no, { purpose: 'junk-1', granted: false }, AT + 1), { channel: 'carrier-pigeon' }))).toBe(
      'consent withdrawn',
    );
  });

  it('CN12 the same again within a day is nothing new, on other words or from elsewhere it is', () => {
    const once = say(NO_CONSENTS, { purpose: 'marketing', source: 'shop' });
    expect(say(once, { purpose: 'marketing', source: 'shop' }, AT + DAY - 1)).toBe(once);
    for (const [properties, at] of [
      [{ source: 'shop' }, AT + DAY],
      [{ source: 'branch' }, AT + 1],
      [{ source: 'shop', wording: 'v2' }, AT + 1],
      [{ source: 'shop', granted: false }, AT + 1],
    ] as const)
      expect(say(once, { purpose: 'marketing', ...properties }, at)).not.toBe(once);
  });

  it('CN12 a word that was said before counts anew where another came in between', () => {
    const marketing = { purpose: 'marketing', channel: 'email' };
    const no = say(NO_CONSENTS, { granted: false });
    const yes = say(no, marketing, AT + 1);
    expect(refusedFor(yes)).toBeNull();
    const again = say(yes, { granted: false }, AT + 2);
    expect(refusedFor(again)).toBe('consent withdrawn');
    expect(refusedFor(say(again, marketing, AT + 3))).toBeNull();
  });

  it('CN13 a confirmation is asked for so many times a day', () => {
    const asked = (before: Consents, at: number) =>
      heard(
        before,
        'Consent Updated',
        { properties: { purpose: 'newsletter', channel: 'email', source: `s${at}` } },
        at,
      );
    let consents = NO_CONSENTS;
    const requests: number[] = [];
    for (let n = 0; n < 10; n++) {
      const next = asked(consents, AT + n);
      consents = next.consents;
      requests.push(next.requests.length);
    }
    expect(requests).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect(asked(consents, AT + DAY).requests).toHaveLength(1);
    expect(asked(consents, AT + DAY - 1).requests).toHaveLength(0);
  });
});

const members = {
  purpose: fc.constantFrom('marketing', 'newsletter', 'service', null),
  channel: fc.constantFrom('email', 'sms', null),
  granted: fc.boolean(),
  at: fc.integer({ min: 0, max: 20 }).map((days) => AT + days * DAY),
  source: fc.constantFrom('form', 'branch', null),
  confirmed: fc.boolean(),
};
const arbitrary = fc.oneof(
  fc.record(members),
  fc.record({ ...members, until: fc.integer({ min: 0, max: 30 }).map((days) => AT + days * DAY) }),
);

/** Keeps all that was said, and looks through it for every question. */
function reference(said: readonly Statement[], purpose: string, channel: string, at: number): string | null {
  const basis = RULES.purposes.get(purpose)?.basis;
  if (basis === 'contract') return null;
  const covering = said.filter(
    (each) =>
      (each.purpose === null || each.purpose === purpose) && (each.channel === null || each.channel === channel),
  );
  const newest = Math.max(...covering.map((each) => each.at));
  const last = covering.filter((each) => each.at === newest);
  const isNo = last.some(({ granted }) => !granted);
  if (basis === 'legitimate-interest') return isNo ? 'consent withdrawn' : null;
  if (last.length === 0) return 'no consent';
  if (isNo) return 'consent withdrawn';
  if (purpose === 'newsletter' && at - newest >= 10 * DAY) return 'consent expired';
  if (last.some(({ until = at + 1 }) => until <= at)) return 'consent expired';
  // At one instant the weaker yes counts.
  const isOpen = (each: Statement) =>
    !each.confirmed && channel === 'email' && (purpose === 'newsletter' || each.source === 'form');
  const weakest = last.filter(({ confirmed }) => !confirmed);
  return (weakest.length > 0 ? weakest : last).some(isOpen) ? 'consent not confirmed' : null;
}

describe('against a reference', () => {
  it('CN2 CN3 CN4 CN5 CN14 whatever was said in whatever order, the answer is that of looking through all of it', () => {
    const asked = fc.record({
      purpose: fc.constantFrom('marketing', 'newsletter', 'service', 'transactional'),
      channel: fc.constantFrom('email', 'sms'),
      at: fc.integer({ min: 0, max: 40 }).map((days) => AT + days * DAY),
    });
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 12 }), asked, (some, { purpose, channel, at }) => {
        // One statement on the same at one instant: which of two equal ones is kept is nobody's business.
        const unique = some.filter((each, index) => some.findIndex((other) => other.at === each.at) === index);
        const all: Statement[] = [];
        let consents = NO_CONSENTS;
        for (const each of unique) {
          const next = statement(each);
          const same = all.filter((known) => known.purpose === next.purpose && known.channel === next.channel);
          const before = consents;
          consents = withStatement(consents, RULES, next).consents;
          if (same.some((known) => known.at > next.at)) {
            expect(consents).toBe(before);
            continue;
          }
          // A renewal is confirmed by what it renews.
          const renews =
            next.granted &&
            next.purpose !== null &&
            statementOn(before, next.purpose, next.channel)?.confirmed === true &&
            refusal(before, RULES, next.purpose, next.channel, next.at) === null;
          const needs =
            (next.channel ?? 'email') === 'email' &&
            (next.purpose === 'newsletter' || (next.purpose === 'marketing' && next.source === 'form'));
          all.push({ ...next, confirmed: !next.granted || next.confirmed || (needs && renews) });
        }
        expect(refusal(consents, RULES, purpose, channel, at)).toBe(reference(all, purpose, channel, at));
      }),
      { numRuns: often(1_000, 200_000) },
    );
  });
});

describe('events without a purpose', () => {
  const message = {
    type: 'identify',
    userId: 'anna',
    anonymousId: 'a1',
    traits: { email: 'anna@example.com' },
    properties: { total: 3 },
    context: { ip: '192.0.2.1', locale: 'de', userAgent: 'x', gpc: true },
  };
  const rules = (without: 'drop' | 'anonymous' | 'necessary') =>
    rulesOf({ purposes: {}, events: { purpose: 'analytics', without, necessary: ['Order Completed'] } });

  it('CS5 are dropped, kept without the person, or kept if they are necessary', () => {
    expect(keptWithout(message, 'identify', rules('drop'))).toBeNull();
    expect(keptWithout(message, 'identify', rules('necessary'))).toBeNull();
    expect(keptWithout(message, 'identify', rules('anonymous'))).toEqual({
      type: 'identify',
      properties: { total: 3 },
      context: { locale: 'de', gpc: true },
    });
    for (const kind of ['drop', 'anonymous', 'necessary'] as const) {
      expect(keptWithout(message, 'Order Completed', rules(kind))).toBe(message);
      expect(keptWithout(message, 'Consent Updated', rules(kind))).toBe(message);
    }
  });
});

describe('a policy', () => {
  const compiled = (consent: object) => compilePolicies({ consent }, EMPTY_VOCABULARY);
  it.each([
    [
      'a time that is none',
      { purposes: { newsletter: { basis: 'consent', expires: 'P0D' } } },
      '/consent/purposes/newsletter/expires',
    ],
    [
      'a yes where there is none',
      { purposes: { service: { basis: 'contract', doubleOptIn: { channels: ['email'] } } } },
      '/consent/purposes/service',
    ],
    ['a vendor for strings nobody reads', { purposes: {}, signals: { tcfVendor: 755 } }, '/consent/signals/tcfVendor'],
    ['a purpose there is not', { purposes: { spying: { basis: 'consent' } } }, '/consent/purposes'],
    ['a basis there is not', { purposes: { service: { basis: 'whim' } } }, '/consent/purposes/service/basis'],
  ])('with %s is refused at its place', (_, consent, pointer) => {
    const result = compiled(consent);
    expect(result.ok ? [] : result.findings.map((finding) => finding.pointer.startsWith(pointer))).toEqual([true]);
  });
});
