// Lines of the timeline whose time is over leave the object (PV9 to PV13), in commits of bounded size. In the commit in which
// lines go a checkpoint is written: replay goes on from there with the lines that stay (I5).

import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { Membership } from '../accounts/state.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Known } from '../engine/learner.ts';
import type { Run } from '../engine/machine.ts';
import { earlier, endOf, type RetentionRules, sift } from '../privacy/retention.ts';
import type { Cell } from './cell.ts';
import { type Commit, record } from './commit.ts';
import { expiryAt, expiryOf, readExpiry, unknownExpiry } from './expiring.ts';
import type { CustomerState } from './state.ts';
import { deleteLines, readLines, readPart, writePart } from './storage.ts';

/** The customer as it was when lines went, after everything up to `seq`. Persisted, in the part `checkpoint`. */
export interface Checkpoint {
  readonly seq: number;
  readonly lastInputAt: number;
  readonly lastActivityAt: number | null;
  readonly runsStarted: number;
  readonly events: number;
  readonly traits: JsonObject;
  readonly known: Known | null;
  readonly account: Membership | null;
  readonly runs: readonly Run[];
}

const PART = 'checkpoint';
/** Commits one call makes; what is left goes on with the alarm. */
const COMMITS_MAX = 20;

export function readCheckpoint(sql: SqlStorage): Checkpoint | null {
  const body = readPart(sql, PART);
  return body === null ? null : (JSON.parse(body) as Checkpoint);
}

/** Removes what is to go at an instant, milliseconds. */
export function expire(cell: Cell, catalog: Catalog, at: number): void {
  const rules = catalog.policies.privacy.retention;
  for (let commits = 0; rules !== null && commits < COMMITS_MAX; commits++) {
    const state = cell.load();
    if (!state || state.importing) return;
    const due = expiryAt(cell.sql, state, rules);
    if (due === null || due > at) return;
    cell.transact(catalog, null, (commit) => expireSome(commit, rules, at));
  }
}

/** PV12: other rules hold than those by which it was worked out when lines are to go. */
export function lookAnew(cell: Cell, catalog: Catalog, at: number): void {
  const rules = catalog.policies.privacy.retention;
  const state = cell.load();
  if (rules === null || !state || readExpiry(cell.sql)?.key === rules.key) return;
  state.expiry = unknownExpiry(rules);
  expire(cell, catalog, at);
}

function expireSome(commit: Commit, rules: RetentionRules, at: number): void {
  const { sql, state } = commit;
  const { cursor = { seq: 0, nextAt: null }, nextAt: due } = expiryOf(sql, state, rules);
  const lines = readLines(sql, cursor.seq, LIMITS.retentionLinesMax);
  const { ranges, gone, goneEvents, nextAt } = sift(rules, lines, at);
  for (const [from, to] of ranges) deleteLines(sql, from, to);
  let next = earlier(cursor.nextAt, nextAt);
  if (gone > 0) {
    state.events -= goneEvents;
    // The highest number stays taken: the next one follows from it.
    record(commit, 'expired', at, { lines: gone, events: goneEvents });
    next = earlier(next, endOf(rules, { kind: 'expired', name: null, at }));
    writePart(sql, PART, JSON.stringify(checkpointOf(state)));
  }
  const last = lines.length < LIMITS.retentionLinesMax ? null : lines.at(-1);
  state.expiry = last
    ? { key: rules.key, nextAt: due, cursor: { seq: last.seq, nextAt: next } }
    : { key: rules.key, nextAt: next };
  commit.expiryChanged = true;
  commit.head = true;
}

const checkpointOf = ({
  nextSeq,
  lastInputAt,
  lastActivityAt,
  runsStarted,
  events,
  traits,
  known,
  account,
  runs,
}: CustomerState): Checkpoint => ({
  seq: nextSeq - 1,
  ...{ lastInputAt, lastActivityAt, runsStarted, events, traits, known, account },
  runs: [...runs.values()],
});
