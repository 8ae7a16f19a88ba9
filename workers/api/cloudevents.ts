// CloudEvents 1.0 over HTTP: structured, batched and binary mode become the JSON form of schema/cloudevent.ts, then events
// like those of the tracking API. Source: CloudEvents 1.0.2 "HTTP Protocol Binding", sections 3.1 to 3.3.

import { Hono } from 'hono';
import { CloudEvent, isJsonType, messageIdOf, messageOf } from '../../schema/cloudevent.ts';
import { findJsonFault, isObject, type Json, type JsonObject, parseJsonBytes, pointerOf } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { now } from '../clock.ts';
import { type Read, readJson, readRawBytes, unzipped } from './body.ts';
import { identifySender, prefixed, tooManyEvents } from './caller.ts';
import { commitEvents } from './commit.ts';
import { type AppEnv, json, type LocalMode, problem, timing } from './context.ts';
import { type Intake, type Refused, type Taken, takeEvent } from './intake.ts';
import type { Failure, ProblemError } from './problem.ts';

/** What a request carries, whatever its mode: events in their JSON form. */
interface Carried {
  readonly batched: boolean;
  readonly events: readonly Json[];
}

export function cloudEventRoutes(local: LocalMode | null): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.post('/v1/cloudevents', async (c) => {
    const startedAt = Date.now();
    const request = c.req.raw;
    const sender = await identifySender(readCloudEvents, request, c.env, c.executionCtx, local?.keys ?? null);
    if (sender instanceof Response) return sender;
    const { batched, events } = sender.body;
    if (events.length > LIMITS.eventsPerCallMax) return problem(tooManyEvents);
    const intake: Intake = { vocabulary: sender.catalog.vocabulary, receivedAt: now(), sentAt: undefined };
    const results = events.map((event) => takeCloudEvent(event, intake));
    const token = request.headers.get('waymark-customer-token');
    const outcomes = await commitEvents(c.env, sender, results, token, intake.receivedAt);
    if ('kind' in outcomes) return problem(outcomes);
    if (outcomes.length > 0 && outcomes.every(({ status }) => status === 'rejected'))
      return problem(
        !batched && results.some((result) => !result.ok && result.tooLarge)
          ? { kind: 'too-large', detail: `The event is larger than ${LIMITS.eventBytesMax} bytes.` }
          : {
              kind: 'invalid',
              errors: outcomes.flatMap(({ errors = [] }, index) => prefixed(errors, batched ? `/${index}` : '')),
            },
      );
    return json({ results: outcomes }, 200, timing(startedAt));
  });
  return app;
}

/** Where a member of the message stands in the event, for pointers. */
const PLACES: readonly (readonly [RegExp, string])[] = [
  [/^\/(?:messageId)$/, '/id'],
  [/^\/event$/, '/type'],
  [/^\/timestamp$/, '/time'],
  [/^\/properties(?=\/|$)/, '/data'],
  [/^\/context\/cloudevent(?=\/)/, ''],
];

function takeCloudEvent(raw: Json, intake: Intake): Taken | Refused {
  if (!isObject(raw)) return refused(null, [{ pointer: '', detail: 'An event must be a JSON object.' }]);
  const fault = findJsonFault(raw);
  if (fault) return refused(null, [fault]);
  const parsed = CloudEvent.safeParse(raw);
  if (!parsed.success)
    return refused(
      null,
      parsed.error.issues.map((issue) => ({ pointer: pointerOf(issue.path), detail: issue.message })),
    );
  const messageId = messageIdOf(parsed.data);
  const mapped = messageOf(parsed.data);
  if (!mapped.ok) return refused(messageId, [mapped.fault]);
  const taken = takeEvent(mapped.message, intake);
  if (taken.ok) return taken;
  const inEvent = (pointer: string) =>
    PLACES.reduce((place, [member, attribute]) => place.replace(member, attribute), pointer);
  return { ...taken, errors: taken.errors.map(({ pointer, detail }) => ({ pointer: inEvent(pointer), detail })) };
}

const refused = (messageId: string | null, errors: readonly ProblemError[]): Refused => ({
  ok: false,
  messageId,
  errors,
});

const EXPECTED =
  'Send application/cloudevents+json, application/cloudevents-batch+json, or the attributes as ce- headers with any content type.';
const unsupported = (detail: string): { ok: false; failure: Failure } => ({
  ok: false,
  failure: { kind: 'unsupported-type', detail },
});
const invalidAt = (pointer: string, detail: string): { ok: false; failure: Failure } => ({
  ok: false,
  failure: { kind: 'invalid', errors: [{ pointer, detail }] },
});

