// SPEC.md of contact pressure: by example, and against a reference that walks through time in steps of fifteen minutes and
// reads the clock of a zone by Intl, which the engine does not use.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkDocuments } from '../../workers/check/catalog.ts';
import { EMPTY_VOCABULARY } from '../../workers/engine/compile.ts';
import { compilePolicies } from '../../workers/policies/policies.ts';
import { wishOf } from '../../workers/pressure/policy.ts';
import { type Contact, type Kind, remembered, roomFor, zoneFor } from '../../workers/pressure/room.ts';
import { often } from '../prove.ts';
import { allowed, begins, DAY, HOUR, MINUTE, type Policy, pressureRule, rulesOf, zones } from './reference.ts';

const STEP = 15 * MINUTE;
const NEWS: Kind = { channel: 'email', purpose: 'marketing', tags: ['marketing'] };
const contact = (at: number, more: Partial<Kind> = {}): Contact => ({ key: `k${at}`, at, ...NEWS, ...more });
const at = (iso: string): number => Date.parse(iso);
const room = (
  policy: Omit<Policy, 'waitAtMost'> & Partial<Policy>,
  contacts: Contact[],
  now: number,
  zone = 'Europe/Berlin',
  wanted = NEWS,
) => {
  const found = roomFor(rulesOf({ waitAtMost: 'P400D', ...policy }), null, contacts, wanted, zone, now);
  return found.kind === 'later' ? new Date(found.at).toISOString() : found.kind;
};

