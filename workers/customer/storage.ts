// Every SQL statement of the customer's object. Raw SQL, because the event's path pays for each microsecond. Each query
// that reads rows of its own number is bounded or goes by an index; tests/customer holds every plan to that.

import type { JsonObject } from '../../schema/json.ts';
import { isObject } from '../../schema/json.ts';
import type { Membership } from '../accounts/state.ts';
import type { Known } from '../engine/learner.ts';
import type { Run } from '../engine/machine.ts';
import type { Sighting } from '../identity/devices.ts';
import type { Numbered } from '../privacy/retention.ts';
import { type CustomerState, newState } from './state.ts';

export interface Entry {
  seq: number;
  /** For an event its own time, else when it was applied. */
  at: number;
  appliedAt: number;
  kind: string;
  /** The declared name of an event; null for everything else. */
  name: string | null;
  messageId: string | null;
  body: string;
}

export interface OutboxRow {
  key: string;
  body: string;
  attempts: number;
  nextAt: number;
}

/** SQL text by what it does; tests explain each of them. */
export const SQL = {
  readCustomer: 'SELECT * FROM customer WHERE id = 1',
  readPart: 'SELECT body FROM parts WHERE name = ?',
  writePart: 'INSERT INTO parts (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body',
  readRuns: "SELECT body FROM parts WHERE name >= 'run:' AND name < 'run;'",
  lastSeq: 'SELECT max(seq) AS seq FROM entries',
  insertCustomer:
    'INSERT INTO customer (id, name, created_at, last_activity_at, last_input_at, events, revision, dirty_since, importing, catalog_version, runs_started, moved_to, released) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  updateCustomer:
    'UPDATE customer SET last_activity_at = ?, last_input_at = ?, events = ?, revision = ?, dirty_since = ?, importing = ?, catalog_version = ?, runs_started = ?, moved_to = ?, released = ? WHERE id = 1',
  insertEntry:
    'INSERT INTO entries (seq, at, applied_at, kind, name, message_id, body) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (message_id) WHERE message_id IS NOT NULL DO NOTHING',
  count: 'SELECT count(*) AS n FROM entries WHERE name = ? AND at > ? AND at <= ?',
  lastAt: 'SELECT at FROM entries WHERE name = ? AND at <= ? ORDER BY at DESC LIMIT 1',
  nextAt: 'SELECT at FROM entries WHERE name = ? AND at > ? ORDER BY at LIMIT 1',
  eventsBetweenTimes: 'SELECT at, message_id, body FROM entries WHERE name = ? AND at > ? AND at <= ? ORDER BY at, seq',
  bodiesBetween: 'SELECT body FROM entries WHERE name = ? AND at > ? AND at <= ? ORDER BY at, seq',
  firstBody: 'SELECT body FROM entries WHERE name = ? AND at > ? AND at <= ? ORDER BY at, seq LIMIT 1',
  lastBody: 'SELECT body FROM entries WHERE name = ? AND at > ? AND at <= ? ORDER BY at DESC, seq DESC LIMIT 1',
  timeline:
    'SELECT seq, at, applied_at, kind, name, message_id, body FROM entries WHERE seq < ? ORDER BY seq DESC LIMIT ?',
  entriesAfter:
    'SELECT seq, at, applied_at, kind, name, message_id, body FROM entries WHERE seq > ? ORDER BY seq LIMIT ?',
  accounts: "SELECT json_extract(body, '$.properties.account') AS account FROM entries WHERE name = 'Account Joined'",
  forgetMember:
    "UPDATE entries SET body = json_remove(body, '$.properties.customer') WHERE name IN ('Member Joined', 'Member Left') AND json_extract(body, '$.properties.customer') = ?",
  addPart: 'INSERT INTO parts (name, body) VALUES (?, ?) ON CONFLICT (name) DO NOTHING',
  messages: "SELECT body FROM parts WHERE name >= 'message:' AND name < ? ORDER BY name DESC LIMIT ?",
  lastMessage: "SELECT name FROM parts WHERE name >= 'message:' AND name < 'message;' ORDER BY name DESC LIMIT 1",
  consents: 'SELECT at, body FROM entries WHERE name = ? ORDER BY at DESC, seq DESC LIMIT 200',
  consentLog: "SELECT body FROM entries WHERE name = ? AND kind = 'consent' ORDER BY at, seq LIMIT ? OFFSET ?",
  sightings:
    "SELECT at, json_extract(body, '$.context.device.id') AS device, json_extract(body, '$.anonymousId') AS anonymous, json_extract(body, '$.context.userAgent') AS agent FROM entries WHERE seq > ? AND kind = 'event' ORDER BY seq DESC LIMIT ?",
  tasks: "SELECT at, body FROM entries WHERE seq > ? AND kind = 'task' ORDER BY seq DESC LIMIT ?",
  latestEvents: 'SELECT at, body FROM entries WHERE name = ? ORDER BY at DESC, seq DESC LIMIT ?',
  entryByMessage: 'SELECT body FROM entries WHERE message_id = ?',
  deletePart: 'DELETE FROM parts WHERE name = ?',
  readEffects: "SELECT name, body FROM parts WHERE name >= 'effect:' AND name < 'effect;' LIMIT 1000",
  counts:
    "SELECT (SELECT count(*) FROM entries) AS entries, (SELECT count(*) FROM parts WHERE name >= 'run:' AND name < 'run;') AS runs, (SELECT count(*) FROM parts WHERE name >= 'message:' AND name < 'message;') AS messages",
  messageParts: "SELECT body FROM parts WHERE name >= 'message:' AND name < 'message;'",
  exportedParts:
    "SELECT name, body FROM parts WHERE name IN ('consents', 'contacts', 'overdue', 'checkpoint') OR (name >= 'exposure:' AND name < 'exposure;') OR (name >= 'ledger:' AND name < 'ledger;') OR (name >= 'claims:' AND name < 'claims;') LIMIT 4000",
  readMoves: "SELECT name, body FROM parts WHERE name >= 'move:' AND name < 'move;' LIMIT 1000",
  readExposures: "SELECT body FROM parts WHERE name >= 'exposure:' AND name < 'exposure;' LIMIT 1000",
  readLedgers: "SELECT name, body FROM parts WHERE name >= 'ledger:' AND name < 'ledger;' LIMIT 1000",
  readClaims: "SELECT name, body FROM parts WHERE name >= 'claims:' AND name < 'claims;' LIMIT 1000",
  latestBodies: 'SELECT body FROM entries WHERE name = ? ORDER BY at DESC, seq DESC LIMIT ?',
  clearEntries: 'DELETE FROM entries',
  eventsBetween: "SELECT count(*) AS n FROM entries WHERE seq >= ? AND seq <= ? AND kind = 'event'",
  deleteEntries: 'DELETE FROM entries WHERE seq >= ? AND seq <= ?',
  linesAfter: 'SELECT seq, at, kind, name FROM entries WHERE seq > ? ORDER BY seq LIMIT ?',
  clearPartsBefore: "DELETE FROM parts WHERE name < 'effect:'",
  clearPartsBetween: "DELETE FROM parts WHERE name >= 'effect;' AND name < 'migration:'",
  clearPartsAfter: "DELETE FROM parts WHERE name >= 'migration;'",
  partsBelow: 'SELECT name, body FROM parts WHERE name >= ? AND name < ? LIMIT 1000',
  clearMessageEffects: "DELETE FROM parts WHERE name >= 'effect:message/' AND name < 'effect:message0'",
} as const;

