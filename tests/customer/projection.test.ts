// The index of customers in D1: told by the queue, confirmed by what D1 holds, told again until it is there.

import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CHECK_INDEX_AFTER_MS } from '../../schema/limits.ts';
import type { Projection } from '../../workers/customer/messages.ts';
import {
  alarmOf,
  DAY,
  d1,
  deliver,
  describeOf,
  eventOf,
  evict,
  fireAlarm,
  forgetSent,
  freshName,
  HOUR,
  holdQueue,
  ingest,
  objectOf,
  passTime,
  prepare,
  rowsOf,
  SECOND,
  send,
  sent,
} from './object.ts';

beforeAll(() =>
  prepare([
    {
      id: 'shop',
      entry: [{ event: 'Start' }],
      exit: [{ event: 'Leave' }],
      initial: 'first',
      stages: {
        first: { on: [{ event: 'Go', to: 'second' }], after: [{ delay: 'P2D', to: 'second' }] },
        second: { on: [{ event: 'Back', to: 'first' }] },
      },
    },
    { id: 'other', entry: [{ event: 'Other' }], initial: 'only', stages: { only: {} } },
  ]),
);

beforeEach(forgetSent);
afterEach(() => {
  vi.restoreAllMocks();
  holdQueue();
});

const indexed = (id: string) => d1('SELECT revision, next_due_at, gone FROM customers WHERE id = ?', id);
const indexedStages = (id: string) =>
  d1('SELECT journey, stage, entered_at FROM customer_stages WHERE customer_id = ? ORDER BY journey', id);
const dirtySince = async (id: string) => (await rowsOf(id, 'SELECT dirty_since FROM customer'))[0]?.['dirty_since'];

describe('from the object to D1', () => {
  it('a new stage is told at once, and stands in D1 after one batch', async () => {
    const id = freshName();
    const at = Date.now();
    await ingest(id, [eventOf('Start'), eventOf('Other')]);
    expect(sent).toHaveLength(1);
    await deliver(sent);
    expect(await indexed(id)).toMatchObject([{ next_due_at: at + 2 * DAY, gone: 0 }]);
    expect(await indexedStages(id)).toEqual([
      { journey: 'other', stage: 'only', entered_at: at },
      { journey: 'shop', stage: 'first', entered_at: at },
    ]);
  });

  it('a stage that is left is taken out, a customer without stages keeps the row', async () => {
    const id = freshName();
    await ingest(id, [eventOf('Start'), eventOf('Other')]);
    passTime(SECOND);
    await send(id, 'Leave');
    await deliver(sent);
    expect((await indexedStages(id)).map((row) => row['journey'])).toEqual(['other']);
    expect(await indexed(id)).toMatchObject([{ next_due_at: null }]);
  });

  it('a customer nobody knows the stage of is in the index too', async () => {
    const id = freshName();
    await send(id, 'Nobody listens');
    await deliver(sent);
    expect(await indexed(id)).toHaveLength(1);
    expect(await indexedStages(id)).toEqual([]);
  });

  it('an event without effect tells nothing', async () => {
    const id = freshName();
    await send(id, 'Start');
    passTime(HOUR);
    forgetSent();
    await send(id, 'Nobody listens');
    expect(sent.filter((projection) => projection.customerId === id && projection.revision > 1)).toEqual([]);
  });

  it('every change is told, and none of them moves the alarm', async () => {
    const id = freshName();
    await send(id, 'Start');
    const alarm = await alarmOf(id);
    for (let n = 0; n < 10; n++) await send(id, n % 2 === 0 ? 'Go' : 'Back');
    await send(id, 'Go');
    expect(sent).toHaveLength(12);
    expect(sent[11]).toMatchObject({ stages: [{ stage: 'second' }] });
    expect(await alarmOf(id)).toBe(alarm);
  });

  it('under import nothing is told; after finish it is', async () => {
    const id = freshName();
    await objectOf(id).importEvents(0, [eventOf('Start', { at: Date.now() - HOUR })]);
    expect([sent, await alarmOf(id)]).toEqual([[], null]);
    const fired = await objectOf(id).finishImport(0);
    expect(fired).toMatchObject({ projection: { customerId: id, stages: [{ stage: 'first' }] } });
  });
});

