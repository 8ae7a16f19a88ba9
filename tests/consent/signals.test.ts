// SPEC.md of consent, CN14 to CN17: a yes with an end of its own, consent in traits, TC strings in the context of an event.

import { Segment, SegmentEncoder, TCModel } from '@iabtechlabtcf/core';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../schema/json.ts';
import { takeEvent } from '../../workers/api/intake.ts';
import { NO_CONSENT_RULES } from '../../workers/consent/policy.ts';
import { type Consents, joined, NO_CONSENTS, refusal } from '../../workers/consent/state.ts';
import { BY_LINK, hasSignals } from '../../workers/consent/statements.ts';
import { EMPTY_VOCABULARY } from '../../workers/engine/compile.ts';
import { AT, DAY, having, heard, refusedFor, rulesOf } from './saying.ts';

describe('a yes with an end of its own', () => {
  const say = (before: Consents, properties: object, at = AT) =>
    heard(before, 'Consent Updated', { properties: { purpose: 'marketing', channel: 'email', ...properties } }, at);
  const expires = (days: number) => new Date(AT + days * DAY).toISOString();

  it('CN14 ends then, or when the policy says, whichever is earlier', () => {
    const yes = say(NO_CONSENTS, { expires_at: expires(5) }).consents;
    expect([
      refusedFor(yes, 'marketing', 'email', AT + 5 * DAY - 1),
      refusedFor(yes, 'marketing', 'email', AT + 5 * DAY),
    ]).toEqual([null, 'consent expired']);
    for (const [days, ends] of [
      [5, 5],
      [50, 10],
    ] as const) {
      const news = having({ purpose: 'newsletter', confirmed: true, until: AT + days * DAY });
      expect(refusedFor(news, 'newsletter', 'email', AT + ends * DAY - 1)).toBeNull();
      expect(refusedFor(news, 'newsletter', 'email', AT + ends * DAY)).toBe('consent expired');
    }
    const day = say(NO_CONSENTS, { expires_at: '2026-12-01' }).consents;
    expect(refusedFor(day, 'marketing', 'email', Date.parse('2026-12-01T00:00:00Z'))).toBe('consent expired');
  });

  it('CN14 says nothing where the end cannot be read, and a no has none', () => {
    for (const expires_at of ['soon', '2026-02-30', 7, {}, '', true])
      expect(say(NO_CONSENTS, { expires_at }).steps).toEqual([]);
    const no = say(NO_CONSENTS, { granted: false, expires_at: 'soon' });
    expect(no.steps[0]?.statement).not.toHaveProperty('until');
    expect(refusedFor(no.consents, 'marketing', 'email', AT + 900 * DAY)).toBe('consent withdrawn');
  });

  it('CN14 with another end it is no repetition, and confirming it keeps the end', () => {
    const yes = say(NO_CONSENTS, { expires_at: expires(5) }).consents;
    expect(say(yes, { expires_at: expires(5) }, AT + 1).steps).toEqual([]);
    expect(say(yes, { expires_at: expires(6) }, AT + 1).steps).toHaveLength(1);
    const asked = say(NO_CONSENTS, { purpose: 'newsletter', expires_at: expires(5) }).consents;
    const properties = { purpose: 'newsletter', channel: 'email' };
    const confirmed = heard(asked, 'Consent Confirmed', { type: BY_LINK, properties }, AT + 1).consents;
    expect(refusedFor(confirmed, 'newsletter')).toBeNull();
    expect(refusedFor(confirmed, 'newsletter', 'email', AT + 5 * DAY)).toBe('consent expired');
  });

  it('CN9 CN14 of two customers’ the earlier end stays', () => {
    const [five, ever] = [having({ until: AT + 5 * DAY }), having({ at: AT - DAY })];
    for (const both of [joined(five, ever), joined(ever, five)])
      expect(refusedFor(both, 'marketing', 'email', AT + 5 * DAY)).toBe('consent expired');
  });
});

