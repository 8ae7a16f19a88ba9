// Requests made from the OpenAPI document by fast-check: values that its schemas allow, the same with something changed,
// and garbage. Owns how a JSON Schema becomes an arbitrary; knows nothing of any route.

import fc, { type Arbitrary } from 'fast-check';
import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { ADMIN, type Body, type Document, keyOf, type Operation, pathOf, queryOf, WRITE } from './document.ts';

/** Past this nesting a schema that contains itself is made as small as it can be. */
const DEPTH_MAX = 5;

/** Values that have broken programs before. */
const ODD: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  -0.0001,
  2 ** 53,
  '',
  ' ',
  '\u0000',
  'x'.repeat(300),
  'x'.repeat(17_000),
  '__proto__',
  'constructor',
  '🙂',
  '\ud800',
  '2026-13-45T99:99:99Z',
  '+275760-09-13T00:00:00.001Z',
  'P1Y',
  '{{ a | b }}',
  'size(',
  [],
  {},
  [[]],
  Array(1_001).fill(0),
  { constructor: { prototype: 1 } },
  Object.fromEntries([['__proto__', 1]]),
];
const odd: Arbitrary<Json> = fc.oneof(fc.constantFrom(...ODD), fc.jsonValue({ maxDepth: 3 }) as Arbitrary<Json>);

/** Of components, by depth and reference: a journey holds itself in many places. One document a process. */
const made = new Map<string, Arbitrary<Json>>();

/** Values a schema allows, as far as a schema says it. */
export function valuesOf(schema: JsonObject, components: JsonObject, depth = 0): Arbitrary<Json> {
  const inner = (value: Json | undefined): Arbitrary<Json> =>
    valuesOf(isObject(value) ? value : {}, components, depth + 1);
  const { $ref, enum: choices, anyOf, oneOf, allOf, type } = schema;
  if (typeof $ref === 'string') {
    const known = made.get(`${depth} ${$ref}`);
    if (known) return known;
    const target = $ref
      .split('/')
      .slice(2)
      .reduce<Json>((at, name) => (isObject(at) ? (at[name] ?? null) : null), components);
    const values = valuesOf(isObject(target) ? target : {}, components, depth + 1);
    made.set(`${depth} ${$ref}`, values);
    return values;
  }
  if ('const' in schema) return fc.constant(schema['const'] ?? null);
  if (Array.isArray(choices)) return fc.constantFrom(...choices);
  const either = Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : null;
  if (either) return depth > DEPTH_MAX ? inner(either[0]) : fc.oneof(...either.map(inner));
  if (Array.isArray(allOf) && allOf[0] !== undefined)
    return inner({ ...schema, allOf: null, ...(isObject(allOf[0]) ? allOf[0] : {}) });
  if (Array.isArray(type)) return fc.oneof(...type.map((one) => inner({ ...schema, type: one })));
  switch (type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: bound(schema['minimum'], -1_000), max: bound(schema['maximum'], 1_000) });
    case 'number':
      return fc.double({
        noNaN: true,
        noDefaultInfinity: true,
        min: bound(schema['minimum'], -1e6),
        max: bound(schema['maximum'], 1e6),
      });
    case 'string':
      return textOf(schema);
    case 'array': {
      const least = bound(schema['minItems'], 0);
      const most = Math.max(least, Math.min(bound(schema['maxItems'], 3), depth > DEPTH_MAX ? 0 : 3));
      return fc.array(inner(schema['items']), { minLength: least, maxLength: most });
    }
    case 'object':
      return objectOf(schema, inner, depth);
    default:
      return fc.jsonValue({ maxDepth: 2 }) as Arbitrary<Json>;
  }
}

const bound = (value: Json | undefined, otherwise: number): number =>
  typeof value === 'number' && Math.abs(value) < 2 ** 31 ? value : otherwise;

