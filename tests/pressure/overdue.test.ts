// SPEC.md of contact pressure, CP11 to CP14: when a contact is overdue, by example, against a reference that walks through
// time hour by hour, and in a simulation, whose journeys hear of it.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { type ConsentRules, compileConsent } from '../../workers/consent/policy.ts';
import { type Consents, NO_CONSENTS, permission, refusal, withStatement } from '../../workers/consent/state.ts';
import { EMPTY_VOCABULARY } from '../../workers/engine/compile.ts';
import { compilePolicies } from '../../workers/policies/policies.ts';
import { joinedTold, type Known, nextGap, type Told, toldOf } from '../../workers/pressure/overdue.ts';
import { compilePressure, type PressureRules } from '../../workers/pressure/policy.ts';
import type { Contact } from '../../workers/pressure/room.ts';
import { applyEvent, type Line, newCustomer, passTime } from '../../workers/simulate/customer.ts';
import { prepareSetting } from '../../workers/simulate/setting.ts';
import { often } from '../prove.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const BEGIN = Date.parse('2026-01-01T00:00:00Z');

function pressureOf(least: object[], since?: number): PressureRules {
  const compiled = compilePressure({ rules: [], least } as Parameters<typeof compilePressure>[0], since);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  return compiled.rules;
}
function consentOf(expires?: string, basis = 'consent'): ConsentRules {
  const marketing = { basis, ...(expires ? { expires } : {}) };
  const compiled = compileConsent({ purposes: { marketing } } as Parameters<typeof compileConsent>[0]);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  return compiled.rules;
}
const LEAST = { id: 'quarter', purpose: 'marketing', channel: 'email', within: 'P90D' };
const mail = (at: number, more: Partial<Contact> = {}): Contact => ({
  ...{ key: `k${at}`, at, channel: 'email', purpose: 'marketing', tags: [] },
  ...more,
});
const said = (granted: boolean, at: number) => ({
  ...{ purpose: 'marketing', channel: null, granted, at },
  ...{ source: null, wording: null, confirmed: true },
});
const saying = (rules: ConsentRules, ...statements: ReturnType<typeof said>[]): Consents =>
  statements.reduce((consents, each) => withStatement(consents, rules, each).consents, NO_CONSENTS);
const known = (consents: Consents, rules: ConsentRules, more: Partial<Known> = {}): Known => ({
  ...{ createdAt: BEGIN, contacts: [], told: {} },
  permission: (purpose, channel) => permission(consents, rules, purpose, channel),
  ...more,
});

