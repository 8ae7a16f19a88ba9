// Companies in the customer's object (workers/accounts): a person's membership and what of the person goes to the account; an
// account's members and the word they are given. What goes from object to object goes by the outbox, as an event.

import { isObject, type JsonObject } from '../../schema/json.ts';
import { RESEND_AFTER_MS } from '../../schema/limits.ts';
import {
  ACCOUNT_EVENTS,
  hearAccount,
  hearMember,
  isAccount,
  isAccountId,
  MEMBER_EVENTS,
  type Members,
  type Membership,
  NO_MEMBERS,
  presentIn,
} from '../accounts/state.ts';
import type { Cell } from './cell.ts';
import { type Commit, record } from './commit.ts';
import type { IncomingEvent } from './messages.ts';
import { stagesOf } from './state.ts';
import { ACCOUNT_PART, type Part, readPart, SQL, writeOutbox, writePart } from './storage.ts';

const MEMBERS = 'members';

export const accountObject = (account: string): string => `g:${account}`;

/** An effect of the outbox: an event that another object takes. `null`: every member, what the account is by then. */
export type AccountEffect =
  | { readonly kind: 'account'; readonly to: string; readonly event: IncomingEvent }
  | { readonly kind: 'members'; readonly to: readonly string[] | null };

export const readMembers = (sql: SqlStorage): Members => {
  const body = readPart(sql, MEMBERS);
  return body === null ? NO_MEMBERS : (JSON.parse(body) as Members);
};

/** AC1: what a proven group call says beside being an event; null where it says nothing. */
export function joiningOf(commit: Commit, incoming: IncomingEvent, message: JsonObject): IncomingEvent | null {
  // Ids may be sent as numbers; the message keeps them as they came.
  const groupId = typeof message['groupId'] === 'number' ? String(message['groupId']) : message['groupId'];
  const { accounts } = commit.policies;
  if (!accounts.declared || !(incoming.member || accounts.open) || !isAccountId(groupId)) return null;
  if (isAccount(commit.state.id)) return null;
  const traits = isObject(message['traits']) ? message['traits'] : {};
  const messageId = `${incoming.messageId}/account`;
  const body = { type: 'account', event: ACCOUNT_EVENTS.joined, messageId, properties: { account: groupId }, traits };
  return {
    ...{ messageId, name: ACCOUNT_EVENTS.joined, type: 'account', at: incoming.at, merges: null },
    body: JSON.stringify(body),
  };
}

const ACCOUNT_NAMES: ReadonlySet<string> = new Set(Object.values(ACCOUNT_EVENTS));
export const speaksOfAccounts = (name: string): boolean => ACCOUNT_NAMES.has(name);

/**
 * AC1 to AC3, AC8: takes over what an event says of the account of a person, and lets the accounts know.
 * @returns whether what conditions see of it has changed
 */
export function noteAccount(commit: Commit, event: IncomingEvent, message: JsonObject, now: number): boolean {
  const { state } = commit;
  if (isAccount(state.id)) return false;
  const before = state.account;
  const properties = isObject(message['properties']) ? message['properties'] : {};
  const said = { name: event.name, type: event.type, properties };
  const after = hearAccount(before, said, now, () => crypto.randomUUID());
  const joins = event.name === ACCOUNT_EVENTS.joined;
  const traits = isObject(message['traits']) ? message['traits'] : {};
  // Joining again changes nothing here, and may bring the account traits.
  if (after === before && joins && after?.account && Object.keys(traits).length > 0)
    sendWord(commit, after.account, MEMBER_EVENTS.joined, event, { member: after, traits });
  if (after === before || after === null) return false;
  state.account = after;
  writePart(commit.sql, ACCOUNT_PART, JSON.stringify(after));
  commit.wrote = true;
  if (event.name === ACCOUNT_EVENTS.changed) return true;
  if (before?.account) sendWord(commit, before.account, MEMBER_EVENTS.left, event, { member: after, traits: {} });
  if (after.account) sendWord(commit, after.account, MEMBER_EVENTS.joined, event, { member: after, traits });
  return true;
}

function sendWord(
  commit: Commit,
  account: string,
  name: string,
  { messageId, at }: IncomingEvent,
  { member: { alias, turn }, traits }: { readonly member: Membership; readonly traits: JsonObject },
): void {
  sendTo(commit, account, {
    ...{ messageId: `${alias}/${messageId}/${name}`, name, at, merges: null },
    type: 'identify',
    body: JSON.stringify({
      type: 'identify',
      event: name,
      properties: { member: alias, customer: commit.state.id, turn },
      traits,
    }),
  });
}

function sendTo(commit: Commit, account: string, event: IncomingEvent): void {
  const effect: AccountEffect = { kind: 'account', to: accountObject(account), event };
  writeOutbox(commit.sql, `account/${event.messageId}`, JSON.stringify(effect), commit.now + RESEND_AFTER_MS);
  commit.outbox = true;
  commit.wrote = true;
}

