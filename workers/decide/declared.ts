// What templates may read: traits and properties as events.json declares them, the journeys' stages, and what the system
// says itself. Where nothing is declared everything may be there. Pure.

import type { EventDeclarations, FieldDeclaration } from '../../schema/catalog.ts';
import type { Path } from './liquid/walk.ts';

/** What stands at a place: anything, a single value, a list, or members by name. */
export type Shape =
  | { readonly kind: 'any' }
  | { readonly kind: 'value' }
  | { readonly kind: 'list'; readonly items: Shape }
  | { readonly kind: 'map'; readonly members: ReadonlyMap<string, Shape> };

const ANY: Shape = { kind: 'any' };
const VALUE: Shape = { kind: 'value' };

const mapOf = (members: Iterable<readonly [string, Shape]>): Shape => ({ kind: 'map', members: new Map(members) });

export interface Declared {
  readonly declarations: Pick<EventDeclarations, 'events' | 'traits'>;
  /** Traits that journeys set. */
  readonly set: Iterable<string>;
  /** Journeys, each of which has a stage; null where they are not known. */
  readonly journeys: readonly string[] | null;
}

/** Where a template stands: on a page, in a message of a journey, or, a fragment, wherever it is rendered. */
export type Standing = 'page' | 'message' | 'anywhere';

export function valuesShape({ declarations, set, journeys }: Declared, standing: Standing): Shape {
  const { events, traits } = declarations;
  const undeclared = Object.keys(events).length === 0 && Object.keys(traits).length === 0;
  const known: [string, Shape][] = [
    // The zone of a customer is a trait of its own meaning.
    ...['timezone', ...set].map((name): [string, Shape] => [name, ANY]),
    ...Object.entries(traits).map(([name, field]): [string, Shape] => [name, shapeOf(field)]),
  ];
  const common: [string, Shape][] = [
    ['traits', undeclared ? ANY : mapOf(known)],
    ['event', mapOf([['name', VALUE] as const, ['properties', undeclared ? ANY : propertiesOf(events)] as const])],
    ['customer', mapOf([['id', VALUE]])],
  ];
  // What pages say of themselves nobody declares.
  const page: [string, Shape][] = [
    ['context', ANY],
    ['stages', journeys === null ? ANY : mapOf(journeys.map((name) => [name, VALUE] as const))],
  ];
  const sent: [string, Shape][] = [
    ['journey', mapOf(['id', 'stage', 'key'].map((name) => [name, VALUE] as const))],
    ['digest', mapOf([['items', { kind: 'list', items: mapOf(DIGEST_ITEM.map((name) => [name, VALUE] as const)) }]])],
    ...LINKS.map((name): [string, Shape] => [name, VALUE]),
  ];
  return mapOf([...common, ...(standing === 'message' ? [] : page), ...(standing === 'page' ? [] : sent)]);
}

/** Of the messages a digest lists: sending.ts. */
const DIGEST_ITEM = ['title', 'text', 'message', 'journey', 'at'];

/** Addresses that lead back here: workers/customer/permits.ts. */
const LINKS = ['unsubscribeUrl', 'preferencesUrl', 'confirmUrl'];

/** Which event asks is not known, so it may be any: a property of one of them is known. */
function propertiesOf(events: EventDeclarations['events']): Shape {
  const members = new Map<string, Shape>();
  for (const { properties = {} } of Object.values(events))
    for (const [name, field] of Object.entries(properties)) {
      const shape = shapeOf(field);
      members.set(name, members.has(name) ? eitherOf(members.get(name) ?? ANY, shape) : shape);
    }
  return { kind: 'map', members };
}

function eitherOf(one: Shape, other: Shape): Shape {
  if (one.kind === 'value' && other.kind === 'value') return VALUE;
  if (one.kind === 'list' && other.kind === 'list') return { kind: 'list', items: eitherOf(one.items, other.items) };
  if (one.kind !== 'map' || other.kind !== 'map') return ANY;
  const names = new Set([...one.members.keys(), ...other.members.keys()]);
  return mapOf(
    [...names].map((name) => {
      const [here, there] = [one.members.get(name), other.members.get(name)];
      return [name, here && there ? eitherOf(here, there) : (here ?? there ?? ANY)] as const;
    }),
  );
}

function shapeOf({ type, items, fields }: FieldDeclaration): Shape {
  if (type === 'list') return { kind: 'list', items: items ? shapeOf(items) : ANY };
  if (type !== 'map') return VALUE;
  return fields ? mapOf(Object.entries(fields).map(([name, field]) => [name, shapeOf(field)] as const)) : ANY;
}

/** A name that is not there, what it was looked for in, and the names there are. */
export interface Missing {
  readonly name: string;
  readonly within: string;
  readonly names: readonly string[];
}

/** Liquid's own members. */
const OF_LISTS: readonly string[] = ['size', 'first', 'last'];

/** @returns null where everything on the path may be there */
export function missingOn(path: Path, root: Shape): Missing | null {
  let shape = root;
  const walked: string[] = [];
  for (const segment of path) {
    if (shape.kind === 'any') return null;
    if (shape.kind === 'list') {
      if (typeof segment === 'string' && !OF_LISTS.includes(segment))
        return { name: segment, within: walked.join('.'), names: OF_LISTS };
      shape = segment === 'size' ? VALUE : shape.items;
    } else if (segment === 'size') shape = VALUE;
    else if (shape.kind === 'map') {
      if (segment === null) return null;
      const next = shape.members.get(String(segment));
      if (!next) return { name: String(segment), within: walked.join('.'), names: [...shape.members.keys()] };
      shape = next;
    } else return segment === null ? null : { name: String(segment), within: walked.join('.'), names: ['size'] };
    walked.push(String(segment ?? '[]'));
  }
  return null;
}