describe('confirming', () => {
  it('a projection that arrived is struck off, and the object goes to sleep', async () => {
    const id = freshName();
    await ingest(id, [eventOf('Other')]);
    await deliver(sent);
    passTime(CHECK_INDEX_AFTER_MS);
    await fireAlarm(id);
    expect([await dirtySince(id), await alarmOf(id)]).toEqual([null, null]);
    expect(sent).toHaveLength(1);
  });

  it('one that arrived while the object was out of memory is struck off by asking D1', async () => {
    const id = freshName();
    await ingest(id, [eventOf('Other')]);
    await deliver(sent);
    await evict(id);
    for (let n = 0; n < 3 && (await alarmOf(id)) !== null; n++) {
      passTime(CHECK_INDEX_AFTER_MS);
      await fireAlarm(id);
    }
    expect([await dirtySince(id), await alarmOf(id)]).toEqual([null, null]);
  });

  it('one that the queue has is not told again: the queue is sure to deliver it', async () => {
    const id = freshName();
    await ingest(id, [eventOf('Other')]);
    passTime(CHECK_INDEX_AFTER_MS);
    await fireAlarm(id);
    expect([sent.length, await dirtySince(id), await alarmOf(id)]).toEqual([1, null, null]);
  });

  it('one that was lost with the process is told again by the alarm, until it arrives', async () => {
    const id = freshName();
    await ingest(id, [eventOf('Other')]);
    for (let n = 1; n <= 4; n++) {
      expect(sent).toHaveLength(n);
      expect(await alarmOf(id)).toBe(Date.now() + CHECK_INDEX_AFTER_MS);
      await evict(id);
      passTime(CHECK_INDEX_AFTER_MS);
      await fireAlarm(id);
    }
    await deliver(sent.slice(-1));
    passTime(CHECK_INDEX_AFTER_MS);
    await fireAlarm(id);
    expect([await dirtySince(id), await alarmOf(id)]).toEqual([null, null]);
  });

  it('one that the queue would not take is told again', async () => {
    const id = freshName();
    vi.spyOn(env.PROJECTIONS, 'send').mockRejectedValue(new Error('the queue is full'));
    await ingest(id, [eventOf('Other')]);
    vi.restoreAllMocks();
    holdQueue();
    expect(sent).toEqual([]);
    passTime(CHECK_INDEX_AFTER_MS);
    await fireAlarm(id);
    expect(sent).toMatchObject([{ customerId: id }]);
  });

  it('a confirmation of an older revision strikes nothing off', async () => {
    const id = freshName();
    await send(id, 'Start');
    await deliver(sent);
    await evict(id);
    vi.spyOn(env.PROJECTIONS, 'send').mockRejectedValue(new Error('the queue is full'));
    await send(id, 'Go');
    vi.restoreAllMocks();
    holdQueue();
    forgetSent();
    passTime(CHECK_INDEX_AFTER_MS);
    await fireAlarm(id);
    expect(await dirtySince(id)).not.toBeNull();
    expect(sent).toMatchObject([{ stages: [{ stage: 'second' }] }]);
  });

  it('what fails in D1 the queue delivers again, nothing of it is written, and the log says so without a name', async () => {
    const id = freshName();
    await send(id, 'Start');
    vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1 is overloaded'));
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    expect(await deliver(sent)).toBe(true);
    expect(log.mock.calls.flat().join()).toBe(
      '{"at":"queue","what":"not folded","queue":"waymark-projections","messages":1,"cause":"Error"}',
    );
    expect(await indexed(id)).toEqual([]);
    vi.restoreAllMocks();
    expect(await deliver(sent)).toBe(false);
    expect(await indexed(id)).toHaveLength(1);
  });

  it('D1 that hangs holds a batch for 4 s, then the queue has it again', async () => {
    const id = freshName();
    await send(id, 'Start');
    vi.spyOn(env.DB, 'batch').mockImplementation(() => new Promise(() => undefined));
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.now() });
    const delivered = deliver(sent);
    await vi.advanceTimersByTimeAsync(4_000);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    expect(await delivered).toBe(true);
  });

  it('an alarm waits 2 s for D1 that hangs, tells the index again and is set for what comes next', async () => {
    const id = freshName();
    await send(id, 'Start');
    await evict(id);
    passTime(CHECK_INDEX_AFTER_MS);
    forgetSent();
    const statement: D1PreparedStatement = Object.create(env.DB.prepare('SELECT 1'), {
      bind: { value: () => statement },
      first: { value: () => new Promise(() => undefined) },
    });
    vi.spyOn(env.DB, 'prepare').mockReturnValue(statement);
    expect(await fireAlarm(id)).toBe(true);
    expect(sent).toHaveLength(1);
    expect(await alarmOf(id)).toBeGreaterThan(Date.now());
  });

  it('a dead letter is delivered too, and logged by its number alone', async () => {
    const id = freshName();
    await send(id, 'Start');
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    await deliver(sent, 'waymark-dead');
    expect(await indexed(id)).toHaveLength(1);
    expect(log.mock.calls.flat().join()).toBe('{"at":"dead-letter","messages":1}');
  });
});