describe('room', () => {
  it('CP1 is asked for by what a rule concerns alone', () => {
    const now = at('2026-11-23T12:00:00Z');
    const one = [contact(now - HOUR)];
    const most = { count: 1, per: 'week' as const };
    expect(room({ rules: [{ id: 'a', most }] }, one, now)).toBe('2026-11-29T23:00:00.000Z');
    expect(room({ rules: [{ id: 'a', most }] }, one, now, 'UTC', { ...NEWS, purpose: 'transactional' })).toBe('now');
    expect(room({ rules: [{ id: 'a', most, applies: { channels: ['sms'] } }] }, one, now)).toBe('now');
    expect(room({ rules: [{ id: 'a', most, applies: { tags: ['other'] } }] }, one, now)).toBe('now');
    expect(room({ rules: [{ id: 'a', most, applies: { purposes: ['service'] } }] }, one, now)).toBe('now');
    // What it does not concern does not count either.
    expect(room({ rules: [{ id: 'a', most }] }, [contact(now, { purpose: 'service' })], now)).toBe('now');
  });

  it('CP2 begins with the next day, week or month of the zone, also over a change of the clocks', () => {
    const per = (unit: 'day' | 'week' | 'month', count = 1) => ({ rules: [{ id: 'a', most: { count, per: unit } }] });
    // The clocks of Berlin go back on 25 October 2026, that day has 25 hours.
    const sunday = at('2026-10-24T22:00:00Z');
    expect(room(per('day'), [contact(sunday)], sunday)).toBe('2026-10-25T23:00:00.000Z');
    expect(room(per('day'), [contact(sunday - 1)], sunday)).toBe('now');
    expect(room(per('day'), [contact(sunday)], at('2026-10-25T22:59:59Z'))).toBe('2026-10-25T23:00:00.000Z');
    expect(room(per('week'), [contact(sunday)], sunday, 'America/New_York')).toBe('2026-10-26T04:00:00.000Z');
    expect(room(per('month'), [contact(at('2026-01-31T23:30:00Z'))], at('2026-01-31T23:45:00Z'))).toBe(
      '2026-02-28T23:00:00.000Z',
    );
    expect(room(per('day', 2), [contact(sunday), contact(sunday + HOUR)], sunday + 2 * HOUR)).toBe(
      '2026-10-25T23:00:00.000Z',
    );
    expect(room(per('day', 2), [contact(sunday)], sunday + 2 * HOUR)).toBe('now');
  });

  it('CP3 CP4 counts backwards, and keeps its distance', () => {
    const now = at('2026-11-23T12:00:00Z');
    const rolling = { rules: [{ id: 'a', most: { count: 2, within: 'P1D' } }] };
    expect(room(rolling, [contact(now - DAY), contact(now - HOUR)], now)).toBe('now');
    expect(room(rolling, [contact(now - DAY + 1), contact(now - HOUR)], now)).toBe(new Date(now + 1).toISOString());
    const distance = { rules: [{ id: 'a', distance: 'PT2H' }] };
    expect(room(distance, [contact(now - 2 * HOUR)], now)).toBe('now');
    expect(room(distance, [contact(now - 5 * HOUR), contact(now - HOUR)], now)).toBe(
      new Date(now + HOUR).toISOString(),
    );
  });

  it('CP5 comes after the quiet hours and the holidays, where the clocks say so', () => {
    const quiet = { rules: [{ id: 'a', quiet: { from: '21:00', to: '08:00' } }] };
    expect(room(quiet, [], at('2026-11-23T19:59:59Z'))).toBe('now');
    expect(room(quiet, [], at('2026-11-23T20:00:00Z'))).toBe('2026-11-24T07:00:00.000Z');
    expect(room(quiet, [], at('2026-11-24T06:59:59Z'))).toBe('2026-11-24T07:00:00.000Z');
    expect(room(quiet, [], at('2026-11-24T07:00:00Z'))).toBe('now');
    // The night in which the clocks go forward is an hour shorter.
    expect(room(quiet, [], at('2026-03-28T22:00:00Z'))).toBe('2026-03-29T06:00:00.000Z');
    const days = { rules: [{ id: 'a', holidays: ['2026-12-25', '2026-12-26'] }] };
    expect(room(days, [], at('2026-12-24T22:59:59Z'))).toBe('now');
    expect(room(days, [], at('2026-12-24T23:00:00Z'))).toBe('2026-12-26T23:00:00.000Z');
    expect(room(days, [], at('2026-12-24T23:00:00Z'), 'Asia/Kathmandu')).toBe('2026-12-26T18:15:00.000Z');
  });

  it('CP6 is where all rules leave some, the customer’s own wish among them', () => {
    const now = at('2026-11-23T19:30:00Z');
    const policy = {
      rules: [
        { id: 'a', quiet: { from: '21:00', to: '08:00' } },
        { id: 'b', distance: 'PT1H' },
      ],
    };
    expect(room(policy, [contact(now)], now)).toBe('2026-11-24T07:00:00.000Z');
    const rules = rulesOf({ rules: [], waitAtMost: 'P40D' });
    const wished = (frequency: string | null) =>
      roomFor(rules, wishOf(frequency), [contact(now)], NEWS, 'Europe/Berlin', now);
    expect([wished(null), wished('any')]).toEqual([{ kind: 'now' }, { kind: 'now' }]);
    expect(wished('weekly')).toEqual({ kind: 'later', at: at('2026-11-29T23:00:00Z'), rule: 'own-wish' });
    expect(wished('monthly')).toEqual({ kind: 'later', at: at('2026-11-30T23:00:00Z'), rule: 'own-wish' });
  });

  it('CP9 there is none beyond what a message may wait, nor where it is dropped', () => {
    const now = at('2026-11-23T12:00:00Z');
    const rules = [{ id: 'a', most: { count: 1, per: 'week' as const } }];
    expect(room({ rules, waitAtMost: 'P6D' }, [contact(now)], now)).toBe('never');
    expect(room({ rules, otherwise: 'drop' }, [contact(now)], now)).toBe('never');
  });

  it('asks in the customer’s zone, and in that of the policy where that is none', () => {
    const rules = rulesOf({ zone: 'Europe/Vienna', rules: [] });
    expect(['Asia/Kathmandu', '+02:00', 'Nowhere', 7, undefined].map((own) => zoneFor(rules, own))).toEqual([
      'Asia/Kathmandu',
      ...Array.from({ length: 4 }, () => 'Europe/Vienna'),
    ]);
  });
});

