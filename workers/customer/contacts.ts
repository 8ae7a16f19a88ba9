// The contacts a customer had, as the object keeps them: one part. When there is room for another one: workers/pressure. Room
// is taken in the commit that claims a message, and given back in the one that hears it was not sent.

import { LIMITS } from '../../schema/limits.ts';
import { wishOf } from '../pressure/policy.ts';
import { type Contact, concernsAny, type Kind, type Room, remembered, roomFor, zoneFor } from '../pressure/room.ts';
import type { Commit } from './commit.ts';
import { consentsOf } from './consents.ts';
import { type Part, readPart, writePart } from './storage.ts';

export const CONTACTS = 'contacts';

const read = (sql: SqlStorage): Contact[] => {
  const body = readPart(sql, CONTACTS);
  return body === null ? [] : (JSON.parse(body) as Contact[]);
};

function write(commit: Commit, contacts: readonly Contact[]): void {
  commit.wrote = true;
  const kept = remembered(contacts, commit.policies.pressure, commit.now);
  writePart(commit.sql, CONTACTS, JSON.stringify(kept.slice(-LIMITS.contactsMax)));
}

/** A message that may want the same room. */
export interface Rival extends Kind {
  readonly key: string;
}

/** Room for a message, after those that go before it (CP8): each of them takes its own, if there is any for it now. */
export function roomNow(commit: Commit, wanted: Rival, before: readonly Rival[]): Room {
  const { sql, state, policies, now } = commit;
  const { pressure } = policies;
  const wish = wishOf(consentsOf(sql, state, policies.consent).frequency);
  if (!concernsAny(pressure, wish, wanted)) return { kind: 'now' };
  const zone = zoneFor(pressure, state.traits['timezone']);
  const contacts = read(sql).filter(({ key }) => key !== wanted.key);
  for (const rival of before)
    if (roomFor(pressure, wish, contacts, rival, zone, now).kind === 'now') contacts.push({ ...rival, at: now });
  return roomFor(pressure, wish, contacts, wanted, zone, now);
}

export function takeRoom(commit: Commit, { key, channel, purpose, tags }: Rival): void {
  const { sql, state, policies, now } = commit;
  const wish = wishOf(consentsOf(sql, state, policies.consent).frequency);
  if (!concernsAny(policies.pressure, wish, { channel, purpose, tags })) return;
  const others = read(sql).filter((contact) => contact.key !== key);
  write(commit, [...others, { key, channel, purpose, tags, at: now }]);
}

export function giveRoomBack(commit: Commit, key: string): void {
  const contacts = read(commit.sql);
  const others = contacts.filter((contact) => contact.key !== key);
  if (others.length < contacts.length) write(commit, others);
}

/** CP10. */
export function takeContacts(commit: Commit, theirs: readonly Part[]): void {
  const contacts = read(commit.sql);
  const known = new Set(contacts.map(({ key }) => key));
  for (const { body } of theirs)
    for (const contact of JSON.parse(body) as Contact[]) if (!known.has(contact.key)) contacts.push(contact);
  write(
    commit,
    contacts.sort((one, other) => one.at - other.at),
  );
}
