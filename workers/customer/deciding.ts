// A decision that may have to ask what is left in all: by rounds, outside of any commit, and then in one.

import { LIMITS } from '../../schema/limits.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { type Asking, claimsWanted, type Decided, decideAndRecord, defaultDecisions } from './answer.ts';
import type { Cell } from './cell.ts';
import { askFor, nothingAsked } from './claims.ts';
import type { DecisionRequest } from './messages.ts';

/** B1: asks the shards for what would be shown, until nothing is left to ask; then decides and records. */
export async function decideClaiming(
  cell: Cell,
  catalog: Catalog,
  decide: DecisionRequest,
  who: Asking,
): Promise<Decided> {
  const asked = nothingAsked();
  const claimant = { customerId: cell.name(), catalogVersion: catalog.version, at: who.at };
  for (let round = 0; round < LIMITS.claimRoundsMax; round++) {
    const wanted = cell.transact(catalog, null, (commit) => claimsWanted(commit, catalog, decide, who, asked));
    if (wanted.length === 0) break;
    await Promise.all(wanted.map((want) => askFor(cell.env.TOTALS, asked, want, claimant)));
    // Who has become another customer meanwhile is asked there next time; what was claimed here is released by itself.
    if (cell.redirect()) return { decisions: defaultDecisions(catalog, decide, who.at), explained: null };
  }
  return cell.transact(catalog, null, (commit) => decideAndRecord(commit, catalog, decide, who, asked));
}
