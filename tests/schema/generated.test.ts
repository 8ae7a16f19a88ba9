// The generated JSON Schemas: current, deterministic, and of one mind with the Zod schemas about every shipped document
// and about each of them with one thing changed.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { Cases } from '../../schema/cases.ts';
import { Content, EventDeclarations, Offer } from '../../schema/catalog.ts';
import { GENERATED, generateSchemas } from '../../schema/generate.ts';
import { Journey } from '../../schema/journey.ts';
import { isObject, type Json } from '../../schema/json.ts';
import { validate } from './validate.ts';

const journeys = join(import.meta.dirname, '../../journeys');
const readJson = (path: string): Json => JSON.parse(readFileSync(path, 'utf8'));
const schemaOf = (name: string): Json => JSON.parse(generateSchemas().get(`${name}.schema.json`) ?? 'null');

/** Shipped documents by the name of their schema. */
function shipped(): [string, string][] {
  const inFolder = (folder: string, name: string) =>
    readdirSync(join(journeys, folder))
      .filter(
        (file) =>
          file.endsWith('.json') &&
          !file.endsWith('.cases.json') &&
          !['events.json', 'placements.json', 'site.json', 'policies.json'].includes(file),
      )
      .map((file): [string, string] => [name, join(folder, file)]);
  return [
    ...inFolder('', 'journey'),
    ...readdirSync(journeys)
      .filter((file) => file.endsWith('.cases.json'))
      .map((file): [string, string] => ['cases', file]),
    ...inFolder('content', 'content'),
    ...inFolder('offers', 'offer'),
    ...inFolder('experiments', 'experiment'),
    ...inFolder('fragments', 'fragment'),
    ...inFolder('segments', 'segment'),
    ['events', 'events.json'],
    ['placements', 'placements.json'],
    ['site', 'site.json'],
    ['policies', 'policies.json'],
  ];
}

describe('the generated schemas', () => {
  it('are current: run `node schema/generate.ts` if this fails', () => {
    const expected = generateSchemas();
    expect(readdirSync(GENERATED).sort()).toEqual([...expected.keys()].sort());
    for (const [name, text] of expected) expect(readFileSync(join(GENERATED, name), 'utf8')).toBe(text);
  });

  it('are the same each time', () => expect([...generateSchemas()]).toEqual([...generateSchemas()]));

  it.each(shipped())('%s: %s fits, and names its schema', (name, file) => {
    const document = readJson(join(journeys, file));
    expect(validate(schemaOf(name), document)).toEqual([]);
    const depth = file.split('/').length;
    expect(document).toMatchObject({ $schema: `${'../'.repeat(depth)}schema/generated/${name}.schema.json` });
  });
});

const STEPS: Json = [
  { send: 'hello', channel: 'email', purpose: 'service' },
  { wait: 'P1DT2H' },
  { branch: [{ if: 'true', steps: [{ set: 'x', value: '1' }] }], else: [{ wait: 'PT1S' }] },
];
const JOURNEY: Json = {
  id: 'one',
  name: 'One',
  entry: [{ event: 'page', if: 'true' }],
  exit: [{ event: 'x' }],
  initial: 'a',
  stages: {
    a: { steps: STEPS, on: [{ event: 'y', to: 'b' }], after: [{ delay: 'P1W', since: 'activity', to: 'b' }] },
    b: { final: true },
  },
};
const LOCALES: Json = { de: { title: 'T' }, 'en-GB': { n: 1, yes: true, no: null } };
const CONTENT: Json = {
  id: 'c',
  kind: 'tip',
  placements: ['hero'],
  stages: ['lifecycle.usage'],
  audience: 'true',
  priority: 5,
  valid: { from: '2026-01-01', until: '2026-02-01T00:00:00Z' },
  locales: LOCALES,
};
const OFFER: Json = {
  id: 'o',
  placements: ['hero'],
  stages: [],
  benefit: { kind: 'percent', value: 5, currency: 'EUR' },
  caps: [],
  locales: LOCALES,
};
const CASES: Json = {
  journey: 'one',
  with: ['two'],
  cases: [
    {
      name: 'c',
      start: '2026-01-05T10:00:00Z',
      customer: 'u',
      traits: { t: 1 },
      consents: ['marketing'],
      steps: [
        { event: 'page', properties: { p: [1] }, expect: { stage: 'a', transitions: ['- > a'], over: false } },
        { pass: 'P1D', expect: { stages: { k: 'a' }, messages: ['m'], suppressed: [{ send: 'm', reason: 'r' }] } },
        { answer: 'w', status: 200, body: { x: null } },
      ],
      expect: { stage: null, effects: [{ kind: 'set', value: 1 }], traits: { t: 2 }, errors: ['/key'] },
    },
  ],
};
const EVENTS: Json = {
  events: {
    A: {
      description: 'd',
      aliases: ['b'],
      trusted: true,
      properties: { p: { type: 'list', items: { type: 'map', fields: { q: { type: 'string' } } } } },
    },
  },
  traits: { t: { type: 'number', personal: true } },
};

/** Every document that differs from this one in one place: a member gone, another type, a stranger, a name too many. */
function variants(value: Json): Json[] {
  const odd: Json[] = [
    null,
    5,
    -1.5,
    true,
    '',
    'x',
    'P1M',
    'P',
    '2026-13-45',
    'x'.repeat(3_000),
    [],
    {},
    { stranger: 1 },
    [null],
  ];
  if (Array.isArray(value))
    return [
      ...odd,
      ...value.flatMap((item, index) => variants(item).map((variant) => value.with(index, variant))),
      value.slice(1),
    ];
  if (!isObject(value)) return odd;
  const inside = Object.entries(value).flatMap(([name, member]) => {
    const { [name]: _, ...rest } = value;
    return [rest, ...variants(member).map((variant) => ({ ...value, [name]: variant }))];
  });
  return [...odd, ...inside, { ...value, stranger: 1 }, { ...value, '': {} }];
}

describe('the generated schemas and Zod', () => {
  it.each<[string, z.ZodType, Json]>([
    ['journey', Journey, JOURNEY],
    ['content', Content, CONTENT],
    ['offer', Offer, OFFER],
    ['events', EventDeclarations, EVENTS],
    ['cases', Cases, CASES],
  ])('%s: agree about a document and about each of its variants', (name, zod, document) => {
    const schema = schemaOf(name);
    expect(validate(schema, document)).toEqual([]);
    expect(zod.safeParse(document).success).toBe(true);
    const documents = variants(document);
    expect(documents.length).toBeGreaterThan(100);
    let refused = 0;
    for (const variant of documents) {
      const parsed = zod.safeParse(variant);
      // What a JSON Schema cannot say: rules between members.
      if (!parsed.success && parsed.error.issues.every((issue) => issue.code === 'custom')) continue;
      if (!parsed.success) refused++;
      expect([JSON.stringify(variant).slice(0, 500), validate(schema, variant).length === 0]).toEqual([
        JSON.stringify(variant).slice(0, 500),
        parsed.success,
      ]);
    }
    expect(refused).toBeGreaterThan(50);
  });
});
