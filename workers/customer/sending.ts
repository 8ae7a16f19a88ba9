// From a `send` step to a message that has arrived, as far as the object goes: who has it in hand. Whether it may go out
// and what it says: decide/sending.ts. Claim, send, confirm (I4): a message is claimed before its provider is called and settled after;
// one whose claim ran out without word is sent again if it is transactional, and left uncertain if it is marketing.

import { isObject, type JsonObject } from '../../schema/json.ts';
import { CLAIM_MS, LIMITS, RESEND_AFTER_MS } from '../../schema/limits.ts';
import { type Addressee, CONSENT_EVENT, mayContact, prepareSend } from '../decide/sending.ts';
import type { Run } from '../engine/machine.ts';
import type { SendEffect } from '../engine/outcomes.ts';
import { retryAt } from './alarm.ts';
import { type Commit, record } from './commit.ts';
import type { Claim, MessageStatus, OutgoingMessage, Settlement, ShownMessage } from './messages.ts';
import {
  consentBodies,
  deferOutbox,
  deleteOutbox,
  entryBody,
  lastMessageNumber,
  messageBodies,
  readOutboxRow,
  readPart,
  writeOutbox,
  writePart,
} from './storage.ts';

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
  readonly detail?: string;
}

const partOf = (number: number): string => `message:${String(number).padStart(12, '0')}`;
const outboxKey = (key: string): string => `message/${key}`;

/** Puts the message of a send step on its way, or records why it is not sent. `at` in milliseconds. */
export function prepareMessage(commit: Commit, effect: SendEffect, run: Run, at: number): void {
  const prepared = prepareSend(addresseeOf(commit), effect, run, commit.silence);
  record(commit, prepared.kind, at, prepared.line);
  if (prepared.kind === 'suppressed') return;
  const { version, ...text } = prepared.composed;
  const { journey, purpose, channel, message: template } = effect;
  const number = lastMessageNumber(commit.sql) + 1;
  const stored = { number, key: prepared.key, journey, channel, purpose, ...text };
  keepMessage(commit, { ...stored, template, templateVersion: version, at, status: 'queued', attempts: 0 });
}

const addresseeOf = ({ state, sql, messages, defaultLocale }: Commit): Addressee => ({
  id: state.id,
  traits: state.traits,
  consents: () => consentsOf(sql),
  eventOf: (messageId) => eventOf(entryBody(sql, messageId)),
  templates: messages,
  defaultLocale,
});

function* consentsOf(sql: SqlStorage): Generator<JsonObject> {
  for (const body of consentBodies(sql, CONSENT_EVENT)) yield eventOf(body);
}

/** Writes a message that is new to this object and, unless it is over, the effect that sees to its sending. */
export function keepMessage(commit: Commit, message: StoredMessage): void {
  writeMessage(commit, message);
  if (!isOpen(message)) return;
  const body = JSON.stringify({ kind: 'message', key: message.key, number: message.number });
  writeOutbox(commit.sql, outboxKey(message.key), body, commit.now + RESEND_AFTER_MS);
  commit.outbox = true;
}

function eventOf(body: string | null): JsonObject {
  const event: unknown = body === null ? null : JSON.parse(body);
  return isObject(event) ? event : {};
}

const isOpen = (message: StoredMessage): boolean => message.status === 'queued' || message.status === 'claimed';

/** The message an effect of the outbox stands for; null once nothing is to be done for it. */
function openMessage(commit: Commit, key: string): StoredMessage | null {
  const row = readOutboxRow(commit.sql, outboxKey(key));
  const effect = row && (JSON.parse(row.body) as { number: number });
  const body = effect && readPart(commit.sql, partOf(effect.number));
  return body ? (JSON.parse(body) as StoredMessage) : null;
}

function writeMessage(commit: Commit, message: StoredMessage): void {
  commit.wrote = true;
  writePart(commit.sql, partOf(message.number), JSON.stringify(message));
}

/** Nothing more is to be done for it; the timeline says how it ended. */
function close(commit: Commit, message: StoredMessage, status: MessageStatus, detail?: string): void {
  const { key, journey, template, channel, purpose } = message;
  const said = detail === undefined ? {} : { detail };
  writeMessage(commit, { ...message, status, ...said });
  deleteOutbox(commit.sql, outboxKey(key));
  commit.outbox = true;
  const about = { journey, key, message: template, channel, purpose };
  if (status === 'suppressed') record(commit, 'suppressed', commit.now, { ...about, reason: detail });
  else record(commit, 'message', commit.now, { ...about, status, ...said });
}

/** Gives a message to who is about to send it, for `CLAIM_MS`. */
export function claimMessage(commit: Commit, key: string): Claim {
  const message = openMessage(commit, key);
  if (!message) return { kind: 'over' };
  if (message.status === 'claimed') {
    const left = (message.claimedAt ?? 0) + CLAIM_MS - commit.now;
    if (left > 0) return { kind: 'wait', ms: left };
    if (message.purpose === 'marketing') {
      close(commit, message, 'uncertain', 'it was handed to the provider, and no word came back');
      return { kind: 'over' };
    }
  }
  // Asked when a message is made and again here.
  if (!mayContact(() => consentsOf(commit.sql), message.purpose, message.channel)) {
    close(commit, message, 'suppressed', 'no consent');
    return { kind: 'over' };
  }
  writeMessage(commit, { ...message, status: 'claimed', claimedAt: commit.now, attempts: message.attempts + 1 });
  const { channel, purpose, to, subject, text, html } = message;
  return { kind: 'send', message: { key, channel, purpose, to, subject, text, html } };
}

/** What came of a claimed message. A second word on it changes nothing. */
export function settleMessage(commit: Commit, key: string, settlement: Settlement): void {
  const message = openMessage(commit, key);
  if (message?.status !== 'claimed') return;
  if (settlement.kind === 'sent') close(commit, message, 'sent');
  else if (message.attempts >= LIMITS.messageAttemptsMax) close(commit, message, 'failed', settlement.detail);
  else {
    writeMessage(commit, { ...message, status: 'queued', detail: settlement.detail });
    const row = readOutboxRow(commit.sql, outboxKey(key));
    if (row) deferOutbox(commit.sql, row, retryAt(commit.now, message.attempts - 1));
    commit.outbox = true;
  }
}

/** Messages as operators see them, newest first. */
export function readMessages(sql: SqlStorage, customerId: string, before: number, limit: number): ShownMessage[] {
  return messageBodies(sql, before, limit).map((body) => {
    const message = JSON.parse(body) as StoredMessage;
    const { number, key, channel, purpose, to, subject, text, html, status, at } = message;
    return { number, key, customerId, channel, purpose, to, subject, text, html, status, at };
  });
}
