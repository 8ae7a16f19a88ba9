// The calls between objects by which one customer takes over another: asking for pages until it has them all, and letting
// the source go. Each answer is judged by workers/identity/merge.ts and kept by move.ts; after every await the rows are
// read again. What cannot be finished now is pursued by the outbox, or by the alarm of the source.

import { catalogAtLeast, loadMachine, machineInMemory } from '../catalog/cache.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { now } from '../clock.ts';
import type { Run } from '../engine/machine.ts';
import { afterAnswer, FOLLOWED_MAX, isAnonymous } from '../identity/merge.ts';
import { noteMovedTraits } from './advance.ts';
import type { Cell } from './cell.ts';
import { turned } from './handing.ts';
import { giveUp, have, intend, type Move, movesOf, readMove, takenWhole, takePage } from './move.ts';

/** `again`: the other one takes over somebody itself just now, so the caller is to come again. */
export type Adoption = 'over' | 'again';

export interface How {
  readonly importing: boolean;
  /** GM4: it was just said that the two are one. */
  readonly turns: boolean;
}
export const SAID: How = { importing: false, turns: true };
/** A merge that has begun already, or that nobody said in so many words. */
export const GOES_ON: How = { importing: false, turns: false };

/** The catalog for an object: at least the version it has worked with. */
export const catalogOf = (cell: Cell, version = cell.load()?.catalogVersion ?? 0): Promise<Catalog | null> =>
  catalogAtLeast(cell.env.DB, version);

/**
 * Takes over what the customer `source` holds, at the instant `at` of who said that it is this one (GM1). May be repeated
 * and may race: a page is taken once.
 * @throws when the other object or a journey version cannot be reached; what was taken stays taken
 */
export async function adoptSource(
  cell: Cell,
  source: string,
  catalog: Catalog,
  at: number,
  how: How,
): Promise<Adoption> {
  const followed = new Set<string>();
  for (let next: string | null = source; next !== null && next !== cell.name(); ) {
    // Calls that race for one source are one: the intent of one is not given up under another.
    const before = cell.adopting.get(next);
    if (before && how.turns) await before.catch(() => null);
    const running = cell.adopting.get(next);
    const work: Promise<Answered> = running ?? adopt(cell, next, catalog, at, how);
    if (!running) cell.adopting.set(next, work);
    const one: string = next;
    const answered = await work.finally(() => {
      if (cell.adopting.get(one) === work) cell.adopting.delete(one);
    });
    if (answered.again) return 'again';
    if (answered.follow !== null && (followed.has(answered.follow) || followed.size >= FOLLOWED_MAX)) return 'again';
    next = answered.follow;
    if (next !== null) followed.add(next);
  }
  return finishOthers(cell, catalog, at, how);
}

export interface Answered {
  readonly follow: string | null;
  readonly again: boolean;
}
const OVER: Answered = { follow: null, again: false };
const AGAIN: Answered = { follow: null, again: true };

const moveOf = (cell: Cell, source: string): Move | null => (cell.load() ? readMove(cell.sql, source) : null);

async function adopt(cell: Cell, source: string, catalog: Catalog, at: number, how: How): Promise<Answered> {
  for (;;) {
    const before = moveOf(cell, source);
    if (cell.redirect()) return OVER;
    if (before?.undone) return AGAIN;
    if (before?.done && !before.turned) return OVER;
    if (!before && !isAnonymous(source)) {
      if (!(await cell.ready(catalog))) throw new Error('a journey version cannot be read');
      if (cell.redirect()) return OVER;
      if (!moveOf(cell, source))
        cell.transact(catalog, null, (commit) => {
          commit.state.importing ||= how.importing;
          intend(commit, source);
        });
    }
    const cursor = before?.cursor ?? 0;
    const instead = cell.load() ? takenWhole(cell.sql) : [];
    const page = await cell.stub(source).handOver(cell.name(), cursor, { instead, turns: how.turns });
    if (page.kind !== 'page') {
      const next = afterAnswer(cell.name(), source, page);
      const settled = next.have ? have : next.drop && moveOf(cell, source) ? giveUp : null;
      if (settled && !(await cell.ready(catalog))) throw new Error('a journey version cannot be read');
      if (settled && !cell.redirect()) cell.transact(catalog, null, (commit) => settled(commit, source));
      return { follow: next.follow, again: next.again };
    }
    for (const text of page.rest?.runs ?? []) await ensureMachine(cell, catalog, JSON.parse(text) as Run);
    if (!(await cell.ready(catalog))) throw new Error('a journey version cannot be read');
    if (cell.redirect()) return OVER;
    const again = moveOf(cell, source);
    if (again?.done || (again?.cursor ?? 0) !== cursor || again?.undone) continue;
    cell.transact(catalog, null, (commit) => {
      commit.state.importing ||= how.importing;
      takePage(commit, source, page, at);
      if (page.rest) noteMovedTraits(commit);
    });
    if (page.next === null) return OVER;
  }
}

/** GM3: what a customer who was taken over had begun to take over itself. */
async function finishOthers(cell: Cell, catalog: Catalog, at: number, how: How): Promise<Adoption> {
  if (!cell.load() || cell.redirect()) return 'over';
  const open = movesOf(cell.sql).filter(({ move }) => !move.done && move.through !== undefined);
  for (const { source } of open) if (!cell.adopting.has(source)) await adopt(cell, source, catalog, at, how);
  return 'over';
}

/** Goes on with what was intended. @throws where it is not over yet, so that it is tried again */
export async function pursue(cell: Cell, source: string): Promise<void> {
  if (cell.redirect()) return;
  const catalog = await catalogOf(cell);
  if (!catalog) throw new Error('the catalog cannot be read');
  if ((await adoptSource(cell, source, catalog, now(), GOES_ON)) === 'again') throw new Error('the other one is busy');
}

/** Tells a source that everything has arrived, or who it forwards to by now. */
export async function letGo(
  cell: Cell,
  { source, instead }: { readonly source: string; readonly instead?: string },
): Promise<void> {
  const catalog = await catalogOf(cell);
  if (!catalog) throw new Error('the catalog cannot be read');
  const keepMs = catalog.policies.identity.undoWithinMs;
  const terms = { keepMs, instead: [...takenWhole(cell.sql), ...(instead ? [instead] : [])] };
  if (!(await cell.stub(source).release(cell.name(), terms))) turned(cell, source);
}

async function ensureMachine(cell: Cell, catalog: Catalog, { journey, version }: Run): Promise<void> {
  if (machineInMemory(catalog, journey, version) || (await loadMachine(cell.env.DB, journey, version))) return;
  throw new Error('a journey version cannot be read');
}
