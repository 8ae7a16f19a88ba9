// Validates a value against the JSON Schemas we generate (draft-07). Knows the keywords they use and refuses any other,
// so that a new keyword cannot pass unnoticed. For tests: production validates with Zod.

import { isObject, type Json, type JsonObject } from '../../schema/json.ts';

const ANNOTATIONS = new Set(['$schema', 'title', 'description', 'default', 'format', 'definitions']);

/** Pointers of everything that does not fit. */
export function validate(schema: Json, value: Json, root: Json = schema, pointer = ''): string[] {
  if (!isObject(schema)) throw new Error('a schema is an object');
  return Object.entries(schema).flatMap(([keyword, rule]) => {
    if (ANNOTATIONS.has(keyword)) return [];
    const check = KEYWORDS[keyword];
    if (!check) throw new Error(`the validator of the tests does not know ${keyword}`);
    return check({ rule, value, root, pointer, schema });
  });
}

interface Check {
  readonly rule: Json;
  readonly value: Json;
  readonly root: Json;
  readonly pointer: string;
  readonly schema: JsonObject;
}

const failsIf = (fails: boolean, pointer: string): string[] => (fails ? [pointer] : []);
const list = (value: Json): Json[] => (Array.isArray(value) ? value : [value]);
/** JSON Schema counts characters, not UTF-16 units. */
const lengthOf = (value: Json): number =>
  typeof value === 'string' ? [...value].length : Array.isArray(value) ? value.length : Number.NaN;

function fits(type: Json, value: Json): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

const below = ({ rule, value, pointer }: Check) => failsIf(lengthOf(value) < Number(rule), pointer);
const above = ({ rule, value, pointer }: Check) => failsIf(lengthOf(value) > Number(rule), pointer);

const KEYWORDS: Record<string, (check: Check) => string[]> = {
  type: ({ rule, value, pointer }) => failsIf(!list(rule).some((type) => fits(type, value)), pointer),
  const: ({ rule, value, pointer }) => failsIf(rule !== value, pointer),
  enum: ({ rule, value, pointer }) => failsIf(!list(rule).includes(value), pointer),
  pattern: ({ rule, value, pointer }) =>
    failsIf(typeof value === 'string' && !new RegExp(String(rule), 'u').test(value), pointer),
  exclusiveMinimum: ({ rule, value, pointer }) => failsIf(typeof value === 'number' && value <= Number(rule), pointer),
  exclusiveMaximum: ({ rule, value, pointer }) => failsIf(typeof value === 'number' && value >= Number(rule), pointer),
  minLength: below,
  maxLength: above,
  minItems: below,
  maxItems: above,
  minimum: ({ rule, value, pointer }) => failsIf(Number(value) < Number(rule), pointer),
  maximum: ({ rule, value, pointer }) => failsIf(Number(value) > Number(rule), pointer),
  not: ({ rule, value, root, pointer }) => failsIf(validate(rule, value, root, pointer).length === 0, pointer),
  required: ({ rule, value, pointer }) =>
    isObject(value)
      ? list(rule).flatMap((name) => failsIf(!Object.hasOwn(value, String(name)), `${pointer}/${name}`))
      : [],
  properties: ({ rule, value, root, pointer }) =>
    isObject(value) && isObject(rule)
      ? Object.entries(rule).flatMap(([name, schema]) =>
          Object.hasOwn(value, name) ? validate(schema, value[name] ?? null, root, `${pointer}/${name}`) : [],
        )
      : [],
  propertyNames: ({ rule, value, root, pointer }) =>
    isObject(value) ? Object.keys(value).flatMap((name) => validate(rule, name, root, `${pointer}/${name}`)) : [],
  additionalProperties: ({ rule, value, root, pointer, schema }) => {
    if (!isObject(value)) return [];
    const known = isObject(schema.properties) ? schema.properties : {};
    return Object.entries(value)
      .filter(([name]) => !Object.hasOwn(known, name))
      .flatMap(([name, member]) =>
        rule === false ? [`${pointer}/${name}`] : validate(rule, member, root, `${pointer}/${name}`),
      );
  },
  items: ({ rule, value, root, pointer }) =>
    Array.isArray(value) ? value.flatMap((item, index) => validate(rule, item, root, `${pointer}/${index}`)) : [],
  anyOf: ({ rule, value, root, pointer }) =>
    failsIf(!list(rule).some((schema) => validate(schema, value, root, pointer).length === 0), pointer),
  allOf: ({ rule, value, root, pointer }) => list(rule).flatMap((schema) => validate(schema, value, root, pointer)),
  $ref: ({ rule, value, root, pointer }) => validate(resolve(String(rule), root), value, root, pointer),
};

function resolve(reference: string, root: Json): Json {
  const [start, ...path] = reference.split('/');
  const found = path.reduce<Json | undefined>(
    (at, name) => (at !== undefined && isObject(at) ? at[name] : undefined),
    root,
  );
  if (start !== '#' || found === undefined) throw new Error(`nothing stands at ${reference}`);
  return found;
}
