// SPEC.md, groups D and Z, S17 and S18: instants that data and the calendar say, in a zone, over changes of clocks.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instantOf, nextInWindow, nextYearly } from '../../workers/engine/calendar.ts';
import { DAY, errors, machineOf, makeDriver, moves, send, sends, vocabulary } from './driver.ts';

const words = vocabulary({
  traits: {
    due: { type: 'string' },
    birthday: { type: 'string' },
    timezone: { type: 'string' },
    vip: { type: 'boolean' },
  },
});
const at = (iso: string): number => Date.parse(iso);
const read = (zone = 'UTC', offset: string | null = null, time: string | null = null) => ({ zone, offset, time });
const iso = (instant: number | null) => (instant === null ? null : new Date(instant).toISOString().slice(0, 16));

const machine = (date: object, more: object = {}) =>
  machineOf(
    { stages: { first: { at: [{ date: 'traits.due', to: 'second', ...date }] }, second: {} }, ...more },
    1,
    words,
  );

describe('dates in data', () => {
  it.each([
    ['2026-12-24', read('Europe/Berlin'), '2026-12-23T23:00'],
    ['2026-12-24', read('Europe/Berlin', null, '09:00'), '2026-12-24T08:00'],
    ['2026-12-24', read('Europe/Berlin', '-P14D', '09:00'), '2026-12-10T08:00'],
    ['2026-12-24T18:30', read('Europe/Berlin'), '2026-12-24T17:30'],
    ['2026-12-24T18:30:00Z', read('Europe/Berlin'), '2026-12-24T18:30'],
    ['2026-12-24T18:30:00+05:00', read('Europe/Berlin', 'P1M'), '2027-01-24T13:30'],
    [at('2026-12-24T18:30Z'), read('Asia/Tokyo', null, '09:00'), '2026-12-25T00:00'],
    ['2026-03-30', read('Europe/Berlin', '-P1D', '09:00'), '2026-03-29T07:00'],
    ['2026-01-31', read('UTC', 'P1M'), '2026-02-28T00:00'],
    ['soon', read(), null],
    ['2026-02-30T10:00', read(), null],
    [true, read(), null],
    [1.5, read(), null],
    [9e15, read(), null],
  ])('D1 %j read as %j is %s', (value, date, expected) => {
    expect(iso(instantOf(value, date))).toBe(expected);
  });

  it('D1 at is due at its date, its offset counted, and says which date it was', () => {
    const driver = makeDriver([machine({ offset: '-P14D', time: '09:00', zone: 'Europe/Berlin' })], {
      traits: { due: '2026-12-24' },
    });
    driver.send('Start', at('2026-11-23T10:00Z'));
    expect(driver.due()).toEqual([{ kind: 'at', index: 0, dueAt: at('2026-12-10T08:00Z') }]);
    const log = driver.advance(at('2027-01-01T00:00Z'));
    expect(moves(log)).toEqual(['first > second']);
    expect(log[0]).toMatchObject({ cause: { kind: 'date', date: 'traits.due', offset: '-P14D' } });
    expect(driver.run().enteredAt).toBe(at('2026-12-10T08:00Z'));
  });

  it('D1 null is no date and no error; what is none is recorded', () => {
    const without = makeDriver([machine({})]);
    expect([errors(without.send('Start', 0)), without.due()]).toEqual([[], []]);
    const wrong = makeDriver([machine({})], { traits: { due: 'soon' } });
    expect(errors(wrong.send('Start', 0))).toEqual([
      { pointer: '/stages/first/at/0/date', detail: '"soon" is not a date' },
    ]);
    expect(wrong.due()).toEqual([]);
  });

  it('D2 a yearly date comes again each year, a 29 February too, in the zone', () => {
    const turns: (string | null)[] = [];
    let now = at('2027-01-01T00:00Z');
    for (let year = 0; year < 3; year++) {
      const next = nextYearly('2000-02-29', read('Europe/Berlin', null, '09:00'), now);
      turns.push(iso(next));
      now = next ?? now;
    }
    expect(turns).toEqual(['2027-02-28T08:00', '2028-02-29T08:00', '2029-02-28T08:00']);
  });

  it('D2 the next turn is after now, by less than a year and two days, whatever the offset', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1920-01-01'), max: new Date('2020-12-31'), noInvalidDate: true }),
        fc.integer({ min: at('2021-01-01'), max: at('2060-01-01') }),
        fc.constantFrom(null, '-P30D', 'P1M', '-P14M', 'P2Y'),
        (born, now, offset) => {
          const next = nextYearly(born.toISOString().slice(0, 10), read('America/New_York', offset), now) ?? 0;
          expect(next).toBeGreaterThan(now);
          expect(next - now).toBeLessThan(368 * DAY);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('D2 D4 a birthday comes each year; a year in which its condition does not hold is passed over', () => {
    const birthday = machineOf(
      {
        stages: {
          first: {
            at: [{ date: 'traits.birthday', every: 'year', time: '09:00', if: 'traits.vip == true', to: 'party' }],
          },
          party: { steps: [send('cake')], after: [{ delay: 'P1D', to: 'first' }] },
        },
      },
      1,
      words,
    );
    const driver = makeDriver([birthday], { traits: { birthday: '1980-05-04', vip: false } });
    driver.send('Start', at('2026-01-01T00:00Z'));
    driver.advance(at('2026-12-31T00:00Z'));
    expect(sends(driver.log)).toEqual([]);
    expect(driver.due()).toEqual([{ kind: 'at', index: 0, dueAt: at('2027-05-04T09:00Z') }]);
    driver.learn({ vip: true }, at('2027-01-01T00:00Z'));
    driver.advance(at('2029-12-31T00:00Z'));
    expect(sends(driver.log)).toEqual(['cake', 'cake', 'cake']);
  });

  it('D3 a date is read again when the traits change, and a passed one is not due', () => {
    const driver = makeDriver([machine({})]);
    driver.send('Start', at('2026-11-23T00:00Z'));
    expect(driver.due()).toEqual([]);
    driver.learn({ due: '2026-12-01' }, at('2026-11-24T00:00Z'));
    expect(driver.due()).toMatchObject([{ dueAt: at('2026-12-01T00:00Z') }]);
    driver.learn({ due: '2026-12-03' }, at('2026-11-25T00:00Z'));
    expect(driver.due()).toMatchObject([{ dueAt: at('2026-12-03T00:00Z') }]);
    driver.learn({ due: '2026-11-01' }, at('2026-11-26T00:00Z'));
    expect([driver.due(), driver.advance(at('2028-01-01T00:00Z'))]).toEqual([[], []]);
  });

  it('D3 a date in the history is read again when such an event comes', () => {
    const driver = makeDriver([machine({ date: "last('Ordered', 'due')", offset: 'P1D' })]);
    driver.send('Start', 0);
    driver.send('Ordered', 1, { due: '1970-02-01' });
    expect(driver.due()).toMatchObject([{ dueAt: at('1970-02-02T00:00Z') }]);
  });

  it('D4 a date whose condition does not hold when it is due is spent', () => {
    const driver = makeDriver([machine({ if: 'traits.vip == true' })], { traits: { due: '2026-12-01', vip: false } });
    driver.send('Start', at('2026-11-01T00:00Z'));
    driver.advance(at('2026-12-02T00:00Z'));
    driver.learn({ vip: true }, at('2026-12-03T00:00Z'));
    expect([driver.stage(), driver.due()]).toEqual(['first', []]);
  });

  it('Z1 the zone is that of the step, else of the customer, else of the journey, else UTC', () => {
    const due = (date: object, traits: object, more: object = {}) => {
      const driver = makeDriver([machine(date, more)], { traits: { due: '2026-12-24', ...traits } });
      driver.send('Start', 0);
      return iso(driver.due()[0]?.dueAt ?? null);
    };
    const berlin = { timezone: 'Europe/Berlin' };
    expect(due({ zone: 'Asia/Tokyo' }, berlin, { zone: 'America/New_York' })).toBe('2026-12-23T15:00');
    expect(due({}, berlin, { zone: 'America/New_York' })).toBe('2026-12-23T23:00');
    expect(due({}, { timezone: 'Mars/Olympus' }, { zone: 'America/New_York' })).toBe('2026-12-24T05:00');
    expect(due({}, { timezone: '+02:00' })).toBe('2026-12-24T00:00');
    expect(() => machine({ zone: 'Berlin' })).toThrow('"Berlin\\" is not a time zone');
  });

  it.each([
    ['2026-03-29', '02:30', '2026-03-29T01:30'],
    ['2026-10-25', '02:30', '2026-10-25T00:30'],
  ])('Z2 on %s in Berlin %s is %sZ: skipped is later, twice is the first', (date, time, expected) => {
    expect(iso(instantOf(date, read('Europe/Berlin', null, time)))).toBe(expected);
  });
});

describe('waits by the calendar', () => {
  const WEEK = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'] as const;
  const WORKDAYS = WEEK.slice(0, 5);
  const berlin = (from: string, to: string, days: readonly (typeof WEEK)[number][] = WEEK) => ({
    from,
    to,
    days,
    zone: 'Europe/Berlin',
  });

  it.each([
    ['2026-11-23T03:00Z', berlin('09:00', '20:00'), '2026-11-23T08:00'],
    ['2026-11-23T08:00Z', berlin('09:00', '20:00'), '2026-11-23T08:00'],
    ['2026-11-23T18:59Z', berlin('09:00', '20:00'), '2026-11-23T18:59'],
    ['2026-11-23T19:00Z', berlin('09:00', '20:00'), '2026-11-24T08:00'],
    ['2026-11-27T20:00Z', berlin('09:00', '20:00', WORKDAYS), '2026-11-30T08:00'],
    ['2026-11-23T03:00Z', berlin('22:00', '06:00'), '2026-11-23T03:00'],
    ['2026-11-23T06:00Z', berlin('22:00', '06:00'), '2026-11-23T21:00'],
    ['2026-11-21T03:00Z', berlin('22:00', '06:00', ['FR']), '2026-11-21T03:00'],
    ['2026-11-22T03:00Z', berlin('22:00', '06:00', ['FR']), '2026-11-27T21:00'],
    ['2026-03-28T20:00Z', berlin('09:00', '20:00'), '2026-03-29T07:00'],
    ['2026-10-24T19:00Z', berlin('09:00', '20:00'), '2026-10-25T08:00'],
    ['2026-03-29T00:30Z', berlin('02:30', '03:00', ['SU']), '2026-04-05T00:30'],
  ])('S17 from %s a window %j opens at %s', (now, window, expected) => {
    expect(iso(nextInWindow(at(now), window))).toBe(expected);
  });

  it('S17 the instant is inside the window and the first one that is', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: at('2026-01-01'), max: at('2028-01-01') }),
        fc.constantFrom('Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'),
        (now, zone) => {
          const next = nextInWindow(now, { from: '09:00', to: '20:00', days: WORKDAYS, zone });
          const shown = (instant: number) =>
            new Intl.DateTimeFormat('en-GB', {
              timeZone: zone,
              weekday: 'short',
              hour: '2-digit',
              minute: '2-digit',
            }).format(instant);
          const open = (instant: number) =>
            /^(Mon|Tue|Wed|Thu|Fri)/.test(shown(instant)) && /(09|1\d):\d\d/.test(shown(instant));
          expect(next).toBeGreaterThanOrEqual(now);
          expect(open(next)).toBe(true);
          if (next > now) {
            expect(open(now)).toBe(false);
            expect(open(next - 1)).toBe(false);
            expect(next - now).toBeLessThan(4 * DAY);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  const waiting = (wait: object) => machineOf({ stages: { first: { steps: [{ wait }, send('a')] } } }, 1, words);

  it('S17 a step waits for its window in the customer’s zone, and not while it is open', () => {
    const driver = makeDriver([waiting({ until: { from: '09:00', to: '20:00' } })], {
      traits: { timezone: 'America/New_York' },
    });
    driver.send('Start', at('2026-11-23T03:00Z'));
    expect(driver.run().wakeAt).toBe(at('2026-11-23T14:00Z'));
    expect(sends(driver.advance(at('2026-11-23T14:00Z')))).toEqual(['a']);
    const open = makeDriver([waiting({ until: { from: '00:00', to: '00:00' } })]);
    expect(sends(open.send('Start', 5))).toEqual(['a']);
  });

  it('S18 a step waits until a date in data; a passed one or none does not hold it', () => {
    const machine = waiting({ until: { date: 'traits.due', offset: '-P1D', time: '10:00', zone: 'Europe/Berlin' } });
    const held = makeDriver([machine], { traits: { due: '2026-12-24' } });
    expect(sends(held.send('Start', at('2026-12-01T00:00Z')))).toEqual([]);
    expect(held.run().wakeAt).toBe(at('2026-12-23T09:00Z'));
    expect(sends(held.advance(at('2026-12-23T09:00Z')))).toEqual(['a']);
    for (const traits of [{ due: '2025-12-24' }, {}])
      expect(sends(makeDriver([machine], { traits }).send('Start', at('2026-12-01T00:00Z')))).toEqual(['a']);
  });
});
