// A commit under way: the draft of a customer and the rows that go with it. Everything here runs inside one
// transactionSync of the object, synchronously; what it writes stands or falls together (I3).

import type { JsonObject } from '../../schema/json.ts';
import type { MessageTemplate } from '../decide/messages.ts';
import { reported, TRAITS_TOO_LARGE, withTraits } from '../engine/outcomes.ts';
import type { MachineOf, Openings } from '../engine/traveller.ts';
import type { Trials } from '../experiments/screen.ts';
import type { Policies } from '../policies/policies.ts';
import { noteEnd, writeExpiry } from './expiring.ts';
import type { CustomerState } from './state.ts';
import {
  deleteKnown,
  deleteRun,
  type Entry,
  insertCustomer,
  insertEntry,
  updateCustomer,
  writeKnown,
  writeRun,
  writeTraits,
} from './storage.ts';

export interface Commit {
  readonly sql: SqlStorage;
  readonly state: CustomerState;
  /** Every version that is needed was brought into memory before the commit. */
  readonly machineOf: MachineOf;
  readonly openings: Openings;
  /** Whether messages may go out; null says why not. */
  readonly silence: 'import' | null;
  readonly isNew: boolean;
  /** The shell's clock, milliseconds; an input's own time may lie before it. */
  readonly now: number;
  readonly messages: ReadonlyMap<string, MessageTemplate>;
  readonly policies: Policies;
  /** What addresses in messages are made with; null where the deployment lacks it. */
  readonly links: { readonly secret: string; readonly origin: string } | null;
  readonly trials: Trials;
  /** The site's language, where a customer has none. */
  readonly defaultLocale: string;
  readonly changedRuns: Set<string>;
  /** Runs that are over and need not be remembered any more (E8). */
  readonly forgottenRuns: Set<string>;
  traitsChanged: boolean;
  /** What was worked out of the history is another. */
  knownChanged: boolean;
  /** When lines are to go is earlier than it was (expiring.ts). */
  expiryChanged: boolean;
  timersFired: number;
  /** The outbox changed. */
  outbox: boolean;
  /** Something was written, so the draft becomes the state. */
  wrote: boolean;
  /** The customer's own row has to be written. */
  head: boolean;
  /** The index in D1 should hear of it; implies `head`. */
  dirty: boolean;
}

/** What a commit is given; the rest of it comes about while it is under way. */
export type CommitStart = Pick<
  Commit,
  | 'sql'
  | 'state'
  | 'machineOf'
  | 'openings'
  | 'silence'
  | 'isNew'
  | 'now'
  | 'messages'
  | 'policies'
  | 'links'
  | 'trials'
  | 'defaultLocale'
>;

export function beginCommit(given: CommitStart): Commit {
  return {
    ...given,
    changedRuns: new Set(),
    forgottenRuns: new Set(),
    traitsChanged: false,
    knownChanged: false,
    expiryChanged: false,
    timersFired: 0,
    wrote: false,
    head: false,
    dirty: false,
    outbox: false,
  };
}

/** Adds a line to the timeline. Instants in milliseconds. */
export function record(
  commit: Commit,
  kind: string,
  at: number,
  body: object,
  name: string | null = null,
  messageId: string | null = null,
): number {
  const seq = commit.state.nextSeq++;
  const text = JSON.stringify(body);
  commit.wrote = true;
  addEntry(commit, { seq, at, appliedAt: commit.state.lastInputAt, kind, name, messageId, body: text });
  return seq;
}

/** @returns whether it was added: an entry whose message id is there already is not, and changes nothing (I1) */
export function addEntry(commit: Commit, entry: Entry): boolean {
  if (!insertEntry(commit.sql, entry)) return false;
  const { retention } = commit.policies.privacy;
  if (retention !== null && noteEnd(commit, retention, entry)) commit.expiryChanged = true;
  return true;
}

/** Adds traits, unless the customer would become too large: then none is kept, and that is recorded. */
export function learn(commit: Commit, traits: JsonObject, at: number): boolean {
  const merged = withTraits(commit.state.traits, reported(traits, commit.openings.learner.computed));
  if (merged === null) {
    record(commit, 'error', at, TRAITS_TOO_LARGE);
    return false;
  }
  commit.state.traits = merged;
  commit.traitsChanged = true;
  return true;
}

/** Whether anything will have been written when the commit is finished. */
export const willWrite = ({
  wrote,
  head,
  dirty,
  traitsChanged,
  knownChanged,
  changedRuns,
  forgottenRuns,
}: Commit): boolean =>
  wrote || head || dirty || traitsChanged || knownChanged || changedRuns.size > 0 || forgottenRuns.size > 0;

/** Writes the rows that changed. */
export function finishCommit(commit: Commit): void {
  const { sql, state, now } = commit;
  if (commit.isNew && (commit.wrote || commit.head)) commit.dirty = true;
  if (commit.dirty) {
    state.revision++;
    state.dirtySince ??= now;
    commit.head = true;
  }
  for (const id of commit.changedRuns) {
    const run = state.runs.get(id);
    if (run) writeRun(sql, run);
  }
  for (const id of commit.forgottenRuns) deleteRun(sql, id);
  if (commit.traitsChanged) writeTraits(sql, state.traits);
  if (commit.expiryChanged && state.expiry) writeExpiry(sql, state.expiry);
  // Of somebody blank nothing has to be kept: a new visitor is one row less.
  if (commit.knownChanged && state.known) {
    if (!state.known.blank) writeKnown(sql, state.known);
    else if (!commit.isNew) deleteKnown(sql);
    commit.head = true;
  }
  if (!commit.head) return;
  commit.wrote = true;
  if (commit.isNew) insertCustomer(sql, state);
  else updateCustomer(sql, state);
}
