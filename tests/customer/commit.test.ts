// One commit of the customer's object: what it writes, that it stands or falls whole (I3), that a message counts once (I1).

import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  alarmOf,
  DAY,
  decide,
  describeOf,
  dump,
  eventOf,
  evict,
  freshName,
  HOUR,
  ingest,
  inside,
  moves,
  objectOf,
  passTime,
  prepare,
  rowsOf,
  send,
  tables,
  timelineOf,
} from './object.ts';

const ROWS_WITHOUT_EFFECT_MAX = 4;

beforeAll(() =>
  prepare([
    {
      id: 'shop',
      entry: [{ event: 'Start' }],
      initial: 'first',
      stages: {
        first: {
          steps: [{ set: 'stage', value: "'first'" }],
          on: [{ event: 'Go', to: 'second' }],
          after: [{ delay: 'P1D', since: 'activity', to: 'late' }],
        },
        second: { after: [{ delay: 'PT1H', to: 'late' }] },
        late: {},
      },
    },
    {
      id: 'other',
      entry: [{ event: 'Go' }],
      initial: 'only',
      stages: { only: { after: [{ delay: 'P2D', to: 'gone' }] }, gone: { final: true } },
    },
    {
      id: 'held',
      tags: ['held'],
      entry: [{ event: 'Begin' }],
      initial: 'waiting',
      stages: {
        waiting: { after: [{ delay: 'PT1H', to: 'due' }], on: [{ event: 'Called Off', to: 'off' }] },
        due: {},
        off: {},
      },
    },
    {
      id: 'holder',
      suspends: ['held'],
      entry: [{ event: 'Begin' }],
      initial: 'only',
      exit: [{ event: 'Released' }],
      stages: { only: {} },
    },
  ]),
);

interface Counted {
  rows: number;
  statements: number;
}

/** Runs work while every statement of the object is counted, and the rows that each wrote. */
async function counting(id: string, work: () => Promise<unknown>): Promise<Counted> {
  const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  const spy = await inside(id, ({ sql }) => {
    const exec = sql.exec.bind(sql);
    return vi.spyOn(sql, 'exec').mockImplementation((query, ...bindings) => {
      const cursor = exec(query, ...bindings);
      cursors.push(cursor);
      return cursor;
    });
  });
  await work();
  spy.mockRestore();
  return { rows: cursors.reduce((sum, cursor) => sum + cursor.rowsWritten, 0), statements: cursors.length };
}

/** From now on the statement number `number` that writes fails, as a full disk would. Gives back what ends that. */
async function failAtWrite(id: string, number: number): Promise<{ end: () => void; writes: () => number }> {
  let writes = 0;
  const spy = await inside(id, ({ sql }) => {
    const exec = sql.exec.bind(sql);
    return vi.spyOn(sql, 'exec').mockImplementation((query, ...bindings) => {
      if (/^\s*(INSERT|UPDATE|DELETE)/.test(query) && ++writes === number) throw new Error('database or disk is full');
      return exec(query, ...bindings);
    });
  });
  return { end: () => spy.mockRestore(), writes: () => writes };
}

describe('rows', () => {
  it('an event without effect writes at most four rows', async () => {
    const id = freshName();
    await send(id, 'Start');
    const { rows } = await counting(id, () => send(id, 'Nobody listens'));
    expect(rows).toBeGreaterThan(0);
    expect(rows).toBeLessThanOrEqual(ROWS_WITHOUT_EFFECT_MAX);
  });

  it('the same holds under a long history, and for a customer in no journey', async () => {
    const id = freshName();
    await ingest(
      id,
      Array.from({ length: 400 }, () => eventOf('Nobody listens')),
    );
    const { rows, statements } = await counting(id, () => send(id, 'Nobody listens'));
    expect(rows).toBeLessThanOrEqual(ROWS_WITHOUT_EFFECT_MAX);
    expect(statements).toBeLessThanOrEqual(3);
  });

  it('a duplicate writes none', async () => {
    const id = freshName();
    const event = eventOf('Nobody listens');
    await ingest(id, [event]);
    expect((await counting(id, () => ingest(id, [event]))).rows).toBe(0);
  });

  it('a decision writes one row more', async () => {
    const id = freshName();
    await send(id, 'Start');
    expect((await counting(id, () => decide(id, ['home']))).rows).toBe(1);
  });

  it('what else an event writes is as STORAGE.md says', async () => {
    const id = freshName();
    const rowsOfEvent = async (name: string, said = {}) => (await counting(id, () => send(id, name, said))).rows;
    await send(id, 'Nobody listens');
    expect({
      nothing: await rowsOfEvent('Nobody listens'),
      identify: await rowsOfEvent('identify', { type: 'identify', traits: { city: 'Bonn' } }),
      oneTransition: await rowsOfEvent('Start', {}),
      transitionAndEntry: await rowsOfEvent('Go'),
      ofTwoInOneCall: (await counting(id, () => ingest(id, [eventOf('Nobody'), eventOf('Nobody')]))).rows,
    }).toEqual({ nothing: 4, identify: 5, oneTransition: 8, transitionAndEntry: 8, ofTwoInOneCall: 7 });
  });

  it('asking and describing write none', async () => {
    const id = freshName();
    await send(id, 'Start');
    const asked = async () => [await decide(id, []), await describeOf(id), await timelineOf(id)];
    expect((await counting(id, asked)).rows).toBe(0);
  });
});

