// Every SQL statement of a totals object. A root keeps its state and, of a pool, the codes; a shard its state, its claims
// and the codes it has leased. Which of the two an object is, its name says.

import type { RootState } from './root.ts';
import { type Claim, GRACE_MS, type ShardState } from './shard.ts';

const TABLES = `
  CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS claims (
    key TEXT PRIMARY KEY, state TEXT NOT NULL, amount INTEGER NOT NULL, until INTEGER NOT NULL, returned INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS claims_by_end ON claims (until) WHERE state = 'reserved';
  CREATE TABLE IF NOT EXISTS codes (code TEXT PRIMARY KEY, shard TEXT, seq INTEGER, key TEXT) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS codes_by_key ON codes (key);
  CREATE INDEX IF NOT EXISTS codes_by_shard ON codes (shard, seq)`;

export const makeTables = (sql: SqlStorage): void => void sql.exec(TABLES);

/** The root's or the shard's; null where nothing was kept yet. */
export function readTotals<T extends RootState | ShardState>(sql: SqlStorage): T | null {
  const row = sql.exec<{ body: string }>('SELECT body FROM state').toArray()[0];
  return row ? (JSON.parse(row.body) as T) : null;
}

export const writeTotals = (sql: SqlStorage, state: RootState | ShardState): void =>
  void sql.exec(
    'INSERT INTO state (id, body) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body',
    JSON.stringify(state),
  );

type ClaimRow = { state: Claim['state']; amount: number; until: number; returned: number };

export const readClaim = (sql: SqlStorage, key: string): Claim | null =>
  sql.exec<ClaimRow>('SELECT state, amount, until, returned FROM claims WHERE key = ?', key).toArray()[0] ?? null;

export const writeClaim = (sql: SqlStorage, key: string, { state, amount, until, returned }: Claim): void =>
  void sql.exec(
    `INSERT INTO claims (key, state, amount, until, returned) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET
       state = excluded.state, amount = excluded.amount, until = excluded.until, returned = excluded.returned`,
    ...[key, state, amount, until, returned],
  );

/** Reservations whose time of grace is over, the oldest first. */
export const readOver = (sql: SqlStorage, now: number, most: number): { key: string }[] =>
  sql
    .exec<{ key: string }>(
      "SELECT key FROM claims WHERE state = 'reserved' AND until <= ? ORDER BY until LIMIT ?",
      now - GRACE_MS,
      most,
    )
    .toArray();

/** When the next reservation is over, milliseconds; null where there is none. */
export const nextOverAt = (sql: SqlStorage): number | null => {
  const row = sql.exec<{ at: number | null }>("SELECT min(until) AS at FROM claims WHERE state = 'reserved'").one();
  return row.at === null ? null : row.at + GRACE_MS;
};

// Codes, at a shard: those without a key are free.

export const codeOf = (sql: SqlStorage, key: string): string | null =>
  sql.exec<{ code: string }>('SELECT code FROM codes WHERE key = ?', key).toArray()[0]?.code ?? null;

/** Gives a free code to a claim. @returns null where none is free */
export const takeCode = (sql: SqlStorage, key: string): string | null =>
  sql
    .exec<{ code: string }>(
      'UPDATE codes SET key = ? WHERE code = (SELECT code FROM codes WHERE key IS NULL LIMIT 1) RETURNING code',
      key,
    )
    .toArray()[0]?.code ?? null;

export const freeCode = (sql: SqlStorage, key: string): void =>
  void sql.exec('UPDATE codes SET key = NULL WHERE key = ?', key);

export const keepCodes = (sql: SqlStorage, codes: readonly string[]): void => {
  for (const code of codes) sql.exec('INSERT OR IGNORE INTO codes (code) VALUES (?)', code);
};

/** Takes so many free codes out, for the root. `seq` marks them until the root has them. */
export const parkCodes = (sql: SqlStorage, count: number, seq: number): void =>
  void sql.exec(
    `UPDATE codes SET shard = 'root', seq = ?, key = 'root'
     WHERE code IN (SELECT code FROM codes WHERE key IS NULL LIMIT ?)`,
    seq,
    count,
  );

export const parkedCodes = (sql: SqlStorage, seq: number): string[] =>
  sql
    .exec<{ code: string }>("SELECT code FROM codes WHERE shard = 'root' AND seq = ?", seq)
    .toArray()
    .map(({ code }) => code);

export const dropParked = (sql: SqlStorage, seq: number): void =>
  void sql.exec("DELETE FROM codes WHERE shard = 'root' AND seq = ?", seq);

// Codes, at the root: those without a shard are free.

/** @returns how many were new */
export function addCodes(sql: SqlStorage, codes: readonly string[]): number {
  let added = 0;
  for (const code of codes)
    added += sql
      .exec('INSERT INTO codes (code) VALUES (?) ON CONFLICT (code) DO NOTHING RETURNING code', code)
      .toArray().length;
  return added;
}

export const countCodes = (sql: SqlStorage): number =>
  sql.exec<{ n: number }>('SELECT count(*) AS n FROM codes').one().n;

/** Hands so many free codes to a shard, by a movement that may be asked for again. */
export const leaseCodes = (sql: SqlStorage, shard: string, seq: number, count: number): void =>
  void sql.exec(
    'UPDATE codes SET shard = ?, seq = ? WHERE code IN (SELECT code FROM codes WHERE shard IS NULL LIMIT ?)',
    ...[shard, seq, count],
  );

export const leasedCodes = (sql: SqlStorage, shard: string, seq: number): string[] =>
  sql
    .exec<{ code: string }>('SELECT code FROM codes WHERE shard = ? AND seq = ?', shard, seq)
    .toArray()
    .map(({ code }) => code);

export const takeCodesBack = (sql: SqlStorage, shard: string, codes: readonly string[]): void => {
  for (const code of codes)
    sql.exec('UPDATE codes SET shard = NULL, seq = NULL WHERE code = ? AND shard = ?', code, shard);
};
