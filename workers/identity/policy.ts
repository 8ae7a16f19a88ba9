// The part of the section `identity` of the policies that is about merges, compiled.

import type { IdentityPolicy } from '../../schema/policies/identity.ts';
import { durationMs } from '../engine/durations.ts';
import type { Finding } from '../engine/findings.ts';

export interface MergeRules {
  /** How long a merge can be taken back, milliseconds; 0: not at all. */
  readonly undoWithinMs: number;
  readonly aliasByToken: boolean;
}

const DAY_MS = 86_400_000;
const UNDO_MS_MAX = 30 * DAY_MS;

export const NO_MERGE_RULES: MergeRules = { undoWithinMs: 7 * DAY_MS, aliasByToken: false };

/** The rules, or what is wrong with them. */
export function compileMerging({ undoWithin, aliasByToken }: IdentityPolicy): MergeRules | Finding {
  const undoWithinMs = undoWithin === undefined ? NO_MERGE_RULES.undoWithinMs : durationMs(undoWithin);
  if (undoWithinMs === null || undoWithinMs > UNDO_MS_MAX)
    return {
      code: 'duration',
      pointer: '/identity/undoWithin',
      message: `${undoWithin} is not a duration of at most P30D`,
      remedy: 'Write an ISO 8601 duration such as P7D.',
    };
  return { undoWithinMs, aliasByToken: aliasByToken ?? NO_MERGE_RULES.aliasByToken };
}
