// The contacts a customer had, as the object keeps them: one part. When there is room for another one: workers/pressure. Room
// is taken in the commit that claims a message, and given back in the one that hears it was not sent.

import { LIMITS } from '../../schema/limits.ts';
import { awaited } from '../pressure/overdue.ts';
import { wishOf } from '../pressure/policy.ts';
import { type Contact, concernsAny, type Kind, type Room, remembered, roomFor, zoneFor } from '../pressure/room.ts';
import type { Commit } from './commit.ts';
import { consentsOf } from './consents.ts';
import type { CustomerState } from './state.ts';
import { deletePart, type Part, readPart, writePart } from './storage.ts';

export const CONTACTS = 'contacts';

/** Of a state that a commit may still change only by `write`; the next commit makes another state. */
const known = new WeakMap<CustomerState, readonly Contact[]>();

/** A draft begins with what its state knows; somebody new had no contact. */
export function inheritContacts(before: CustomerState | null, draft: CustomerState): void {
  const contacts = before ? known.get(before) : [];
  if (contacts) known.set(draft, contacts);
}

/** In the order they were made. */
export function contactsOf(sql: SqlStorage, state: CustomerState): readonly Contact[] {
  const read = known.get(state);
  if (read) return read;
  const body = readPart(sql, CONTACTS);
  const contacts = body === null ? [] : (JSON.parse(body) as Contact[]);
  known.set(state, contacts);
  return contacts;
}

function write(commit: Commit, contacts: readonly Contact[]): void {
  commit.wrote = true;
  const kept = remembered(contacts, commit.policies.pressure, commit.now).slice(-LIMITS.contactsMax);
  known.set(commit.state, kept);
  writePart(commit.sql, CONTACTS, JSON.stringify(kept));
}

/** A message that may want the same room. */
export interface Rival extends Kind {
  readonly key: string;
}

type Asking = Pick<Commit, 'sql' | 'state' | 'policies' | 'now'>;

/** CP6. */
export const wishFor = ({ sql, state, policies }: Pick<Commit, 'sql' | 'state' | 'policies'>) =>
  wishOf(consentsOf(sql, state, policies.consent).frequency);

/** Room for a message, after those that go before it (CP8): each of them takes its own, if there is any for it now. */
export function roomOf(asking: Asking, wanted: Rival, before: () => readonly Rival[] = () => []): Room {
  const { sql, state, policies, now } = asking;
  const { pressure } = policies;
  const wish = wishFor(asking);
  if (!concernsAny(pressure, wish, wanted)) return { kind: 'now' };
  const zone = zoneFor(pressure, state.traits['timezone']);
  const contacts = contactsOf(sql, state).filter(({ key }) => key !== wanted.key);
  for (const rival of before())
    if (roomFor(pressure, wish, contacts, rival, zone, now).kind === 'now') contacts.push({ ...rival, at: now });
  return roomFor(pressure, wish, contacts, wanted, zone, now);
}

export function takeRoom(commit: Commit, { key, channel, purpose, tags }: Rival): void {
  const { sql, state, policies, now } = commit;
  const wish = wishFor(commit);
  const kind = { channel, purpose, tags };
  if (!concernsAny(policies.pressure, wish, kind) && !awaited(policies.pressure, kind)) return;
  const others = contactsOf(sql, state).filter((contact) => contact.key !== key);
  write(commit, [...others, { key, channel, purpose, tags, at: now }]);
}

export function giveRoomBack(commit: Commit, key: string): void {
  const contacts = contactsOf(commit.sql, commit.state);
  const others = contacts.filter((contact) => contact.key !== key);
  if (others.length < contacts.length) write(commit, others);
}

/** CP10. */
export function takeContacts(commit: Commit, theirs: readonly Part[]): void {
  const contacts = [...contactsOf(commit.sql, commit.state)];
  const own = new Set(contacts.map(({ key }) => key));
  for (const { body } of theirs)
    for (const contact of JSON.parse(body) as Contact[]) if (!own.has(contact.key)) contacts.push(contact);
  write(
    commit,
    contacts.sort((one, other) => one.at - other.at),
  );
}

/** GM12. */
export function revertContacts(commit: Commit, body: string | null): void {
  write(commit, body === null ? [] : (JSON.parse(body) as Contact[]));
  if (body === null) deletePart(commit.sql, CONTACTS);
}
