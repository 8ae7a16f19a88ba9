// Undoing a merge, at the target (GM11, GM12): what the source brought is taken out again in one commit, and an effect of
// the outbox gives it back. What was kept for it: move.ts.

import { isObject, type Json } from '../../schema/json.ts';
import { RESEND_AFTER_MS } from '../../schema/limits.ts';
import { reverted } from '../identity/revert.ts';
import type { Cell } from './cell.ts';
import { type Commit, record } from './commit.ts';
import { forget } from './effects.ts';
import { JOINS } from './joins.ts';
import { forgetLearned } from './knowing.ts';
import type { GivenBack, ShownMerge, Undone } from './messages.ts';
import { type Move, movesOf, readMove, releaseKey, type Undoing, undoPart, writeMove } from './move.ts';
import { deleteEntries, deleteOutbox, deletePart, readPart, writeOutbox, writePart } from './storage.ts';
import { dropMessage } from './stored.ts';

export const restoreKey = (source: string): string => `restore:${source}`;

function readUndoing(sql: SqlStorage, source: string): Undoing | null {
  const body = readPart(sql, undoPart(source));
  return body === null ? null : (JSON.parse(body) as Undoing);
}

/** Merges into this customer, and how long each can be undone. */
export const shownMerges = (sql: SqlStorage, now: number): ShownMerge[] =>
  movesOf(sql).map(({ source, move }) => {
    const until = readUndoing(sql, source)?.until ?? null;
    const undoable = until !== null && until > now && move.done && !move.undone;
    return {
      source,
      at: move.at === undefined ? null : new Date(move.at).toISOString(),
      through: move.through ?? null,
      state: move.undone ? 'undone' : move.done ? 'done' : 'under way',
      undoUntil: undoable && until !== null ? new Date(until).toISOString() : null,
    };
  });

/** Whether it can be undone, and if not, why. */
export function undoable(sql: SqlStorage, source: string, now: number): Undone {
  const move = readMove(sql, source);
  if (!move || move.undone) return { kind: 'none' };
  if (move.through !== undefined) return { kind: 'through', source: move.through };
  if (!move.done) return { kind: 'under way' };
  const undoing = readUndoing(sql, source);
  return undoing && undoing.until > now ? { kind: 'done' } : { kind: 'late' };
}

/** Takes out what `source` brought; asked after `undoable`. */
export function undo(commit: Commit, source: string): void {
  const { sql, state } = commit;
  const [move, undoing] = [readMove(sql, source), readUndoing(sql, source)];
  if (!move || !undoing) throw new Error('broken invariant: a merge that cannot be undone');
  commit.dirty = true;
  commit.outbox = true;
  for (const [from, to] of move.ranges ?? []) state.events -= deleteEntries(sql, from, to);
  takeOutRuns(commit, undoing);
  const traits = reverted(undoing.traits.before, undoing.traits.after, state.traits);
  state.traits = isObject(traits) ? traits : {};
  commit.traitsChanged = true;
  for (const { name, before, after } of undoing.parts) takeOutPart(commit, name, before, after);
  forgetLearned(commit);
  const given: GivenBack = {
    messages: undoing.messages.flatMap(({ number, key }) => dropMessage(commit, number, key) ?? []),
    sources: takeOutMoves(commit, source),
  };
  deletePart(sql, undoPart(source));
  deleteOutbox(sql, releaseKey(source));
  const left: Move = { cursor: 0, done: true, undone: true };
  writeMove(sql, source, left);
  // After the word to the registries: what is given back there is claimed by the source next.
  const body = JSON.stringify({ kind: 'restore', source, given });
  writeOutbox(sql, restoreKey(source), body, commit.now + 2 * RESEND_AFTER_MS);
  record(commit, 'unmerged', state.lastInputAt, { source });
}

/** Runs that came go; the customer's own that had to give way are as they were. */
function takeOutRuns(commit: Commit, { taken, replaced }: Undoing): void {
  for (const id of taken) if (commit.state.runs.has(id)) forget(commit, id);
  for (const run of replaced) {
    commit.state.runs.set(run.id, run);
    commit.forgottenRuns.delete(run.id);
    commit.changedRuns.add(run.id);
  }
}

function takeOutPart(commit: Commit, name: string, before: Json, after: Json): void {
  const body = readPart(commit.sql, name);
  const now: unknown = body === null ? undefined : JSON.parse(body);
  const back = reverted(before ?? undefined, after, isObject(now) ? now : undefined);
  const text = back === undefined ? null : JSON.stringify(back);
  const join = JOINS.find(({ prefix }) => name.startsWith(prefix));
  if (join?.revert) join.revert(commit, name, text);
  else if (text === null) deletePart(commit.sql, name);
  else writePart(commit.sql, name, text);
}

/** Who came with the source goes with it. */
function takeOutMoves({ sql }: Commit, source: string): string[] {
  const sources = movesOf(sql)
    .filter(({ move }) => move.through === source)
    .map((each) => each.source);
  for (const each of sources) {
    deletePart(sql, `move:${each}`);
    deleteOutbox(sql, releaseKey(each));
  }
  return sources;
}

/** The source has everything back: whoever says again that the two are one begins anew. */
export function confirmUndone({ sql }: Pick<Commit, 'sql'>, source: string): void {
  if (readMove(sql, source)?.undone) deletePart(sql, `move:${source}`);
  deleteOutbox(sql, restoreKey(source));
}

/** What was kept for undoing a merge that is too old for it. */
export function forgetUndo(cell: Cell, source: string): void {
  if (cell.load()) deletePart(cell.sql, undoPart(source));
}