function textOf({ pattern, format, minLength, maxLength }: JsonObject): Arbitrary<string> {
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  if (typeof pattern === 'string') {
    const matches = new RegExp(pattern, 'u');
    // The library draws no look-around; of those patterns, durations are the one there is.
    return pattern.includes('(?=') || pattern.includes('(?!')
      ? fc.constantFrom(...['P1D', 'PT1H', 'P2W', 'PT90S', 'x', '1'].filter((sample) => matches.test(sample)))
      : fc.stringMatching(matches, { size: '-1' });
  }
  const least = bound(minLength, 0);
  const most = bound(maxLength, 40);
  const short = fc.string({ unit: 'grapheme', minLength: least, maxLength: Math.max(least, Math.min(most, 24)) });
  return most > 40
    ? fc.oneof({ weight: 9, arbitrary: short }, { weight: 1, arbitrary: fc.constant('x'.repeat(most)) })
    : short;
}

function objectOf(
  schema: JsonObject,
  inner: (schema: Json | undefined) => Arbitrary<Json>,
  depth: number,
): Arbitrary<Json> {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const needed = Array.isArray(schema['required']) ? schema['required'].map(String) : [];
  const names = Object.keys(properties).filter((name) => depth <= DEPTH_MAX || needed.includes(name));
  const named = fc.record(Object.fromEntries(names.map((name) => [name, inner(properties[name])])), {
    requiredKeys: names.filter((name) => needed.includes(name)),
    noNullPrototype: true,
  }) as Arbitrary<JsonObject>;
  const more = schema['additionalProperties'];
  if (!isObject(more) || depth > DEPTH_MAX) return named;
  const key = isObject(schema['propertyNames']) ? textOf(schema['propertyNames']) : fc.string({ maxLength: 12 });
  return fc
    .tuple(named, fc.dictionary(key, inner(more), { maxKeys: 2, noNullPrototype: true }))
    .map(([own, others]) => ({ ...others, ...own }));
}

/** A value with one thing in it changed: a member left out, replaced, added, or an element doubled. */
export function changed(value: Json): Arbitrary<Json> {
  const places = placesOf(value).slice(0, 200);
  return fc
    .tuple(fc.nat(places.length - 1), fc.constantFrom('replace', 'remove', 'add'), odd, fc.string({ maxLength: 20 }))
    .map(([at, how, other, name]) => {
      const copy: Json = JSON.parse(JSON.stringify(value));
      const path = places[at] ?? [];
      const last = path.at(-1);
      const holder = path
        .slice(0, -1)
        .reduce<Json>(
          (inner, part) => (isObject(inner) || Array.isArray(inner) ? (Reflect.get(inner, part) as Json) : null),
          copy,
        );
      if (last === undefined) return how === 'add' && isObject(copy) ? { ...copy, [name]: other } : other;
      if (!isObject(holder) && !Array.isArray(holder)) return copy;
      if (how === 'remove') Reflect.deleteProperty(holder, last);
      else if (how === 'add' && Array.isArray(holder)) holder.push(other);
      else if (how === 'add')
        Object.defineProperty(holder, name, { value: other, enumerable: true, configurable: true });
      else Object.defineProperty(holder, last, { value: other, enumerable: true, configurable: true });
      return copy;
    });
}

/** Lines are changed each by itself; any other body as a whole. */
const alter =
  (type: string) =>
  (value: Json): Arbitrary<Json> =>
    type.endsWith('ndjson') && typeof value === 'string' && value.startsWith('{')
      ? fc
          .tuple(...value.split('\n').map((line) => changed(JSON.parse(line))))
          .map((lines) => lines.map((line) => JSON.stringify(line)).join('\n'))
      : changed(value);

function placesOf(value: Json): string[][] {
  if (typeof value !== 'object' || value === null) return [[]];
  return [[], ...Object.entries(value).flatMap(([name, inner]) => placesOf(inner).map((path) => [name, ...path]))];
}

/** As it travels: a BOM, a lone surrogate, half a document, bytes of nothing at all. */
const garbage: Arbitrary<string | Uint8Array<ArrayBuffer>> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.uint8Array({ maxLength: 80 }).map((bytes) => Uint8Array.from(bytes)),
  fc.constantFrom(
    '',
    '{',
    '[',
    '"',
    'null',
    '[]',
    '{}',
    '\ufeff{}',
    '{"a":1}{"b":2}',
    '[1,]',
    'NaN',
    '{"events":',
    '\u0000',
  ),
);

