// Which values make a difference to a journey's conditions: read from their comparisons, so that a search tries a value on
// each side of every one. A guess of what to try, not a solver: what is tried is then played, and only that counts.

import type { ASTNode } from '@marcbachmann/cel-js';
import type { EventDeclarations, FieldDeclaration } from '../../schema/catalog.ts';
import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { HISTORY_ARITY, isMacro, memberOf } from '../engine/cel.ts';
import { durationMs } from '../engine/durations.ts';
import { parseCondition } from '../engine/library.ts';

/** Where a value stands: in which object, and the members that lead there; `[]` is an element of a list. */
interface Path {
  readonly root: string;
  readonly members: readonly string[];
}

/** What conditions compare with. Roots: `properties` of the event asked about, `start`, `traits`, `answers`, `event:NAME`. */
export interface Worth {
  readonly values: Map<string, { readonly path: Path; readonly values: Map<string, Json> }>;
  /** How often an event has to happen for a count of it, at most. */
  readonly times: Map<string, Set<number>>;
  /** Time that has to pass, milliseconds: windows, days since. */
  readonly passes: Set<number>;
}

/** What begins the root of a property of past events. */
export const PAST = 'event:';

export const newWorth = (): Worth => ({ values: new Map(), times: new Map(), passes: new Set() });

const DAY = 86_400_000;
const TIMES_MAX = 100;
/** For a value that is only compared with another one. */
const SHARED: readonly Json[] = ['one', 1];

type Variables = ReadonlyMap<string, Path>;

/** Adds what an expression compares. `at` milliseconds: dates are tried some time after it. */
export function readWorth(worth: Worth, source: string, declarations: EventDeclarations, at: number): void {
  visit(parseCondition(source).ast, new Map());

  function visit(node: ASTNode, variables: Variables): void {
    switch (node.op) {
      case '==':
      case '!=':
      case '<':
      case '<=':
      case '>':
      case '>=':
      case 'in':
        compare(node.args, variables);
        break;
      case 'rcall': {
        const [name, target, args] = node.args;
        const path = pathOf(target, variables);
        const variable = args[0];
        if (isMacro(name) && path && variable?.op === 'id') {
          const inner = new Map(variables).set(variable.args, { ...path, members: [...path.members, '[]'] });
          for (const arg of args.slice(1)) visit(arg, inner);
          return;
        }
        if (path) for (const value of literalsIn(args)) add(path, value);
        break;
      }
      default: {
        const path = pathOf(node, variables);
        if (path) for (const value of [...ordinary(path), true, false]) add(path, value);
      }
    }
    for (const child of childrenOf(node)) visit(child, variables);
  }

  function compare(sides: readonly ASTNode[], variables: Variables): void {
    const literals = literalsIn(sides);
    const paths = within(sides).flatMap((node) => pathOf(node, variables) ?? []);
    const around = literals.flatMap((value): Json[] =>
      typeof value === 'number' ? [value, value + 1, value - 1] : [value],
    );
    for (const path of paths) {
      for (const value of around) add(path, value);
      if (literals.length === 0 || paths.length > 1) for (const value of SHARED) add(path, value);
      for (const value of ordinary(path)) add(path, value);
    }
    for (const node of within(sides)) countCalls(node, literals);
  }

  function countCalls(node: ASTNode, literals: readonly Json[]): void {
    if (node.op !== 'call' || !Object.hasOwn(HISTORY_ARITY, node.args[0])) return;
    const [name, args] = node.args;
    const [event, property] = literalsIn(args);
    const window = args.length > (HISTORY_ARITY[name] ?? 0) ? literalsIn(args).at(-1) : null;
    const windowMs = typeof window === 'string' ? durationMs(window) : null;
    if (windowMs !== null) worth.passes.add(windowMs);
    if (typeof event !== 'string') return;
    for (const value of literals) {
      if (name === 'daysSince' && typeof value === 'number') worth.passes.add(Math.ceil(value * DAY) + DAY);
      if ((name === 'count' || name === 'distinct') && typeof value === 'number') addTimes(event, value);
      if (name === 'sum' || name === 'first' || name === 'last')
        if (typeof property === 'string') {
          const path = { root: `${PAST}${event}`, members: [property] };
          for (const each of typeof value === 'number' ? [value, value + 1, value - 1] : [value]) add(path, each);
        }
    }
    if (name === 'distinct' && typeof property === 'string')
      for (const value of ['one', 'two', 'three']) add({ root: `${PAST}${event}`, members: [property] }, value);
  }

  function addTimes(event: string, value: number): void {
    const times = worth.times.get(event) ?? new Set();
    for (const each of [value, value + 1]) if (each >= 1 && each <= TIMES_MAX) times.add(Math.ceil(each));
    worth.times.set(event, times);
  }

  function add(path: Path, value: Json): void {
    const key = `${path.root} ${path.members.join(' ')}`;
    const known = worth.values.get(key) ?? { path, values: new Map<string, Json>() };
    known.values.set(JSON.stringify(value), value);
    worth.values.set(key, known);
  }

  /** What a member of its declared type usually holds. */
  function ordinary({ root, members: [member] }: Path): Json[] {
    const fields: readonly (Readonly<Record<string, FieldDeclaration>> | undefined)[] =
      root === 'traits'
        ? [declarations.traits]
        : Object.values(declarations.events).map(({ properties }) => properties);
    for (const field of fields) {
      const declared = member !== undefined && field && Object.hasOwn(field, member) ? field[member] : undefined;
      if (declared) return valuesOf(declared, at);
    }
    return root === 'traits' && /date|day|until|due|next|end/i.test(member ?? '') ? dates(at) : [];
  }
}

