// A customer who is erased: what was kept is counted and removed, and a tombstone stands in its place, with the time and
// nothing else (workers/privacy/SPEC.md). Everything an object is asked afterwards it answers as of nobody.

import type { Catalog } from '../catalog/catalog.ts';
import { defaultDecisions } from './answer.ts';
import { type Cell, idleAt } from './cell.ts';
import { giveBack, heldIdentifiers } from './identifiers.ts';
import type { Erased, Ingested, IngestRequest, Kept } from './messages.ts';
import { movesOf } from './move.ts';
import { exportedParts, keptCounts, messageKeys } from './storage.ts';
import { decisionsAsJson, type Sealing } from './wording.ts';

/** Ids that have become this customer: they are erased first, because afterwards nobody knows them. */
export const tiesOf = (cell: Cell): string[] =>
  cell.load() ? movesOf(cell.sql).flatMap(({ source, move }) => (move.undone ? [] : source)) : [];

/** Removes everything, at the instant `at` (milliseconds). What a call before has left is removed as well (PV3). */
export async function erase(cell: Cell, at: number): Promise<Erased> {
  await giveBack(cell.env, heldIdentifiers(cell));
  const known = cell.load() !== null;
  const removed = known ? keptCounts(cell.sql) : { entries: 0, runs: 0, messages: 0 };
  const keys = known ? messageKeys(cell.sql) : [];
  await cell.wipe(at);
  return { removed, keys };
}

/** Whether events of this customer are rejected at an instant (PV4, PV6). */
export function isErased(cell: Cell, { policies }: Catalog, at: number): boolean {
  const erasedAt = cell.erasedAt();
  return erasedAt !== null && at < erasedAt + policies.privacy.erasedForMs;
}

/** PV4: nothing is taken, and a page gets what an unknown visitor gets. */
export function rejected(
  catalog: Catalog,
  { customerId, via, events, decide, wording }: IngestRequest,
  at: number,
  sealing: Sealing,
): Ingested {
  const decisions = decide && defaultDecisions(catalog, decide, at);
  const statuses = events.map(() => 'erased' as const);
  const reply = { customerId: via ?? customerId, stages: {}, statuses };
  if (!wording || !decisions) return { ...reply, decisions };
  return { ...reply, decisions: null, worded: decisionsAsJson(decisions, wording, customerId, sealing) };
}

/** PV7: removes a visitor nobody has heard of for long. The index hears of it first. @returns whether that was done */
export async function removeIdle(cell: Cell, catalog: Catalog, at: number): Promise<boolean> {
  const state = cell.load();
  const due = state && idleAt(state, catalog);
  if (!state || !due || due > at || state.importing) return false;
  const { id: customerId, createdAt } = state;
  const revision = state.revision + 1;
  const word = { customerId, revision, createdAt, nextDueAt: null, stages: [], gone: true, forgotten: true } as const;
  await cell.env.PROJECTIONS.send([word], { contentType: 'json' });
  const held = heldIdentifiers(cell);
  await cell.wipe(null);
  await giveBack(cell.env, held);
  return true;
}

/** PV1: what is kept beside the timeline, the messages and what `describe` tells, as it is stored. */
export const keptOf = (cell: Cell): Kept => ({ parts: exportedParts(cell.sql) });
