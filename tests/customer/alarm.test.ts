// What wakes the object: the alarm is derived from rows (I7), fires timers at their own instants (A3, A5), never throws.

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CHECK_INDEX_AFTER_MS, LIMITS, RESEND_AFTER_MS } from '../../schema/limits.ts';
import {
  alarmOf,
  DAY,
  decide,
  deliver,
  describeOf,
  dump,
  eventOf,
  evict,
  fireAlarm,
  forgetSent,
  freshName,
  HOUR,
  holdQueue,
  ingest,
  inside,
  moves,
  objectOf,
  passTime,
  prepare,
  rowsOf,
  SECOND,
  START,
  send,
  sent,
  setClock,
  stubOf,
  timelineOf,
} from './object.ts';

beforeAll(() =>
  prepare([
    {
      id: 'shop',
      entry: [{ event: 'Start' }],
      initial: 'first',
      stages: {
        first: {
          steps: [{ wait: 'PT10M' }, { set: 'waited', value: 'true' }, { wait: 'P1D' }],
          on: [{ event: 'Go', to: 'second' }],
          after: [
            { delay: 'P2D', since: 'activity', to: 'quiet' },
            { delay: 'PT2H', if: "count('Go') > 100.0", to: 'second' },
          ],
        },
        second: { on: [{ event: 'Back', to: 'first' }], after: [{ delay: 'PT1H', to: 'quiet' }] },
        quiet: { on: [{ event: 'Back', to: 'first' }], after: [{ delay: 'P30D', to: 'over' }] },
        over: { final: true },
      },
    },
    {
      id: 'ticker',
      entry: [{ event: 'Tick' }],
      initial: 'tick',
      stages: { tick: { on: [{ event: 'Stop', to: 'stopped' }], after: [{ delay: 'PT1S', to: 'tick' }] }, stopped: {} },
    },
  ]),
);

afterEach(() => {
  vi.restoreAllMocks();
  holdQueue();
});

/** What must wake the object, worked out from its rows and its timers alone. */
async function earliestDue(id: string): Promise<number | null> {
  const described = await objectOf(id).describe();
  if (!described) return null;
  const [row] = await rowsOf(id, 'SELECT dirty_since, importing FROM customer');
  const outbox = await rowsOf(id, "SELECT body ->> 'nextAt' AS next_at FROM parts WHERE name LIKE 'effect:%'");
  const due = outbox.map((effect) => Number(effect['next_at']));
  if (row?.['importing'] !== 1) {
    due.push(...described.timers.map((timer) => Date.parse(timer.dueAt)));
    if (row?.['dirty_since'] !== null) due.push(Date.now() + CHECK_INDEX_AFTER_MS);
  }
  return due.length === 0 ? null : Math.min(...due);
}

async function expectArmed(id: string): Promise<void> {
  const due = await earliestDue(id);
  const alarm = await alarmOf(id);
  if (due === null) return;
  expect(alarm).not.toBeNull();
  expect(alarm).toBeLessThanOrEqual(due);
}

/** The alarm as the platform would: when its time has come, until nothing is due any more. */
async function fireWhenDue(id: string): Promise<void> {
  for (let alarm = await alarmOf(id); alarm !== null && alarm <= Date.now(); alarm = await alarmOf(id))
    await fireAlarm(id);
}

const operation = fc.oneof(
  fc.record({ kind: fc.constant('event' as const), name: fc.constantFrom('Start', 'Go', 'Back', 'Nothing') }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(SECOND, 600 * SECOND, HOUR, DAY, 3 * DAY) }),
  fc.record({ kind: fc.constantFrom('alarm' as const, 'fire' as const, 'deliver' as const, 'evict' as const) }),
  fc.record({ kind: fc.constantFrom('decide' as const, 'fail' as const) }),
);

