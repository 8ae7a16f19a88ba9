// What leaves the object after a commit: effects from the outbox, each until it is confirmed, and word to the customer
// index of a stage that changed. The commit never waits for any of it; the alarm repeats what did not arrive.

import { REQUEUE_AFTER_MS } from '../../schema/limits.ts';
import { within } from '../catalog/cache.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { indexedRevision } from '../catalog/store.ts';
import { now } from '../clock.ts';
import { membershipsOf } from '../engine/learner.ts';
import { liveRuns } from '../engine/traveller.ts';
import type { SettleRequest } from '../totals/messages.ts';
import { type AccountEffect, deliverAccountEffect } from './accounts.ts';
import { catalogOf, letGo, pursue } from './adopting.ts';
import { checkIndexAt, retryAt } from './alarm.ts';
import type { Cell } from './cell.ts';
import { projectedExposures } from './exposures.ts';
import { settleIdentifier } from './identifiers.ts';
import type { GivenBack, Projection } from './messages.ts';
import { deferOutbox, deleteOutbox, readOutboxRow } from './storage.ts';
import { tellIndex } from './telling.ts';
import { confirmUndone } from './undoing.ts';

/** How long an alarm waits for D1: while it waits, the platform runs no other alarm of this customer. */
const INDEX_WAIT_MS = 2_000;

type OutboxEffect =
  | { readonly kind: 'adopt'; readonly source: string }
  | { readonly kind: 'release'; readonly source: string; readonly instead?: string }
  | { readonly kind: 'restore'; readonly source: string; readonly given: GivenBack }
  | { readonly kind: 'message'; readonly key: string }
  | { readonly kind: 'identifier'; readonly identifier: string }
  | AccountEffect
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
      } else if (effect.kind === 'account' || effect.kind === 'members') {
        await deliverAccountEffect(cell, effect);
        deleteOutbox(cell.sql, row.key);
      } else if (effect.kind === 'adopt') {
        await pursue(cell, effect.source);
      } else if (effect.kind === 'restore') {
        await cell.stub(effect.source).restore(cell.name(), effect.given);
        confirmUndone(cell, effect.source);
      } else {
        await letGo(cell, effect);
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
  const known = state.known && !state.known.blank ? (membershipsOf(state.known) ?? {}) : null;
  const segments = Object.entries(known ?? {}).map(([segment, since]) => ({ segment, since }));
  return {
    customerId: state.id,
    revision: state.revision,
    createdAt: state.createdAt,
    nextDueAt: gone ? null : cell.wakeAt(state, catalog),
    stages: gone ? [] : stages,
    gone,
    ...(known ? { segments: gone ? [] : segments } : {}),
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
