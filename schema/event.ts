// One touchpoint as a site reports it: the whole Segment message shape. Unknown fields are kept. Owns what is valid,
// what an absent id looks like and how a timestamp is corrected. Source: Segment "Spec: Common Fields".

import { z } from 'zod';
import { isObject, type Json, type JsonObject } from './json.ts';
import { LIMITS } from './limits.ts';

z.config({ jitless: true });

/** Tracking clients send numbers, empty strings and null for ids; an empty one is an absent one. */
const id = z
  .union([z.string(), z.number()])
  .nullish()
  .transform((value) => (value === null || value === undefined || value === '' ? undefined : String(value)))
  .pipe(
    z
      .string()
      .max(LIMITS.idCharsMax)
      .regex(/^[^\p{Cc}]+$/u, 'must not hold control characters')
      .optional(),
  );

const instant = z
  .union([z.string(), z.number(), z.null()])
  .optional()
  .transform((value, context) => {
    if (value === undefined || value === null || value === '') return undefined;
    const ms = typeof value === 'number' ? value : Date.parse(value);
    if (Number.isFinite(ms) && Math.abs(ms) <= INSTANT_MS_MAX) return ms;
    context.addIssue({ code: 'custom', message: 'must be an ISO 8601 date and time, such as 2026-11-22T09:30:00Z' });
    return z.NEVER;
  });

/** The range of ECMAScript's Date is wider; this keeps every sum of an instant and a delay inside it. */
const INSTANT_MS_MAX = 8_000_000_000_000_000;

const members = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((value) => value ?? undefined);

export const EVENT_TYPES = ['track', 'page', 'screen', 'identify', 'group', 'alias'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** One message of the tracking API. `timestamp` and `sentAt` come out as milliseconds since 1970. */
export const Event = z
  .looseObject({
    messageId: id,
    type: z.enum(EVENT_TYPES),
    event: z.string().max(LIMITS.nameCharsMax).nullish(),
    name: z.string().max(LIMITS.stringCharsMax).nullish(),
    userId: id,
    anonymousId: id,
    previousId: id,
    groupId: id,
    properties: members,
    traits: members,
    context: members,
    timestamp: instant,
    originalTimestamp: instant,
    sentAt: instant,
  })
  .superRefine((event, context) => {
    if (event.type === 'track' && !event.event?.trim())
      context.addIssue({ code: 'custom', path: ['event'], message: 'a track call needs the name of its event' });
    if (event.userId === undefined && event.anonymousId === undefined)
      context.addIssue({ code: 'custom', path: ['userId'], message: 'name the customer by userId or anonymousId' });
    if (event.type === 'alias' && event.previousId === undefined)
      context.addIssue({ code: 'custom', path: ['previousId'], message: 'an alias call needs previousId' });
    if (event.type === 'alias' && event.userId === undefined)
      context.addIssue({ code: 'custom', path: ['userId'], message: 'an alias call needs userId' });
  });

export type Event = z.output<typeof Event>;

export type EventFault = z.core.$ZodIssue;

/** Validates one message. The common shape is recognised directly; everything else, and every fault, is Zod's. */
export function readEvent(
  message: JsonObject,
): { ok: true; event: Event } | { ok: false; issues: readonly EventFault[] } {
  const plain = plainEvent(message);
  if (plain) return { ok: true, event: plain };
  const parsed = Event.safeParse(message);
  return parsed.success ? { ok: true, event: parsed.data } : { ok: false, issues: parsed.error.issues };
}

const CONTROL = /\p{Cc}/u;

/**
 * The message as `Event` would give it, where every known member is absent or of its plain type; null says "ask Zod",
 * never "refused". Equal to Zod by property test; it exists because the schema costs four times the rest of the intake.
 */
export function plainEvent(message: JsonObject): Event | null {
  const { type, event, name, messageId, userId, anonymousId, previousId, groupId, properties, traits, context } =
    message;
  if (typeof type !== 'string' || !isEventType(type)) return null;
  if (!isPlainText(event, LIMITS.nameCharsMax) || !isPlainText(name, LIMITS.stringCharsMax)) return null;
  if (
    !isPlainId(messageId) ||
    !isPlainId(userId) ||
    !isPlainId(anonymousId) ||
    !isPlainId(previousId) ||
    !isPlainId(groupId)
  )
    return null;
  if (!isPlainObject(properties) || !isPlainObject(traits) || !isPlainObject(context)) return null;
  if (userId === undefined && anonymousId === undefined) return null;
  if (type === 'alias' && (previousId === undefined || userId === undefined)) return null;
  if (type === 'track' && (event === undefined || event.trim() === '')) return null;
  const timestamp = plainInstant(message['timestamp']);
  const originalTimestamp = plainInstant(message['originalTimestamp']);
  const sentAt = plainInstant(message['sentAt']);
  if (timestamp === null || originalTimestamp === null || sentAt === null) return null;
  return {
    ...message,
    type,
    event,
    name,
    messageId,
    userId,
    anonymousId,
    previousId,
    groupId,
    properties,
    traits,
    context,
    timestamp,
    originalTimestamp,
    sentAt,
  };
}

const isEventType = (type: string): type is EventType => (EVENT_TYPES as readonly string[]).includes(type);

const isPlainText = (value: Json | undefined, charsMax: number): value is string | undefined =>
  value === undefined || (typeof value === 'string' && value.length <= charsMax);

const isPlainId = (value: Json | undefined): value is string | undefined =>
  value === undefined ||
  (typeof value === 'string' && value !== '' && value.length <= LIMITS.idCharsMax && !CONTROL.test(value));

const isPlainObject = (value: Json | undefined): value is JsonObject | undefined =>
  value === undefined || isObject(value);

/** Milliseconds, undefined when absent, null when it is for Zod to say. */
function plainInstant(value: Json | undefined): number | undefined | null {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '') return null;
  const ms = Date.parse(value);
  return Math.abs(ms) <= INSTANT_MS_MAX ? ms : null;
}

/** The canonical customer id: `u:` and the user id where one is named, else `a:` and the anonymous id. */
export function customerIdOf(ids: { userId?: string | undefined; anonymousId?: string | undefined }): string | null {
  if (ids.userId) return `u:${ids.userId}`;
  return ids.anonymousId ? `a:${ids.anonymousId}` : null;
}

/**
 * The customers that this event says are the same person as the named user: of `alias` whoever is called so, a visitor or
 * a user. Whether the sender may say it of a user is not asked here (GM2).
 */
export function mergedIdsOf({ type, userId, previousId, anonymousId }: Event): readonly string[] | null {
  if (!userId) return null;
  if (type === 'alias' && previousId) return previousId === userId ? null : [`a:${previousId}`, `u:${previousId}`];
  return type === 'identify' && anonymousId ? [`a:${anonymousId}`] : null;
}

/**
 * When the event happened by our clock, milliseconds: `timestamp` moved by the difference between the sender's clock
 * at sending and ours at receipt, never later than the receipt. Source: Segment "Timestamps: sentAt".
 */
export function happenedAt(event: Event, receivedAt: number, batchSentAt: number | undefined): number {
  const stated = event.originalTimestamp ?? event.timestamp;
  if (stated === undefined) return receivedAt;
  const sentAt = event.sentAt ?? batchSentAt;
  const at = sentAt === undefined ? stated : receivedAt - (sentAt - stated);
  return Math.min(Math.max(at, -INSTANT_MS_MAX), receivedAt);
}

/** The name journeys listen for: a track call's event, every other call's type. */
export function eventNameOf(event: Event): string {
  return event.type === 'track' ? (event.event ?? '').trim() : event.type;
}