describe('I7 the alarm is derived from rows', () => {
  it('after each of many operations it is the earliest due thing, or earlier', async () => {
    let checks = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 8, maxLength: 25 }), async (operations) => {
        const id = freshName();
        for (const step of operations) {
          if (step.kind === 'event') await send(id, step.name);
          else if (step.kind === 'pass') passTime(step.ms);
          else if (step.kind === 'alarm') await fireWhenDue(id);
          else if (step.kind === 'fire') await objectOf(id).fireDue(0, Date.now());
          else if (step.kind === 'decide') await decide(id, ['home']);
          else if (step.kind === 'evict') await describeAndEvict(id);
          else if (step.kind === 'deliver') {
            await deliver(sent);
            forgetSent();
          } else {
            const spy = await inside(id, (storage) =>
              vi.spyOn(storage, 'setAlarm').mockImplementation(() => {
                throw new Error('no alarm can be set');
              }),
            );
            await send(id, 'Back').catch(() => undefined);
            spy.mockRestore();
          }
          await expectArmed(id);
          checks++;
        }
      }),
      { numRuns: 15, seed: 7 },
    );
    expect(checks).toBeGreaterThan(100);
  });

  it('after the alarm has run it is exact, and there is none where nothing is due', async () => {
    const id = freshName();
    setClock(START);
    await send(id, 'Start');
    await send(id, 'Go');
    passTime(SECOND);
    await fireAlarm(id);
    await deliver(sent);
    passTime(CHECK_INDEX_AFTER_MS);
    await fireAlarm(id);
    expect(await rowsOf(id, 'SELECT dirty_since FROM customer')).toEqual([{ dirty_since: null }]);
    expect(await alarmOf(id)).toBe(START + HOUR);

    const idle = freshName();
    await send(idle, 'Nothing');
    await deliver(sent);
    passTime(CHECK_INDEX_AFTER_MS);
    await fireAlarm(idle);
    expect(await alarmOf(idle)).toBeNull();
  });

  it('a customer under import has none until finish', async () => {
    const id = freshName();
    const past = Date.now() - 10 * DAY;
    await objectOf(id).importEvents(0, [eventOf('Start', { at: past }), eventOf('Go', { at: past + 3 * DAY })]);
    expect(await alarmOf(id)).toBeNull();
    await objectOf(id).finishImport(0);
    expect((await describeOf(id)).stages).toEqual({ shop: 'quiet' });
    expect(await alarmOf(id)).toBeLessThanOrEqual(Date.now() + CHECK_INDEX_AFTER_MS);
    await expectArmed(id);
  });

  it('an event that moves the only timer later leaves the alarm early, and the early alarm sets it right', async () => {
    const id = freshName();
    await objectOf(id).importEvents(0, [eventOf('Start', { at: Date.now() })]);
    await objectOf(id).finishImport(0);
    passTime(HOUR);
    await send(id, 'Nothing');
    await expectArmed(id);
    await fireAlarm(id);
    await expectArmed(id);
    expect((await describeOf(id)).runs).toHaveLength(1);
  });
});

async function describeAndEvict(id: string): Promise<void> {
  await objectOf(id).describe();
  await evict(id);
}

describe('timers', () => {
  it('A3 a timer fires by the alarm, and enteredAt is its due time however late it is', async () => {
    const id = freshName();
    const at = Date.now();
    await send(id, 'Start');
    await send(id, 'Go');
    passTime(5 * HOUR);
    expect(await fireAlarm(id)).toBe(true);
    const [run] = (await describeOf(id)).runs;
    expect(run).toMatchObject({ stage: 'quiet', enteredAt: new Date(at + HOUR).toISOString() });
    const line = (await timelineOf(id)).at(-1);
    expect(line).toMatchObject({ kind: 'transition', at: at + HOUR, appliedAt: at + HOUR });
  });

  it('A3 the same after the object was evicted while it waited', async () => {
    const id = freshName();
    const at = Date.now();
    await send(id, 'Start');
    await send(id, 'Go');
    await evict(id);
    passTime(2 * HOUR);
    await fireAlarm(id);
    expect((await describeOf(id)).runs[0]).toMatchObject({ enteredAt: new Date(at + HOUR).toISOString() });
  });

  it('A5 what fell due before an event fires before it, without an alarm', async () => {
    const id = freshName();
    await send(id, 'Start');
    await send(id, 'Go');
    passTime(HOUR);
    await send(id, 'Back');
    expect(moves(await timelineOf(id))).toEqual(['- > first', 'first > second', 'second > quiet', 'quiet > first']);
  });

  it('A5 the same for a live event that comes while the customer is under import', async () => {
    const id = freshName();
    const past = Date.now() - 10 * DAY;
    await objectOf(id).importEvents(0, [eventOf('Start', { at: past }), eventOf('Go', { at: past })]);
    await send(id, 'Back');
    expect(moves(await timelineOf(id))).toEqual(['- > first', 'first > second', 'second > quiet', 'quiet > first']);
  });

  it('an alarm that comes too early fires nothing', async () => {
    const id = freshName();
    await send(id, 'Start');
    await send(id, 'Go');
    passTime(HOUR - 1);
    await fireAlarm(id);
    expect((await describeOf(id)).stages).toEqual({ shop: 'second' });
    expect(await alarmOf(id)).toBeLessThanOrEqual(Date.now() + 1);
  });

  it('waits of steps wake the object too', async () => {
    const id = freshName();
    const at = Date.now();
    await send(id, 'Start');
    passTime(HOUR);
    await fireAlarm(id);
    expect((await describeOf(id)).traits).toEqual({ waited: true });
    expect((await timelineOf(id)).at(-1)).toMatchObject({ kind: 'set', at: at + HOUR / 6 });
  });

  it('more than one commit can hold are finished in several', async () => {
    const id = freshName();
    const at = Date.now();
    const due = 2 * LIMITS.timersPerCommitMax + 200;
    await send(id, 'Tick');
    const commits = await inside(id, (storage) => vi.spyOn(storage, 'transactionSync'));
    passTime(due * SECOND);
    await fireAlarm(id);
    expect(commits.mock.calls.length).toBeGreaterThanOrEqual(3);
    commits.mockRestore();
    const ticks = (await timelineOf(id)).filter((line) => line.kind === 'transition');
    expect(ticks.map((line) => line.at)).toEqual(Array.from({ length: due + 1 }, (_, n) => at + n * SECOND));
    await expectArmed(id);
  });

  it('more than one call waits for are answered busy, and the alarm goes on at once until all are done', async () => {
    const id = freshName();
    await send(id, 'Tick');
    passTime(45_000 * SECOND);
    const request = { customerId: id, catalogVersion: 0, proven: true, decide: null, events: [eventOf('Stop')] };
    expect(await objectOf(id).ingest(request)).toMatchObject({ kind: 'busy' });
    let alarms = 0;
    for (let alarm = await alarmOf(id); alarm !== null && alarm <= Date.now(); alarm = await alarmOf(id), alarms++)
      await fireAlarm(id);
    expect(alarms).toBeGreaterThanOrEqual(2);
    const [last] = await rowsOf(id, 'SELECT max(at) AS at FROM entries');
    expect(last).toEqual({ at: Date.now() });
    expect((await send(id, 'Stop')).stages).toEqual({ ticker: 'stopped' });
  });
});