export function readState(sql: SqlStorage): CustomerState | null {
  const row = sql.exec(SQL.readCustomer).toArray()[0];
  if (!row) return null;
  const runs = new Map<string, Run>();
  for (const { body } of sql.exec<{ body: string }>(SQL.readRuns)) {
    const run = JSON.parse(body) as Run;
    runs.set(run.id, run);
  }
  return {
    ...newState(String(row['name']), Number(row['created_at'])),
    lastActivityAt: nullable(row['last_activity_at']),
    lastInputAt: Number(row['last_input_at']),
    events: Number(row['events']),
    revision: Number(row['revision']),
    dirtySince: nullable(row['dirty_since']),
    importing: row['importing'] === 1,
    catalogVersion: Number(row['catalog_version']),
    runsStarted: Number(row['runs_started']),
    movedTo: row['moved_to'] === null ? null : String(row['moved_to']),
    released: row['released'] === 1,
    traits: readTraits(sql),
    known: readKnown(sql),
    account: readMembership(sql),
    runs,
    nextSeq: Number(sql.exec(SQL.lastSeq).one()['seq'] ?? 0) + 1,
  };
}

export const nullable = (value: unknown): number | null =>
  value === null || value === undefined ? null : Number(value);

const TRAITS = 'traits';

function readTraits(sql: SqlStorage): JsonObject {
  const body = readPart(sql, TRAITS);
  const traits: unknown = body === null ? {} : JSON.parse(body);
  return isObject(traits) ? traits : {};
}

