// The served OpenAPI document as tests use it: its operations with everything resolved, and the judgement whether an answer
// is one that the document promises. Knows nothing of any route, so a new route is covered once it is documented.

import { type OutputUnit, Validator } from '@cfworker/json-schema';
import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import type { Answer, Server } from '../api/server.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: JsonObject;
  readonly example: string | null;
}

export interface Body {
  readonly type: string;
  readonly schema: JsonObject;
  readonly example: Json;
}

export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly bodies: readonly Body[];
  /** Schemas by content type, by status. A type without a schema has an empty one. */
  readonly answers: ReadonlyMap<number, ReadonlyMap<string, JsonObject>>;
  /** Headers that each status promises. */
  readonly headers: ReadonlyMap<number, readonly string[]>;
  readonly key: 'write' | 'admin' | 'none';
  /** The security schemes by name. */
  readonly schemes: readonly string[];
}

export interface Document {
  readonly operations: readonly Operation[];
  /** The components, for schemas that refer to them. */
  readonly components: JsonObject;
}

export const WRITE: Readonly<Record<string, string>> = { authorization: `Basic ${btoa('wk_local:')}` };
export const ADMIN: Readonly<Record<string, string>> = { authorization: 'Bearer sk_local' };
export const keyOf = ({ key }: Operation): Readonly<Record<string, string>> =>
  key === 'admin' ? ADMIN : key === 'write' ? WRITE : {};

const object = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});
const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);
const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

export async function readDocument(server: Server): Promise<Document> {
  const { body } = await server.call<JsonObject>('GET', '/openapi.json');
  const resolve = (value: Json | undefined): JsonObject => {
    const reference = object(value)['$ref'];
    if (typeof reference !== 'string') return object(value);
    return resolve(
      reference
        .split('/')
        .slice(1)
        .reduce<Json>((inner, name) => object(inner)[name] ?? null, body),
    );
  };
  const operations = Object.entries(object(body['paths'])).flatMap(([path, item]) =>
    Object.entries(object(item)).map(([method, operation]) => operationOf(path, method, object(operation), resolve)),
  );
  return { operations, components: object(body['components']) };
}

function operationOf(
  path: string,
  method: string,
  operation: JsonObject,
  resolve: (value: Json | undefined) => JsonObject,
): Operation {
  const responses = Object.entries(object(operation['responses'])).map(
    ([status, response]) => [Number(status), resolve(response)] as const,
  );
  const schemes = list(operation['security']).flatMap((scheme) => Object.keys(object(scheme)));
  return {
    id: text(operation['operationId']),
    method: method.toUpperCase(),
    path,
    parameters: list(operation['parameters']).map((raw) => {
      const parameter = resolve(raw);
      const schema = object(parameter['schema']);
      const example = parameter['example'] ?? schema['example'];
      const place = text(parameter['in']);
      if (place !== 'path' && place !== 'query' && place !== 'header') throw new Error(`a parameter in ${place}`);
      return {
        name: text(parameter['name']),
        in: place,
        required: parameter['required'] === true,
        schema,
        example: example === undefined || example === null ? null : String(example),
      };
    }),
    bodies: Object.entries(object(object(operation['requestBody'])['content'])).map(([type, media]) => ({
      type,
      schema: object(object(media)['schema']),
      example: object(media)['example'] ?? null,
    })),
    answers: new Map(
      responses.map(([status, response]) => [
        status,
        new Map(
          Object.entries(object(response['content'])).map(([type, media]) => [type, object(object(media)['schema'])]),
        ),
      ]),
    ),
    headers: new Map(responses.map(([status, response]) => [status, Object.keys(object(response['headers']))])),
    schemes,
    key: schemes.includes('writeKey') ? 'write' : schemes.length > 0 ? 'admin' : 'none',
  };
}

const validators = new Map<string, Validator>();

function faultsOf(document: Document, schema: JsonObject, value: unknown): OutputUnit[] {
  const name = JSON.stringify(schema);
  // Stops at the first fault: one is enough to say that the document and the answer differ.
  const validator =
    validators.get(name) ?? new Validator({ ...schema, components: document.components }, '2020-12', true);
  validators.set(name, validator);
  return validator.validate(value).errors;
}

/** What is wrong with an answer by the document; null where it is one that the operation promises. */
export function faultOf(document: Document, operation: Operation, answer: Answer<unknown>): string | null {
  const { status, headers, text: body } = answer;
  const said = `${operation.method} ${operation.path} answered ${status}`;
  if (status >= 500) return `${said}: ${body.slice(0, 200)}`;
  const types = operation.answers.get(status);
  if (!types) return `${said}, which is not documented: ${body.slice(0, 200)}`;
  const [type = ''] = (headers.get('content-type') ?? '').split(';');
  // An answer without a body: led on, or as it was before.
  if (types.size === 0 && type === '' && body === '') return null;
  const schema = types.get(type);
  if (!schema) return `${said} as ${type}, documented are ${[...types.keys()].join(', ')}`;
  if (/\n\s+at |node_modules|D1_ERROR|SQLITE/.test(type.endsWith('json') ? body : ''))
    return `${said} with words of its inside`;
  const missing = operation.headers.get(status)?.filter((name) => !headers.has(name)) ?? [];
  if (missing.length > 0) return `${said} without ${missing.join(', ')}`;
  if (Object.keys(schema).length === 0) return null;
  const faults = faultsOf(document, schema, answer.body);
  if (faults.length === 0) return null;
  const where = faults.map(({ instanceLocation, error }) => `${instanceLocation} ${error}`).join('; ');
  return `${said} with a body that is not as documented: ${where}: ${body.slice(0, 300)}`;
}

/** What no document can give an example of: a key of this system. */
const OWN: Readonly<Record<string, string>> = { key: 'wk_local' };

/** The examples of the parameters of a place; a document's id stands in the example of its PUT as well. */
export function examplesOf(operation: Operation, place: string, all: readonly Operation[]): Record<string, string> {
  const put = all.find(({ method, path }) => method === 'PUT' && path === operation.path)?.bodies[0]?.example;
  const inBody: unknown = put === undefined ? undefined : Object(put).id;
  return Object.fromEntries(
    operation.parameters
      .filter((parameter) => parameter.in === place)
      .flatMap(({ name, example, required }) => {
        const value = example ?? (name === 'id' && typeof inBody === 'string' ? inBody : (OWN[name] ?? null));
        if (value === null && required) throw new Error(`${operation.id} has no example of ${name}`);
        return value === null ? [] : [[name, value]];
      }),
  );
}

/** The path of an operation with its parameters filled in. */
export const pathOf = (path: string, values: Readonly<Record<string, string>>): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ''));

export const queryOf = (values: Readonly<Record<string, string>>): string =>
  Object.keys(values).length === 0 ? '' : `?${new URLSearchParams(values)}`;

/** Does the work over all items, so many at a time. @returns what the work found, in no order */
export async function overAll<T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<string | null>,
): Promise<string[]> {
  const found: string[] = [];
  const left = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = left.next(); !next.done; next = left.next()) {
      const fault = await work(next.value);
      if (fault !== null) found.push(fault);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return found;
}
