// SPEC.md, groups N and Q where things meet: schedules and timers at one instant, caps at their edge, waits and dates that
// fall due while they are held.

import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { compileSchedule } from '../../workers/engine/calendar.ts';
import { DAY, errors, HOUR, machineOf, makeDriver, send, sends } from './driver.ts';

const journey = (id: string, more: object = {}) => machineOf({ id, stages: { first: {} }, ...more });
const steps = (...list: object[]) => ({ stages: { first: { steps: list } } });
const at = (iso: string): number => Date.parse(iso);

describe('what begins a run', () => {
  const newsletter = (schedule: object, more: object = {}) =>
    journey('news', {
      entry: [{ schedule: { rrule: 'FREQ=WEEKLY;BYDAY=MO', start: '2026-01-05T09:00', ...schedule }, ...more }],
      reentry: 'after_exit',
      stages: { first: { steps: [send('news'), { exit: 'sent' }] } },
    });

  it('N4 each instant of the rule, in the customer’s zone, over a change of clocks, once', () => {
    const driver = makeDriver([newsletter({})], {
      from: at('2026-03-20T00:00Z'),
      traits: { timezone: 'Europe/Berlin' },
    });
    expect(driver.wakeAt()).toBe(at('2026-03-23T08:00Z'));
    const log = driver.advance(at('2026-04-06T12:00Z'));
    expect(log.flatMap((effect) => (effect.kind === 'send' ? [new Date(effect.at).toISOString()] : []))).toEqual([
      '2026-03-23T08:00:00.000Z',
      '2026-03-30T07:00:00.000Z',
      '2026-04-06T07:00:00.000Z',
    ]);
    expect(log[0]).toMatchObject({
      kind: 'transition',
      from: null,
      cause: { kind: 'schedule', dueAt: at('2026-03-23T08:00Z') },
    });
    expect(driver.advance(at('2026-04-06T12:00Z'))).toEqual([]);
  });

  it('N4 schedules and timers of one instant all happen, schedules first', () => {
    const nine = at('2026-03-23T09:00Z');
    const timer = journey('a-timer', {
      stages: { first: { after: [{ delay: 'PT9H', to: 'second' }] }, second: { steps: [send('timer')] } },
    });
    const twin = newsletter({});
    const driver = makeDriver([timer, twin, { ...twin, id: 'twin' }], { from: at('2026-03-20T00:00Z') });
    driver.send('Start', at('2026-03-23T00:00Z'));
    expect(sends(driver.advance(nine))).toEqual(['news', 'news', 'timer']);
    expect(driver.runs('twin')).toHaveLength(1);
  });

  it('N4 an hourly rule is taken, and UNTIL ends it', () => {
    expect(compileSchedule({ rrule: 'FREQ=HOURLY', start: '2026-01-05T09:00' })).toHaveProperty('next');
    const compiled = compileSchedule({ rrule: 'FREQ=DAILY;UNTIL=20260107T090000Z', start: '2026-01-05T09:00' });
    const next = 'next' in compiled ? compiled.next : () => 0;
    expect([next(at('2026-01-06T10:00Z'), 'UTC'), next(at('2026-01-07T10:00Z'), 'UTC')]).toEqual([
      at('2026-01-07T09:00Z'),
      null,
    ]);
  });

  const keyed = (caps: object) =>
    journey('carts', {
      key: 'event.properties.cart',
      reentry: 'after_exit',
      caps,
      exit: [{ event: 'Done' }],
    });

  it('N6 so many entries in any such time, of all keys, or of the one run that begins again and again', () => {
    const many = makeDriver([keyed({ entries: { max: 2, within: 'P7D' } })], { throughJson: true });
    for (const cart of ['a', 'b', 'c']) many.send('Start', 0, { cart });
    expect(many.runs('carts')).toHaveLength(2);
    many.send('Start', 7 * DAY - 1, { cart: 'd' });
    expect(many.runs('carts')).toHaveLength(2);
    many.send('Start', 7 * DAY, { cart: 'e' });
    expect(many.runs('carts')).toHaveLength(3);

    const again = journey('again', {
      reentry: 'after_exit',
      caps: { entries: { max: 3, within: 'P7D' } },
      stages: { first: { steps: [send('x'), { exit: 'done' }] } },
    });
    const one = makeDriver([again], { throughJson: true });
    const sent: number[] = [];
    for (let day = 0; day < 21; day++) if (sends(one.send('Start', day * DAY)).length > 0) sent.push(day);
    expect(sent).toEqual([0, 1, 2, 7, 8, 9, 14, 15, 16]);
    expect(one.run('again').past?.length).toBeLessThanOrEqual(3);
  });
});

describe('what runs make happen', () => {
  it.each([0, 1])('N10 one input makes emitsPerInputMax events happen, not %i more', (more) => {
    const count = LIMITS.emitsPerInputMax + more;
    const driver = makeDriver([journey('many', steps(...Array.from({ length: count }, () => ({ emit: 'Praised' }))))]);
    const log = driver.send('Start', 0);
    expect(driver.history()).toHaveLength(1 + LIMITS.emitsPerInputMax);
    expect(errors(log)).toHaveLength(more);
  });
});