/** AC5. */
export function shareEvent(commit: Commit, event: IncomingEvent, message: () => JsonObject): void {
  const { state, policies } = commit;
  const personal = policies.accounts.shares.get(event.name);
  const { account } = state;
  if (!personal || !account?.account || isAccount(state.id)) return;
  const properties = message()['properties'];
  const shared = Object.entries(isObject(properties) ? properties : {}).filter(([name]) => !personal.has(name));
  sendTo(commit, account.account, {
    ...{
      messageId: `${account.alias}/${event.messageId}`,
      name: event.name,
      type: 'track',
      at: event.at,
      merges: null,
    },
    body: JSON.stringify({
      ...{ type: 'track', event: event.name },
      properties: { ...Object.fromEntries(shared), member: account.alias },
    }),
  });
}

/** AC3, AC4: who acts for this account. @returns whether the event is to be taken */
export function noteMember(commit: Commit, name: string, message: JsonObject, now: number): boolean {
  if (name !== MEMBER_EVENTS.joined && name !== MEMBER_EVENTS.left) return true;
  const { sql, state } = commit;
  const properties = isObject(message['properties']) ? message['properties'] : {};
  const before = readMembers(sql);
  const after = hearMember(before, { name, type: '', properties }, now);
  if (after === 'full') {
    record(commit, 'error', now, { pointer: '', detail: `${state.id} has as many members as there may be` });
    return false;
  }
  if (after === before) return true;
  writePart(sql, MEMBERS, JSON.stringify(after));
  commit.wrote = true;
  const { customer } = properties;
  if (name === MEMBER_EVENTS.joined && typeof customer === 'string') tellMembers(commit, [customer]);
  return true;
}

/** AC8: the members hear what the account is. `to` null: all of them. */
export function tellMembers(commit: Commit, to: readonly string[] | null): void {
  const { sql } = commit;
  const members = readMembers(sql);
  if (presentIn(members).length === 0) return;
  const told = members.told + 1;
  writePart(sql, MEMBERS, JSON.stringify({ ...members, told }));
  const effect: AccountEffect = { kind: 'members', to };
  writeOutbox(sql, `members/${told}`, JSON.stringify(effect), commit.now + RESEND_AFTER_MS);
  commit.outbox = true;
  commit.wrote = true;
}

/** Objects told at once. */
const AT_ONCE = 16;

/** Delivers an effect. @throws where an object cannot be reached: it is delivered again, and taken once */
export async function deliverAccountEffect(cell: Cell, effect: AccountEffect): Promise<void> {
  if (effect.kind === 'account') {
    await give(cell, effect.to, effect.event);
    return;
  }
  const state = cell.load();
  if (!state) return;
  const members = readMembers(cell.sql);
  const { told } = members;
  const account = state.id.slice(2);
  const properties = { account, revision: told, traits: state.traits, stages: stagesOf(state) };
  const messageId = `${state.id}/${told}`;
  const name = ACCOUNT_EVENTS.changed;
  const event: IncomingEvent = {
    ...{ messageId, name, type: 'account', at: state.lastInputAt, merges: null },
    body: JSON.stringify({ type: 'account', event: name, messageId, properties }),
  };
  const present = presentIn(members).filter((member) => effect.to === null || effect.to.includes(member));
  for (let start = 0; start < present.length; start += AT_ONCE)
    await Promise.all(present.slice(start, start + AT_ONCE).map((member) => give(cell, member, event)));
}

async function give(cell: Cell, to: string, event: IncomingEvent): Promise<void> {
  const catalogVersion = cell.load()?.catalogVersion ?? 0;
  const request = { customerId: to, catalogVersion, proven: true, decide: null, events: [event] };
  const reply = await cell.stub(to).ingest(request);
  if (reply.kind !== 'done') throw new Error('the other object could not take it');
}

/** AC10: the own account stays; without one that of the other is taken over. */
export function takeAccount(commit: Commit, theirs: readonly Part[]): void {
  const { state } = commit;
  const [part] = theirs;
  const other = part ? (JSON.parse(part.body) as Membership) : null;
  if (!other?.account || state.account?.account) return;
  const messageId = `merged/${state.nextSeq}`;
  const event = { messageId, name: ACCOUNT_EVENTS.joined, type: 'account', at: commit.now, merges: null, body: '' };
  noteAccount(commit, event, { properties: { account: other.account } }, state.lastInputAt);
}

/** What a merge had brought is taken back; the account hears that this one no longer acts for it. */
export function revertAccount(commit: Commit, body: string | null): void {
  const { state } = commit;
  const account = state.account?.account;
  if (body !== null || !account) return;
  const messageId = `parted/${state.nextSeq}`;
  const event = { messageId, name: ACCOUNT_EVENTS.left, type: 'account', at: commit.now, merges: null, body: '' };
  noteAccount(commit, event, { properties: { account } }, state.lastInputAt);
}

/** Companies the customer has ever acted for. */
export const accountsIn = (sql: SqlStorage): string[] => [
  ...new Set(
    sql
      .exec<{ account: string | null }>(SQL.accounts)
      .toArray()
      .flatMap(({ account }) => account ?? []),
  ),
];

/** AC11: nothing names the customer any more; what was shared stays under the alias, and counts. */
export function forgetMember(commit: Commit, customer: string): void {
  const { sql } = commit;
  const before = readMembers(sql);
  const others = Object.entries(before.members).filter(([, member]) => member.customer !== customer);
  writePart(sql, MEMBERS, JSON.stringify({ ...before, members: Object.fromEntries(others) }));
  sql.exec(SQL.forgetMember, customer);
  commit.wrote = true;
  commit.head = true;
}