/** The mode is told by the content type (section 1.3 of the binding): both prefixes of CloudEvents, else binary. */
export async function readCloudEvents(request: Request): Promise<Read<Carried>> {
  const contentType = request.headers.get('content-type') ?? '';
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  if (!type.startsWith('application/cloudevents')) return readBinary(request, contentType);
  const batched = type === 'application/cloudevents-batch+json';
  if (!batched && type !== 'application/cloudevents+json')
    return unsupported(`Of the formats of CloudEvents, JSON alone is understood. ${EXPECTED}`);
  if (!isUtf8(contentType)) return unsupported('JSON is read as UTF-8 only.');
  const read = await readJson(request);
  if (!read.ok) return read;
  if (!batched) return { ok: true, value: { batched, events: [read.value] } };
  if (Array.isArray(read.value)) return { ok: true, value: { batched, events: read.value } };
  return invalidAt('', 'A batch is a JSON array of events.');
}

const isUtf8 = (contentType: string): boolean => {
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1];
  return charset === undefined || /^(?:utf-?8|us-ascii)$/i.test(charset);
};

/** Binary mode: each attribute a header, the body the data, its content type the attribute datacontenttype. */
async function readBinary(request: Request, contentType: string): Promise<Read<Carried>> {
  const attributes: JsonObject = {};
  for (const [header, value] of request.headers) {
    if (!header.startsWith('ce-')) continue;
    const name = header.slice(3);
    const attribute = attributeOf(value);
    if (attribute === null)
      return invalidAt(pointerOf([name]), `The header ${header} is not percent-encoded UTF-8 in printable ASCII.`);
    attributes[name] = attribute;
  }
  const names = Object.keys(attributes);
  if (names.length === 0) return unsupported(EXPECTED);
  const misplaced = ['data', 'datacontenttype'].find((name) => names.includes(name));
  if (misplaced !== undefined)
    return invalidAt(`/${misplaced}`, 'In binary mode the body is the data and its Content-Type the datacontenttype.');
  const source = request.headers.get('ce-source');
  if (source !== null) attributes['source'] = uriOf(source, attributes['source']);
  const schema = request.headers.get('ce-dataschema');
  if (schema !== null) attributes['dataschema'] = uriOf(schema, attributes['dataschema']);
  if (contentType.trim() !== '') attributes['datacontenttype'] = contentType.trim();

  const raw = await readRawBytes(request);
  if (!raw.ok) return raw;
  const encoded = /\bgzip\b/i.test(request.headers.get('content-encoding') ?? '') || isJsonType(contentType);
  const body = encoded ? await unzipped(raw.value) : raw;
  if (!body.ok) return body;
  const data = dataOf(body.value, contentType);
  return data.ok ? { ok: true, value: { batched: false, events: [{ ...attributes, ...data.value }] } } : data;
}

/** JSON as it is, text as text, anything else as base64. */
function dataOf(bytes: Uint8Array, contentType: string): Read<JsonObject> {
  if (bytes.length === 0) return { ok: true, value: {} };
  if (isJsonType(contentType)) {
    const parsed = parseJsonBytes(bytes);
    return parsed.ok
      ? { ok: true, value: { data: parsed.value } }
      : { ok: false, failure: { kind: 'bad-json', ...parsed.fault } };
  }
  const base64 = { data_base64: Buffer.from(bytes).toString('base64') };
  if (!isTextType(contentType) || !isUtf8(contentType)) return { ok: true, value: base64 };
  try {
    return { ok: true, value: { data: utf8.decode(bytes) } };
  } catch {
    return { ok: true, value: base64 };
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const isTextType = (type: string): boolean =>
  /^\s*(?:text\/|[^;]*[/+]xml\b|application\/x-www-form-urlencoded)/i.test(type);

/**
 * The attribute in a header: quotes taken off, then one round of percent-decoding (section 3.1.3.2 of the binding). Null
 * where it holds anything but printable ASCII or its bytes are not UTF-8. A percent sign alone stands for itself: senders
 * that encode nothing mean it so.
 */
export function attributeOf(header: string): string | null {
  if (!/^[\x20-\x7e]*$/.test(header)) return null;
  const plain = /^".*"$/.test(header) ? header.slice(1, -1).replaceAll(/\\(.)/g, '$1') : header;
  try {
    return plain.replaceAll(/(?:%[\dA-Fa-f]{2})+/g, decodeURIComponent);
  } catch {
    return null;
  }
}

/** A URI from a sender that encodes nothing, as the library of JavaScript does: decoded it would be none any more. */
const uriOf = (header: string, decoded: Json | undefined): Json =>
  typeof decoded === 'string' && /^[\x21-\x7e]*$/.test(decoded) && !/%(?![\dA-Fa-f]{2})/.test(decoded)
    ? decoded
    : header;