describe('consent in traits', () => {
  const TRAITS = rulesOf({
    purposes: { marketing: { basis: 'consent' }, newsletter: { basis: 'consent' } },
    signals: { traits: { marketing: 'marketing', news: 'newsletter' } },
  });
  const identify = (before: Consents, consent: unknown, at = AT, type = 'identify') =>
    heard(before, type, { type, traits: { consent } }, at, TRAITS);
  const shown = (consents: Consents, at = AT) =>
    ['marketing', 'newsletter'].map((purpose) => refusal(consents, TRAITS, purpose, 'email', at));

  it('CN15 of an identify call are statements, where the policy names them', () => {
    const said = identify(NO_CONSENTS, { marketing: true, news: 'denied', other: true });
    expect(said.steps.map(({ statement: each }) => [each.purpose, each.granted, each.source])).toEqual([
      ['marketing', true, 'traits'],
    ]);
    expect(shown(said.consents)).toEqual([null, 'no consent']);
    expect(identify(said.consents, { marketing: true }, AT + 3 * DAY).steps).toEqual([]);
    expect(shown(identify(said.consents, { marketing: false, news: true }, AT + 1).consents)).toEqual([
      'consent withdrawn',
      null,
    ]);
    for (const odd of [null, 7, 'yes', [], { marketing: 'maybe' }, { marketing: { granted: 1 } }])
      expect(identify(NO_CONSENTS, odd).steps).toEqual([]);
    expect(identify(NO_CONSENTS, { marketing: true }, AT, 'track').steps).toEqual([]);
    expect(
      heard(NO_CONSENTS, 'identify', { type: 'identify', traits: { consent: { marketing: true } } }).steps,
    ).toEqual([]);
  });

  it('CN15 a yes of traits undoes no no that came another way, and may have an end', () => {
    const left = having({ granted: false, source: 'unsubscribe' });
    expect(identify(left, { marketing: true }, AT + 1).steps).toEqual([]);
    const until = (days: number) => ({ granted: true, expires_at: new Date(AT + days * DAY).toISOString() });
    const five = identify(NO_CONSENTS, { marketing: until(5) }).consents;
    expect(shown(five, AT + 5 * DAY)[0]).toBe('consent expired');
    expect(identify(five, { marketing: true }, AT + 1).steps).toEqual([]);
    expect(shown(identify(five, { marketing: until(9) }, AT + 1).consents, AT + 5 * DAY)[0]).toBeNull();
    expect(identify(NO_CONSENTS, { marketing: { granted: true, expires_at: 'soon' } }).steps).toEqual([]);
  });

  it('CN8 CN15 messages that may say something are told apart from those that cannot', () => {
    const cases: [Json | undefined, Json | undefined, boolean][] = [
      [undefined, undefined, false],
      [{ gpc: false }, { email: 'x' }, false],
      [{ gpc: true }, undefined, true],
      [{ consent: {} }, undefined, true],
      [undefined, { consent: { marketing: true } }, true],
    ];
    for (const [context, traits, says] of cases) expect(hasSignals(context, traits)).toBe(says);
    const taken = (type: string, more: JsonObject) => {
      const intake = { vocabulary: EMPTY_VOCABULARY, receivedAt: AT, sentAt: undefined };
      const result = takeEvent({ type, event: 'Seen', userId: 'anna', ...more }, intake);
      return result.ok ? result.event.signals === true : null;
    };
    const consent = { consent: { marketing: true } };
    expect(taken('identify', { traits: consent })).toBe(true);
    expect(taken('identify', { context: { traits: consent } })).toBe(true);
    expect(taken('identify', { traits: { email: 'x' } })).toBe(false);
    expect(taken('track', { traits: consent })).toBe(false);
    expect(taken('track', { context: { consent: { tcf: 'C' } } })).toBe(true);
  });
});