export interface Made {
  readonly operation: Operation;
  readonly kind: 'valid' | 'changed' | 'garbage' | 'closed';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** Requests of one operation, of every kind. */
export function requestsOf(operation: Operation, document: Document): Arbitrary<Made> {
  const values = (schema: JsonObject) => valuesOf(schema, document.components);
  const bodies: readonly ({ body: Body; sound: Arbitrary<Json> } | null)[] =
    operation.bodies.length > 0
      ? operation.bodies.map((body) => ({ body, sound: fc.oneof(fc.constant(body.example), values(body.schema)) }))
      : [null];
  const place = (name: string, sound: boolean) => {
    const parameters = operation.parameters.filter((parameter) => parameter.in === name);
    const record = Object.fromEntries(
      parameters.map(({ name: member, schema, example }) => {
        const allowed = values(schema).map((value) => (typeof value === 'object' ? '' : String(value)));
        const known = example === null ? allowed : fc.oneof(fc.constant(example), allowed);
        return [
          member,
          sound
            ? known
            : fc.oneof(
                known,
                odd.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))),
              ),
        ];
      }),
    );
    const requiredKeys = parameters.filter(({ required }) => required).map(({ name: member }) => member);
    const some = fc.record(record, { requiredKeys, noNullPrototype: true });
    const needed = fc.record(
      Object.fromEntries(Object.entries(record).filter(([member]) => requiredKeys.includes(member))),
    );
    return fc.oneof({ weight: 3, arbitrary: some }, { weight: 1, arbitrary: needed });
  };
  /** Text of a body that is lines, and not JSON. */
  const written = (value: Json, type: string) =>
    type.endsWith('json') && !type.includes('ndjson') ? JSON.stringify(value) : String(value);

  const made = (kind: Made['kind']): Arbitrary<Made> =>
    fc
      .tuple(
        place('path', kind === 'valid'),
        place('query', kind === 'valid'),
        place('header', kind === 'valid'),
        fc.constantFrom(...bodies),
      )
      .chain(([inPath, inQuery, inHeader, choice]) => {
        const type = choice?.body.type ?? '';
        const content: Arbitrary<string | Uint8Array<ArrayBuffer> | undefined> = !choice
          ? fc.constant(undefined)
          : kind === 'garbage'
            ? garbage
            : (kind === 'changed' ? choice.sound.chain(alter(type)) : choice.sound).map((value) =>
                written(value, type),
              );
        const sent =
          kind === 'garbage' ? fc.constantFrom(type, 'text/plain', 'application/xml', 'x') : fc.constant(type);
        const key =
          kind === 'closed'
            ? fc.constantFrom({}, WRITE, ADMIN, { authorization: 'Bearer nope' }, { authorization: 'Basic !' })
            : fc.constant(keyOf(operation));
        return fc.tuple(content, sent, key).map(([written, contentType, authorization]) => ({
          operation,
          kind,
          path: pathOf(operation.path, named(inPath)) + queryOf(inQuery),
          headers: {
            ...authorization,
            ...Object.fromEntries(Object.entries(inHeader).map(([name, value]) => [name, inHeaders(value)])),
            ...(contentType === '' ? {} : { 'content-type': contentType }),
          },
          ...(written === undefined ? {} : { body: written }),
        }));
      });
  return fc.oneof(
    { weight: 4, arbitrary: made('valid') },
    { weight: 4, arbitrary: made('changed') },
    { weight: 2, arbitrary: made('garbage') },
    { weight: 1, arbitrary: made('closed') },
  );
}

/** A segment that names another path would be another request: dots alone, and nothing at all. */
const named = (values: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, /^\.{0,2}$/.test(value) ? 'x' : value.toWellFormed()]),
  );

/** What HTTP allows in a header: the rest of a value is cut off, or no client would send it. */
const inHeaders = (value: string): string =>
  value
    .replaceAll(/[^\x20-\x7e]/g, '')
    .trim()
    .slice(0, 2_000);
