// JSON as it comes from outside: bytes in, a value or a fault that names the place out. Guards depth, size and the
// member names that could poison a prototype, before any schema looks at the value. Not a parser: V8's is used.

import { visit } from 'jsonc-parser';
import { LIMITS } from './limits.ts';

export type Json = string | number | boolean | null | Json[] | { [member: string]: Json };
export type JsonObject = { [member: string]: Json };

export interface JsonFault {
  /** RFC 6901 pointer to the fault, '' for the whole document. */
  pointer: string;
  detail: string;
}

export type ParsedJson = { ok: true; value: Json } | { ok: false; fault: JsonFault };

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes UTF-8 and parses JSON (RFC 8259). The depth is checked before parsing: a parser may be made to work hard. */
export function parseJsonBytes(bytes: Uint8Array): ParsedJson {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return refuse('', 'The body is not valid UTF-8. Send JSON encoded as UTF-8.');
  }
  return parseJsonText(text);
}

export function parseJsonText(text: string): ParsedJson {
  const depth = depthOf(text);
  if (depth > LIMITS.jsonDepthMax)
    return refuse('', `The JSON is nested more than ${LIMITS.jsonDepthMax} levels deep. Flatten it.`);
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse('', syntaxDetail(text, error instanceof Error ? error.message : ''));
  }
  return { ok: true, value };
}

/** Whether a text holds more opening brackets than may be nested: if not, it cannot be too deep. Native-speed search. */
function mayBeDeep(text: string): boolean {
  let brackets = 0;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      brackets++;
      if (brackets > LIMITS.jsonDepthMax) return true;
    }
  }
  return false;
}

/** The deepest nesting of brackets outside strings; stops counting once past the limit. */
function depthOf(text: string): number {
  if (!mayBeDeep(text)) return 0;
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      depth++;
      if (depth > deepest) deepest = depth;
      if (deepest > LIMITS.jsonDepthMax) return deepest;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return deepest;
}

function syntaxDetail(text: string, message: string): string {
  const at = /at position (\d+)/.exec(message);
  const position = at ? Number(at[1]) : /end of JSON/.test(message) ? text.length : faultPosition(text);
  const before = text.slice(0, position);
  const line = before.split('\n').length;
  const column = position - before.lastIndexOf('\n');
  return `The body is not valid JSON at position ${position} (line ${line}, column ${column}).`;
}

/** For the faults V8 tells without a position: an unexpected token. */
function faultPosition(text: string): number {
  let position: number | undefined;
  visit(text, { onError: (_, offset) => (position ??= offset) }, { disallowComments: true });
  return position ?? text.length;
}

const refuse = (pointer: string, detail: string): ParsedJson => ({ ok: false, fault: { pointer, detail } });

/**
 * Looks through a parsed value for what no event or document may hold. Returns the first fault, or null.
 * The walk is bounded: the depth by `jsonDepthMax`, the width by the limits on arrays and objects.
 */
export function findJsonFault(value: Json, pointer = '', depth = 0): JsonFault | null {
  if (typeof value === 'string') {
    if (value.length > LIMITS.stringCharsMax)
      return { pointer, detail: `Longer than ${LIMITS.stringCharsMax} characters.` };
    if (!value.isWellFormed()) return { pointer, detail: 'Holds half of a surrogate pair, which is not a character.' };
    return null;
  }
  if (typeof value === 'number')
    return Number.isFinite(value) ? null : { pointer, detail: 'The number is too large for a double.' };
  if (value === null || typeof value !== 'object') return null;
  if (depth >= LIMITS.jsonDepthMax) return { pointer, detail: `Nested more than ${LIMITS.jsonDepthMax} levels deep.` };
  if (Array.isArray(value)) {
    if (value.length > LIMITS.arrayItemsMax)
      return { pointer, detail: `More than ${LIMITS.arrayItemsMax} elements in one array.` };
    for (let i = 0; i < value.length; i++) {
      const fault = findJsonFault(value[i] ?? null, `${pointer}/${i}`, depth + 1);
      if (fault) return fault;
    }
    return null;
  }
  let members = 0;
  for (const name in value) {
    if (name === '__proto__')
      return { pointer: `${pointer}/__proto__`, detail: 'The member name __proto__ is refused. Rename it.' };
    if (++members > LIMITS.objectMembersMax)
      return { pointer, detail: `More than ${LIMITS.objectMembersMax} members in one object.` };
    if (name.length > LIMITS.nameCharsMax)
      return { pointer, detail: `A member name is longer than ${LIMITS.nameCharsMax} characters.` };
    if (!name.isWellFormed()) return { pointer, detail: 'A member name holds half of a surrogate pair.' };
    const child = value[name];
    if (child === null || typeof child === 'boolean') continue;
    if (typeof child === 'string' && child.length < LIMITS.stringCharsMax && child.isWellFormed()) continue;
    const fault = findJsonFault(child ?? null, `${pointer}/${escapePointer(name)}`, depth + 1);
    if (fault) return fault;
  }
  return null;
}

/** Lists of a body whose elements are guarded one by one, so that one at fault does not spoil the others. */
const GUARDED_BY_ELEMENT = new Set(['events', 'batch']);

/** The first member named `__proto__` in a body, wherever it stands; null where there is none. Bounded like the walk above. */
export function findPrototypeMember(body: JsonObject): JsonFault | null {
  for (const name of Object.keys(body)) {
    const value = body[name];
    if (GUARDED_BY_ELEMENT.has(name) && Array.isArray(value)) continue;
    const fault = prototypeMemberIn(name, value ?? null, `/${escapePointer(name)}`);
    if (fault) return fault;
  }
  return null;
}

function prototypeMemberIn(name: string, value: Json, pointer: string): JsonFault | null {
  if (name === '__proto__') return { pointer, detail: 'The member name __proto__ is refused. Rename it.' };
  if (typeof value !== 'object' || value === null) return null;
  for (const inner of Object.keys(value)) {
    const member = Array.isArray(value) ? value[Number(inner)] : value[inner];
    if (inner !== '__proto__' && (typeof member !== 'object' || member === null)) continue;
    const fault = prototypeMemberIn(inner, member ?? null, `${pointer}/${escapePointer(inner)}`);
    if (fault) return fault;
  }
  return null;
}

/** RFC 6901, section 3. */
export function escapePointer(member: string): string {
  return member.replaceAll('~', '~0').replaceAll('/', '~1');
}

export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${escapePointer(String(part))}`).join('');
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
