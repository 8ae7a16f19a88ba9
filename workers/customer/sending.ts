// From a `send` step to a message that has arrived, as far as the object goes: whether it may go out at all, what it says,
// and who has it in hand. Claim, send, confirm (I4): a message is claimed before its provider is called and settled after;
// one whose claim ran out without word is sent again if it is transactional, and left uncertain if it is marketing.

import { isObject, type JsonObject } from '../../schema/json.ts';
import { CLAIM_MS, LIMITS, RESEND_AFTER_MS } from '../../schema/limits.ts';
import { type RenderedMessage, renderMessage } from '../decide/messages.ts';
import type { Effect, Run } from '../engine/machine.ts';
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

type Send = Extract<Effect, { kind: 'send' }>;

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
export function prepareMessage(commit: Commit, effect: Send, run: Run, at: number): void {
  const { kind: _, run: __, by: ___, ...said } = effect;
  const composed = commit.silence ?? compose(commit, effect, run);
  if (typeof composed === 'string') {
    record(commit, 'suppressed', at, { ...said, reason: composed });
    return;
  }
  const { version, ...text } = composed;
  const { journey, purpose, channel, message: template } = effect;
  // The customer's id makes the key one of all customers, and it stays when the customer becomes another one.
  const key = `${commit.state.id}/${effect.key}`;
  record(commit, 'message', at, { ...said, key, version, status: 'queued' });
  const number = lastMessageNumber(commit.sql) + 1;
  const stored = { number, key, journey, channel, purpose, ...text, template, templateVersion: version, at };
  keepMessage(commit, { ...stored, status: 'queued', attempts: 0 });
}

/** Writes a message that is new to this object and, unless it is over, the effect that sees to its sending. */
export function keepMessage(commit: Commit, message: StoredMessage): void {
  writeMessage(commit, message);
  if (!isOpen(message)) return;
  const body = JSON.stringify({ kind: 'message', key: message.key, number: message.number });
  writeOutbox(commit.sql, outboxKey(message.key), body, commit.now + RESEND_AFTER_MS);
  commit.outbox = true;
}

type Composed = RenderedMessage & { readonly to: string; readonly version: number };

/** The message in full, or the reason why there is none. */
function compose(commit: Commit, effect: Send, run: Run): Composed | string {
  const { traits, id } = commit.state;
  if (effect.channel !== 'email') return 'no channel';
  const template = commit.messages.get(effect.message);
  if (!template) return 'no template';
  if (!mayContact(commit, effect.purpose, effect.channel)) return 'no consent';
  const to = addressOf(traits);
  if (to === null) return 'no address';
  const begun = eventOf(effect.by === null ? null : entryBody(commit.sql, effect.by));
  const rendered = renderMessage(template, localesOf(commit, begun), {
    traits,
    event: { name: begun['event'] ?? begun['name'] ?? '', properties: begun['properties'] ?? {} },
    customer: { id },
    journey: { id: run.journey, stage: run.stage, key: run.key },
  });
  return rendered ? { ...rendered, to, version: template.version } : 'template failed';
}

/** Asked when a message is made and again when it is claimed: marketing needs the last word on it to be a yes. */
function mayContact(commit: Commit, purpose: string, channel: string): boolean {
  if (purpose !== 'marketing') return true;
  for (const body of consentBodies(commit.sql)) {
    const said = eventOf(body)['properties'];
    const { purpose: of, channel: by, granted } = isObject(said) ? said : {};
    if ((of ?? purpose) === purpose && (by ?? channel) === channel) return granted !== false;
  }
  return false;
}

const ADDRESS = /^[^\s@<>()[\],;:"\\\p{Cc}]+@[^\s@<>()[\],;:"\\.\p{Cc}]+(\.[^\s@<>()[\],;:"\\.\p{Cc}]+)+$/u;

/** What a mail can be addressed to, so that nothing in it begins another header or names another recipient. */
function addressOf(traits: JsonObject): string | null {
  const email = traits['email'];
  return typeof email === 'string' && email.length <= 254 && ADDRESS.test(email) ? email : null;
}

function eventOf(body: string | null): JsonObject {
  const event: unknown = body === null ? null : JSON.parse(body);
  return isObject(event) ? event : {};
}

/** The customer's own language, then that of the page the run began on, then the site's. */
function localesOf(commit: Commit, begun: JsonObject): string[] {
  const { traits } = commit.state;
  const context = begun['context'];
  const wanted = [traits['locale'], traits['language'], isObject(context) ? context['locale'] : null];
  return [...wanted.filter((locale) => typeof locale === 'string'), commit.defaultLocale];
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
  if (!mayContact(commit, message.purpose, message.channel)) {
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
