// What is known of a customer by their history (workers/knowledge) when two become one, or are parted again: audiences join,
// everything else is worked out anew by the next firing, because the history is another (CT10, SG9).

import { changed, type Known, NOTHING_KNOWN } from '../engine/learner.ts';
import type { Commit } from './commit.ts';
import { type Part, writeKnown } from './storage.ts';

/** The part it is kept in. */
export const KNOWN = 'known';

/** No learner has this key, so what is known counts for nothing until it was worked out again. */
const STALE = 'stale';

function keep(commit: Commit, known: Known): void {
  commit.state.known = known;
  commit.knownChanged = true;
}

/** CT10: the history has become another. */
export function forgetLearned(commit: Commit): void {
  const { state, openings } = commit;
  if (openings.learner.key === '' && (state.known === null || state.known === NOTHING_KNOWN)) return;
  keep(commit, changed(state.known ?? NOTHING_KNOWN, { key: STALE }));
}

/** SG9: every audience either was in, since the earlier instant. */
export function takeKnown(commit: Commit, theirs: readonly Part[]): void {
  const own = commit.state.known ?? NOTHING_KNOWN;
  const audiences: Record<string, number> = { ...own.audiences };
  for (const { body } of theirs)
    for (const [audience, since] of Object.entries((JSON.parse(body) as Known).audiences))
      audiences[audience] = Math.min(since, audiences[audience] ?? since);
  const known = changed(own, { audiences, key: STALE });
  // Undoing goes by the rows before and after.
  writeKnown(commit.sql, known);
  keep(commit, known);
  commit.dirty = true;
}

export function revertKnown(commit: Commit, body: string | null): void {
  const before = body === null ? NOTHING_KNOWN : (JSON.parse(body) as Known);
  keep(commit, { ...before, key: STALE });
}
