// SPEC.md, N and Q: what begins a run, what runs make happen, and how one journey holds another.

import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { compileJourney } from '../../workers/engine/compile.ts';
import { SYSTEM_EVENTS } from '../../workers/engine/machine.ts';
import { DAY, errors, HOUR, machineOf, makeDriver, moves, send, sends, vocabulary } from './driver.ts';

const MONDAY = Date.UTC(2026, 0, 5);

describe('what begins a run', () => {
  it('N1 joining the audience does, joining another does not', () => {
    const driver = makeDriver([machineOf({ entry: [{ audience: 'lapsed' }], stages: { first: {} } })]);
    driver.send('Audience Joined', 0, { audience: 'regulars' });
    expect(driver.runs()).toEqual([]);
    driver.send('Audience Joined', HOUR, { audience: 'lapsed' });
    expect(driver.stage()).toBe('first');
  });

  it('N2 a request of this journey does; its other properties are the run’s to ask for', () => {
    const driver = makeDriver([
      machineOf({
        entry: [{ api: true, if: 'event.properties.level > 1' }],
        stages: { first: { steps: [{ wait: 'P1D' }, { set: 'level', value: 'start.properties.level' }] } },
      }),
    ]);
    driver.send('Journey Requested', 0, { journey: 'other', level: 2 });
    driver.send('Journey Requested', 1, { journey: 'test', level: 1 });
    expect(driver.runs()).toEqual([]);
    driver.send('Journey Requested', 2, { journey: 'test', level: 2 });
    driver.advance(2 * DAY);
    expect(driver.traits()).toEqual({ level: 2 });
  });

  it('N3 a step of the journey that the entry names does, one of another does not', () => {
    const starter = (id: string) =>
      machineOf({ id, stages: { first: { steps: [{ start: 'test', properties: { size: "'xl'" } }] } } });
    const started = machineOf({
      entry: [{ journey: 'named' }],
      stages: { first: { steps: [{ set: 'size', value: 'event.properties.size' }] } },
    });
    const other = makeDriver([starter('other'), started]);
    other.send('Start', 0);
    expect(other.runs('test')).toEqual([]);
    const driver = makeDriver([starter('named'), started]);
    driver.send('Start', 0);
    expect(driver.stage('test')).toBe('first');
    expect(driver.traits()).toEqual({ size: 'xl' });
  });

  const weekly = { schedule: { rrule: 'FREQ=WEEKLY;BYDAY=MO', start: '2026-01-05T09:00', zone: 'Europe/Vienna' } };
  const newsletter = {
    id: 'news',
    entry: [weekly],
    reentry: 'after_exit',
    stages: { first: { steps: [send('news'), { exit: 'sent' }] } },
  };

  it('N4 a calendar rule does at each of its instants, in its zone, each once', () => {
    const driver = makeDriver([machineOf(newsletter)], { from: MONDAY });
    const log = driver.advance(MONDAY + 14 * DAY);
    expect(log.flatMap((effect) => (effect.kind === 'send' ? [new Date(effect.at).toISOString()] : []))).toEqual([
      '2026-01-05T08:00:00.000Z',
      '2026-01-12T08:00:00.000Z',
    ]);
    expect(driver.wakeAt()).toBe(Date.UTC(2026, 0, 19, 8));
    // The clocks change on 29 March: still nine in the morning.
    const spring = makeDriver([machineOf(newsletter)], { from: Date.UTC(2026, 2, 28) });
    expect(new Date(spring.wakeAt() ?? 0).toISOString()).toBe('2026-03-30T07:00:00.000Z');
  });

  it('N4 without a zone it is the customer’s own; a rule that comes too often, or never, is refused', () => {
    const { zone: _, ...own } = weekly.schedule;
    const machine = machineOf({ ...newsletter, entry: [{ schedule: own }] });
    const tokyo = makeDriver([machine], { from: MONDAY - DAY, traits: { timezone: 'Asia/Tokyo' } });
    expect(new Date(tokyo.wakeAt() ?? 0).toISOString()).toBe('2026-01-05T00:00:00.000Z');
    for (const rrule of ['FREQ=MINUTELY', 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30', 'FREQ=SOMETIMES']) {
      const entry = [{ schedule: { rrule, start: '2026-01-05T09:00' } }];
      const compiled = compileJourney({ ...newsletter, initial: 'first', entry }, 1, vocabulary());
      expect(compiled.ok ? [] : compiled.findings).toMatchObject([{ code: 'schedule' }]);
    }
  });

  const keyed = (caps: object) =>
    machineOf({
      key: 'event.properties.cart',
      reentry: 'after_exit',
      caps,
      exit: [{ event: 'End' }],
      stages: { first: {} },
    });

  it('N5 at most so many runs at once, of all keys', () => {
    const driver = makeDriver([keyed({ concurrent: 2 })]);
    for (const [index, cart] of ['a', 'b', 'c'].entries()) driver.send('Start', index, { cart });
    expect(driver.runs().map(({ key }) => key)).toEqual(['a', 'b']);
    driver.send('End', 10, { cart: 'a' });
    driver.send('Start', 11, { cart: 'c' });
    expect(
      driver
        .runs()
        .filter(({ endedAt }) => endedAt === undefined)
        .map(({ key }) => key),
    ).toEqual(['b', 'c']);
  });

  it('N6 at most so many entries in any such time, runs of all keys and runs that were replaced counted', () => {
    const driver = makeDriver([keyed({ entries: { max: 2, within: 'P1D' } })]);
    driver.send('Start', 0, { cart: 'a' });
    driver.send('End', 1, { cart: 'a' });
    driver.send('Start', 2, { cart: 'a' });
    driver.send('Start', 3, { cart: 'b' });
    expect(driver.runs().map(({ key }) => key)).toEqual(['a']);
    driver.send('Start', DAY, { cart: 'b' });
    expect(driver.runs().map(({ key }) => key)).toEqual(['a', 'b']);
  });

  it('N7 every entry takes a condition; where there is no event it sees none', () => {
    const begins = (condition: string) => {
      const machine = machineOf({ ...newsletter, entry: [{ ...weekly, if: condition }] });
      return sends(makeDriver([machine], { from: MONDAY, traits: { kind: 'vip' } }).advance(MONDAY + DAY)).length;
    };
    expect([begins("traits.kind == 'vip'"), begins("traits.kind == 'other'")]).toEqual([1, 0]);
    const audience = machineOf({ entry: [{ audience: 'a', if: 'traits.age > 17.0' }], stages: { first: {} } });
    const young = makeDriver([audience], { traits: { age: 17 } });
    young.send('Audience Joined', 0, { audience: 'a' });
    expect(young.runs()).toEqual([]);
  });
});

describe('what runs make happen', () => {
  const carts = machineOf({
    id: 'carts',
    key: 'event.properties.cart',
    stages: { first: { steps: [{ wait: 'P9D' }] } },
  });

  it('N8 cancel ends the live runs of a journey, with a key the one of that key', () => {
    const canceller = (more: object) =>
      machineOf({
        id: 'z',
        entry: [{ event: 'Cancel' }],
        stages: { first: { steps: [{ cancel: 'carts', ...more }] } },
      });
    const live = (more: object) => {
      const driver = makeDriver([carts, canceller(more)]);
      for (const cart of ['a', 'b']) driver.send('Start', 0, { cart });
      driver.send('Cancel', 1, { cart: 'a' });
      return driver
        .runs('carts')
        .filter(({ endedAt }) => endedAt === undefined)
        .map(({ key }) => key);
    };
    expect(live({})).toEqual([]);
    expect(live({ key: 'event.properties.cart' })).toEqual(['b']);
    const server = makeDriver([carts]);
    server.send('Start', 0, { cart: 'a' });
    expect(moves(server.send('Journey Cancelled', 1, { journey: 'carts' }))).toEqual(['first > -']);
  });

  it('N9 an emitted event stands in the history, every journey hears it once the input was offered everywhere', () => {
    const emitter = machineOf({
      id: 'a',
      stages: {
        first: {
          steps: [{ emit: 'Rang', properties: { loud: '2.0 > 1.0' } }],
          after: [{ delay: 'P3D', since: 'activity', to: 'quiet' }],
        },
        quiet: {},
      },
    });
    const hearer = machineOf({
      id: 'b',
      stages: { first: { on: [{ event: 'Rang', if: 'event.properties.loud', to: 'heard' }] }, heard: {} },
    });
    const driver = makeDriver([emitter, hearer], { id: 'u:1' });
    const log = driver.send('Start', 0);
    expect(moves(log)).toEqual(['- > first', '- > first', 'first > heard']);
    expect(driver.history().map(({ name }) => name)).toEqual(['Start', 'Rang']);
    expect(log.find((effect) => effect.kind === 'transition' && effect.to === 'heard')).toMatchObject({
      cause: { messageId: 'u:1/a.1/1' },
    });
  });

  it('N9 an audience is joined by an event; none of them is an activity', () => {
    const joiner = machineOf({
      id: 'a',
      stages: {
        first: {
          steps: [{ wait: 'P1D' }, { audience: 'club', do: 'add' }],
          after: [{ delay: 'P2D', since: 'activity', to: 'quiet' }],
        },
        quiet: {},
      },
    });
    const club = machineOf({ id: 'b', entry: [{ audience: 'club' }], stages: { first: {} } });
    const driver = makeDriver([joiner, club], { id: 'u:1' });
    driver.send('Start', 0);
    const log = driver.advance(3 * DAY);
    expect(driver.stage('b')).toBe('first');
    expect(log.find((effect) => effect.kind === 'transition' && effect.to === 'quiet')?.at).toBe(2 * DAY);
  });

  it('N10 events follow from each other to a depth, and so many for one input; past it that is recorded', () => {
    const echo = machineOf({
      entry: [{ event: 'Ping' }],
      reentry: 'after_exit',
      stages: { first: { on: [], steps: [{ emit: 'Ping' }, { exit: 'done' }] } },
    });
    const deep = makeDriver([echo], { id: 'u:1' });
    const log = deep.send('Ping', 0);
    expect(deep.history()).toHaveLength(LIMITS.emitDepthMax + 1);
    expect(errors(log)).toEqual([{ pointer: '', detail: expect.stringContaining('did not happen') }]);
    const many = machineOf({ stages: { first: { steps: Array.from({ length: 60 }, () => ({ emit: 'Ping' })) } } });
    const twice = machineOf({
      id: 'z',
      entry: [{ event: 'Ping' }],
      reentry: 'after_exit',
      stages: { first: { steps: [{ emit: 'Pong' }, { exit: 'done' }] } },
    });
    const wide = makeDriver([many, twice], { id: 'u:1' });
    expect(errors(wide.send('Start', 0))).toHaveLength(1);
    expect(wide.history()).toHaveLength(LIMITS.emitsPerInputMax + 1);
  });

  it('N11 the events of the system are no activity, and no step emits one', () => {
    const driver = makeDriver([
      machineOf({ stages: { first: { after: [{ delay: 'P1D', since: 'activity', to: 'second' }] }, second: {} } }),
    ]);
    driver.send('Start', 0);
    driver.send('Audience Left', HOUR, { audience: 'any' });
    expect(driver.due()).toMatchObject([{ dueAt: DAY }]);
    for (const emit of Object.values(SYSTEM_EVENTS)) {
      const stages = { first: { steps: [{ emit }] } };
      const compiled = compileJourney({ id: 'x', entry: [{ event: 'a' }], initial: 'first', stages }, 1, vocabulary());
      expect([emit, compiled.ok ? [] : compiled.findings]).toMatchObject([
        emit,
        [{ code: 'reserved-event', pointer: '/stages/first/steps/0/emit' }],
      ]);
    }
  });
});

describe('suspension and order', () => {
  const promotion = machineOf({
    id: 'promotion',
    tags: ['marketing'],
    exit: [{ event: 'Gone' }],
    stages: {
      first: { on: [{ event: 'Go', to: 'second' }], after: [{ delay: 'P1D', to: 'second' }] },
      second: { steps: [send('offer')] },
    },
  });
  const complaint = machineOf({
    id: 'complaint',
    tags: ['marketing'],
    suspends: ['marketing'],
    entry: [{ event: 'Complaint' }],
    exit: [{ event: 'Settled' }],
    stages: { first: { after: [{ delay: 'PT1H', to: 'asked' }] }, asked: { steps: [send('sorry')] } },
  });

  it('Q1 a journey with one of the tags is held while the run is live, the journey itself never', () => {
    const driver = makeDriver([promotion, complaint]);
    driver.send('Start', 0);
    driver.send('Complaint', HOUR);
    expect(sends(driver.advance(5 * DAY))).toEqual(['sorry']);
    expect(driver.stage('promotion')).toBe('first');
  });

  it('Q2 what fell due goes on at the instant the last run that held it is over; what is due later, then', () => {
    const driver = makeDriver([promotion, complaint]);
    driver.send('Start', 0);
    driver.send('Complaint', HOUR);
    driver.send('Settled', 3 * DAY);
    const log = driver.advance(4 * DAY);
    expect(sends(log)).toEqual(['offer']);
    expect(driver.run('promotion').enteredAt).toBe(3 * DAY);
    const later = makeDriver([promotion, complaint]);
    later.send('Start', 0);
    later.send('Complaint', HOUR);
    later.send('Settled', 2 * HOUR);
    later.advance(4 * DAY);
    expect(later.run('promotion').enteredAt).toBe(DAY);
  });

  it('Q3 a held run still hears events: transitions and exits are as ever, the steps wait', () => {
    const driver = makeDriver([promotion, complaint]);
    driver.send('Start', 0);
    driver.send('Complaint', HOUR);
    const log = driver.send('Go', 2 * HOUR);
    expect(moves(log)).toEqual(['first > second']);
    expect(sends(log)).toEqual([]);
    driver.send('Settled', 3 * HOUR);
    expect(sends(driver.advance(4 * HOUR))).toEqual(['offer']);
    const leaves = makeDriver([promotion, complaint]);
    leaves.send('Start', 0);
    leaves.send('Complaint', HOUR);
    expect(moves(leaves.send('Gone', 2 * HOUR))).toEqual(['first > -']);
  });

  it('Q4 the higher priority is asked first, among entries and among runs; equal ones by id', () => {
    const journey = (id: string, priority?: number) =>
      machineOf({
        id,
        ...(priority === undefined ? {} : { priority }),
        stages: { first: { on: [{ event: 'Go', to: 'second' }] }, second: {} },
      });
    const driver = makeDriver([journey('a'), journey('b'), journey('c', 5)]);
    const order = (log: readonly object[]) => log.map((effect) => Reflect.get(effect, 'journey'));
    expect(order(driver.send('Start', 0))).toEqual(['c', 'a', 'b']);
    expect(order(driver.send('Go', HOUR))).toEqual(['c', 'a', 'b']);
  });
});
