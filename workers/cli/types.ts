// TypeScript types for the developers of the sites, from what designers edit: events with their properties, traits,
// stages, placements and segments. Pure: documents in, text out. A property nobody declared is a type error there, which is the point.

import type { EventDeclarations, FieldDeclaration } from '../../schema/catalog.ts';

export interface Vocabulary {
  readonly events: EventDeclarations;
  /** Names of the stages by journey, in the order written. */
  readonly stages: Readonly<Record<string, readonly string[]>>;
  readonly placements: readonly string[];
  readonly segments: readonly string[];
}

const HEAD = `// Made by \`waymark types\` from journeys/. Do not edit: run it again after a change there.
`;

/**
 * A module of declarations; the same documents give the same text.
 * @param client the module that declares what a page may call (workers/browser/client.ts)
 */
export function renderTypes({ events, stages, placements, segments }: Vocabulary, client: string): string {
  const declared = Object.entries(events.events).flatMap(([name, { description, properties, aliases = [] }]) => [
    ...comment(description, '  '),
    `  ${quoted(name)}: ${renderFields(properties ?? {}, '  ')};`,
    ...aliases.flatMap((alias) => [
      `  /** Another name of ${name}. */`,
      `  ${quoted(alias)}: EventProperties[${JSON.stringify(name)}];`,
    ]),
  ]);
  const journeys = Object.entries(stages).map(([journey, names]) => `  ${quoted(journey)}?: ${union(names)};`);
  return `${HEAD}
/** What each event may say. */
export interface EventProperties {
${declared.join('\n')}
}

export type EventName = keyof EventProperties;

/** What is known of a customer. */
export interface Traits ${renderFields(events.traits, '')}

/** The stage of each journey a customer is in. */
export interface Stages {
${journeys.join('\n')}
}

/** Where a page shows what is decided. */
export type Placement = ${union(placements)};

/** Who belongs together: a condition has a name. */
export type Segment = ${union(segments)};

${client.replace(/^(\/\/.*\n)+\n*/, '')}
declare global {
  /** The script of the page, once it is there. */
  const waymark: Waymark<EventProperties, Traits, Placement>;
}
`;
}

function renderFields(fields: Readonly<Record<string, FieldDeclaration>>, indent: string): string {
  const entries = Object.entries(fields);
  if (entries.length === 0) return 'Record<string, never>';
  const lines = entries.flatMap(([name, field]) => [
    ...comment(field.description, `${indent}  `),
    `${indent}  ${quoted(name)}?: ${renderType(field, `${indent}  `)};`,
  ]);
  return `{\n${lines.join('\n')}\n${indent}}`;
}

function renderType({ type, items, fields }: FieldDeclaration, indent: string): string {
  switch (type) {
    case 'string':
      return 'string';
    case 'number':
    case 'integer':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'timestamp':
      return 'string';
    case 'list':
      return `readonly (${items ? renderType(items, indent) : 'unknown'})[]`;
    case 'map':
      return fields ? renderFields(fields, indent) : 'Readonly<Record<string, unknown>>';
  }
}

const comment = (text: string | undefined, indent: string): string[] =>
  text === undefined ? [] : [`${indent}/** ${text.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ')} */`];

const quoted = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

const union = (names: readonly string[]): string =>
  names.length === 0 ? 'never' : names.map((name) => JSON.stringify(name)).join(' | ');
