// What the engine's effects come to in a commit under way: runs taken over, lines in the timeline, traits, messages.

import type { Effect, Run } from '../engine/machine.ts';
import { carryOut, type Ledger } from '../engine/outcomes.ts';
import { type Commit, learn, record } from './commit.ts';
import { prepareMessage } from './sending.ts';

const LEDGER: Ledger<Commit> = { record, learn, send: prepareMessage };

/** Takes over a run's next state and what came of the step. `at` in milliseconds. */
export function apply(
  commit: Commit,
  before: Run | null,
  after: Run | null,
  effects: readonly Effect[],
  at: number,
): void {
  const { state } = commit;
  if (after && after !== before) {
    state.runs.set(after.id, after);
    commit.changedRuns.add(after.id);
    commit.dirty = true;
  }
  carryOut(LEDGER, commit, after ?? before, effects, at);
}

/** Takes a run that is over out of the customer's memory; the timeline keeps what it did. */
export function forget(commit: Commit, id: string): void {
  commit.state.runs.delete(id);
  commit.forgottenRuns.add(id);
}
