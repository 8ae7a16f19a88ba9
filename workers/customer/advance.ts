// Inputs of a commit under way: the rows an event or a timer adds. How they move the customer is the engine's
// (travel.ts); what the effects come to stands in effects.ts.

import { isObject, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { isAccount } from '../accounts/state.ts';
import { keptWithout, SAYS_CONSENT } from '../consent/statements.ts';
import type { EngineEvent } from '../engine/machine.ts';
import { engineEventOf as eventOfMessage } from '../engine/message.ts';
import * as travel from '../engine/travel.ts';
import type { World } from '../engine/traveller.ts';
import { fireDue, type Missing } from '../pressure/overdue.ts';
import { joiningOf, noteAccount, noteMember, shareEvent, speaksOfAccounts } from './accounts.ts';
import { noteClaimed } from './claims.ts';
import { addEntry, type Commit, learn } from './commit.ts';
import { noteConsent, refused } from './consents.ts';
import { apply, forget } from './effects.ts';
import { noteOutcomes } from './exposures.ts';
import { factsFromRows } from './facts.ts';
import { noteExternalIds, noteIdentifiers } from './identifiers.ts';
import { forgetLearned } from './knowing.ts';
import { noteReported } from './ledgers.ts';
import type { EventStatus, IncomingEvent } from './messages.ts';
import { gapOf, tellGap } from './overdue.ts';
import { giveUpRefused } from './sending.ts';
import { entryBody } from './storage.ts';

const WORLD: World<Commit> = {
  facts: ({ sql, state }) => factsFromRows(sql, state),
  apply,
  forget,
  append: (commit, event, at) => {
    const { state } = commit;
    const { name, messageId } = event;
    const body = JSON.stringify(travel.messageOf(event));
    if (!addEntry(commit, { seq: state.nextSeq, at, appliedAt: at, kind: 'emitted', name, messageId, body }))
      return false;
    state.nextSeq++;
    noteOutcomes(commit, name, () => event, at);
    noteReported(commit, name, () => event, at);
    noteClaimed(commit, name, () => event, at);
    return true;
  },
  learned: (commit, { traits, members }) => {
    commit.knownChanged = true;
    if (traits) commit.traitsChanged = true;
    if (members) commit.dirty = true;
  },
};

/** CP14. */
const MISSING: Missing<Commit> = {
  rules: ({ policies }) => policies.pressure,
  next: ({ sql, state, policies }) => gapOf(sql, state, policies),
  happen: (commit, gap, at) => void takeEvent(commit, tellGap(commit, gap, at), at),
};

/**
 * Fires what is due up to and including `until`, each timer at its own instant, at most `timersPerCommitMax` of them.
 * @returns whether more is due
 */
export function fireTimers(commit: Commit, until: number): boolean {
  const { fired, more } = fireDue(WORLD, MISSING, commit, until, LIMITS.timersPerCommitMax);
  commit.timersFired += fired;
  if (fired > 0) commit.head = true;
  return more;
}

/**
 * Appends an event to the history and offers it to every run and every entry that listens. `now` in milliseconds.
 * The message is parsed only when somebody listens: most events of a shop concern no journey.
 * @returns false for an event this customer has already; nothing has changed then
 */
export function applyEvent(commit: Commit, sent: IncomingEvent, now: number): boolean {
  const requests = saysConsent(sent) ? hearConsent(commit, sent, now) : NO_EVENTS;
  if (requests === null) return false;
  const incoming = commit.policies.consent.events ? asPermitted(commit, sent, now) : sent;
  if (incoming === null) return true;
  if (!takeEvent(commit, incoming, now)) return false;
  for (const request of requests) applyEvent(commit, request, now);
  return true;
}

/** An event as it is kept. @returns false for one this customer has already */
function takeEvent(commit: Commit, incoming: IncomingEvent, now: number): boolean {
  const { state } = commit;
  const { at, name, messageId, body } = incoming;
  if (!addEntry(commit, { seq: state.nextSeq, at, appliedAt: now, kind: 'event', name, messageId, body })) return false;
  state.nextSeq++;
  state.events++;
  commit.head = true;
  travel.noteEvent(state, name, now);
  const joinings = hearOfAccounts(commit, incoming, now);
  let parsed: EngineEvent | null = null;
  const event = (): EngineEvent => {
    parsed ??= engineEventOf(incoming);
    return parsed;
  };
  if (incoming.type === 'identify' && Object.keys(event().traits).length > 0 && learn(commit, event().traits, now)) {
    if (!isAccount(state.id)) noteIdentifiers(commit, incoming, event().traits);
    travel.noteTraits(WORLD, commit, now);
  }
  if (incoming.externalIds) noteExternalIds(commit, incoming, event().context, statedTraits(incoming, event()));
  noteOutcomes(commit, name, event, at);
  noteReported(commit, name, event, now);
  noteClaimed(commit, name, event, now);
  travel.offerEvent(WORLD, commit, name, event, at, now);
  for (const joining of joinings) applyEvent(commit, joining, now);
  return true;
}

/** What an event says of companies: a member of this account, the account of this person, what is shared (workers/accounts). */
function hearOfAccounts(commit: Commit, incoming: IncomingEvent, now: number): readonly IncomingEvent[] {
  const { name, type, body } = incoming;
  const { declared, shares } = commit.policies.accounts;
  const message = (): JsonObject => {
    const parsed: unknown = JSON.parse(body);
    return isObject(parsed) ? parsed : {};
  };
  if (isAccount(commit.state.id)) {
    if (name.startsWith('Member ')) noteMember(commit, name, message(), now);
    return NO_EVENTS;
  }
  if (speaksOfAccounts(name)) {
    if (noteAccount(commit, incoming, message(), now)) travel.noteTraits(WORLD, commit, now);
    return NO_EVENTS;
  }
  if (!declared) return NO_EVENTS;
  if (shares.has(name)) shareEvent(commit, incoming, message);
  const joining = type === 'group' ? joiningOf(commit, incoming, message()) : null;
  return joining ? [joining] : NO_EVENTS;
}

/** Traits that a message states of the customer: only those of identify. */
const statedTraits = ({ type }: IncomingEvent, { traits }: EngineEvent): JsonObject =>
  type === 'identify' ? traits : {};

const NO_EVENTS: readonly IncomingEvent[] = [];
const saysConsent = ({ name, signals }: IncomingEvent): boolean => signals === true || SAYS_CONSENT.has(name);

/** What follows from what an event says about consent; null for an event this customer has already. */
function hearConsent(commit: Commit, event: IncomingEvent, now: number): readonly IncomingEvent[] | null {
  if (entryBody(commit.sql, event.messageId) !== null) return null;
  const message: unknown = JSON.parse(event.body);
  const requests = noteConsent(commit, event, isObject(message) ? message : {}, now);
  giveUpRefused(commit);
  return requests;
}

/** CS5: the event as it may be kept; null for one that is dropped. */
function asPermitted(commit: Commit, event: IncomingEvent, now: number): IncomingEvent | null {
  const rules = commit.policies.consent;
  const { purpose = '' } = rules.events ?? {};
  if (
    SAYS_CONSENT.has(event.name) ||
    event.type === 'account' ||
    refused(commit.sql, commit.state, rules, purpose, null, now) === null
  )
    return event;
  const message: unknown = JSON.parse(event.body);
  const kept = isObject(message) ? keptWithout(message, event.name, rules) : null;
  return kept && { ...event, body: JSON.stringify(kept) };
}

/**
 * Events of one call, at one instant. What one of them makes due fires before the next (A5); before the first it has fired.
 * @throws where that is more than one input may wait for: then none of the call is taken
 */
export function applyEvents(commit: Commit, events: readonly IncomingEvent[], now: number): EventStatus[] {
  return events.map((event, index) => {
    if (index > 0) fireBetween(commit, now);
    return applyEvent(commit, event, now) ? 'accepted' : 'duplicate';
  });
}

function fireBetween(commit: Commit, now: number): void {
  for (let rounds = 0; rounds < ROUNDS_MAX; rounds++) if (!fireTimers(commit, now)) return;
  throw new Error('more is due than one input may wait for');
}

/** Rounds of due timers between two events of one call. */
const ROUNDS_MAX = 20;

/** Another customer's history has come: its traits (M1) may move runs too, and what follows from it is worked out anew. */
export function noteMovedTraits(commit: Commit): void {
  forgetLearned(commit);
  travel.noteTraits(WORLD, commit, commit.state.lastInputAt);
}

/** The stored message as conditions see it. */
export const engineEventOf = ({ name, messageId, body }: IncomingEvent): EngineEvent =>
  eventOfMessage(name, messageId, JSON.parse(body));