/** The account a person acts for; null where there was none. */
function readMembership(sql: SqlStorage): Membership | null {
  const body = readPart(sql, ACCOUNT_PART);
  return body === null ? null : (JSON.parse(body) as Membership);
}

export const ACCOUNT_PART = 'account';
const KNOWN_PART = 'known';

/** What was worked out of the history; null where nothing was written. */
function readKnown(sql: SqlStorage): Known | null {
  const body = readPart(sql, KNOWN_PART);
  return body === null ? null : (JSON.parse(body) as Known);
}

export const deleteKnown = (sql: SqlStorage): void => deletePart(sql, KNOWN_PART);
export const writeKnown = (sql: SqlStorage, known: Known): void => writePart(sql, KNOWN_PART, JSON.stringify(known));

export function writeTraits(sql: SqlStorage, traits: JsonObject): void {
  sql.exec(SQL.writePart, TRAITS, JSON.stringify(traits));
}

export function readPart(sql: SqlStorage, name: string): string | null {
  return sql.exec<{ body: string }>(SQL.readPart, name).toArray()[0]?.body ?? null;
}

export function writePart(sql: SqlStorage, name: string, body: string): void {
  sql.exec(SQL.writePart, name, body);
}

export function insertCustomer(sql: SqlStorage, state: CustomerState): void {
  sql.exec(SQL.insertCustomer, state.id, state.createdAt, ...hotColumns(state));
}

export function updateCustomer(sql: SqlStorage, state: CustomerState): void {
  sql.exec(SQL.updateCustomer, ...hotColumns(state));
}

function hotColumns(state: CustomerState): (string | number | null)[] {
  return [
    state.lastActivityAt,
    state.lastInputAt,
    state.events,
    state.revision,
    state.dirtySince,
    state.importing ? 1 : 0,
    state.catalogVersion,
    state.runsStarted,
    state.movedTo,
    state.released ? 1 : 0,
  ];
}

/** @returns whether it was added: an entry whose message id is there already is not, and changes nothing (I1) */
export function insertEntry(sql: SqlStorage, entry: Entry): boolean {
  return (
    sql.exec(SQL.insertEntry, entry.seq, entry.at, entry.appliedAt, entry.kind, entry.name, entry.messageId, entry.body)
      .rowsWritten > 0
  );
}

export function writeRun(sql: SqlStorage, run: Run): void {
  writePart(sql, `run:${run.id}`, JSON.stringify(run));
}

export function deleteRun(sql: SqlStorage, id: string): void {
  sql.exec(SQL.deletePart, `run:${id}`);
}

export function readTimeline(sql: SqlStorage, before: number, limit: number): Entry[] {
  return sql.exec(SQL.timeline, before, limit).toArray().map(entryOf);
}

export function readEntriesAfter(sql: SqlStorage, seq: number, limit: number): Entry[] {
  return sql.exec(SQL.entriesAfter, seq, limit).toArray().map(entryOf);
}

function entryOf(row: Record<string, SqlStorageValue>): Entry {
  return {
    seq: Number(row['seq']),
    at: Number(row['at']),
    appliedAt: Number(row['applied_at']),
    kind: String(row['kind']),
    name: row['name'] === null ? null : String(row['name']),
    messageId: row['message_id'] === null ? null : String(row['message_id']),
    body: String(row['body']),
  };
}

