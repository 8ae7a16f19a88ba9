// From a `send` step to a message that has arrived, as far as the object goes: who has it in hand. Whether it may go out
// and what it says: decide/sending.ts. Claim, send, confirm (I4): a message is claimed before its provider is called and settled after;
// one whose claim ran out without word is sent again if it is transactional, and left uncertain if it is marketing.

import { CLAIM_MS, LIMITS } from '../../schema/limits.ts';
import { mayEnd } from '../consent/policy.ts';
import { prepareSend } from '../decide/sending.ts';
import type { Run } from '../engine/machine.ts';
import type { SendEffect } from '../engine/outcomes.ts';
import type { Room } from '../pressure/room.ts';
import { addresseeOf, refusedNow } from './addressing.ts';
import { retryAt } from './alarm.ts';
import { type Commit, record } from './commit.ts';
import { giveRoomBack, roomOf, takeRoom } from './contacts.ts';
import { digestFor, isTooOld, TOO_OLD } from './digesting.ts';
import type { Claim, Settlement, ShownMessage } from './messages.ts';
import { kindOf, rivalsOf } from './ranking.ts';
import { deferOutbox, lastMessageNumber, messageBodies, readOutboxRow } from './storage.ts';
import {
  close,
  keepMessage,
  openMessage,
  openMessages,
  outboxKey,
  type StoredMessage,
  writeMessage,
} from './stored.ts';

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
  if (isTooOld(commit, message)) {
    close(commit, message, 'suppressed', TOO_OLD);
    return { kind: 'over' };
  }
  const digest = digestFor(commit, message);
  if (digest) return handOut(commit, digest);
  const room = roomOf(commit, kindOf(message), () => rivalsOf(commit, message));
  if (room.kind === 'never') {
    close(commit, message, 'suppressed', `pressure: ${room.rule}`);
    return { kind: 'over' };
  }
  if (room.kind === 'later') {
    hold(commit, message, room);
    return { kind: 'over' };
  }
  return handOut(commit, message);
}

/** Room is taken (CP7), and the message is somebody's for `CLAIM_MS`. */
function handOut(commit: Commit, message: StoredMessage): Claim {
  takeRoom(commit, kindOf(message));
  writeMessage(commit, { ...message, status: 'claimed', claimedAt: commit.now, attempts: message.attempts + 1 });
  const { key, channel, purpose, to, subject, text, html, unsubscribeUrl } = message;
  const end = unsubscribeUrl === undefined ? {} : { unsubscribeUrl };
  return { kind: 'send', message: { key, channel, purpose, to, subject, text, html, ...end } };
}

/** CP9: it is asked for again when there is room. */
function hold(commit: Commit, message: StoredMessage, { at, rule }: Extract<Room, { kind: 'later' }>): void {
  const row = readOutboxRow(commit.sql, outboxKey(message.key));
  if (row) deferOutbox(commit.sql, row, at);
  commit.outbox = true;
  if (message.heldUntil === at && message.heldBy === rule) return;
  const { key, journey, template, channel, purpose } = message;
  writeMessage(commit, { ...message, heldUntil: at, heldBy: rule });
  const about = { journey, key, message: template, channel, purpose };
  record(commit, 'deferred', commit.now, { ...about, until: new Date(at).toISOString(), rule });
}

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
