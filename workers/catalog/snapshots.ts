// What experiments have counted and learned, as it stands in D1: cells that projections keep, and snapshots made from them.
// A snapshot is a row of its own version and is never changed; isolates take the newest of each experiment with the catalog.

import { LIMITS } from '../../schema/limits.ts';
import type { Snapshot } from '../experiments/snapshot.ts';
import type { Cell } from '../experiments/tally.ts';

/** What was counted of an experiment. */
export async function readCells(db: D1Database, experiment: string): Promise<Cell[]> {
  const { results } = await db
    .prepare(
      `SELECT arm, context, shares, day, exposures, conversions FROM experiment_cells
       WHERE experiment = ? AND exposures > 0 ORDER BY day DESC LIMIT ${LIMITS.experimentCellsMax}`,
    )
    .bind(experiment)
    .all<Omit<Cell, 'shares'> & { shares: string }>();
  return results.map(({ shares, ...cell }) => ({ ...cell, shares: JSON.parse(shares) as Cell['shares'] }));
}

interface SnapshotRow {
  readonly version: number;
  readonly body: string;
}

const snapshotOf = ({ version, body }: SnapshotRow): Snapshot => ({ ...(JSON.parse(body) as Snapshot), version });

/** The newest snapshot of each experiment. */
export async function readSnapshots(db: D1Database): Promise<Map<string, Snapshot>> {
  const { results } = await db
    .prepare(
      'SELECT version, body FROM experiment_snapshots WHERE version IN (SELECT max(version) FROM experiment_snapshots GROUP BY experiment)',
    )
    .all<SnapshotRow>();
  return new Map(results.map(snapshotOf).map((snapshot) => [snapshot.experiment, snapshot]));
}

/** The newest snapshot of one experiment, or null. */
export async function readSnapshot(db: D1Database, experiment: string): Promise<Snapshot | null> {
  const row = await db
    .prepare('SELECT version, body FROM experiment_snapshots WHERE experiment = ? ORDER BY version DESC LIMIT 1')
    .bind(experiment)
    .first<SnapshotRow>();
  return row && snapshotOf(row);
}

/** Stores a snapshot as the next version. */
export async function writeSnapshot(db: D1Database, snapshot: Snapshot): Promise<void> {
  await db
    .prepare('INSERT INTO experiment_snapshots (experiment, made_at, body) VALUES (?, ?, ?)')
    .bind(snapshot.experiment, snapshot.madeAt, JSON.stringify(snapshot))
    .run();
}