describe('alarm() never throws', () => {
  const runAlarm = (id: string) => runInDurableObject(stubOf(id), (object) => object.alarm?.());

  it.each([
    ['D1 fails', () => void vi.spyOn(env.DB, 'prepare').mockImplementation(fail)],
    ['the queue fails', () => void vi.spyOn(env.PROJECTIONS, 'send').mockRejectedValue(new Error('no queue'))],
  ])('when %s, and it re-arms', async (_, breakIt) => {
    const id = freshName();
    await send(id, 'Start');
    await evict(id);
    breakIt();
    // The first alarm tells the index again, the second asks D1 what has arrived.
    for (let alarms = 0; alarms < 2; alarms++) {
      passTime(CHECK_INDEX_AFTER_MS);
      await runAlarm(id);
      expect([RESEND_AFTER_MS, CHECK_INDEX_AFTER_MS]).toContain(Number(await alarmOf(id)) - Date.now());
    }
    vi.restoreAllMocks();
    holdQueue();
    forgetSent();
    passTime(CHECK_INDEX_AFTER_MS);
    await fireAlarm(id);
    expect(sent).toMatchObject([{ customerId: id, stages: [{ stage: 'first' }] }]);
  });

  it('when a commit fails, and it re-arms, and the next one succeeds', async () => {
    const id = freshName();
    await send(id, 'Start');
    await send(id, 'Go');
    passTime(2 * HOUR);
    const before = await dump(id);
    await inside(id, ({ sql }) =>
      sql.exec("CREATE TRIGGER poison BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'poisoned'); END").toArray(),
    );
    await runAlarm(id);
    expect(await dump(id)).toEqual(before);
    expect(await alarmOf(id)).toBe(Date.now() + RESEND_AFTER_MS);
    await inside(id, ({ sql }) => sql.exec('DROP TRIGGER poison').toArray());
    await fireAlarm(id);
    expect((await describeOf(id)).stages).toEqual({ shop: 'quiet' });
  });

  it('when the rows cannot be read, and it re-arms', async () => {
    const id = freshName();
    await send(id, 'Start');
    await evict(id);
    await inside(id, ({ sql }) => sql.exec('ALTER TABLE entries RENAME TO lost').toArray());
    await runAlarm(id);
    expect(await alarmOf(id)).toBe(Date.now() + RESEND_AFTER_MS);
    await inside(id, ({ sql }) => sql.exec('ALTER TABLE lost RENAME TO entries').toArray());
    expect((await ingest(id, [eventOf('Go')])).stages).toEqual({ shop: 'second' });
  });

  it('for an object that holds nothing', async () => {
    const id = freshName();
    await runAlarm(id);
    expect(await alarmOf(id)).toBeNull();
  });
});

function fail(): never {
  throw new Error('D1 is not there');
}
