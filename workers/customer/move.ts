// Two customers turn out to be one (GM1 to GM14). The target's object fetches, page by page, what the source holds; each
// page is one commit that also moves the cursor on, so a page is taken once however often it is fetched. With the last
// page come runs, traits and parts; after that the source forwards, and keeps its rows as long as the merge can be undone.
// Who may ask and what is answered: workers/identity/merge.ts. The calls between objects: outbound.ts.

import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { LIMITS, RESEND_AFTER_MS } from '../../schema/limits.ts';
import { forgettable } from '../engine/admission.ts';
import type { Run } from '../engine/machine.ts';
import { isAnonymous, outweighs, withRange } from '../identity/merge.ts';
import { joinRuns } from '../identity/runs.ts';
import { addEntry, type Commit, learn, record } from './commit.ts';
import { forget } from './effects.ts';
import { joinedParts, takeParts } from './joins.ts';
import type { HandOver, MovedRest } from './messages.ts';
import type { CustomerState } from './state.ts';
import {
  deleteOutbox,
  deletePart,
  lastMessageNumber,
  messageBodies,
  readEntriesAfter,
  readMoves,
  readPart,
  writeOutbox,
  writePart,
} from './storage.ts';
import { keepMessage, type StoredMessage } from './stored.ts';

/** One move into this customer, as kept in the part `move:<source>`. Persisted. */
export interface Move {
  /** The last seq of the source that was taken over. */
  readonly cursor: number;
  readonly done: boolean;
  /** When it was done, milliseconds. */
  readonly at?: number;
  /** Which entries here are the source's. */
  readonly ranges?: readonly (readonly [number, number])[];
  /** It came with this customer, whose own it was (GM3). */
  readonly through?: string;
  /** GM4: what comes for the source goes to somebody else by now. */
  readonly turned?: true;
  /** It was undone, and the source has yet to hear of it. */
  readonly undone?: true;
}

/** What undoing needs, in the part `undo:<source>`, until it is too late. Persisted. */
export interface Undoing {
  /** Milliseconds. */
  readonly until: number;
  readonly traits: Change;
  readonly parts: readonly (Change & { readonly name: string })[];
  /** Runs that were taken over, by their ids here. */
  readonly taken: readonly string[];
  /** The customer's own runs in whose place they came. */
  readonly replaced: readonly Run[];
  readonly messages: readonly { readonly number: number; readonly key: string }[];
}

interface Change {
  readonly before: Json;
  readonly after: Json;
}

const START: Move = { cursor: 0, done: false };

export function readMove(sql: SqlStorage, source: string): Move | null {
  const body = readPart(sql, `move:${source}`);
  return body === null ? null : (JSON.parse(body) as Move);
}

export const writeMove = (sql: SqlStorage, source: string, move: Move): void =>
  writePart(sql, `move:${source}`, JSON.stringify(move));

export const undoPart = (source: string): string => `undo:${source}`;
export const adoptKey = (source: string): string => `adopt:${source}`;
export const releaseKey = (source: string): string => `release:${source}`;

/** Customers that have become this one, with how far that is. */
export const movesOf = (sql: SqlStorage): { source: string; move: Move }[] =>
  readMoves(sql).map(({ source, body }) => ({ source, move: JSON.parse(body) as Move }));

/** Anonymous ids that have become this customer. */
export const movedSources = (sql: SqlStorage): string[] =>
  movesOf(sql)
    .filter(({ source, move }) => isAnonymous(source) && move.undone === undefined)
    .map(({ source }) => source.slice('a:'.length));

/** Customers it has taken over whole, to whom others may still forward. */
export const takenWhole = (sql: SqlStorage): string[] =>
  movesOf(sql)
    .filter(({ source, move }) => move.done && !isAnonymous(source) && move.undone === undefined)
    .map(({ source }) => source);

/** Whether it has begun to take over somebody who is known; until that is settled it is given to nobody (GM5). */
export const takesOver = (sql: SqlStorage): boolean =>
  movesOf(sql).some(({ source, move }) => !move.done && !isAnonymous(source));