describe('a TC string in the context', () => {
  const TCF = rulesOf({
    purposes: {
      marketing: { basis: 'consent', expires: 'P365D' },
      personalisation: { basis: 'legitimate-interest' },
    },
    signals: { tcf: { '1': 'marketing', '4': 'personalisation' } },
  });
  /** Purposes agreed to, and not objected to, last changed at an instant. */
  function tcString(consents: number[], interests: number[], updatedAt: number, vendors: number[] = []): string {
    const model = new TCModel();
    Object.assign(model, { cmpId: 300, cmpVersion: 7, vendorListVersion: 120, consentLanguage: 'DE' });
    Object.assign(model, {
      publisherCountryCode: 'AT',
      created: new Date(updatedAt),
      lastUpdated: new Date(updatedAt),
    });
    model.purposeConsents.set(consents);
    model.purposeLegitimateInterests.set(interests);
    model.vendorConsents.set(vendors);
    return SegmentEncoder.encode(model, Segment.CORE);
  }
  const page = (before: Consents, tcf: unknown, at = AT, rules = TCF) =>
    heard(before, 'page', { type: 'page', context: { consent: { tcf } } }, at, rules);
  const shown = (consents: Consents, at = AT) =>
    ['marketing', 'personalisation'].map((purpose) => refusal(consents, TCF, purpose, null, at));

  it('CN16 stands for what the policy says, in either place', () => {
    const text = tcString([1], [], AT);
    for (const tcf of [text, { tcString: text }])
      expect(shown(page(NO_CONSENTS, tcf, AT + 1).consents)).toEqual([null, 'consent withdrawn']);
    expect(shown(page(NO_CONSENTS, tcString([1], [4], AT), AT + 1).consents)).toEqual([null, null]);
    expect(shown(page(NO_CONSENTS, { tcString: text, purposes: { '1': false, '4': true } }).consents)).toEqual([
      'no consent',
      null,
    ]);
    for (const odd of ['', 'x', { tcString: 7 }, { tcString: 'CAAA' }])
      expect(page(NO_CONSENTS, odd).steps).toEqual([]);
    expect(page(NO_CONSENTS, text, AT, NO_CONSENT_RULES).steps).toEqual([]);
  });

  it('CN16 with a vendor it has to name us', () => {
    const rules = { ...TCF, tcfVendor: 755 };
    const granted = (vendors: number[]) =>
      refusal(page(NO_CONSENTS, tcString([1], [], AT, vendors), AT, rules).consents, rules, 'marketing', null, AT);
    expect([granted([]), granted([754]), granted([754, 755, 900])]).toEqual(['no consent', 'no consent', null]);
  });

  it('CN17 an older one than what counts says nothing, and one made anew renews the yes', () => {
    const yes = page(NO_CONSENTS, tcString([1, 4], [], AT), AT + 1).consents;
    expect(shown(yes, AT + 1 + 365 * DAY)[0]).toBe('consent expired');
    // Another device with a string of long ago.
    expect(page(yes, tcString([], [], AT - 30 * DAY), AT + 2).steps).toEqual([]);
    expect(page(yes, tcString([1, 4], [], AT), AT + 300 * DAY).steps).toEqual([]);
    const again = page(yes, tcString([1, 4], [], AT + 300 * DAY), AT + 300 * DAY).consents;
    expect(shown(again, AT + 365 * DAY)[0]).toBeNull();
    expect(page(again, tcString([1, 4], [], AT + 300 * DAY), AT + 301 * DAY).steps).toEqual([]);
    const no = page(again, tcString([], [], AT + 302 * DAY), AT + 302 * DAY).consents;
    expect(shown(no, AT + 302 * DAY)).toEqual(['consent withdrawn', 'consent withdrawn']);
  });

  it('CN17 of two strings of one day, which tell no time, the later to come counts', () => {
    const morning = Date.parse('2026-11-23T00:00:00Z');
    const no = page(NO_CONSENTS, tcString([], [], morning), morning + 1_000).consents;
    const yes = page(no, tcString([1], [4], morning), morning + 2_000).consents;
    expect(shown(yes, morning + 2_000)).toEqual([null, null]);
    expect(shown(page(yes, tcString([], [], morning), morning + 3_000).consents, morning + 3_000)).toEqual([
      'consent withdrawn',
      'consent withdrawn',
    ]);
  });
});
