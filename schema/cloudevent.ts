// One CloudEvent 1.0 in its JSON form: what is valid, and which message of the tracking API it is. Owns the mapping; how
// an event travels over HTTP is workers/api/cloudevents.ts. Sources: CloudEvents 1.0.2 "Context Attributes" and "Type
// System", its JSON Event Format; RFC 3986 (URIs), RFC 3339 (time), RFC 2046 (media types), RFC 4648 (base64).

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { isObject, type Json, type JsonFault, type JsonObject, parseJsonBytes } from './json.ts';
import { LIMITS } from './limits.ts';

/** Control characters and non-characters, which no String of the type system may hold. */
const FORBIDDEN = /[\p{Cc}\p{Noncharacter_Code_Point}]/u;
/** What a text must be, in words for whoever sent something else. */
const words = ({ input }: { input?: unknown }): string =>
  input === undefined || input === null ? 'is required' : 'must be a string';
const text = z
  .string({ error: words })
  .min(1, 'must not be empty')
  .refine((value) => value.isWellFormed() && !FORBIDDEN.test(value), 'must not hold control characters');
const id = text.max(LIMITS.idCharsMax);

const uriReference = z
  .string({ error: words })
  .min(1, 'must not be empty')
  .regex(/^(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[\dA-Fa-f]{2})+$/, 'must be a URI reference (RFC 3986)');
const uri = uriReference.regex(/^[A-Za-z][A-Za-z\d+.-]*:/, 'must be a URI with its scheme (RFC 3986)');

const TOKEN = "[\\w!#$%&'*+.^`|~-]+";
const MEDIA_TYPE = new RegExp(`^${TOKEN}/${TOKEN}(?:\\s*;\\s*${TOKEN}=(?:${TOKEN}|"(?:[^"\\\\]|\\\\.)*"))*\\s*;?\\s*$`);
const mediaType = text.max(LIMITS.idCharsMax).regex(MEDIA_TYPE, 'must be a media type such as application/json');

const RFC3339 =
  /^(\d{4}-\d\d-\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,20})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const instant = z
  .string()
  .refine(
    (value) => RFC3339.test(value) && isDay(value.slice(0, 10)),
    'must be a time as RFC 3339 has it, such as 2026-11-22T09:30:00Z',
  );

const isDay = (day: string): boolean => {
  const at = Date.parse(`${day}T00:00:00Z`);
  return Number.isFinite(at) && new Date(at).toISOString().startsWith(day);
};

const EXTENSION = 'an extension is a string, a boolean or a whole number of 32 bits';
const extension = z.union([z.string().max(LIMITS.stringCharsMax), z.boolean(), z.int32(), z.null()], EXTENSION);
const customerId = z.union([id, z.int32()]).nullish();

/** A CloudEvent as `application/cloudevents+json` has it; null is the same as absent. Everything not named here is an extension. */
export const CloudEvent = z
  .object({
    specversion: z.literal('1.0', 'must be "1.0"'),
    id,
    source: uriReference.max(LIMITS.uriCharsMax),
    type: text.max(LIMITS.nameCharsMax).regex(/^$|\S/, 'must not be blank'),
    time: instant.nullish(),
    subject: text.max(LIMITS.stringCharsMax).nullish(),
    datacontenttype: mediaType.nullish(),
    dataschema: uri.max(LIMITS.uriCharsMax).nullish(),
    userid: customerId.describe('Extension: the user id of the customer.'),
    anonymousid: customerId.describe('Extension: the anonymous id of the customer.'),
    data: z.unknown().optional().describe('JSON, or text where datacontenttype is not JSON.'),
    data_base64: z
      .string()
      .regex(/^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/, 'must be base64 (RFC 4648, section 4)')
      .nullish(),
  })
  .catchall(extension)
  .superRefine((event, context) => {
    const issue = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    for (const name of Object.keys(event))
      if (!/^[a-z\d]+$/.test(name) && name !== 'data_base64')
        issue(name, 'an attribute is named with the letters a to z and digits');
    if (isSet(event.data) && isSet(event.data_base64)) issue('data_base64', 'send data or data_base64, not both');
    if (isSet(event.data) && typeof event.data !== 'string' && !holdsJson(event))
      issue('data', 'must be a string, as its datacontenttype is not JSON');
    if (customerOf(event).userId === undefined && customerOf(event).anonymousId === undefined)
      issue('subject', 'name the customer by subject (a user id) or by the extensions userid or anonymousid');
    else if (!isSet(event.userid) && !isSet(event.anonymousid) && (event.subject ?? '').length > LIMITS.idCharsMax)
      issue('subject', `as a user id it may have ${LIMITS.idCharsMax} characters`);
  });