/** GM5: from now on this customer means to take the other over; kept until it is settled, and pursued by the outbox. */
export function intend(commit: Commit, source: string): void {
  writeMove(commit.sql, source, START);
  commit.wrote = true;
  pursue(commit, source);
}

function pursue(commit: Commit, source: string): void {
  commit.outbox = true;
  const body = JSON.stringify({ kind: 'adopt', source });
  writeOutbox(commit.sql, adoptKey(source), body, commit.now + RESEND_AFTER_MS);
}

/** It does not, after all. Nothing was taken. */
export function giveUp(commit: Commit, source: string): void {
  const { sql } = commit;
  const move = readMove(sql, source);
  if (!move) return;
  commit.wrote = true;
  commit.outbox = true;
  if (!move.done && move.cursor === 0) deletePart(sql, `move:${source}`);
  deleteOutbox(sql, adoptKey(source));
}

/** The other one forwards here, and there is nothing more to take. */
export function have(commit: Commit, source: string): void {
  const { sql } = commit;
  commit.wrote = true;
  commit.outbox = true;
  writeMove(sql, source, { ...unturned(readMove(sql, source) ?? START), done: true });
  deleteOutbox(sql, adoptKey(source));
}

function unturned({ turned: _, ...move }: Move): Move {
  return move;
}

/** The page after `cursor`, from the object that hands over. */
export function handOverPage(sql: SqlStorage, state: CustomerState, cursor: number): HandOver {
  const entries = readEntriesAfter(sql, cursor, LIMITS.movePageEntriesMax);
  const last = entries.at(-1);
  const next = last && entries.length === LIMITS.movePageEntriesMax ? last.seq : null;
  const rest: MovedRest | null =
    next === null
      ? {
          traits: JSON.stringify(state.traits),
          runs: [...state.runs.values()].map((run) => JSON.stringify(run)),
          messages: messageBodies(sql, Number.MAX_SAFE_INTEGER, LIMITS.movedMessagesMax).reverse(),
          parts: joinedParts(sql),
          moves: movesOf(sql).filter(({ move }) => move.undone === undefined),
          lastActivityAt: state.lastActivityAt,
          lastInputAt: state.lastInputAt,
        }
      : null;
  return { kind: 'page', entries, next, rest };
}

/**
 * Takes one page over, inside the commit. Events this customer has already are left out. `at` is the instant of who said
 * that the two are one; under import it lies in the past, and so does everything that came of the move.
 */
export function takePage(commit: Commit, source: string, page: Extract<HandOver, { kind: 'page' }>, at: number): void {
  const { sql, state } = commit;
  commit.dirty = true;
  commit.outbox = true;
  if (commit.isNew) state.lastInputAt = at;
  const known = readMove(sql, source) ?? START;
  let ranges = known.ranges ?? [];
  for (const entry of page.entries) {
    if (!addEntry(commit, { ...entry, seq: state.nextSeq })) continue;
    ranges = withRange(ranges, state.nextSeq, state.nextSeq);
    state.nextSeq++;
    if (entry.kind === 'event') state.events++;
  }
  const cursor = page.entries.at(-1)?.seq ?? known.cursor;
  if (!page.rest) {
    writeMove(sql, source, { ...known, cursor, ranges });
    return;
  }
  takeRest(commit, source, page.rest, at);
  writeMove(sql, source, { ...known, cursor, ranges, done: true, at: state.lastInputAt });
  deleteOutbox(sql, adoptKey(source));
  writeOutbox(sql, releaseKey(source), JSON.stringify({ kind: 'release', source }), state.lastInputAt);
}