describe('a gap', () => {
  const rules = pressureOf([LEAST]);
  const consent = consentOf();
  const yes = saying(consent, said(true, BEGIN + DAY));

  it('CP11 counts from the last contact of its kind, from the yes, from when the customer became known, and from the policy', () => {
    const at = (more: Partial<Known> = {}, of = rules) => nextGap(of, known(yes, consent, more))?.at;
    expect(at()).toBe(BEGIN + 91 * DAY);
    expect(at({ createdAt: BEGIN + 2 * DAY })).toBe(BEGIN + 92 * DAY);
    expect(at({ contacts: [mail(BEGIN + 9 * DAY), mail(BEGIN + 5 * DAY)] })).toBe(BEGIN + 99 * DAY);
    const others = [mail(BEGIN + 9 * DAY, { channel: 'sms' }), mail(BEGIN + 9 * DAY, { purpose: 'newsletter' })];
    expect(at({ contacts: others })).toBe(BEGIN + 91 * DAY);
    expect(at({}, pressureOf([LEAST], BEGIN + 95 * DAY))).toBe(BEGIN + 95 * DAY);
  });

  it('CP12 is told once, until the next contact or the next yes', () => {
    const first = nextGap(rules, known(yes, consent));
    const told = first ? toldOf(rules, { gone: 1 }, first) : {};
    expect(told).toEqual({ quarter: BEGIN + DAY });
    const next = (more: Partial<Known>, consents = yes) => nextGap(rules, known(consents, consent, { told, ...more }));
    expect(next({})).toBeNull();
    expect(next({ contacts: [mail(BEGIN + DAY)] })).toBeNull();
    expect(next({ contacts: [mail(BEGIN + 92 * DAY)] })?.at).toBe(BEGIN + 182 * DAY);
    const again = saying(consent, said(true, BEGIN + DAY), said(false, BEGIN + 2 * DAY), said(true, BEGIN + 3 * DAY));
    expect(next({}, again)?.at).toBe(BEGIN + 93 * DAY);
    expect(joinedTold({ a: 1, b: 5 }, { b: 3, c: 4 })).toEqual({ a: 1, b: 5, c: 4 });
  });

  it('CP13 is none where there is no yes; a pause puts it off, and what ends before is not missed', () => {
    const next = (consents: Consents, of = consent) => nextGap(rules, known(consents, of))?.at ?? null;
    expect(next(NO_CONSENTS)).toBeNull();
    expect(next(saying(consent, said(true, BEGIN), said(false, BEGIN + 1)))).toBeNull();
    expect(next({ ...yes, pausedUntil: BEGIN + 100 * DAY })).toBe(BEGIN + 100 * DAY);
    expect(next({ ...yes, pausedUntil: BEGIN + 9 * DAY })).toBe(BEGIN + 91 * DAY);
    expect(next(yes, consentOf('P90D'))).toBeNull();
    expect(next(yes, consentOf('P91D'))).toBe(BEGIN + 91 * DAY);
    expect(next({ ...yes, pausedUntil: BEGIN + 92 * DAY }, consentOf('P91D'))).toBeNull();
    expect(next(NO_CONSENTS, consentOf(undefined, 'legitimate-interest'))).toBe(BEGIN + 90 * DAY);
  });

  it('of several rules the first is told first', () => {
    const two = pressureOf([LEAST, { ...LEAST, id: 'month', within: 'P30D' }]);
    expect(nextGap(two, known(yes, consent))?.rule.id).toBe('month');
    expect(nextGap(two, known(yes, consent, { told: { month: BEGIN + DAY } }))?.rule.id).toBe('quarter');
  });
});

describe('against a reference', () => {
  type Input = { readonly hour: number } & (
    | { readonly kind: 'contact'; readonly channel: string }
    | { readonly kind: 'said'; readonly granted: boolean }
    | { readonly kind: 'pause'; readonly hours: number }
  );
  const hour = fc.integer({ min: 1, max: 400 });
  const input: fc.Arbitrary<Input> = fc.oneof(
    fc.record({ hour, kind: fc.constant('contact' as const), channel: fc.constantFrom('email', 'email', 'sms') }),
    fc.record({ hour, kind: fc.constant('said' as const), granted: fc.boolean() }),
    fc.record({ hour, kind: fc.constant('pause' as const), hours: fc.integer({ min: 0, max: 90 }) }),
  );

  it('CP11 CP12 CP13 it is told at the very hours at which somebody who looks each hour would', () => {
    let seen = 0;
    fc.assert(
      fc.property(
        fc.uniqueArray(input, { selector: (each) => each.hour, maxLength: 14 }),
        fc.constantFrom(20, 48, 100),
        fc.constantFrom(null, 30, 130),
        fc.constantFrom('consent', 'legitimate-interest'),
        (inputs, within, expires, basis) => {
          const ends = basis === 'consent' ? expires : null;
          const consent = consentOf(ends === null ? undefined : `PT${ends}H`, basis);
          const rules = pressureOf([{ ...LEAST, within: `PT${within}H` }]);
          const reference: number[] = [];
          let [countsFrom, waits, word, wordAt, pausedUntil] = [0, true, null as boolean | null, 0, 0];
          const subject: number[] = [];
          let [consents, told] = [NO_CONSENTS, {} as Told];
          const contacts: Contact[] = [];
          const look = (now: number): void => {
            const permitted =
              basis === 'consent' ? word === true && (ends === null || now < wordAt + ends) : word !== false;
            if (waits && permitted && now >= pausedUntil && now - countsFrom >= within) {
              reference.push(now);
              waits = false;
            }
            const at = BEGIN + now * HOUR;
            const gap = nextGap(rules, known(consents, consent, { contacts, told }));
            if (!gap || gap.at > at) return;
            expect(gap.at).toBe(at);
            expect(refusal(consents, consent, 'marketing', 'email', at)).toBeNull();
            subject.push(now);
            told = toldOf(rules, told, gap);
          };
          for (let now = 0; now <= 600; now++) {
            look(now);
            const at = BEGIN + now * HOUR;
            const each = inputs.find((candidate) => candidate.hour === now);
            if (each?.kind === 'contact') {
              contacts.push(mail(at, { channel: each.channel }));
              if (each.channel === 'email') [countsFrom, waits] = [now, true];
            } else if (each?.kind === 'said') {
              consents = withStatement(consents, consent, said(each.granted, at)).consents;
              [word, wordAt] = [each.granted, now];
              if (each.granted) [countsFrom, waits] = [now, true];
            } else if (each?.kind === 'pause') {
              pausedUntil = now + each.hours;
              consents = { ...consents, pausedUntil: BEGIN + pausedUntil * HOUR };
            }
            // A pause may end with what was just said.
            look(now);
          }
          expect(subject).toEqual(reference);
          seen += subject.length;
        },
      ),
      { numRuns: often(150, 10_000) },
    );
    expect(seen).toBeGreaterThan(100);
  });

  it('permission says what refusal says at every instant', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 50 }), fc.constantFrom(null, 'email', 'sms'))),
        fc.option(fc.integer({ min: 0, max: 80 })),
        fc.constantFrom(undefined, 'PT20H'),
        fc.constantFrom('consent', 'legitimate-interest', 'contract'),
        (statements, pause, expires, basis) => {
          const rules = consentOf(basis === 'consent' ? expires : undefined, basis);
          const made = statements.map(([granted, hours, channel]) => ({ ...said(granted, hours * HOUR), channel }));
          const consents = { ...saying(rules), pausedUntil: pause === null ? null : pause * HOUR };
          const after = made.reduce((all, each) => withStatement(all, rules, each).consents, consents);
          const found = permission(after, rules, 'marketing', 'email');
          for (let hours = 50; hours < 90; hours++) {
            const now = hours * HOUR;
            const isPermitted = found !== null && found.from <= now && now < found.until;
            expect(refusal(after, rules, 'marketing', 'email', now) === null).toBe(isPermitted);
          }
        },
      ),
      { numRuns: often(150, 5_000) },
    );
  });
});

