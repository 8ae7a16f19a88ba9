// From a `send` step to a message that has arrived, as far as the object goes: who has it in hand. Whether it may go out
// and what it says: decide/sending.ts. Claim, send, confirm (I4): a message is claimed before its provider is called and settled after;
// one whose claim ran out without word is sent again if it is transactional, and left uncertain if it is marketing.

import { isObject, type JsonObject } from '../../schema/json.ts';
import { CLAIM_MS, LIMITS, RESEND_AFTER_MS } from '../../schema/limits.ts';
import { mayEnd } from '../consent/policy.ts';
import { type Addressee, prepareSend } from '../decide/sending.ts';
import { toldTraits } from '../engine/learner.ts';
import type { Run } from '../engine/machine.ts';
import type { SendEffect } from '../engine/outcomes.ts';
import type { Room } from '../pressure/room.ts';
import { retryAt } from './alarm.ts';
import { type Commit, record } from './commit.ts';
import { refused } from './consents.ts';
import { giveRoomBack, type Rival, roomOf, takeRoom } from './contacts.ts';
import type { Claim, MessageStatus, OutgoingMessage, Settlement, ShownMessage } from './messages.ts';
import { linksFor } from './permits.ts';
import {
  deferOutbox,
  deleteOutbox,
  deletePart,
  entryBody,
  lastMessageNumber,
  messageBodies,
  readOutbox,
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
  /** Of the journey; 0 where it says none. */
  readonly priority?: number;
  readonly tags?: readonly string[];
  /** Until when there is no room for it (CP9). */
  readonly heldUntil?: number;
  readonly detail?: string;
}

const partOf = (number: number): string => `message:${String(number).padStart(12, '0')}`;
const MESSAGE = 'message/';
const outboxKey = (key: string): string => MESSAGE + key;

/** Puts the message of a send step on its way, or records why it is not sent. `at` in milliseconds. */
export function prepareMessage(commit: Commit, effect: SendEffect, run: Run, at: number): void {
  const prepared = prepareSend(addresseeOf(commit, at), effect, run, commit.silence);
  record(commit, prepared.kind, at, prepared.line);
  if (prepared.kind === 'suppressed') return;
  const { version, ...text } = prepared.composed;
  const { journey, purpose, channel, message: template } = effect;
  const number = lastMessageNumber(commit.sql) + 1;
  const { tags } = commit.machineOf(run);
  const ranked = { priority: effect.priority ?? 0, tags };
  const stored = { number, key: prepared.key, journey, channel, purpose, ...ranked, ...text };
  keepMessage(commit, { ...stored, template, templateVersion: version, at, status: 'queued', attempts: 0 });
}

const addresseeOf = ({ state, sql, messages, policies, links, defaultLocale }: Commit, at: number): Addressee => ({
  id: state.id,
  traits: toldTraits(state),
  refuses: (purpose, channel) => refused(sql, state, policies.consent, purpose, channel, at),
  links: (effect, begun) => links && linksFor(links, state.id, effect, begun, at),
  mustEnd: (purpose) => policies.consent.declared && mayEnd(policies.consent, purpose),
  eventOf: (messageId) => eventOf(entryBody(sql, messageId)),
  templates: messages,
  defaultLocale,
});

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
function openMessage({ sql }: Pick<Commit, 'sql'>, key: string): StoredMessage | null {
  const row = readOutboxRow(sql, outboxKey(key));
  const effect = row && (JSON.parse(row.body) as { number: number });
  const body = effect && readPart(sql, partOf(effect.number));
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
    if (isRepeatedBadly(commit, message)) {
      close(commit, message, 'uncertain', 'it was handed to the provider, and no word came back');
      return { kind: 'over' };
    }
  }
  // CS1: asked when a message is made and again here.
  const reason = refusedNow(commit, message);
  if (reason !== null) {
    close(commit, message, 'suppressed', reason);
    return { kind: 'over' };
  }
  const room = roomOf(commit, kindOf(message), () => rivalsOf(commit, message));
  if (room.kind === 'never') {
    close(commit, message, 'suppressed', `pressure: ${room.rule}`);
    return { kind: 'over' };
  }
  if (room.kind === 'later') {
    hold(commit, message, room);
    return { kind: 'over' };
  }
  takeRoom(commit, kindOf(message));
  writeMessage(commit, { ...message, status: 'claimed', claimedAt: commit.now, attempts: message.attempts + 1 });
  const { channel, purpose, to, subject, text, html, unsubscribeUrl } = message;
  const end = unsubscribeUrl === undefined ? {} : { unsubscribeUrl };
  return { kind: 'send', message: { key, channel, purpose, to, subject, text, html, ...end } };
}

