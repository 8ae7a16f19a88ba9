// What a customer has said about consent, as the object keeps it: one part, and a line of the timeline for each statement.
// What counts and what follows: workers/consent. Here it is read, written, logged, and messages it ends are given up.

import { createHash } from 'node:crypto';
import { isObject, type JsonObject } from '../../schema/json.ts';
import { hear } from '../consent/hear.ts';
import { type Joined, nextLine } from '../consent/log.ts';
import type { ConsentRules } from '../consent/policy.ts';
import {
  type Consents,
  joined,
  NO_CONSENTS,
  refusal,
  type Statement,
  standing,
  withStatement,
} from '../consent/state.ts';
import { BY_LINK, CONSENT_EVENT, statementOf } from '../consent/statements.ts';
import { type Commit, record } from './commit.ts';
import type { IncomingEvent, Said } from './messages.ts';
import type { CustomerState } from './state.ts';
import { CONSENT_LOG, consentBodies, readPart, writePart } from './storage.ts';

export const CONSENTS = 'consents';

/** Of a state that a commit may still change only by `write`; the next commit makes another state. */
const known = new WeakMap<CustomerState, Consents>();

/** A draft begins with what its state knows; somebody new has said nothing. */
export function inheritConsents(before: CustomerState | null, draft: CustomerState): void {
  const consents = before ? known.get(before) : NO_CONSENTS;
  if (consents) known.set(draft, consents);
}

/** What counts now. A customer from before there were parts of it is read from the history, once. */
export function consentsOf(sql: SqlStorage, state: CustomerState, rules: ConsentRules): Consents {
  const read = known.get(state);
  if (read) return read;
  const part = readPart(sql, CONSENTS);
  const consents = part === null ? fromHistory(sql, rules) : { ...NO_CONSENTS, ...(JSON.parse(part) as Consents) };
  known.set(state, consents);
  return consents;
}

function fromHistory(sql: SqlStorage, rules: ConsentRules): Consents {
  let consents = NO_CONSENTS;
  for (const { at, body } of consentBodies(sql, CONSENT_EVENT).reverse()) {
    const message: unknown = JSON.parse(body);
    const statement = isObject(message) ? statementOf(message, at, rules) : null;
    if (statement) ({ consents } = withStatement(consents, rules, statement));
  }
  return consents;
}

/** What operators and the customer see: by purpose and channel how it stands, and the statement that counts. */
export function shownConsents(sql: SqlStorage, state: CustomerState, rules: ConsentRules, at: number): JsonObject {
  const shown: Record<string, JsonObject> = {};
  for (const { purpose, channel, refusal: refusedBy, statement } of standing(
    consentsOf(sql, state, rules),
    rules,
    at,
  )) {
    if (!statement) continue;
    const { granted, at: since, source, wording, confirmed, until } = statement;
    const ends = until === undefined ? {} : { until: new Date(until).toISOString() };
    const said = { granted, confirmed, since: new Date(since).toISOString(), source, wording, ...ends };
    shown[purpose] = { ...shown[purpose], [channel]: { permitted: refusedBy === null, reason: refusedBy, ...said } };
  }
  return shown;
}

/** The hash of the last line of the log. */
export function endOfLog(sql: SqlStorage): string | null {
  const part = readPart(sql, CONSENTS);
  return part === null ? null : ((JSON.parse(part) as Consents).logged?.hash ?? null);
}

/** For the pages that links of mails open. */
export function saidBy(sql: SqlStorage, state: CustomerState | null, rules: ConsentRules, at: number): Said {
  const consents = state ? consentsOf(sql, state, rules) : NO_CONSENTS;
  const { locale, language } = state?.traits ?? {};
  const own = typeof locale === 'string' ? locale : typeof language === 'string' ? language : null;
  const { pausedUntil, frequency } = consents;
  const rows = standing({ ...consents, pausedUntil: null }, rules, at).map(({ refusal: by, statement, ...of }) => ({
    ...of,
    chosen: by === null,
    refused: statement?.granted === false,
  }));
  return { locale: own, standing: rows, pausedUntil, frequency };
}

/** Asked before anything is done for the customer (CS1, CS4, CS5). `at` in milliseconds. */
export const refused = (
  sql: SqlStorage,
  state: CustomerState,
  rules: ConsentRules,
  purpose: string,
  channel: string | null,
  at: number,
): string | null => refusal(consentsOf(sql, state, rules), rules, purpose, channel, at);

function write(commit: Commit, consents: Consents): void {
  known.set(commit.state, consents);
  commit.wrote = true;
  writePart(commit.sql, CONSENTS, JSON.stringify(consents));
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function log(
  commit: Commit,
  last: Consents['logged'],
  statement: Statement | Joined,
  at: number,
): NonNullable<Consents['logged']> {
  const line = nextLine(commit.state.id, last, statement, sha256);
  record(commit, 'consent', at, { ...line }, CONSENT_LOG);
  return { n: line.n, hash: line.hash };
}

/**
 * What an event says, if it says anything.
 * @param now the instant at which it is applied, milliseconds
 * @returns events that ask for a confirmation, where a yes needs one
 */
export function noteConsent(commit: Commit, event: IncomingEvent, message: JsonObject, now: number): IncomingEvent[] {
  const rules = commit.policies.consent;
  const before = consentsOf(commit.sql, commit.state, rules);
  const heard = hear(before, rules, event, message, now);
  if (heard.consents === before && heard.steps.length === 0) return [];
  let { logged } = before;
  for (const { statement } of heard.steps) logged = log(commit, logged, statement, now);
  write(commit, { ...heard.consents, logged });
  return heard.requests.map(({ messageId, name, message: said }) => ({
    messageId,
    name,
    type: BY_LINK,
    at: now,
    body: JSON.stringify(said),
    merges: null,
  }));
}

/** CN9, CL2: joins what another customer has said. `at` in milliseconds. */
export function takeConsents(commit: Commit, part: string | null, source: string, at: number): void {
  if (part === null) return;
  const other = { ...NO_CONSENTS, ...(JSON.parse(part) as Consents) };
  const both = joined(consentsOf(commit.sql, commit.state, commit.policies.consent), other);
  const logged = other.logged ? log(commit, both.logged, { joins: source, ...other.logged }, at) : both.logged;
  write(commit, { ...both, logged });
}

/** GM12: what counted before a merge counts again; the log goes on where it stands. */
export function revertConsents(commit: Commit, part: string | null): void {
  const { logged } = consentsOf(commit.sql, commit.state, commit.policies.consent);
  write(commit, { ...NO_CONSENTS, ...(part === null ? {} : (JSON.parse(part) as Consents)), logged });
}
