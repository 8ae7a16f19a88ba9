// A decision for the customer of an object: at once, or, where something is limited in all, after asking what is left, by
// rounds outside of any commit and then in one.

import { LIMITS } from '../../schema/limits.ts';
import type { Catalog } from '../catalog/catalog.ts';
import {
  type Asking,
  claimsWanted,
  type Decided,
  decideAndRecord,
  decideOnly,
  defaultDecisions,
  mayShow,
  shownId,
  shownStages,
} from './answer.ts';
import type { Cell } from './cell.ts';
import { askFor, nothingAsked } from './claims.ts';
import type { Decided as DecidedReply, DecideRequest, DecisionRequest } from './messages.ts';

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

type Asked = Pick<DecideRequest, 'decide' | 'proven' | 'via'>;

/** Where nothing has to be waited for. With `record: nothing` and for who may not be shown more it only reads. */
export function decideNow(cell: Cell, catalog: Catalog, request: Asked, at: number): DecidedReply {
  const { decide, proven } = request;
  const who = { asking: null, proven, at };
  const state = cell.load();
  const isOpen = decide.placements.length > 0 && mayShow(cell.name(), proven) && cell.erasedAt() === null;
  if (!isOpen || (decide.record === 'nothing' && !state))
    return said(cell, catalog, at, request, { decisions: defaultDecisions(catalog, decide, at), explained: null });
  if (decide.record === 'nothing' && state)
    return said(cell, catalog, at, request, decideOnly({ sql: cell.sql, state }, catalog, decide, who));
  return said(
    cell,
    catalog,
    at,
    request,
    cell.transact(catalog, null, (commit) => decideAndRecord(commit, catalog, decide, who)),
  );
}

/** The reply: who it is for, and where they stand. */
export function said(
  cell: Cell,
  catalog: Catalog,
  at: number,
  request: Asked,
  { decisions, explained }: Decided,
): DecidedReply {
  const state = cell.load();
  const customerId = shownId(request, cell.name());
  const stages = state ? shownStages({ sql: cell.sql, state }, catalog, { proven: request.proven, at }) : {};
  return { customerId, stages, decisions, ...(explained ? { explained } : {}) };
}