const kindOf = ({ key, channel, purpose, tags = [] }: StoredMessage): Rival => ({ key, channel, purpose, tags });

/** CP8: messages that wait as well, could go now, and go before this one. */
function rivalsOf(commit: Commit, message: StoredMessage): Rival[] {
  const rank = ({ priority = 0, number }: StoredMessage): readonly [number, number] => [-priority, number];
  const goesBefore = (one: StoredMessage, other: StoredMessage): boolean => {
    const [[priority, number], [than, after]] = [rank(one), rank(other)];
    return priority < than || (priority === than && number < after);
  };
  return openMessages(commit)
    .filter((other) => other.status === 'queued' && (other.heldUntil ?? 0) <= commit.now)
    .filter((other) => goesBefore(other, message) && refusedNow(commit, other) === null)
    .sort((one, other) => (goesBefore(one, other) ? -1 : 1))
    .map(kindOf);
}

/** CP9: it is asked for again when there is room. */
function hold(commit: Commit, message: StoredMessage, { at, rule }: Extract<Room, { kind: 'later' }>): void {
  const row = readOutboxRow(commit.sql, outboxKey(message.key));
  if (row) deferOutbox(commit.sql, row, at);
  commit.outbox = true;
  if (message.heldUntil === at) return;
  const { key, journey, template, channel, purpose } = message;
  writeMessage(commit, { ...message, heldUntil: at });
  const about = { journey, key, message: template, channel, purpose };
  record(commit, 'deferred', commit.now, { ...about, until: new Date(at).toISOString(), rule });
}

const refusedNow = ({ sql, state, policies, now }: Commit, { purpose, channel }: StoredMessage): string | null =>
  refused(sql, state, policies.consent, purpose, channel, now);

/** I4: twice is worse than never for what a customer did not ask for. */
const isRepeatedBadly = ({ policies }: Commit, { purpose }: StoredMessage): boolean =>
  mayEnd(policies.consent, purpose);

/** CS2: messages that may not go out any more are given up; one that is claimed is on its way. */
export function giveUpRefused(commit: Commit): void {
  for (const message of openMessages(commit)) {
    const reason = message.status === 'queued' ? refusedNow(commit, message) : null;
    if (reason !== null) close(commit, message, 'suppressed', reason);
  }
}

/** Messages that something is still to be done for. */
const openMessages = (of: Pick<Commit, 'sql'>): StoredMessage[] =>
  readOutbox(of.sql).flatMap(
    ({ key }) => (key.startsWith(MESSAGE) ? openMessage(of, key.slice(MESSAGE.length)) : null) ?? [],
  );

/** Messages nobody has in hand, in the order they were made. */
export const waitingMessages = (sql: SqlStorage): StoredMessage[] =>
  openMessages({ sql })
    .filter(({ status }) => status === 'queued')
    .sort((one, other) => one.number - other.number);

/** What came of a claimed message. A second word on it changes nothing. */
export function settleMessage(commit: Commit, key: string, settlement: Settlement): void {
  const message = openMessage(commit, key);
  if (message?.status !== 'claimed') return;
  if (settlement.kind !== 'sent') giveRoomBack(commit, key);
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