describe('against a reference', () => {
  it('CP2 CP3 CP4 CP5 CP6 the first instant with room is the one found by walking there, in four zones over changes of the clocks', () => {
    fc.assert(
      fc.property(
        fc.array(pressureRule, { minLength: 1, maxLength: 3 }),
        begins,
        fc.array(fc.integer({ min: 0, max: 6 * 96 }), { maxLength: 5 }),
        zones,
        (written, begin, steps, zone) => {
          const policy: Policy = {
            rules: written.map((each, index) => ({ id: `r${index}`, ...each })),
            waitAtMost: 'P90D',
          };
          const now = at(begin) + 6 * DAY;
          const contacts = steps.map((step, index) => ({ ...contact(at(begin) + step * STEP), key: `k${index}` }));
          const found = roomFor(rulesOf(policy), null, contacts, NEWS, zone, now);
          let walked = now;
          const until = now + 50 * DAY;
          while (walked <= until && !allowed(policy, contacts, zone, walked)) walked += STEP;
          if (walked > until)
            expect(found.kind === 'later' ? found.at > until : found.kind).toSatisfy(
              (is) => is === true || is === 'never',
            );
          if (walked > until) return;
          expect(found.kind === 'later' ? found.at : found.kind === 'now' ? now : null).toBe(walked);
        },
      ),
      { numRuns: often(150, 20_000) },
    );
  });

  it('contacts that are forgotten do not matter any more', () => {
    fc.assert(
      fc.property(
        fc.array(pressureRule, { minLength: 1, maxLength: 3 }),
        fc.array(fc.integer({ min: 0, max: 120 * 24 }), { maxLength: 20 }),
        (written, hours) => {
          const rules = rulesOf({
            rules: written.map((each, index) => ({ id: `r${index}`, ...each })),
            waitAtMost: 'P90D',
          });
          const now = at('2026-06-15T10:00:00Z');
          const contacts = hours.map((hour) => contact(now - hour * HOUR));
          const all = roomFor(rules, null, contacts, NEWS, 'Europe/Berlin', now);
          expect(roomFor(rules, null, remembered(contacts, rules, now), NEWS, 'Europe/Berlin', now)).toEqual(all);
        },
      ),
      { numRuns: often(200, 5_000) },
    );
  });
});

describe('a policy', () => {
  it.each([
    ['asks for nothing', { id: 'a' }, '/pressure/rules/0'],
    ['counts in no time', { id: 'a', most: { count: 1 } }, '/pressure/rules/0/most'],
    ['counts in two times', { id: 'a', most: { count: 1, per: 'day', within: 'P1D' } }, '/pressure/rules/0/most'],
    ['leaves no hour', { id: 'a', quiet: { from: '08:00', to: '08:00' } }, '/pressure/rules/0/quiet'],
    ['has no distance', { id: 'a', distance: 'P0D' }, '/pressure/rules/0/distance'],
    ['allows nothing ever', { id: 'a', most: { count: 0, per: 'day' } }, '/pressure/rules/0/most/count'],
  ])('that %s is refused at its place', (_, rule, pointer) => {
    const result = compilePolicies({ pressure: { rules: [rule] } }, EMPTY_VOCABULARY);
    expect(result.ok ? [] : result.findings.map((finding) => finding.pointer)).toEqual([pointer]);
  });

  it.each([
    ['names a digest it does not use', { digest: { message: 'all' } }, '/pressure/digest'],
    ['uses a digest it does not name', { otherwise: 'digest' }, '/pressure/digest'],
    [
      'has a digest for nobody',
      { otherwise: 'digest', digest: { message: 'all', expires: 'P0D' } },
      '/pressure/digest/expires',
    ],
  ])('CP16 that %s is refused at its place', (_, more, pointer) => {
    const result = compilePolicies({ pressure: { rules: [], ...more } }, EMPTY_VOCABULARY);
    expect(result.ok ? [] : result.findings.map((finding) => finding.pointer)).toEqual([pointer]);
  });

  it('CP16 whose digest nobody wrote is told so', () => {
    const document = { pressure: { rules: [], otherwise: 'digest', digest: { message: 'weekly' } } };
    const message = {
      id: 'weeky',
      channel: 'email',
      purpose: 'marketing',
      locales: { en: { subject: 's', text: 't' } },
    };
    const check = (id: string) =>
      checkDocuments([
        { kind: 'policies', document },
        { kind: 'message', document: { ...message, id } },
      ])[0];
    expect(check('weeky')).toMatchObject([
      { code: 'unknown-message', severity: 'warning', pointer: '/pressure/digest/message' },
    ]);
    expect(check('weekly')).toEqual([]);
  });
});
