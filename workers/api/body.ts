// Reads a request's body: by its bytes, not by its content type (tracking clients lie about both), gzip included, never
// more than a ceiling before or after decoding.

import { gunzipSync } from 'node:zlib';
import {
  findPrototypeMember,
  isObject,
  type Json,
  type JsonObject,
  parseJsonBytes,
  parseJsonText,
} from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { Failure } from './problem.ts';

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

const tooLarge = (max: number): { ok: false; failure: Failure } => ({
  ok: false,
  failure: { kind: 'too-large', detail: `The body is larger than ${max} bytes. Send it in parts.` },
});

const ENDED_EARLY: { ok: false; failure: Failure } = {
  ok: false,
  failure: { kind: 'bad-json', pointer: '', detail: 'The body ended before it was complete.' },
};

/** The decoded bytes. `bytesMax` holds for what travels and for what comes out of it. */
export async function readBytes(request: Request, bytesMax: number = LIMITS.bodyBytesMax): Promise<Read<Uint8Array>> {
  const read = await readRawBytes(request, bytesMax);
  return read.ok ? unzipped(read.value, bytesMax) : read;
}

/** The bytes as they travelled, for a body that may be anything: what begins like gzip need not be an encoding. */
export async function readRawBytes(
  request: Request,
  bytesMax: number = LIMITS.bodyBytesMax,
): Promise<Read<Uint8Array>> {
  const stated = request.headers.get('content-length');
  if (stated !== null && Number(stated) > bytesMax) {
    await discard(request.body);
    return tooLarge(bytesMax);
  }
  let bytes: Uint8Array | null;
  try {
    bytes = stated !== null ? new Uint8Array(await request.arrayBuffer()) : await collect(request.body, bytesMax);
  } catch {
    return ENDED_EARLY;
  }
  return bytes === null || bytes.length > bytesMax ? tooLarge(bytesMax) : { ok: true, value: bytes };
}

/** Bytes that are gzip by their first two, decoded; any others as they are. Stops at the ceiling: a bomb is not unfolded. */
export function unzipped(bytes: Uint8Array, bytesMax: number = LIMITS.bodyBytesMax): Read<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return { ok: true, value: bytes };
  try {
    return { ok: true, value: gunzipSync(bytes, { maxOutputLength: bytesMax }) };
  } catch (error) {
    // The one fault of this kind is the ceiling; the platform gives it no code.
    if (error instanceof Error && error.name === 'RangeError') return tooLarge(bytesMax);
    return { ok: false, failure: { kind: 'bad-json', pointer: '', detail: 'The body is not valid gzip.' } };
  }
}

/** How much of a refused body is still taken in, so that its sender reads the refusal instead of a broken connection. */
const DISCARD_BYTES_MAX = 32 * 1024 * 1024;

async function discard(stream: ReadableStream<Uint8Array> | null): Promise<void> {
  const reader = stream?.getReader();
  for (let length = 0; reader && length < DISCARD_BYTES_MAX; ) {
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
    if (done || !value) return;
    length += value.length;
  }
}

/** Null past the ceiling; what follows is not read. */
async function collect(stream: ReadableStream<Uint8Array> | null, bytesMax: number): Promise<Uint8Array | null> {
  if (!stream) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > bytesMax) {
      await reader.cancel().catch(() => undefined);
      return null;
    }
    parts.push(value);
  }
  const only = parts[0];
  if (only && parts.length === 1) return only;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export const readJson = async (request: Request, bytesMax?: number): Promise<Read<Json>> =>
  parsed(await readRawBytes(request, bytesMax), bytesMax);

/** Bodies up to this size, of stated length and encoding, are read as text: bytes of their own cost a read 5% more. */
const SHORT_BYTES_MAX = 8_192;

export const isShort = ({ headers }: Request): boolean => {
  const stated = headers.get('content-length');
  return stated !== null && Number(stated) <= SHORT_BYTES_MAX && headers.get('content-encoding') === null;
};

/**
 * A short body as the text it is. What reads as U+FFFD may be a byte that is not UTF-8: it is refused, for the customer
 * it names may be another.
 */
export async function readShort(request: Request): Promise<Read<JsonObject>> {
  let text: string;
  try {
    text = await request.text();
  } catch {
    return ENDED_EARLY;
  }
  if (text.includes('\ufffd')) {
    const gzip = text.startsWith('\u001f');
    const detail = gzip
      ? 'The body is gzip. Send it with the header content-encoding: gzip.'
      : 'The body is not valid UTF-8, or holds U+FFFD, which stands for lost text. Send JSON encoded as UTF-8.';
    return { ok: false, failure: { kind: 'bad-json', pointer: '', detail } };
  }
  const json = parseJsonText(text);
  return json.ok ? objectIn(json.value) : { ok: false, failure: { kind: 'bad-json', ...json.fault } };
}

/** Every body of this API is a JSON object. One await on the way: each costs every request a little. */
export async function readJsonObject(request: Request, bytesMax?: number): Promise<Read<JsonObject>> {
  const read = parsed(await readRawBytes(request, bytesMax), bytesMax);
  return read.ok ? objectIn(read.value) : read;
}

function objectIn(value: Json): Read<JsonObject> {
  if (isObject(value)) {
    const fault = findPrototypeMember(value);
    return fault ? { ok: false, failure: { kind: 'invalid', errors: [fault] } } : { ok: true, value };
  }
  return {
    ok: false,
    failure: { kind: 'invalid', errors: [{ pointer: '', detail: 'The body must be a JSON object.' }] },
  };
}

function parsed(raw: Read<Uint8Array>, bytesMax: number | undefined): Read<Json> {
  const bytes = raw.ok ? unzipped(raw.value, bytesMax) : raw;
  if (!bytes.ok) return bytes;
  const json = parseJsonBytes(bytes.value);
  return json.ok ? json : { ok: false, failure: { kind: 'bad-json', ...json.fault } };
}
