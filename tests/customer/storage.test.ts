// The object's SQL: how each statement is carried out, and the list of migrations.

import { beforeAll, describe, expect, it } from 'vitest';
import { MIGRATIONS, migrate } from '../../workers/customer/migrations.ts';
import { SQL } from '../../workers/customer/storage.ts';
import { describeOf, dump, evict, freshName, inside, objectOf, prepare, send, tables } from './object.ts';

beforeAll(() => prepare([{ id: 'shop', entry: [{ event: 'Start' }], initial: 'first', stages: { first: {} } }]));

/** Statements that go through a whole table, and what bounds it. */
const SCANS: Readonly<Partial<Record<keyof typeof SQL, string>>> = {
  counts: 'once, when the customer is erased',
  clearEntries: 'once in the life of an object, when all it held has been moved',
};

async function planOf(id: string, statement: string): Promise<string[]> {
  const bindings = Array.from(statement.matchAll(/\?/g), () => 1);
  return inside(id, ({ sql }) =>
    sql
      .exec(`EXPLAIN QUERY PLAN ${statement}`, ...bindings)
      .toArray()
      .map((row) => String(row['detail'])),
  );
}

describe('plans', () => {
  const names = Object.keys(SQL).filter((name): name is keyof typeof SQL => name in SQL);

  it.each(names)('%s reads no more rows than it is bounded to', async (name) => {
    const id = freshName();
    await send(id, 'Start');
    const plan = await planOf(id, SQL[name]);
    const scans = plan.filter((step) => /^SCAN/.test(step));
    if (SCANS[name] === undefined) expect(scans).toEqual([]);
    else expect(plan.join('\n')).toMatch(/SCAN|^$/);
    expect(plan.filter((step) => /USE TEMP B-TREE/.test(step))).toEqual([]);
  });

  it('history is read by event name and time, the timeline by its key', async () => {
    const id = freshName();
    await send(id, 'Start');
    for (const name of ['count', 'lastAt', 'bodiesBetween', 'firstBody', 'lastBody'] as const)
      expect(await planOf(id, SQL[name])).toEqual([expect.stringMatching(/^SEARCH entries USING .*entries_by_name/)]);
    for (const name of ['timeline', 'entriesAfter'] as const)
      expect(await planOf(id, SQL[name])).toEqual([expect.stringMatching(/^SEARCH entries USING INTEGER PRIMARY KEY/)]);
  });
});

describe('migrations', () => {
  it('run once: a second load finds nothing to do', async () => {
    const id = freshName();
    await send(id, 'Start');
    const before = await dump(id);
    await evict(id);
    expect(await objectOf(id).describe()).not.toBeNull();
    await inside(id, ({ sql }) => migrate(sql));
    expect(await dump(id)).toEqual(before);
  });

  it('are kept word for word in the object', async () => {
    const id = freshName();
    await send(id, 'Start');
    const bodies = await inside(id, ({ sql }) =>
      sql
        .exec<{ body: string }>("SELECT body FROM parts WHERE name LIKE 'migration:%' ORDER BY name")
        .toArray()
        .map((row) => row.body),
    );
    expect(bodies).toEqual(MIGRATIONS);
  });

  it('one that is added is run on top of what was there, once', async () => {
    const id = freshName();
    await send(id, 'Start');
    const longer = [...MIGRATIONS, 'CREATE TABLE added (n INTEGER)', 'ALTER TABLE added ADD COLUMN m INTEGER'];
    await inside(id, ({ sql }) => migrate(sql, longer));
    await inside(id, ({ sql }) => migrate(sql, longer));
    expect(await inside(id, ({ sql }) => tables(sql))).toContain('added');
    expect(await inside(id, ({ sql }) => sql.exec('SELECT n, m FROM added').toArray())).toEqual([]);
  });

  it('one that was edited after it had run is refused, and nothing is touched', async () => {
    const id = freshName();
    await send(id, 'Start');
    const edited = [`${MIGRATIONS[0]} `, ...MIGRATIONS.slice(1), 'CREATE TABLE added (n INTEGER)'];
    const before = await dump(id);
    await expect(inside(id, ({ sql }) => migrate(sql, edited))).rejects.toThrow(/drift: migration 0/);
    expect(await dump(id)).toEqual(before);
  });

  it('older code on a newer object is refused, not run', async () => {
    const id = freshName();
    await send(id, 'Start');
    await inside(id, ({ sql }) => migrate(sql, [...MIGRATIONS, 'CREATE TABLE added (n INTEGER)']));
    await evict(id);
    await expect(send(id, 'Start')).rejects.toThrow(`drift: migration ${MIGRATIONS.length}`);
  });

  it('one that fails halfway leaves nothing behind', async () => {
    const id = freshName();
    await send(id, 'Start');
    await evict(id);
    // The list is only ever appended to; this appends for a moment.
    const list = MIGRATIONS as string[];
    list.push('CREATE TABLE half (n INTEGER); CREATE TABLE half (n INTEGER)');
    const error = await send(id, 'Start').catch((caught: unknown) => caught);
    list.pop();
    expect(error).toBeInstanceOf(Error);
    expect(await inside(id, ({ sql }) => tables(sql))).not.toContain('half');
  });

  it('drift met by a call is a clear error of that call', async () => {
    const id = freshName();
    await send(id, 'Start');
    await inside(id, ({ sql }) => {
      sql.exec("UPDATE parts SET body = 'other words' WHERE name = 'migration:0000'");
    });
    await evict(id);
    await expect(send(id, 'Start')).rejects.toThrow(/drift: migration 0 of the customer's object/);
    await expect(describeOf(id)).rejects.toThrow(/drift/);
  });
});
