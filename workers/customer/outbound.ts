// What leaves the object after a commit: effects from the outbox, each until it is confirmed, and word to the customer
// index of a stage that changed. The commit never waits for any of it; the alarm repeats what did not arrive.

import { REQUEUE_AFTER_MS } from '../../schema/limits.ts';
import { catalogAtLeast, loadMachine, machineInMemory, within } from '../catalog/cache.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { indexedRevision } from '../catalog/store.ts';
import { now } from '../clock.ts';
import type { Run } from '../engine/machine.ts';
import { liveRuns, NO_OPENINGS, nextWakeAt } from '../engine/travel.ts';
import type { SettleRequest } from '../totals/messages.ts';
import { noteMovedTraits } from './advance.ts';
import { checkIndexAt, retryAt } from './alarm.ts';
import type { Cell } from './cell.ts';
import { projectedExposures } from './exposures.ts';
import { settleIdentifier } from './identifiers.ts';
import type { Projection } from './messages.ts';
import { readMove, takePage } from './move.ts';
import { deferOutbox, deleteOutbox, readOutboxRow } from './storage.ts';
import { tellIndex } from './telling.ts';

/** How long an alarm waits for D1: while it waits, the platform runs no other alarm of this customer. */
const INDEX_WAIT_MS = 2_000;

type OutboxEffect =
  | { readonly kind: 'release'; readonly source: string }
  | { readonly kind: 'message'; readonly key: string }
  | { readonly kind: 'identifier'; readonly identifier: string }
  | { readonly kind: 'total'; readonly shard: string; readonly request: SettleRequest };

/**
 * Delivers effects: those nobody has tried yet, and those whose time has come. One that is confirmed is forgotten, one
 * that fails is tried again later. A message is only handed to the queue; who sends it confirms it (sending.ts).
 */
export async function drain(cell: Cell): Promise<void> {
  for (const row of [...cell.outbox()]) {
    if ((row.attempts > 0 && row.nextAt > now()) || cell.underWay.has(row.key)) continue;
    const effect = JSON.parse(row.body) as OutboxEffect;
    cell.underWay.add(row.key);
    try {
      if (effect.kind === 'message') {
        await cell.env.MESSAGES.send({ customerId: cell.name(), key: effect.key }, { contentType: 'json' });
        defer(cell, row.key, now() + REQUEUE_AFTER_MS);
      } else if (effect.kind === 'identifier') {
        const catalog = await catalogOf(cell);
        if (!catalog || !(await cell.ready(catalog))) throw new Error('the catalog cannot be read');
        await settleIdentifier(cell, catalog, effect.identifier);
      } else if (effect.kind === 'total') {
        await cell.env.TOTALS.getByName(effect.shard).settle(effect.request);
        deleteOutbox(cell.sql, row.key);
      } else {
        await cell.stub(effect.source).release(cell.name());
        deleteOutbox(cell.sql, row.key);
      }
    } catch {
      defer(cell, row.key, retryAt(now(), row.attempts));
    } finally {
      cell.underWay.delete(row.key);
    }
  }
  cell.reloadOutbox();
}

/** Unless it was confirmed meanwhile. */
function defer(cell: Cell, key: string, nextAt: number): void {
  const row = readOutboxRow(cell.sql, key);
  if (row) deferOutbox(cell.sql, row, nextAt);
}

/** What the index is to hold of this customer. */
export function projectionOf(cell: Cell, catalog: Catalog | null): Projection {
  const state = cell.load();
  if (!state) throw new Error('broken invariant: nothing to project');
  const gone = state.movedTo !== null;
  const exposures = gone ? [] : projectedExposures(cell.sql);
  const stages = liveRuns(state)
    .filter((run) => run.key === null)
    .map(({ journey, stage, enteredAt }) => ({ journey, stage, enteredAt }));
  return {
    customerId: state.id,
    revision: state.revision,
    createdAt: state.createdAt,
    nextDueAt: gone ? null : nextWakeAt(state, cell.machineOf(catalog), catalog ?? NO_OPENINGS),
    stages: gone ? [] : stages,
    gone,
    ...(exposures.length > 0 ? { exposures } : {}),
  };
}

/** The index is told if it is behind and was not told yet. */
export function tellAfterwards(cell: Cell, catalog: Catalog | null, afterwards: (work: Promise<void>) => void): void {
  const state = cell.load();
  if (!state || state.dirtySince === null || state.importing || state.revision === cell.told?.revision) return;
  tell(cell, catalog, afterwards);
}

function tell(cell: Cell, catalog: Catalog | null, afterwards: (work: Promise<void>) => void): void {
  const projection = projectionOf(cell, catalog);
  cell.told = { revision: projection.revision, at: now() };
  const onTaken = () => {
    cell.confirmed = Math.max(cell.confirmed ?? 0, projection.revision);
  };
  tellIndex(cell.env.PROJECTIONS, projection, onTaken, afterwards);
}

/**
 * Strikes off what the index has, or the queue has for it; tells it the rest. An object that has been out of memory does
 * not know what was taken, and asks D1.
 */
export async function seeToIndex(
  cell: Cell,
  catalog: Catalog,
  afterwards: (work: Promise<void>) => void,
): Promise<void> {
  const state = cell.load();
  if (!state || state.importing || state.dirtySince === null) return;
  const dueAt = checkIndexAt({ dirtySince: state.dirtySince, told: cell.told });
  if (dueAt === null || dueAt > now()) return;
  cell.confirmed ??= await within(indexedRevision(cell.env.DB, state.id), INDEX_WAIT_MS, null);
  const confirmed = cell.confirmed ?? 0;
  if (confirmed < (cell.load()?.revision ?? 0)) {
    tell(cell, catalog, afterwards);
    return;
  }
  cell.transact(catalog, null, (commit) => {
    if (commit.state.revision > confirmed) return;
    commit.state.dirtySince = null;
    commit.head = true;
  });
}

/**
 * Takes over what the anonymous customer `source` holds, at the instant `at` of who said that it is this one (M1). May
 * be repeated and may race: a page is taken once.
 * @throws when the other object or a journey version cannot be reached; what was taken stays taken
 */
export async function adoptSource(
  cell: Cell,
  source: string,
  catalog: Catalog,
  at: number,
  importing: boolean,
): Promise<void> {
  for (;;) {
    const before = cell.load() ? readMove(cell.sql, source) : { cursor: 0, done: false };
    if (before.done || cell.redirect()) return;
    const page = await cell.stub(source).handOver(cell.name(), before.cursor);
    if (page.kind !== 'page') return;
    for (const text of page.rest?.runs ?? []) await ensureMachine(cell, catalog, JSON.parse(text) as Run);
    if (!(await cell.ready(catalog))) throw new Error('a journey version cannot be read');
    const again = cell.load() ? readMove(cell.sql, source) : before;
    if (again.done || again.cursor !== before.cursor) continue;
    cell.transact(catalog, null, (commit) => {
      commit.state.importing ||= importing;
      takePage(commit, source, page, at);
      if (page.rest) noteMovedTraits(commit);
    });
    if (page.next === null) return;
  }
}

async function ensureMachine(cell: Cell, catalog: Catalog, { journey, version }: Run): Promise<void> {
  if (machineInMemory(catalog, journey, version) || (await loadMachine(cell.env.DB, journey, version))) return;
  throw new Error('a journey version cannot be read');
}

/** The catalog for an object: at least the version it has worked with. */
export const catalogOf = (cell: Cell, version = cell.load()?.catalogVersion ?? 0): Promise<Catalog | null> =>
  catalogAtLeast(cell.env.DB, version);
