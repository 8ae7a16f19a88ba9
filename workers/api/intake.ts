// From what a site sent to what a customer's object takes: each message is guarded, validated, named and dated here, so
// that inside everything can be trusted. One message at fault never spoils the others.

import { v7 as uuid } from 'uuid';
import { customerIdOf, type Event, eventNameOf, happenedAt, mergedIdsOf, readEvent } from '../../schema/event.ts';
import { findJsonFault, isObject, type Json, type JsonObject, pointerOf } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { hasSignals } from '../consent/statements.ts';
import type { IncomingEvent } from '../customer/messages.ts';
import type { Vocabulary } from '../engine/compile.ts';
import { hasExternalIds } from '../identity/identifiers.ts';
import type { ProblemError } from './problem.ts';

export interface Taken {
  readonly ok: true;
  readonly customerId: string;
  readonly userId: string | null;
  readonly event: IncomingEvent;
}
export interface Refused {
  readonly ok: false;
  readonly messageId: string | null;
  /** Pointers are relative to the message. */
  readonly errors: readonly ProblemError[];
  /** It is refused for its size alone. */
  readonly tooLarge?: true;
}

export interface Intake {
  readonly vocabulary: Vocabulary;
  /** Milliseconds. */
  readonly receivedAt: number;
  /** `sentAt` of the batch, milliseconds. */
  readonly sentAt: number | undefined;
  /** The call's type where the path names it. */
  readonly type?: string;
  /** The browser says Global Privacy Control. */
  readonly privacyControl?: boolean;
}

export function takeEvent(raw: Json, intake: Intake): Taken | Refused {
  if (!isObject(raw)) return refused(null, [{ pointer: '', detail: 'An event must be a JSON object.' }]);
  const message: JsonObject = intake.type === undefined ? raw : { ...raw, type: intake.type };
  const stated = typeof message['messageId'] === 'string' ? message['messageId'] : null;
  const fault = findJsonFault(message);
  if (fault) return refused(stated, [fault]);
  const read = readEvent(message);
  if (!read.ok)
    return refused(
      stated,
      read.issues.map((issue) => ({ pointer: pointerOf(issue.path), detail: issue.message })),
    );
  const { event } = read;
  const customerId = customerIdOf(event);
  if (customerId === null)
    return refused(stated, [{ pointer: '/userId', detail: 'name the customer by userId or anonymousId' }]);
  const messageId = event.messageId ?? uuid();
  const kept = withPrivacyControl(keptMessage(message, event, messageId), intake);
  const body = JSON.stringify(kept);
  if (isLargerThan(body, LIMITS.eventBytesMax))
    return {
      ...refused(messageId, [{ pointer: '', detail: `The event is larger than ${LIMITS.eventBytesMax} bytes.` }]),
      tooLarge: true,
    };
  return {
    ok: true,
    customerId,
    userId: event.userId ?? null,
    event: {
      messageId,
      name: intake.vocabulary.resolve(eventNameOf(event)),
      type: event.type,
      at: happenedAt(event, intake.receivedAt, intake.sentAt),
      body,
      merges: mergedIdsOf(event),
      ...(hasSignals(kept['context'], event.type === 'identify' ? kept['traits'] : undefined) ? { signals: true } : {}),
      ...(hasExternalIds(kept['context']) ? { externalIds: true } : {}),
    },
  };
}

/** What the browser says with every call stands in the context, where the page says it too. */
function withPrivacyControl(message: JsonObject, { privacyControl = false }: Intake): JsonObject {
  if (!privacyControl) return message;
  const { context } = message;
  return { ...message, context: { ...(isObject(context) ? context : {}), gpc: true } };
}

/** The message as it is kept: all of it, with the ids as they were understood and without the key it travelled with. */
function keptMessage(message: JsonObject, event: Event, messageId: string): JsonObject {
  const { userId, anonymousId } = event;
  const traits = identifiedTraits(message, event);
  const asUnderstood =
    traits === null &&
    message['messageId'] === messageId &&
    (userId === undefined || message['userId'] === userId) &&
    (anonymousId === undefined || message['anonymousId'] === anonymousId);
  if (asUnderstood && !('writeKey' in message) && !('customerToken' in message)) return message;
  const { writeKey: _, customerToken: __, ...kept } = message;
  return {
    ...kept,
    messageId,
    ...(userId === undefined ? {} : { userId }),
    ...(anonymousId === undefined ? {} : { anonymousId }),
    ...(traits === null ? {} : { traits }),
  };
}

/** RudderStack's browser client sends what is known of a user in the context alone. Null where there is nothing to add. */
function identifiedTraits(message: JsonObject, event: Event): JsonObject | null {
  if (event.type !== 'identify' || event.traits !== undefined) return null;
  const context = message['context'];
  return isObject(context) && isObject(context['traits']) ? context['traits'] : null;
}

const encoder = new TextEncoder();

/** UTF-8 takes one to three bytes a UTF-16 unit, so most texts need no counting. */
function isLargerThan(text: string, bytesMax: number): boolean {
  if (text.length > bytesMax) return true;
  return text.length * 3 > bytesMax && encoder.encode(text).length > bytesMax;
}

const refused = (messageId: string | null, errors: readonly ProblemError[]): Refused => ({
  ok: false,
  messageId,
  errors,
});
