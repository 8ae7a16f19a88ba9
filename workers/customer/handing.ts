// The source's side of a merge: what an object answers who takes it over, how long it keeps its rows afterwards, and how it
// gets back what was undone. Judged by workers/identity/merge.ts; a call may come late, twice or not at all.

import { LIMITS } from '../../schema/limits.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { now } from '../clock.ts';
import { type Ask, granted } from '../identity/merge.ts';
import type { Cell } from './cell.ts';
import { type Commit, record } from './commit.ts';
import { reclaimIdentifiers } from './identifiers.ts';
import type { GivenBack, HandOver, ReleaseTerms } from './messages.ts';
import { handOverPage, readMove, releaseKey, takesOver, writeMove } from './move.ts';
import {
  clearHistory,
  clearMessageEffects,
  deletePart,
  messageBodies,
  readPart,
  writeOutbox,
  writePart,
} from './storage.ts';
import { keepMessage, type StoredMessage } from './stored.ts';

/** What was handed over, in the part `kept`, until it is too late to give it back. Persisted. */
interface Kept {
  readonly by: string;
  /** Milliseconds. */
  readonly until: number;
}
const KEPT = 'kept';

/** An undo that was said in time is still heard a day later. */
const MARGIN_MS = 86_400_000;

function readKept(sql: SqlStorage): Kept | null {
  const body = readPart(sql, KEPT);
  return body === null ? null : (JSON.parse(body) as Kept);
}

/** When what was handed over is to be forgotten, milliseconds; null where there is nothing. */
export const keptUntil = (sql: SqlStorage): number | null => readKept(sql)?.until ?? null;

const sourceOf = (cell: Cell) => {
  const state = cell.load();
  return state && { id: state.id, movedTo: state.movedTo, released: state.released, takesOver: takesOver(cell.sql) };
};

/** One page for `target`, or why not; with the first page everything is forwarded to it from now on. */
export async function handOver(
  cell: Cell,
  target: string,
  cursor: number,
  terms: Pick<Ask, 'instead' | 'turns'>,
): Promise<HandOver> {
  let grant = granted(sourceOf(cell), { target, ...terms });
  if (grant.kind === 'turn') {
    const { from } = grant;
    await cell.stub(from).turned(cell.name());
    grant = granted(sourceOf(cell), { target, ...terms });
    if (grant.kind === 'turn' && grant.from !== from) return { kind: 'busy' };
  }
  if (grant.kind !== 'give' && grant.kind !== 'turn' && grant.kind !== 'point') return grant;
  if (grant.kind !== 'give' || grant.redirect) {
    cell.transact(null, null, (commit) => {
      commit.state.movedTo = target;
      commit.state.importing = false;
      commit.dirty = true;
    });
    cell.arm(null, true);
  }
  const state = cell.load();
  return grant.kind === 'give' && state ? handOverPage(cell.sql, state, cursor) : { kind: 'yours' };
}

/**
 * The target has everything, or has whom this one forwards to (GM6): what is kept is kept for an undo only.
 * @returns whether this one forwards to the target now
 */
export function release(cell: Cell, target: string, { keepMs, instead }: ReleaseTerms): boolean {
  const state = cell.load();
  if (!state || state.movedTo === null) return false;
  const by = state.movedTo;
  if (by !== target && !instead.includes(by)) return false;
  if (by === target && state.released) return true;
  cell.transact(null, null, (commit) => {
    commit.head = true;
    commit.state.movedTo = target;
    if (commit.state.released) return;
    commit.state.released = true;
    commit.outbox = true;
    clearMessageEffects(commit.sql);
    if (keepMs > 0) {
      const kept: Kept = { by, until: commit.now + keepMs + MARGIN_MS };
      writePart(commit.sql, KEPT, JSON.stringify(kept));
    } else forgetIn(commit);
  });
  cell.arm(null, true);
  return true;
}

function forgetIn(commit: Commit): void {
  clearHistory(commit.sql);
  commit.state.runs.clear();
  commit.state.traits = {};
  commit.head = true;
}

/** Forgets all but the redirect, once nobody can ask for it any more; who has it all forgets what undoing needed. */
export async function forgetKept(cell: Cell): Promise<void> {
  const due = (): Kept | null => {
    const kept = cell.load()?.released ? readKept(cell.sql) : null;
    return kept && kept.until <= now() ? kept : null;
  };
  const kept = due();
  if (!kept) return;
  await cell.stub(kept.by).forgetUndo(cell.name());
  if (due()) cell.transact(null, null, forgetIn);
}

/** GM4: what comes for the anonymous `source` from now on is somebody else's; a word that it is ours again is asked anew. */
export function turned(cell: Cell, source: string): void {
  const move = cell.load() ? readMove(cell.sql, source) : null;
  if (!move?.done || move.turned) return;
  writeMove(cell.sql, source, { ...move, turned: true });
}

/** GM11: the merge into `target` is undone; this customer is as it was, with what became of its messages meanwhile. */
export function restore(cell: Cell, catalog: Catalog, target: string, { messages, sources }: GivenBack): void {
  const state = cell.load();
  if (!state?.released || readKept(cell.sql)?.by !== target) return;
  cell.transact(catalog, null, (commit) => {
    commit.state.movedTo = null;
    commit.state.released = false;
    commit.dirty = true;
    deletePart(commit.sql, KEPT);
    const own = new Map<string, number>();
    for (const body of messageBodies(commit.sql, Number.MAX_SAFE_INTEGER, LIMITS.movedMessagesMax)) {
      const { key, number } = JSON.parse(body) as StoredMessage;
      own.set(key, number);
    }
    for (const text of messages) {
      const message = JSON.parse(text) as StoredMessage;
      const number = own.get(message.key);
      if (number !== undefined) keepMessage(commit, { ...message, number });
    }
    commit.outbox = true;
    for (const source of sources)
      writeOutbox(
        commit.sql,
        releaseKey(source),
        JSON.stringify({ kind: 'release', source, instead: target }),
        commit.now,
      );
    reclaimIdentifiers(commit);
    record(commit, 'unmerged', commit.state.lastInputAt, { from: target });
  });
}

/** GM5: a promise that came back to who gave it is void: nobody has taken anything, so the customer stays who it was. */
export function takeBack(cell: Cell, catalog: Catalog): void {
  const state = cell.load();
  if (!state || state.movedTo === null || state.released) return;
  cell.transact(catalog, null, (commit) => {
    commit.state.movedTo = null;
    commit.dirty = true;
  });
}

/** Who has taken this customer over, with its messages: they are there before anything is asked of them. */
export async function takenBy(cell: Cell): Promise<string | null> {
  const state = cell.load();
  if (!state || state.movedTo === null) return null;
  if (!state.released) await cell.stub(state.movedTo).adopt(state.id);
  return cell.redirect();
}