export type CloudEvent = z.output<typeof CloudEvent>;

const isSet = (value: unknown): boolean => value !== undefined && value !== null;

/** Whether the data is JSON: by its media type, which is application/json where none is given (JSON Event Format, 3.1). */
const holdsJson = ({ datacontenttype }: CloudEvent): boolean =>
  !isSet(datacontenttype) || isJsonType(datacontenttype ?? '');

/** The subtype is json or ends in +json; parameters aside. */
export const isJsonType = (type: string): boolean => /^[^;]*[/+]json\s*(?:;|$)/i.test(type);

/** The extensions name the customer; without them the subject is a user id. */
function customerOf(event: CloudEvent): { userId?: string; anonymousId?: string } {
  const { userid, anonymousid, subject } = event;
  const userId = isSet(userid) ? String(userid) : isSet(anonymousid) ? undefined : (subject ?? undefined);
  return {
    ...(userId === undefined ? {} : { userId }),
    ...(isSet(anonymousid) ? { anonymousId: String(anonymousid) } : {}),
  };
}

export type MappedMessage = { ok: true; message: JsonObject } | { ok: false; fault: JsonFault };

/**
 * The track call that an event is. All its attributes are kept as they came in `context.cloudevent`. Data that is an
 * object becomes the properties; any other JSON, or text, the property `data`; bytes the property `data_base64`.
 */
export function messageOf(event: CloudEvent): MappedMessage {
  const { data, data_base64, ...attributes } = event;
  const kept = Object.fromEntries(Object.entries(attributes).filter(([, value]) => isSet(value)));
  const content = dataOf(event);
  if (!content.ok) return content;
  return {
    ok: true,
    message: {
      messageId: messageIdOf(event),
      type: 'track',
      event: event.type,
      ...customerOf(event),
      ...(isSet(event.time) ? { timestamp: instantOf(event.time ?? '') } : {}),
      ...(content.properties === null ? {} : { properties: content.properties }),
      context: { cloudevent: kept as JsonObject },
    },
  };
}

/**
 * Source and id together, which is what identifies an event. A source has no blank in it, so two different pairs never
 * make the same text; one that is too long for an id stands as its SHA-256.
 */
export function messageIdOf({ source, id }: Pick<CloudEvent, 'source' | 'id'>): string {
  const both = `${source} ${id}`;
  return both.length <= LIMITS.idCharsMax ? both : `sha256:${createHash('sha256').update(both).digest('hex')}`;
}

/** As ECMAScript reads it: capitals, and the second that a leap adds counted as the one before. */
const instantOf = (time: string): string => time.toUpperCase().replace(/(:\d\d):60/, '$1:59');

type Content = { ok: true; properties: JsonObject | null } | { ok: false; fault: JsonFault };

function dataOf(event: CloudEvent): Content {
  if (!isSet(event.data_base64)) {
    const data = (event.data ?? null) as Json;
    return { ok: true, properties: data === null ? null : isObject(data) ? data : { data } };
  }
  const base64 = event.data_base64 ?? '';
  if (base64 === '') return { ok: true, properties: null };
  const type = event.datacontenttype ?? 'application/octet-stream';
  if (!isJsonType(type)) return { ok: true, properties: { data_base64: base64 } };
  const parsed = parseJsonBytes(Buffer.from(base64, 'base64'));
  if (!parsed.ok)
    return { ok: false, fault: { pointer: '/data_base64', detail: `Is not JSON. ${parsed.fault.detail}` } };
  return {
    ok: true,
    properties: isObject(parsed.value) ? parsed.value : parsed.value === null ? null : { data: parsed.value },
  };
}