function takeRest(commit: Commit, source: string, rest: MovedRest, at: number): void {
  const { sql, state } = commit;
  const partsBefore = joinedParts(sql);
  const traitsBefore = state.traits;
  const traits: unknown = JSON.parse(rest.traits);
  const moved: JsonObject = isObject(traits) ? traits : {};
  learn(commit, { ...moved, ...state.traits }, state.lastInputAt);
  if (rest.lastActivityAt !== null)
    state.lastActivityAt = Math.max(state.lastActivityAt ?? rest.lastActivityAt, rest.lastActivityAt);
  state.lastInputAt = Math.max(state.lastInputAt, rest.lastInputAt, at);
  record(commit, 'merged', state.lastInputAt, { from: source });
  const runs = rest.runs.map((text) => JSON.parse(text) as Run);
  const { taken, replaced } = takeRuns(commit, runs, source);
  takeParts(commit, rest.parts, { source, at: state.lastInputAt });
  let number = lastMessageNumber(sql);
  const messages: Undoing['messages'][number][] = [];
  for (const text of rest.messages) {
    const message = { ...(JSON.parse(text) as StoredMessage), number: ++number };
    keepMessage(commit, message);
    messages.push({ number, key: message.key });
  }
  takeMoves(commit, source, rest.moves);
  const { undoWithinMs } = commit.policies.identity;
  if (undoWithinMs === 0) return;
  const undoing: Undoing = {
    until: commit.now + undoWithinMs,
    traits: { before: traitsBefore, after: state.traits },
    parts: changesOf(partsBefore, joinedParts(sql)),
    ...{ taken, replaced, messages },
  };
  writePart(sql, undoPart(source), JSON.stringify(undoing));
}

/** M2, GM8, GM9. @returns what undoing has to know */
function takeRuns(commit: Commit, brought: readonly Run[], source: string): Pick<Undoing, 'taken' | 'replaced'> {
  const { state, machineOf } = commit;
  const taken: string[] = [];
  const replaced: Run[] = [];
  const ends = (run: Run, keeps: string | null): void => {
    const cause = { kind: 'merge', from: source, ...(keeps === null ? { why: 'too many runs' } : { keeps }) };
    const move = { journey: run.journey, run: run.id, from: run.stage, to: null, cause };
    record(commit, 'transition', state.lastInputAt, move);
  };
  for (const join of joinRuns(state.runs.values(), brought, machineOf)) {
    const { run } = join;
    if (join.kind === 'full') ends(run, null);
    if (join.kind === 'keep' && run.endedAt === undefined) ends(run, join.own.stage);
    if (join.kind !== 'take') continue;
    if (join.own) {
      const { own } = join;
      replaced.push(own);
      if (own.endedAt === undefined) {
        state.runs.set(own.id, { ...own, endedAt: state.lastInputAt });
        commit.changedRuns.add(own.id);
        ends(own, run.stage);
      } else forget(commit, own.id);
    }
    const id = `${run.journey}.${++state.runsStarted}`;
    state.runs.set(id, { ...run, id });
    commit.changedRuns.add(id);
    taken.push(id);
  }
  for (const gone of forgettable(state.runs.values(), null, LIMITS.endedRunsMax)) forget(commit, gone);
  return { taken, replaced };
}

/** GM3, GM6: who has become the source is this customer now, and forwards to it; what the source had begun is gone on with. */
function takeMoves(commit: Commit, source: string, moves: MovedRest['moves']): void {
  const { sql, state, now } = commit;
  for (const { source: earlier, move } of moves) {
    if (earlier === state.id || !outweighs(move, readMove(sql, earlier))) continue;
    const { ranges: _, ...known } = move;
    writeMove(sql, earlier, { ...known, through: source });
    deleteOutbox(sql, adoptKey(earlier));
    if (move.done) writeOutbox(sql, releaseKey(earlier), JSON.stringify({ kind: 'release', source: earlier }), now);
    else pursue(commit, earlier);
  }
}

function changesOf(
  before: readonly { readonly name: string; readonly body: string }[],
  after: readonly { readonly name: string; readonly body: string }[],
): Undoing['parts'] {
  const were = new Map(before.map(({ name, body }) => [name, body]));
  return after
    .filter(({ name, body }) => were.get(name) !== body)
    .map(({ name, body }) => {
      const was = were.get(name);
      return { name, before: was === undefined ? null : JSON.parse(was), after: JSON.parse(body) };
    });
}