/** Adds what a date in data may be. */
export function readDate(worth: Worth, source: string, at: number): void {
  for (const node of within([parseCondition(source).ast])) {
    const path = pathOf(node, new Map());
    if (!path) continue;
    const key = `${path.root} ${path.members.join(' ')}`;
    worth.values.set(key, { path, values: new Map(dates(at).map((date) => [JSON.stringify(date), date])) });
  }
}

const dates = (at: number): Json[] => [40, 400].map((days) => new Date(at + days * DAY).toISOString().slice(0, 10));

function valuesOf(field: FieldDeclaration, at: number): Json[] {
  switch (field.type) {
    case 'string':
      return ['one'];
    case 'number':
    case 'integer':
      return [1];
    case 'boolean':
      return [true];
    case 'timestamp':
      return dates(at);
    case 'list':
      return [[]];
    case 'map':
      return [{}];
  }
}

/** A node and everything inside it, but not inside comprehensions, whose variables mean something of their own. */
function within(nodes: readonly ASTNode[]): ASTNode[] {
  return nodes.flatMap((node) => [
    node,
    ...(node.op === 'rcall' && isMacro(node.args[0]) ? [] : within(childrenOf(node))),
  ]);
}

function literalsIn(nodes: readonly ASTNode[]): Json[] {
  return within(nodes).flatMap((node) => {
    if (node.op !== 'value') return [];
    const value = node.args;
    if (typeof value === 'bigint') return [Number(value)];
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || value === null
      ? [value]
      : [];
  });
}

function childrenOf(node: ASTNode): readonly ASTNode[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '.':
    case '.?':
      return [node.args[0]];
    case 'call':
      return node.args[1];
    case 'rcall':
      return [node.args[1], ...node.args[2]];
    case 'list':
      return node.args;
    case 'map':
      return node.args.flat();
    case '!_':
    case '-_':
      return [node.args];
    default:
      return node.args;
  }
}

/** The place a node reads, if it reads one of the data. */
function pathOf(node: ASTNode, variables: Variables): Path | null {
  if (node.op === 'id') {
    if (node.args === 'traits' || node.args === 'answers') return { root: node.args, members: [] };
    return variables.get(node.args) ?? null;
  }
  const member = memberOf(node);
  if (!member) return null;
  const [target, name] = member;
  if (name === 'properties' && target.op === 'id' && target.args === 'event')
    return { root: 'properties', members: [] };
  if (name === 'properties' && target.op === 'id' && target.args === 'start') return { root: 'start', members: [] };
  const outer = pathOf(target, variables);
  return outer && { ...outer, members: [...outer.members, name] };
}

/** Objects that hold the values worth trying below some roots: first none of them, then one after the other, then together. */
export function objectsOf(worths: readonly Worth[], roots: readonly string[], most: number): JsonObject[] {
  const places = new Map<string, { path: Path; values: Json[] }>();
  for (const worth of worths)
    for (const { path, values } of worth.values.values()) {
      if (!roots.includes(path.root) || path.members.length === 0 || path.members.at(-1) === '[]') continue;
      const key = path.members.join(' ');
      const known = places.get(key) ?? { path, values: [] };
      known.values.push(...values.values());
      places.set(key, known);
    }
  let objects: JsonObject[] = [{}];
  // A member inside of another one comes later, so that it is set in what that one is.
  const ordered = [...places.values()].sort((one, other) => one.path.members.length - other.path.members.length);
  for (const { path, values } of ordered)
    objects = [
      ...objects,
      ...objects.flatMap((object) => values.map((value) => withMember(object, path.members, value))),
    ].slice(0, most * 4);
  const distinct = new Map(objects.map((object) => [JSON.stringify(object), object]));
  return [...distinct.values()]
    .sort((one, other) => Object.keys(one).length - Object.keys(other).length)
    .slice(0, most);
}

function withMember(object: JsonObject, [member, ...rest]: readonly string[], value: Json): JsonObject {
  if (member === undefined) return object;
  if (rest.length === 0) return { ...object, [member]: value };
  const inside = object[member];
  if (rest[0] === '[]') {
    const first = Array.isArray(inside) ? inside[0] : undefined;
    const item = rest.length === 1 ? value : withMember(isObject(first) ? first : {}, rest.slice(1), value);
    return { ...object, [member]: [item] };
  }
  return { ...object, [member]: withMember(isObject(inside) ? inside : {}, rest, value) };
}
