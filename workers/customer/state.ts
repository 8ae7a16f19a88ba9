// What an object knows of its customer, as values. Memory is a cache of rows: a state is replaced whole after a commit
// and dropped after a failure, so it can never be ahead of the disk.

import type { JsonObject } from '../../schema/json.ts';
import type { Membership } from '../accounts/state.ts';
import type { Known } from '../engine/learner.ts';
import type { Run } from '../engine/machine.ts';

/** When the next line may go, as kept in the part `retention`. Persisted. */
export interface Expiry {
  /** Of the rules it was worked out by. */
  readonly key: string;
  /** No line may go before this; null: none ever. Milliseconds. */
  readonly nextAt: number | null;
  /** Where the next commit goes on looking, where one was not enough, and what those before have found. */
  readonly cursor?: { readonly seq: number; readonly nextAt: number | null };
}

export interface CustomerState {
  /** The canonical id, which is also the object's name. */
  readonly id: string;
  readonly createdAt: number;
  /** Of the last event; null before the first. Milliseconds, like every instant here. */
  lastActivityAt: number | null;
  /** The latest instant anything was applied at: time does not run backwards (L1). */
  lastInputAt: number;
  events: number;
  /** Counts commits that the index in D1 should hear of. */
  revision: number;
  /** Since when the index is behind; null when it is not. */
  dirtySince: number | null;
  importing: boolean;
  catalogVersion: number;
  runsStarted: number;
  /** The customer this one was merged into, if any. */
  movedTo: string | null;
  /** Whether everything has been handed over to `movedTo`. */
  released: boolean;
  traits: JsonObject;
  /** What was worked out of the history (workers/knowledge); null: nothing was written yet. */
  known: Known | null;
  /** The account a person acts for, or the trace of one; null: there was none. */
  account: Membership | null;
  /** When lines of the timeline are to go; undefined: not asked yet. */
  expiry?: Expiry;
  readonly runs: Map<string, Run>;
  nextSeq: number;
}

export function newState(id: string, now: number): CustomerState {
  return {
    id,
    createdAt: now,
    lastActivityAt: null,
    lastInputAt: now,
    events: 0,
    revision: 0,
    dirtySince: null,
    importing: false,
    catalogVersion: 0,
    runsStarted: 0,
    movedTo: null,
    released: false,
    traits: {},
    known: null,
    account: null,
    runs: new Map(),
    nextSeq: 1,
  };
}

/** A copy to work on: a commit that fails leaves the original as it was. */
export function draftOf(state: CustomerState): CustomerState {
  return { ...state, runs: new Map(state.runs) };
}

/** The stage of each unkeyed journey whose run is not over. */
export function stagesOf(state: CustomerState): Record<string, string> {
  const stages: Record<string, string> = {};
  for (const run of state.runs.values())
    if (run.endedAt === undefined && run.key === null) stages[run.journey] = run.stage;
  return stages;
}