/** Adds an effect that is to be delivered until it is confirmed; one whose key is there already stays as it is. */
export function writeOutbox(sql: SqlStorage, key: string, body: string, nextAt: number): void {
  sql.exec(SQL.addPart, EFFECT + key, JSON.stringify({ attempts: 0, nextAt, body }));
}

/** Effects that are not confirmed, those to be tried first in front. */
export function readOutbox(sql: SqlStorage): OutboxRow[] {
  return sql
    .exec<{ name: string; body: string }>(SQL.readEffects)
    .toArray()
    .map(({ name, body }) => ({ key: name.slice(EFFECT.length), ...(JSON.parse(body) as Omit<OutboxRow, 'key'>) }))
    .sort((one, other) => one.nextAt - other.nextAt);
}

export function readOutboxRow(sql: SqlStorage, key: string): OutboxRow | null {
  const body = readPart(sql, EFFECT + key);
  return body === null ? null : { key, ...(JSON.parse(body) as Omit<OutboxRow, 'key'>) };
}

export function deferOutbox(sql: SqlStorage, { key, body, attempts }: OutboxRow, nextAt: number): void {
  writePart(sql, EFFECT + key, JSON.stringify({ attempts: attempts + 1, nextAt, body }));
}

export function deletePart(sql: SqlStorage, name: string): void {
  sql.exec(SQL.deletePart, name);
}

export function deleteOutbox(sql: SqlStorage, key: string): void {
  sql.exec(SQL.deletePart, EFFECT + key);
}

const EFFECT = 'effect:';

/** What is kept of the customer, counted, for who removes all of it. */
export function keptCounts(sql: SqlStorage): { entries: number; runs: number; messages: number } {
  const row = sql.exec<{ entries: number; runs: number; messages: number }>(SQL.counts).one();
  return { entries: row.entries, runs: row.runs, messages: row.messages };
}

export const messageKeys = (sql: SqlStorage): string[] =>
  sql
    .exec<{ body: string }>(SQL.messageParts)
    .toArray()
    .map(({ body }) => (JSON.parse(body) as { key: string }).key);

export const exportedParts = (sql: SqlStorage): { name: string; body: string }[] =>
  sql.exec<{ name: string; body: string }>(SQL.exportedParts).toArray();

const ERASED = 'erased';

/** When the customer was erased, milliseconds; null where nobody was. */
export function readErased(sql: SqlStorage): number | null {
  const at = readPart(sql, ERASED);
  return at === null ? null : Number(at);
}

export const writeErased = (sql: SqlStorage, at: number): void => writePart(sql, ERASED, String(at));
export const clearErased = (sql: SqlStorage): void => void sql.exec(SQL.deletePart, ERASED);

/** Lines of the log of consent, oldest first; the index finds them by a name that no event has. */
export const CONSENT_LOG = 'consent:log';
export const consentLogBodies = (sql: SqlStorage, from: number, limit: number): string[] =>
  sql
    .exec<{ body: string }>(SQL.consentLog, CONSENT_LOG, limit, from)
    .toArray()
    .map(({ body }) => body);

/** What was said about consent, the last word first. */
export const consentBodies = (sql: SqlStorage, event: string): { at: number; body: string }[] =>
  sql.exec<{ at: number; body: string }>(SQL.consents, event).toArray();

/** The event with this message id. */
export function entryBody(sql: SqlStorage, messageId: string): string | null {
  return sql.exec<{ body: string }>(SQL.entryByMessage, messageId).toArray()[0]?.body ?? null;
}

/** The highest number of a message; 0 before the first. */
export function lastMessageNumber(sql: SqlStorage): number {
  const last = sql.exec<{ name: string }>(SQL.lastMessage).toArray()[0];
  return last ? Number(last.name.slice('message:'.length)) : 0;
}

/** Messages to the customer, newest first; `before` is exclusive. */
export function messageBodies(sql: SqlStorage, before: number, limit: number): string[] {
  const end = `message:${String(before).padStart(12, '0')}`;
  return sql
    .exec<{ body: string }>(SQL.messages, end, limit)
    .toArray()
    .map((row) => row.body);
}

export interface Part {
  readonly name: string;
  readonly body: string;
}

