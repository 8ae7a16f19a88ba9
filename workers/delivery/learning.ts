// After projections are folded: experiments that were counted anew learn from it. Makes the next snapshot where one is due;
// two that are made at once do no harm, the later version counts. What a snapshot says: workers/experiments.

import { refresh } from '../catalog/cache.ts';
import { readCells, readSnapshot, writeSnapshot } from '../catalog/snapshots.ts';
import type { Projection } from '../customer/messages.ts';
import { isFresh, nextSnapshot } from '../experiments/snapshot.ts';

/** Experiments that learn and that these projections tell of. `now` in milliseconds. @throws when D1 fails */
export async function learnFrom(db: D1Database, projections: readonly Projection[], now: number): Promise<void> {
  const told = new Set(projections.flatMap(({ exposures }) => (exposures ?? []).map(({ experiment }) => experiment)));
  if (told.size === 0) return;
  const { trials } = await refresh(db);
  for (const experiment of told) {
    const trial = trials.byId.get(experiment);
    if (!trial || (trial.allocation.kind === 'fixed' && !trial.automatic)) continue;
    const before = await readSnapshot(db, experiment);
    const next = isFresh(before, now) ? null : nextSnapshot(trial, await readCells(db, experiment), before, now);
    if (next) await writeSnapshot(db, next);
  }
}