describe('suspension and order', () => {
  const complaint = journey('complaint', {
    entry: [{ event: 'Complained' }],
    suspends: ['marketing'],
    reentry: 'after_exit',
    exit: [{ event: 'Resolved' }],
  });

  const marketing = journey('marketing', {
    tags: ['marketing'],
    stages: {
      first: {
        steps: [{ wait: 'P1D' }, send('one'), { wait: 'P1D' }, send('two')],
        on: [{ event: 'Go', to: 'second' }],
        after: [{ delay: 'P5D', to: 'third' }],
      },
      second: { steps: [send('second')] },
      third: {},
    },
  });

  it('Q1 Q2 timers of held runs wait, go off when the last run that holds them is over, and later ones when they are due', () => {
    const other = journey('other', { stages: { first: { after: [{ delay: 'P1D', to: 'second' }] }, second: {} } });
    const driver = makeDriver([complaint, marketing, other], { throughJson: true });
    driver.send('Start', 0);
    driver.send('Complained', HOUR);
    driver.advance(3 * DAY);
    expect([sends(driver.log), driver.stage('other')]).toEqual([[], 'second']);
    expect(driver.wakeAt()).toBeNull();
    driver.send('Resolved', 3 * DAY + HOUR);
    expect(driver.wakeAt()).toBe(3 * DAY + HOUR);
    const log = driver.advance(9 * DAY);
    expect(log.map(({ kind, at: instant }) => [kind, instant])).toEqual([
      ['send', 3 * DAY + HOUR],
      ['send', 4 * DAY + HOUR],
      ['transition', 5 * DAY],
    ]);
  });

  it('Q1 a journey never holds itself, and two that hold it are both to be over', () => {
    const own = journey('own', {
      entry: [{ event: 'Complained' }],
      tags: ['marketing'],
      suspends: ['marketing'],
      ...steps(send('own')),
    });
    expect(sends(makeDriver([own]).send('Complained', 0))).toEqual(['own']);
    const second = journey('second', {
      entry: [{ event: 'Complained' }],
      suspends: ['marketing'],
      exit: [{ event: 'Calm' }],
    });
    const driver = makeDriver([complaint, second, marketing]);
    driver.send('Start', 0);
    driver.send('Complained', 1);
    driver.send('Resolved', 2 * DAY);
    expect(sends(driver.advance(2 * DAY))).toEqual([]);
    driver.send('Calm', 3 * DAY);
    expect(sends(driver.advance(3 * DAY))).toEqual(['one']);
  });

  it('Q2 Q3 a held run hears events and enters stages; their steps run when the suspension is over', () => {
    const driver = makeDriver([complaint, marketing], { throughJson: true });
    driver.send('Complained', 0);
    driver.send('Start', 1);
    expect(driver.stage('marketing')).toBe('first');
    driver.send('Go', 2);
    expect([driver.stage('marketing'), sends(driver.log)]).toEqual(['second', []]);
    driver.send('Resolved', DAY);
    expect(sends(driver.advance(DAY))).toEqual(['second']);
    expect(driver.run('marketing')).not.toHaveProperty('held');
  });

  it('Q2 a wait for an event that comes while it is held is answered, and its steps run afterwards', () => {
    const waits = journey('waits', {
      tags: ['marketing'],
      ...steps({
        waitFor: { event: 'Clicked' },
        steps: [{ waitFor: { event: 'Clicked' }, timeout: 'PT1H', onTimeout: [send('late')] }, send('end')],
      }),
    });
    const driver = makeDriver([complaint, waits], { throughJson: true });
    driver.send('Start', 0);
    driver.send('Complained', 1);
    driver.send('Clicked', 2);
    driver.send('Clicked', 3);
    driver.send('Resolved', DAY);
    driver.advance(DAY);
    expect(driver.due('waits')).toEqual([{ kind: 'wait', index: 0, dueAt: DAY + HOUR }]);
    expect(sends(driver.advance(2 * DAY))).toEqual(['late', 'end']);
  });

  it('Q2 a date that fell due while held goes off when the suspension is over', () => {
    const dated = journey('dated', {
      tags: ['marketing'],
      stages: { first: { at: [{ date: 'traits.due', to: 'second' }] }, second: {} },
    });
    const driver = makeDriver([complaint, dated], { traits: { due: '1970-01-03' }, throughJson: true });
    driver.send('Start', 0);
    driver.send('Complained', 1);
    driver.learn({ due: '1970-01-03', other: 1 }, 5 * DAY);
    driver.send('Resolved', 6 * DAY);
    driver.advance(6 * DAY);
    expect(driver.run('dated')).toMatchObject({ stage: 'second', enteredAt: 6 * DAY });
  });

  it('Q4 the higher priority is asked first, among entries, runs and timers; messages carry it', () => {
    const stage = {
      stages: {
        first: {
          steps: [send('entered')],
          after: [{ delay: 'P1D', to: 'second' }],
          on: [{ event: 'Go', to: 'first' }],
        },
        second: { steps: [send('timer')] },
      },
    };
    const driver = makeDriver([
      journey('a', stage),
      journey('b', { ...stage, priority: 5 }),
      journey('c', { ...stage, priority: -5 }),
    ]);
    const order = (log: readonly { kind: string }[]) =>
      log.flatMap((effect) => ('message' in effect && 'journey' in effect ? [effect.journey] : []));
    expect(order(driver.send('Start', 0))).toEqual(['b', 'a', 'c']);
    expect(order(driver.send('Go', 1))).toEqual(['b', 'a', 'c']);
    expect(order(driver.advance(DAY + 1))).toEqual(['b', 'a', 'c']);
    expect(driver.log.flatMap((effect) => (effect.kind === 'send' ? [effect.priority] : [])).slice(0, 3)).toEqual([
      5,
      undefined,
      -5,
    ]);
  });
});