const message = {
  ...{ id: 'again', channel: 'email', purpose: 'marketing' },
  locales: { en: { subject: 's', text: 't' } },
};
const policies = {
  consent: { purposes: { marketing: { basis: 'consent' } } },
  pressure: { rules: [], least: [LEAST] },
};

describe('in a simulation', () => {
  const journey = {
    id: 'again',
    reentry: 'after_exit',
    entry: [{ event: 'Contact Overdue', if: 'event.properties.rule == "quarter"' }],
    initial: 'write',
    stages: {
      write: { steps: [{ send: 'again', channel: 'email', purpose: 'marketing' }, { goto: 'over' }] },
      over: { final: true },
    },
  };
  const clock = {
    id: 'clock',
    entry: [{ event: 'Go' }],
    initial: 'wait',
    stages: { wait: { after: [{ delay: 'P90D', to: 'over' }] }, over: { final: true } },
  };
  function customer(id = 'u:1') {
    const prepared = prepareSetting({ events: undefined, journeys: [journey, clock], messages: [message], policies });
    if (!prepared.ok) throw new Error(JSON.stringify(prepared.faults));
    const lines: Line[] = [];
    const made = newCustomer(prepared.setting, id, BEGIN, (line) => void lines.push(line));
    let messages = 0;
    const send = (name: string, at: number, more: JsonObject = {}, type = 'track'): void => {
      passTime(made, at);
      applyEvent(made, { messageId: `m${++messages}`, name, type, at, message: { type, event: name, ...more } }, at);
    };
    send('identify', BEGIN, { traits: { email: 'anna@example.com' } }, 'identify');
    return { made, lines, send };
  }
  const days = (lines: Line[], kind: string) =>
    lines.filter((line) => line.kind === kind).map(({ at }) => (at - BEGIN) / DAY);

  it('CP11 CP12 a message each quarter, from the yes to the no', () => {
    const { made, lines, send } = customer();
    const consent = (granted: boolean) => ({ properties: { purpose: 'marketing', granted } });
    send('Consent Updated', BEGIN + DAY, consent(true));
    passTime(made, BEGIN + 300 * DAY);
    expect(days(lines, 'message')).toEqual([91, 181, 271]);
    send('Consent Updated', BEGIN + 300 * DAY, consent(false));
    passTime(made, BEGIN + 900 * DAY);
    expect(days(lines, 'message')).toHaveLength(3);
    expect(made.facts.count('Contact Overdue', 0, BEGIN + 900 * DAY)).toBe(3);
  });

  it('CP11 never of a visitor nobody knows', () => {
    const { made, send } = customer('a:1');
    send('Consent Updated', BEGIN, { properties: { purpose: 'marketing', granted: true } });
    passTime(made, BEGIN + 300 * DAY);
    expect(made.facts.count('Contact Overdue', 0, BEGIN + 300 * DAY)).toBe(0);
  });

  it('CP14 what is due at its instant fires before it, and it is no activity', () => {
    const { made, lines, send } = customer();
    send('Go', BEGIN);
    send('Consent Updated', BEGIN, { properties: { purpose: 'marketing', granted: true } });
    passTime(made, BEGIN + 90 * DAY);
    const moved = lines.filter(({ kind }) => kind === 'transition').map(({ body }) => Reflect.get(body, 'journey'));
    expect(moved.slice(1)).toEqual(['clock', 'again', 'again']);
    expect(made.state.lastActivityAt).toBe(BEGIN);
  });
});

