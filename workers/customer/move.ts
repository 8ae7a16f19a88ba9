// An anonymous customer becomes known (M1 to M3). The known customer's object fetches, page by page, what the anonymous
// one holds; each page is one commit that also moves the cursor on, so a page is taken once however often it is fetched.
// With the last page come runs and traits; after that the anonymous object forgets all but the redirect.

import { isObject, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { Run } from '../engine/machine.ts';
import type { MachineOf } from '../engine/travel.ts';
import { type Commit, learn, record } from './commit.ts';
import { joinedParts, takeParts } from './joins.ts';
import type { HandOver, MovedRest } from './messages.ts';
import { keepMessage, type StoredMessage } from './sending.ts';
import type { CustomerState } from './state.ts';
import {
  insertEntry,
  lastMessageNumber,
  messageBodies,
  readEntriesAfter,
  readMoves,
  readPart,
  writeOutbox,
  writePart,
} from './storage.ts';

/** Progress of one move into this customer, as kept in its parts. */
export interface Move {
  /** The last seq of the source that was taken over. */
  readonly cursor: number;
  readonly done: boolean;
}

export function readMove(sql: SqlStorage, source: string): Move {
  const body = readPart(sql, `move:${source}`);
  const move: unknown = body === null ? null : JSON.parse(body);
  return isObject(move) ? { cursor: Number(move['cursor']), done: move['done'] === true } : { cursor: 0, done: false };
}

const writeMove = (sql: SqlStorage, source: string, move: Move): void =>
  writePart(sql, `move:${source}`, JSON.stringify(move));

/** Anonymous ids that have become this customer. */
export function movedSources(sql: SqlStorage): string[] {
  return readMoves(sql).map(({ source }) => source.slice('a:'.length));
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
  if (commit.isNew) state.lastInputAt = at;
  for (const entry of page.entries) {
    if (!insertEntry(sql, { ...entry, seq: state.nextSeq })) continue;
    state.nextSeq++;
    if (entry.kind === 'event') state.events++;
  }
  if (!page.rest) {
    writeMove(sql, source, { cursor: page.next ?? 0, done: false });
    return;
  }
  const { rest } = page;
  const traits: unknown = JSON.parse(rest.traits);
  const moved: JsonObject = isObject(traits) ? traits : {};
  learn(commit, { ...moved, ...state.traits }, state.lastInputAt);
  if (rest.lastActivityAt !== null)
    state.lastActivityAt = Math.max(state.lastActivityAt ?? rest.lastActivityAt, rest.lastActivityAt);
  state.lastInputAt = Math.max(state.lastInputAt, rest.lastInputAt, at);
  record(commit, 'merged', state.lastInputAt, { from: source });
  for (const text of rest.runs) takeRun(commit, JSON.parse(text) as Run, source);
  takeParts(commit, rest.parts, { source, at: state.lastInputAt });
  let number = lastMessageNumber(sql);
  for (const text of rest.messages) keepMessage(commit, { ...(JSON.parse(text) as StoredMessage), number: ++number });
  writeMove(sql, source, { cursor: page.entries.at(-1)?.seq ?? 0, done: true });
  commit.outbox = true;
  writeOutbox(sql, `release:${source}`, JSON.stringify({ kind: 'release', source }), state.lastInputAt);
}

/** M2: of two runs of one journey and key the later stage stays; in a tie the known customer's. */
function takeRun(commit: Commit, run: Run, source: string): void {
  const { state, machineOf } = commit;
  const own = [...state.runs.values()].find(
    (candidate) => candidate.journey === run.journey && candidate.key === run.key,
  );
  if (own && rank(own, machineOf) >= rank(run, machineOf)) {
    record(commit, 'transition', state.lastInputAt, {
      journey: run.journey,
      run: run.id,
      from: run.stage,
      to: null,
      cause: { kind: 'merge', from: source, keeps: own.stage },
    });
    return;
  }
  if (own) {
    const ended: Run = { ...own, endedAt: state.lastInputAt };
    state.runs.set(own.id, ended);
    commit.changedRuns.add(own.id);
    record(commit, 'transition', state.lastInputAt, {
      journey: own.journey,
      run: own.id,
      from: own.stage,
      to: null,
      cause: { kind: 'merge', from: source, keeps: run.stage },
    });
  }
  const id = `${run.journey}.${++state.runsStarted}`;
  state.runs.set(id, { ...run, id });
  commit.changedRuns.add(id);
}

/** A run that is over stands beyond every stage: who is through with a journey does not begin it again. */
function rank(run: Run, machineOf: MachineOf): number {
  return run.endedAt === undefined ? (machineOf(run).stages.get(run.stage)?.index ?? -1) : Number.POSITIVE_INFINITY;
}
