// Which runs a customer is in once two are one (M2, R2, GM8, GM9). Pure; what it comes to is recorded by the caller.

import { LIMITS } from '../../schema/limits.ts';
import type { Run } from '../engine/machine.ts';
import type { MachineOf } from '../engine/traveller.ts';

export type RunJoin =
  /** The customer's own run stays, the other one ends with its customer. */
  | { readonly kind: 'keep'; readonly run: Run; readonly own: Run }
  /** The other one goes on here, in place of `own`, if there was one. */
  | { readonly kind: 'take'; readonly run: Run; readonly own: Run | null }
  /** GM9: the customer is in as many journeys as one may be in. */
  | { readonly kind: 'full'; readonly run: Run };

/** What becomes of each run that is brought, in the order in which it is to be done. */
export function joinRuns(own: Iterable<Run>, brought: readonly Run[], machineOf: MachineOf): RunJoin[] {
  const at = new Map<string, Run>();
  for (const run of own) at.set(placeOf(run), run);
  let live = 0;
  for (const run of at.values()) if (run.endedAt === undefined) live++;
  const joins: RunJoin[] = [];
  // Who was entered last is dearest, should there be too many.
  const latest = [...brought].sort((one, other) => other.enteredAt - one.enteredAt || (one.id < other.id ? -1 : 1));
  for (const run of latest) {
    const place = placeOf(run);
    const mine = at.get(place) ?? null;
    if (mine && !prefers(run, mine, machineOf)) {
      joins.push({ kind: 'keep', run, own: mine });
      continue;
    }
    const more = Number(run.endedAt === undefined) - Number(mine !== null && mine.endedAt === undefined);
    if (live + more > LIMITS.runsPerCustomerMax && more > 0) {
      joins.push({ kind: 'full', run });
      continue;
    }
    live += more;
    at.set(place, run);
    joins.push({ kind: 'take', run, own: mine });
  }
  return joins;
}

const placeOf = ({ journey, key }: Run): string => JSON.stringify([journey, key]);

/** Whether the run that is brought takes the place of the customer's own. */
function prefers(brought: Run, own: Run, machineOf: MachineOf): boolean {
  const { onMerge } = machineOf(own);
  if (onMerge === 'target') return false;
  const [theirs, ours] = [rank(brought, machineOf), rank(own, machineOf)];
  return onMerge === 'earlier' ? theirs < ours : theirs > ours;
}

/**
 * A run that is over stands beyond every stage: who is through with a journey does not begin it again. Where a journey may
 * be begun again it stands before every stage: what is under way is not lost to what was.
 */
function rank(run: Run, machineOf: MachineOf): number {
  const machine = machineOf(run);
  if (run.endedAt !== undefined) return machine.reentry === 'never' ? Number.POSITIVE_INFINITY : -2;
  return machine.stages.get(run.stage)?.index ?? -1;
}
