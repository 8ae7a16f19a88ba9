// Contacts that are overdue, as the object keeps them: one part says which gap each rule has told. When one is: workers/pressure.
// Asked after every commit, for the alarm; so it reads nothing where no policy asks for it, and each row once otherwise.

import { permission } from '../consent/state.ts';
import { SYSTEM_EVENTS } from '../engine/machine.ts';
import type { Policies } from '../policies/policies.ts';
import {
  firstOf,
  type Gap,
  joinedTold,
  overdueEvent,
  gapsOf as pressureGaps,
  type Told,
  toldOf,
} from '../pressure/overdue.ts';
import type { Commit } from './commit.ts';
import { consentsOf } from './consents.ts';
import { contactsOf } from './contacts.ts';
import type { IncomingEvent } from './messages.ts';
import type { CustomerState } from './state.ts';
import { deletePart, type Part, readPart, writePart } from './storage.ts';

export const OVERDUE = 'overdue';

/** Of a state that a commit may still change only by `write`; the next commit makes another state. */
const known = new WeakMap<CustomerState, Told>();

/** A draft begins with what its state knows; somebody new was told nothing. */
export function inheritTold(before: CustomerState | null, draft: CustomerState): void {
  const told = before ? known.get(before) : {};
  if (told) known.set(draft, told);
}

function toldTo(sql: SqlStorage, state: CustomerState): Told {
  const read = known.get(state);
  if (read) return read;
  const body = readPart(sql, OVERDUE);
  const told = body === null ? {} : (JSON.parse(body) as Told);
  known.set(state, told);
  return told;
}

function write(commit: Commit, told: Told): void {
  known.set(commit.state, told);
  commit.wrote = true;
  writePart(commit.sql, OVERDUE, JSON.stringify(told));
}

/** CP11: of a visitor nobody knows there are none. */
export function gapsOf(sql: SqlStorage, state: CustomerState, policies: Policies): readonly Gap[] {
  const { pressure, consent } = policies;
  if (pressure.least.length === 0 || !state.id.startsWith('u:')) return NONE;
  const consents = consentsOf(sql, state, consent);
  return pressureGaps(pressure, {
    createdAt: state.createdAt,
    contacts: contactsOf(sql, state),
    told: toldTo(sql, state),
    permission: (purpose, channel) => permission(consents, consent, purpose, channel),
  });
}

const NONE: readonly Gap[] = [];

/** The gap that becomes too long first; null where none will. */
export const gapOf = (sql: SqlStorage, state: CustomerState, policies: Policies): Gap | null =>
  firstOf(gapsOf(sql, state, policies));

/** When it is overdue, milliseconds; time does not run backwards (L1). */
export function overdueAt(sql: SqlStorage, state: CustomerState, policies: Policies): number | null {
  const gap = gapOf(sql, state, policies);
  return gap && Math.max(gap.at, state.lastInputAt);
}

/** Notes that a gap is told. @returns the event that says so */
export function tellGap(commit: Commit, gap: Gap, at: number): IncomingEvent {
  write(commit, toldOf(commit.policies.pressure, toldTo(commit.sql, commit.state), gap));
  const { messageId, properties } = overdueEvent(commit.state.id, gap);
  const name = SYSTEM_EVENTS.overdue;
  const body = JSON.stringify({ type: 'track', event: name, messageId, properties });
  return { messageId, name, type: 'track', at, body, merges: null };
}

/** CP12. */
export function takeTold(commit: Commit, theirs: readonly Part[]): void {
  let told = toldTo(commit.sql, commit.state);
  for (const { body } of theirs) told = joinedTold(told, JSON.parse(body) as Told);
  write(commit, told);
}

/** GM12. */
export function revertTold(commit: Commit, body: string | null): void {
  write(commit, body === null ? {} : (JSON.parse(body) as Told));
  if (body === null) deletePart(commit.sql, OVERDUE);
}
