// What a person knows of the account they act for, and what an account knows of its members: pure steps from one state to the
// next, by events in the order they were applied. JSON. Instants in milliseconds.

import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { AccountFacts } from '../engine/facts.ts';
import { SYSTEM_EVENTS } from '../engine/machine.ts';

/** Events of accounts. Those of the first group are of the person, and are system events of the engine. */
export const ACCOUNT_EVENTS = {
  joined: SYSTEM_EVENTS.accountJoined,
  left: SYSTEM_EVENTS.accountLeft,
  changed: SYSTEM_EVENTS.accountChanged,
} as const;
export const MEMBER_EVENTS = { joined: 'Member Joined', left: 'Member Left' } as const;

/** The account a person acts for, or the trace of the last one. */
export interface Membership {
  readonly account: string | null;
  readonly since: number;
  /** Counts joining and leaving, so that the last word is known from an earlier one (AC3). */
  readonly turn: number;
  /** What the account calls this member in everything it keeps: it says nothing of who that is (AC11). */
  readonly alias: string;
  /** Of the account, as of its word number `revision`; 0 before the first. */
  readonly revision: number;
  readonly traits: JsonObject;
  readonly stages: { readonly [journey: string]: string };
}

/** What conditions see (AC8); undefined where the customer acts for nobody. */
export const viewOf = (membership: Membership | null): AccountFacts | undefined =>
  membership?.account == null
    ? undefined
    : { id: membership.account, traits: membership.traits, stages: membership.stages };

export interface Said {
  readonly name: string;
  /** `account`: the system's own word. */
  readonly type: string;
  readonly properties: { readonly [member: string]: Json };
}

/** An id a group may have. */
export const isAccountId = (id: Json | undefined): id is string =>
  typeof id === 'string' && id !== '' && id.length <= LIMITS.idCharsMax;

const textsOf = (value: Json | undefined): Record<string, string> =>
  isObject(value)
    ? Object.fromEntries(
        Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
      )
    : {};

/** AC1, AC2, AC8: the membership after an event; the same object where it says nothing new. `now`: when it is applied. */
export function hearAccount(
  before: Membership | null,
  { name, type, properties }: Said,
  now: number,
  newAlias: () => string = () => '',
): Membership | null {
  const { account } = properties;
  if (!isAccountId(account)) return before;
  const turn = (before?.turn ?? 0) + 1;
  const none = { since: now, turn, alias: before?.alias ?? newAlias(), revision: 0, traits: {}, stages: {} };
  switch (name) {
    case ACCOUNT_EVENTS.joined:
      return before?.account === account ? before : { account, ...none };
    case ACCOUNT_EVENTS.left:
      return before?.account === account ? { account: null, ...none } : before;
    case ACCOUNT_EVENTS.changed: {
      const { revision } = properties;
      if (type !== 'account' || before?.account !== account || typeof revision !== 'number') return before;
      if (revision <= before.revision) return before;
      const traits = properties['traits'];
      return { ...before, revision, traits: isObject(traits) ? traits : {}, stages: textsOf(properties['stages']) };
    }
    default:
      return before;
  }
}

/** Who acts for an account, and who did, by their aliases; and how many words the account has given its members. */
export interface Members {
  readonly members: {
    readonly [alias: string]: { readonly customer: string; readonly turn: number; readonly since: number | null };
  };
  readonly told: number;
}

export const NO_MEMBERS: Members = Object.freeze({ members: {}, told: 0 });

/** The customers who act for it now. */
export const presentIn = ({ members }: Members): string[] =>
  Object.values(members).flatMap(({ customer, since }) => (since === null ? [] : [customer]));

/** AC3, AC4. @returns `full` where there is room for nobody more */
export function hearMember(before: Members, { name, properties }: Said, now: number): Members | 'full' {
  const { member, customer, turn } = properties;
  if (typeof member !== 'string' || typeof customer !== 'string' || typeof turn !== 'number') return before;
  const joins = name === MEMBER_EVENTS.joined;
  if (!joins && name !== MEMBER_EVENTS.left) return before;
  const known = Object.hasOwn(before.members, member) ? before.members[member] : undefined;
  if (known && known.turn >= turn) return before;
  const isIn = known?.since != null;
  if (joins && !isIn && presentIn(before).length >= LIMITS.accountMembersMax) return 'full';
  const since = joins ? (known?.since ?? now) : null;
  return { ...before, members: { ...before.members, [member]: { customer, turn, since } } };
}

/** Whether an object is that of an account; ids of people begin otherwise. */
export const isAccount = (id: string): boolean => id.startsWith('g:');
