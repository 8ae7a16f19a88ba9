// Random CEL expressions over random data, as fast-check arbitraries: for holding the two ways of running a condition
// against each other. The data does not keep to what is declared, as events do not.

import fc from 'fast-check';
import type { Json, JsonObject } from '../../schema/json.ts';
import { vocabulary } from './driver.ts';

/** Declared and undeclared names; `constructor` and `toString` are what every object inherits. */
const DECLARED = { n: 'number', s: 'string', b: 'boolean', l: 'list', m: 'map' } as const;
const UNDECLARED = ['u', 'v', 'constructor', 'toString'];
const NAMES = [...Object.keys(DECLARED), ...UNDECLARED];

const fields = Object.fromEntries(Object.entries(DECLARED).map(([name, type]) => [name, { type }]));
export const words = vocabulary({ events: { Go: { properties: fields } }, traits: fields });

const numbers = fc.oneof(
  fc.constantFrom(0, 1, 2, -1, 0.5, 100, 1e300, 2 ** 53, -(2 ** 53), 1e-7),
  fc.integer({ min: -3, max: 3 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const strings = fc.constantFrom('', 'a', 'b', 'x', 'gold', 'ä', '\u{1f600}', '__proto__');

/** Any JSON an event may hold: no member named __proto__, and `constructor` as data. */
const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json; list: Json; map: Json }>((tie) => ({
  value: fc.oneof({ maxDepth: 2 }, numbers, strings, fc.boolean(), fc.constant(null), tie('list'), tie('map')),
  list: fc.array(tie('value'), { maxLength: 3 }),
  map: fc.dictionary(fc.constantFrom('x', 'y', 'a', '0', '1', 'true', 'null', 'constructor'), tie('value'), {
    maxKeys: 3,
  }),
})).value;

export const members: fc.Arbitrary<JsonObject> = fc.dictionary(fc.constantFrom(...NAMES), json, {
  maxKeys: NAMES.length,
});

const path = fc
  .tuple(
    fc.constantFrom('event.properties', 'traits'),
    fc.constantFrom(...NAMES, ...Object.keys(DECLARED)),
    fc.constantFrom('', '', '', '', '.x', '["x"]', '.x.y', '.constructor'),
    fc.boolean(),
  )
  .map(([root, name, inner, bracket]) => `${root}${bracket ? `["${name}"]` : `.${name}`}${inner}`);

const quoted = strings.map((text) => JSON.stringify(text));
const literal = fc.oneof(
  fc.constantFrom('0', '1', '2', '-1', '3', '0.5', '1.0', '-2.5', '100', '9007199254740993', 'true', 'false', 'null'),
  quoted,
);
const history = fc.constantFrom(
  "count('Go')",
  "count('Go', 'P1D')",
  "sum('Go', 'n')",
  "first('Go', 's')",
  "last('Go', 'n', 'P7D')",
  "distinct('Go', 's')",
  "daysSince('Go')",
  "daysSince('Never')",
);
const other = fc.constantFrom('event.name', 'stages.lifecycle', 'stages.gone', 'event.type', 'event.userId');
const list = fc.oneof(
  fc.array(fc.constantFrom('1', '2', '-1'), { maxLength: 3 }),
  fc.array(fc.constantFrom('0.5', '2.0'), { maxLength: 3 }),
  fc.array(quoted, { maxLength: 3 }),
  fc.array(fc.constantFrom('true', 'null'), { maxLength: 1 }),
);

export const expressions: fc.Arbitrary<string> = fc.letrec<{ any: string; bool: string; leaf: string }>((tie) => ({
  leaf: fc.oneof(
    { arbitrary: path, weight: 6 },
    { arbitrary: literal, weight: 4 },
    { arbitrary: history, weight: 1 },
    { arbitrary: other, weight: 1 },
  ),
  any: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    tie('leaf'),
    tie('bool'),
    fc.tuple(tie('any'), fc.constantFrom('+', '-', '*', '/'), tie('any')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie('any').map((a) => `-(${a})`),
    fc.tuple(tie('bool'), tie('any'), tie('any')).map(([c, a, b]) => `(${c} ? ${a} : ${b})`),
  ),
  bool: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    path,
    fc
      .tuple(tie('any'), fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('any'))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc.tuple(tie('any'), list).map(([a, items]) => `(${a} in [${items.join(', ')}])`),
    fc.tuple(tie('any'), path).map(([a, container]) => `(${a} in ${container})`),
    fc.tuple(tie('bool'), fc.constantFrom('&&', '||'), tie('bool')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie('bool').map((a) => `!(${a})`),
    path.map((a) => `has(${a})`),
  ),
})).any;
