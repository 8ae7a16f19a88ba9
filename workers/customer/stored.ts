// Messages to a customer, as the object keeps them: a part each, with its text and what became of it, and an effect of the
// outbox while something is to be done for it. What is done: sending.ts.

import type { JsonObject } from '../../schema/json.ts';
import { RESEND_AFTER_MS } from '../../schema/limits.ts';
import { type Commit, record } from './commit.ts';
import type { MessageStatus, OutgoingMessage } from './messages.ts';
import { deleteOutbox, deletePart, readOutbox, readOutboxRow, readPart, writeOutbox, writePart } from './storage.ts';

/** Persisted: a message to the customer and what became of it. Instants in milliseconds. */
export interface StoredMessage extends OutgoingMessage {
  /** Counts the customer's messages. */
  readonly number: number;
  readonly journey: string;
  readonly template: string;
  readonly templateVersion: number;
  readonly locale: string;
  readonly at: number;
  readonly status: MessageStatus;
  readonly attempts: number;
  readonly claimedAt?: number;
  /** Of the journey; 0 where it says none. */
  readonly priority?: number;
  readonly tags?: readonly string[];
  /** Until when there is no room for it (CP9), and by which rule. */
  readonly heldUntil?: number;
  readonly heldBy?: string;
  /** Of a digest: what went with it (CP17). */
  readonly items?: readonly StoredItem[];
  readonly detail?: string;
}

/** Persisted: a message that went with a digest. */
export interface StoredItem {
  readonly key: string;
  readonly journey: string;
  readonly template: string;
  readonly title: string;
  readonly text: string;
  /** When it was made, milliseconds. */
  readonly at: number;
}

const partOf = (number: number): string => `message:${String(number).padStart(12, '0')}`;
const MESSAGE = 'message/';
export const outboxKey = (key: string): string => MESSAGE + key;

/** Writes a message that is new to this object and, unless it is over, the effect that sees to its sending. */
export function keepMessage(commit: Commit, message: StoredMessage): void {
  writeMessage(commit, message);
  if (!isOpen(message)) return;
  const body = JSON.stringify({ kind: 'message', key: message.key, number: message.number });
  writeOutbox(commit.sql, outboxKey(message.key), body, commit.now + RESEND_AFTER_MS);
  commit.outbox = true;
}

/** Takes a message out, with what was still to be done for it. @returns it, as JSON; null where it is gone already */
export function dropMessage(commit: Commit, number: number, key: string): string | null {
  const body = readPart(commit.sql, partOf(number));
  if (body === null) return null;
  deletePart(commit.sql, partOf(number));
  deleteOutbox(commit.sql, outboxKey(key));
  commit.outbox = true;
  return body;
}

const isOpen = (message: StoredMessage): boolean => message.status === 'queued' || message.status === 'claimed';

/** The message an effect of the outbox stands for; null once nothing is to be done for it. */
export function openMessage({ sql }: Pick<Commit, 'sql'>, key: string): StoredMessage | null {
  const row = readOutboxRow(sql, outboxKey(key));
  const effect = row && (JSON.parse(row.body) as { number: number });
  const body = effect && readPart(sql, partOf(effect.number));
  return body ? (JSON.parse(body) as StoredMessage) : null;
}

export function writeMessage(commit: Commit, message: StoredMessage): void {
  commit.wrote = true;
  writePart(commit.sql, partOf(message.number), JSON.stringify(message));
}

/** Nothing more is to be done for it; the timeline says how it ended. */
export function close(
  commit: Commit,
  message: StoredMessage,
  status: MessageStatus,
  detail?: string,
  more: JsonObject = {},
): void {
  const { key, journey, template, channel, purpose } = message;
  const said = detail === undefined ? {} : { detail };
  writeMessage(commit, { ...message, status, ...said });
  deleteOutbox(commit.sql, outboxKey(key));
  commit.outbox = true;
  const about = { journey, key, message: template, channel, purpose };
  if (status === 'suppressed') record(commit, 'suppressed', commit.now, { ...about, reason: detail });
  else record(commit, 'message', commit.now, { ...about, status, ...said, ...more });
}

/** Messages that something is still to be done for. */
export const openMessages = (of: Pick<Commit, 'sql'>): StoredMessage[] =>
  readOutbox(of.sql).flatMap(
    ({ key }) => (key.startsWith(MESSAGE) ? openMessage(of, key.slice(MESSAGE.length)) : null) ?? [],
  );

/** Messages nobody has in hand, in the order they were made. */
export const waitingMessages = (sql: SqlStorage): StoredMessage[] =>
  openMessages({ sql })
    .filter(({ status }) => status === 'queued')
    .sort((one, other) => one.number - other.number);