describe('an object that was only asked about', () => {
  it('keeps no tables and no alarm', async () => {
    const id = freshName();
    expect(await objectOf(id).describe()).toBeNull();
    expect(await objectOf(id).timeline(100, 100)).toBeNull();
    expect((await decide(id, [])).stages).toEqual({});
    expect(await objectOf(id).pendingProjection()).toBeNull();
    expect(await objectOf(id).handOver('u:somebody', 0)).toEqual({ kind: 'nothing' });
    await objectOf(id).confirm(1);
    await objectOf(id).release('u:somebody');
    expect(await objectOf(id).fireDue(0, Date.now())).toEqual({ kind: 'done', timersFired: 0, projection: null });
    expect(await inside(id, ({ sql }) => tables(sql))).toEqual([]);
    expect(await alarmOf(id)).toBeNull();
  });

  it('keeps none after a call without events', async () => {
    const id = freshName();
    expect((await ingest(id, [])).statuses).toEqual([]);
    expect(await inside(id, ({ sql }) => tables(sql))).toEqual([]);
  });

  it('keeps none either when the call that was to make the customer failed', async () => {
    const id = freshName();
    const failing = await failAtWrite(id, 3);
    await expect(send(id, 'Start')).rejects.toThrow('database or disk is full');
    failing.end();
    expect(await inside(id, ({ sql }) => tables(sql))).toEqual([]);
    expect(await alarmOf(id)).toBeNull();
    expect(await objectOf(id).describe()).toBeNull();
    expect((await send(id, 'Start')).stages).toEqual({ shop: 'first' });
  });
});

describe('I1 a repeated message id changes nothing', () => {
  it('in a later call, whatever else the repetition says', async () => {
    const id = freshName();
    await send(id, 'Start', { messageId: 'one' });
    const before = await dump(id);
    passTime(HOUR);
    const reply = await ingest(id, [eventOf('Go', { messageId: 'one', properties: { changed: true } })]);
    expect(reply.statuses).toEqual(['duplicate']);
    expect(reply.stages).toEqual({ shop: 'first' });
    expect(await dump(id)).toEqual(before);
  });

  it('within one call', async () => {
    const id = freshName();
    const start = eventOf('Start');
    const reply = await ingest(id, [start, start, eventOf('Go'), start]);
    expect(reply.statuses).toEqual(['accepted', 'duplicate', 'accepted', 'duplicate']);
    const { events, stages } = await describeOf(id);
    expect([events, stages]).toEqual([2, { shop: 'second', other: 'only' }]);
    expect(moves(await timelineOf(id))).toEqual(['- > first', 'first > second', '- > only']);
  });

  it('for an identify: its traits are not learnt again', async () => {
    const id = freshName();
    await send(id, 'identify', { type: 'identify', messageId: 'i', traits: { city: 'Bonn' } });
    await send(id, 'identify', { type: 'identify', traits: { city: 'Kiel' } });
    await send(id, 'identify', { type: 'identify', messageId: 'i', traits: { city: 'Bonn' } });
    expect((await describeOf(id)).traits).toEqual({ city: 'Kiel' });
  });

  it('after the object was evicted in between', async () => {
    const id = freshName();
    await send(id, 'Start', { messageId: 'one' });
    await evict(id);
    expect((await send(id, 'Start', { messageId: 'one' })).statuses).toEqual(['duplicate']);
  });

  it('under import too', async () => {
    const id = freshName();
    const event = eventOf('Start', { at: Date.now() - DAY });
    const reply = await objectOf(id).importEvents(0, [event, event]);
    expect(reply).toEqual({ kind: 'done', statuses: ['accepted', 'duplicate'] });
    expect((await describeOf(id)).events).toBe(1);
  });

  it('and does not count as activity', async () => {
    const id = freshName();
    await send(id, 'Start', { messageId: 'one' });
    const [timer] = (await describeOf(id)).timers;
    passTime(HOUR);
    await send(id, 'Start', { messageId: 'one' });
    expect((await describeOf(id)).timers).toEqual([timer]);
  });
});