describe('order', () => {
  const projection = (id: string, revision: number, stage: string | null, gone = false): Projection => ({
    customerId: id,
    revision,
    createdAt: 1,
    nextDueAt: revision,
    stages: stage === null ? [] : [{ journey: 'shop', stage, enteredAt: revision }],
    gone,
  });

  it('an older revision never overwrites a newer one, in one batch or in several', async () => {
    const id = freshName();
    await deliver([projection(id, 3, 'third'), projection(id, 1, 'first'), projection(id, 2, 'second')]);
    await deliver([projection(id, 2, 'second')]);
    await deliver([projection(id, 1, null)]);
    expect(await indexed(id)).toEqual([{ revision: 3, next_due_at: 3, gone: 0 }]);
    expect(await indexedStages(id)).toEqual([{ journey: 'shop', stage: 'third', entered_at: 3 }]);
  });

  it('the same message twice changes nothing', async () => {
    const id = freshName();
    await deliver([projection(id, 2, 'second')]);
    await deliver([projection(id, 2, 'second'), projection(id, 2, 'second')]);
    expect(await indexedStages(id)).toEqual([{ journey: 'shop', stage: 'second', entered_at: 2 }]);
  });

  it('a customer who is gone stays gone, whatever comes late', async () => {
    const id = freshName();
    await deliver([projection(id, 5, null, true)]);
    for (const revision of [1, 4]) await deliver([projection(id, revision, 'first')]);
    expect(await indexed(id)).toMatchObject([{ gone: 1 }]);
    expect(await indexedStages(id)).toEqual([]);
  });

  it('a batch of many customers is folded whole', async () => {
    const ids = Array.from({ length: 250 }, () => freshName());
    await deliver(ids.map((id, n) => projection(id, n + 1, `stage ${n % 7}`)));
    const [count] = await d1(
      "SELECT count(*) AS n FROM customer_stages WHERE journey = 'shop' AND stage LIKE 'stage %'",
    );
    expect(count).toEqual({ n: 250 });
    expect(await indexedStages(ids[249] ?? '')).toMatchObject([{ stage: 'stage 4', entered_at: 250 }]);
  });

  it('names of stages and customers are data, whatever they hold', async () => {
    const id = `u:O'Brien "quoted" \\ ü ${freshName()}`;
    await deliver([projection(id, 1, `a 'stage' "with" \\ marks`)]);
    expect(await indexedStages(id)).toMatchObject([{ stage: `a 'stage' "with" \\ marks` }]);
  });
});

it('what is read of a customer right after an event is not the index: it is exact', async () => {
  const id = freshName();
  await send(id, 'Start');
  await send(id, 'Go');
  expect((await describeOf(id)).stages).toEqual({ shop: 'second' });
  expect(await indexed(id)).toEqual([]);
});
