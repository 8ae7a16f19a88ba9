// How each part of a customer's state joins that of another one who turns out to be the same (GM7): ONE list. Whoever adds
// a kind of part adds a line here; a part without a line stays behind and is forgotten with the source. Entries, traits,
// runs, messages and earlier merges have ways of their own (move.ts).

import { revertAccount, takeAccount } from './accounts.ts';
import { takeClaims } from './claims.ts';
import type { Commit } from './commit.ts';
import { CONSENTS, revertConsents, takeConsents } from './consents.ts';
import { CONTACTS, revertContacts, takeContacts } from './contacts.ts';
import { takeExposures } from './exposures.ts';
import { IDENTIFIER, revertIdentifier, takeIdentifiers } from './identifiers.ts';
import { KNOWN, revertKnown, takeKnown } from './knowing.ts';
import { takeLedgers } from './ledgers.ts';
import { OVERDUE, revertTold, takeTold } from './overdue.ts';
import { ACCOUNT_PART, type Part, partsBelow } from './storage.ts';

export interface Joining {
  /** The customer whose parts these are. */
  readonly source: string;
  /** Milliseconds. */
  readonly at: number;
}

export interface Join {
  /** Names of these parts begin so. */
  readonly prefix: string;
  /** Puts the other's parts to those of this customer. Called once a merge, inside its last commit. */
  readonly take: (commit: Commit, theirs: readonly Part[], joining: Joining) => void;
  /** Writes a part back that a merge changed, where a row alone would not do (GM12). Null: it was not there. */
  readonly revert?: (commit: Commit, name: string, body: string | null) => void;
}

export const JOINS: readonly Join[] = [
  { prefix: IDENTIFIER, take: takeIdentifiers, revert: revertIdentifier },
  {
    prefix: ACCOUNT_PART,
    take: (commit, theirs) => takeAccount(commit, theirs),
    revert: (commit, _, body) => revertAccount(commit, body),
  },
  { prefix: 'exposure:', take: (commit, theirs) => takeExposures(commit, theirs) },
  { prefix: 'ledger:', take: (commit, theirs) => takeLedgers(commit, theirs) },
  { prefix: 'claims:', take: (commit, theirs, { at }) => takeClaims(commit, theirs, at) },
  {
    prefix: KNOWN,
    take: (commit, theirs) => takeKnown(commit, theirs),
    revert: (commit, _name, body) => revertKnown(commit, body),
  },
  {
    prefix: CONTACTS,
    take: (commit, theirs) => takeContacts(commit, theirs),
    revert: (commit, _name, body) => revertContacts(commit, body),
  },
  {
    prefix: OVERDUE,
    take: (commit, theirs) => takeTold(commit, theirs),
    revert: (commit, _name, body) => revertTold(commit, body),
  },
  {
    prefix: CONSENTS,
    take: (commit, [theirs], { source, at }) => takeConsents(commit, theirs?.body ?? null, source, at),
    revert: (commit, _name, body) => revertConsents(commit, body),
  },
];

/** Everything in the list, as it stands now. */
export const joinedParts = (sql: SqlStorage): Part[] => JOINS.flatMap(({ prefix }) => partsBelow(sql, prefix));

/** Joins what the other brings, in the order of the list. */
export function takeParts(commit: Commit, theirs: readonly Part[], joining: Joining): void {
  for (const { prefix, take } of JOINS) {
    const own = theirs.filter(({ name }) => name.startsWith(prefix));
    if (own.length > 0) take(commit, own, joining);
  }
}