/** Parts whose names begin so. */
export function partsBelow(sql: SqlStorage, prefix: string): Part[] {
  const last = prefix.length - 1;
  const end = prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
  return sql.exec<{ name: string; body: string }>(SQL.partsBelow, prefix, end).toArray();
}

/** What is kept of experiments, by their ids. */
export function exposureBodies(sql: SqlStorage): string[] {
  return sql
    .exec<{ body: string }>(SQL.readExposures)
    .toArray()
    .map((row) => row.body);
}

/** What is counted of items with caps. */
export function ledgerParts(sql: SqlStorage): { name: string; body: string }[] {
  return sql.exec<{ name: string; body: string }>(SQL.readLedgers).toArray();
}

/** What is held of totals. */
export function claimParts(sql: SqlStorage): { name: string; body: string }[] {
  return sql.exec<{ name: string; body: string }>(SQL.readClaims).toArray();
}

/** The events of a name, the latest first. */
export function latestBodies(sql: SqlStorage, event: string, limit: number): string[] {
  return sql
    .exec<{ body: string }>(SQL.latestBodies, event, limit)
    .toArray()
    .map(({ body }) => body);
}

/** The events of a name with their instants, the latest first. */
export function latestEvents(sql: SqlStorage, event: string, limit: number): { at: number; body: string }[] {
  return sql.exec<{ at: number; body: string }>(SQL.latestEvents, event, limit).toArray();
}

/** Of the newest `count` lines the tasks, the newest first. `nextSeq` of the customer. */
export function recentTasks(sql: SqlStorage, nextSeq: number, count: number): { at: number; body: string }[] {
  return sql.exec<{ at: number; body: string }>(SQL.tasks, nextSeq - 1 - count, count).toArray();
}

/** What the events among the newest `count` lines say of where they came from, the newest first. */
export function recentSightings(sql: SqlStorage, nextSeq: number, count: number): Omit<Sighting, 'events'>[] {
  return sql
    .exec(SQL.sightings, nextSeq - 1 - count, count)
    .toArray()
    .map(({ at, device, anonymous, agent }) => ({
      deviceId: textOrNull(device),
      anonymousId: textOrNull(anonymous),
      userAgent: textOrNull(agent),
      firstAt: Number(at),
      lastAt: Number(at),
    }));
}

/** An id may be sent as a number; a list or an object is none. */
const textOrNull = (value: unknown): string | null =>
  (typeof value === 'string' && value !== '' && !/^[[{]/.test(value)) || typeof value === 'number'
    ? String(value)
    : null;

/** Every move into this customer that has begun: `move:<source>` and its progress. */
export function readMoves(sql: SqlStorage): { source: string; body: string }[] {
  return sql
    .exec<{ name: string; body: string }>(SQL.readMoves)
    .toArray()
    .map((row) => ({ source: row.name.slice('move:'.length), body: row.body }));
}

/** What is known of the lines after `seq` without reading what they say. */
export const readLines = (sql: SqlStorage, seq: number, limit: number): Numbered[] =>
  sql
    .exec(SQL.linesAfter, seq, limit)
    .toArray()
    .map((row) => ({
      seq: Number(row['seq']),
      at: Number(row['at']),
      kind: String(row['kind']),
      name: row['name'] === null ? null : String(row['name']),
    }));

export const deleteLines = (sql: SqlStorage, from: number, to: number): void =>
  void sql.exec(SQL.deleteEntries, from, to);

/** @returns how many of them were events */
export function deleteEntries(sql: SqlStorage, from: number, to: number): number {
  const events = Number(sql.exec(SQL.eventsBetween, from, to).one()['n']);
  deleteLines(sql, from, to);
  return events;
}

/** Messages are sent by who has become this customer. */
export function clearMessageEffects(sql: SqlStorage): void {
  sql.exec(SQL.clearMessageEffects);
}

/** What a customer who was moved leaves behind: the redirect and nothing else. */
export function clearHistory(sql: SqlStorage): void {
  sql.exec(SQL.clearEntries);
  sql.exec(SQL.clearPartsBefore);
  sql.exec(SQL.clearPartsBetween);
  sql.exec(SQL.clearPartsAfter);
  clearMessageEffects(sql);
  writeTraits(sql, {});
}