describe('I3 state and effects commit together or not at all', () => {
  it('wherever a commit fails, rows, alarm and memory are as before, and the next call works', async () => {
    const id = freshName();
    await send(id, 'Start');
    passTime(HOUR);
    const before = await dump(id);
    const alarm = await alarmOf(id);
    const described = await describeOf(id);
    const go = [eventOf('Nobody listens'), eventOf('Go'), eventOf('identify', { type: 'identify', traits: { a: 1 } })];

    let failed = 0;
    for (let number = 1; ; number++) {
      const failing = await failAtWrite(id, number);
      const reply = await ingest(id, go).catch((error: unknown) => error);
      failing.end();
      if (failing.writes() < number) {
        expect(reply).toMatchObject({ statuses: ['accepted', 'accepted', 'accepted'] });
        break;
      }
      failed++;
      expect(reply).toBeInstanceOf(Error);
      expect(await dump(id)).toEqual(before);
      expect(await alarmOf(id)).toBe(alarm);
      expect(await describeOf(id)).toEqual(described);
    }
    // Three entries, three transitions of two journeys less the start, runs, traits and the customer's own row.
    expect(failed).toBeGreaterThanOrEqual(8);
    const after = await describeOf(id);
    expect([after.events, after.stages, after.traits]).toEqual([
      4,
      { shop: 'second', other: 'only' },
      { stage: 'first', a: 1 },
    ]);
    expect(await alarmOf(id)).toBeLessThanOrEqual(Date.now() + HOUR);
  });

  it('the database itself refusing a row is no different', async () => {
    const id = freshName();
    await send(id, 'Start');
    const before = await dump(id);
    const alarm = await alarmOf(id);
    const trigger = "CREATE TRIGGER poison BEFORE UPDATE ON customer BEGIN SELECT RAISE(ABORT, 'poisoned'); END";
    await inside(id, ({ sql }) => sql.exec(trigger).toArray());
    await expect(send(id, 'Go')).rejects.toThrow('poisoned');
    expect(await dump(id)).toEqual(before);
    expect(await alarmOf(id)).toBe(alarm);
    await inside(id, ({ sql }) => sql.exec('DROP TRIGGER poison').toArray());
    expect((await send(id, 'Go')).stages).toEqual({ shop: 'second', other: 'only' });
  });

  it('a run in a stage its version does not have stops the call, not the customer', async () => {
    const id = freshName();
    await send(id, 'Start');
    await inside(id, ({ sql }) => {
      sql.exec("UPDATE parts SET body = json_set(body, '$.wakeAt', 0, '$.stage', 'nowhere') WHERE name LIKE 'run:%'");
    });
    await evict(id);
    const before = await dump(id);
    await expect(send(id, 'Nobody listens')).rejects.toThrow('broken invariant');
    expect(await dump(id)).toEqual(before);
    await inside(id, ({ sql }) => {
      sql.exec(
        "UPDATE parts SET body = json_remove(json_set(body, '$.stage', 'first'), '$.wakeAt') WHERE name LIKE 'run:%'",
      );
    });
    await evict(id);
    expect((await send(id, 'Go')).stages).toEqual({ shop: 'second', other: 'only' });
  });

  it('a call of many events is one commit', async () => {
    const id = freshName();
    await send(id, 'Start');
    const commits = await inside(id, (storage) => vi.spyOn(storage, 'transactionSync'));
    await ingest(
      id,
      Array.from({ length: 500 }, () => eventOf('Nobody listens')),
      { decide: { placements: ['home'], context: {}, locales: [] } },
    );
    expect(commits).toHaveBeenCalledTimes(1);
    commits.mockRestore();
    expect((await rowsOf(id, 'SELECT count(*) AS n FROM entries WHERE kind = ?', 'event'))[0]).toEqual({ n: 501 });
  });
});

it('A5 what one event of a call makes due fires before the next event of it', async () => {
  const id = freshName();
  await ingest(id, [eventOf('Begin')]);
  passTime(2 * HOUR);
  await ingest(id, [eventOf('Released'), eventOf('Called Off')]);
  expect((await describeOf(id)).stages).toMatchObject({ held: 'due' });
});