describe('a digest in a simulation', () => {
  it('CP16 what finds no room is promised the instant at which what waits goes as one', () => {
    const document = (id: string) => ({
      ...{ id, reentry: 'after_exit', entry: [{ event: id }], initial: 'write' },
      stages: {
        write: { steps: [{ send: id, channel: 'email', purpose: 'marketing' }, { goto: 'over' }] },
        over: { final: true },
      },
    });
    const run = (otherwise: object): string[] => {
      const pressure = { rules: [{ id: 'days', most: { count: 1, within: 'P5D' } }], ...otherwise };
      const prepared = prepareSetting({
        events: undefined,
        journeys: [document('again')],
        messages: [message],
        policies: { ...policies, pressure },
      });
      if (!prepared.ok) throw new Error(JSON.stringify(prepared.faults));
      const waits: string[] = [];
      const made = newCustomer(prepared.setting, 'u:1', BEGIN, ({ kind, body }) => {
        if (kind === 'deferred') waits.push(Reflect.get(body, 'until'));
      });
      const send = (name: string, at: number, more: JsonObject = {}, type = 'track'): void =>
        void applyEvent(made, { messageId: `${name}${at}`, name, type, at, message: { type, ...more } }, at);
      send('identify', BEGIN, { traits: { email: 'anna@example.com' } }, 'identify');
      send('Consent Updated', BEGIN, { properties: { purpose: 'marketing', granted: true } });
      for (const day of [0, 1, 2, 6]) send('again', BEGIN + day * DAY);
      return waits.map((until) => until.slice(0, 10));
    };
    expect(run({ otherwise: 'digest', digest: { message: 'again' } })).toEqual([
      '2026-01-06',
      '2026-01-06',
      '2026-01-11',
    ]);
    expect(run({ waitAtMost: 'P90D' })).toEqual(['2026-01-06', '2026-01-11', '2026-01-16']);
  });
});

describe('a policy', () => {
  it.each([
    ['has no time', { within: 'P0D' }, '/pressure/least/0/within'],
    ['is too short', { within: 'PT59M' }, '/pressure/least/0/within'],
    ['has the id of another rule', { id: 'a' }, '/pressure/least/0/id'],
    ['is for no purpose of messages', { purpose: 'analytics' }, '/pressure/least/0/purpose'],
  ])('that %s is refused at its place', (_, more, pointer) => {
    const rules = [{ id: 'a', distance: 'P1D' }];
    const result = compilePolicies({ pressure: { rules, least: [{ ...LEAST, ...more }] } }, EMPTY_VOCABULARY);
    expect(result.ok ? [] : result.findings.map((finding) => finding.pointer)).toEqual([pointer]);
  });
});
