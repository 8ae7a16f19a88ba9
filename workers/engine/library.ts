// Conditions run by the CEL library: whatever the closures do not cover. Owns what the library does not do: a
// declared member that is absent is null (C3), the iterations of comprehensions are counted (C9), `in` knows that a
// number in data is a double (C1), and a member named `constructor` is data. The first three reach into the nodes of
// @marcbachmann/cel-js 8.0.0, which is pinned; a test for each notices if a newer version works differently.

import type { ASTNode, ParseResult } from '@marcbachmann/cel-js';
import type { Json } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { firstLine, HISTORY_ARITY, isMacro, memberOf, runEnvironment, walk } from './cel.ts';
import { sameJson } from './closures.ts';
import { durationMs } from './durations.ts';
import { NO_ACCOUNT } from './facts.ts';
import { askHistory, type DeclaredMembers, type Evaluated, type Resolve, type Scope } from './scope.ts';

/** The evaluation under way: evaluation is synchronous, so one place is enough for the one environment all share. */
interface UnderWay {
  readonly scope: Scope;
  readonly resolve: Resolve;
  readonly traits: Members;
  readonly properties: Members;
  iterations: number;
}
let underWay: UnderWay | null = null;

/** The library takes either for a map. */
type Members = { readonly [member: string]: unknown } | ReadonlyMap<string, unknown>;

const environment = runEnvironment((name, args) => {
  if (!underWay) throw new Error('a history function outside an evaluation');
  const [event = '', second = '', third] = args.map(String);
  const twoPart = HISTORY_ARITY[name] === 2;
  const window = twoPart ? third : args.length > 1 ? second : undefined;
  const from = window === undefined ? -Infinity : underWay.scope.now - (durationMs(window) ?? 0);
  const value = askHistory(name, underWay.resolve(event), twoPart ? second : '', from, underWay.scope);
  return holdsConstructor(value) ? asMaps(value) : value;
});

/** @throws an error whose first line says what does not parse */
export const parseCondition = (source: string): ParseResult => environment.parse(source);

/** A function that evaluates the expression. It changes the nodes of `parsed`, which must not be used elsewhere. */
export function compileByLibrary(
  parsed: ParseResult,
  declared: DeclaredMembers,
  resolve: Resolve,
): (scope: Scope) => Evaluated {
  walk(parsed.ast, (node) => {
    if (!hasInnards(node)) throw new Error('the nodes of the CEL library are not what this file was written for');
    if (node.op === 'rcall' && isMacro(node.args[0])) countIterations(node);
    if (node.op === 'in') node.evaluate = membership(node.args[0], node.args[1]);
    readDeclared(node, declared);
  });
  return (scope) => {
    const first = evaluate(parsed, scope, resolve, false);
    const again = !first.ok && (holdsConstructor(scope.event) || holdsConstructor(scope.traits));
    return again ? evaluate(parsed, scope, resolve, true) : first;
  };
}

function evaluate(parsed: ParseResult, scope: Scope, resolve: Resolve, asMaps: boolean): Evaluated {
  const event = asMaps ? asMap(scope.event) : scope.event;
  const traits = asMaps ? asMap(scope.traits) : scope.traits;
  const properties = asMaps ? asMap(scope.event.properties) : scope.event.properties;
  const current: UnderWay = { scope, resolve, traits, properties, iterations: 0 };
  underWay = current;
  try {
    const start = scope.start ?? NOTHING;
    const answers = scope.answers ?? NOTHING;
    const account = scope.facts.account ?? NO_ACCOUNT;
    const segments = scope.facts.segments ?? NOTHING;
    const value: unknown = parsed({ event, traits, segments, account, stages: scope.stages, start, answers });
    if (current.iterations > LIMITS.conditionIterationsMax) return { ok: false, detail: TOO_MANY_ITERATIONS };
    return { ok: true, value: plain(value, { parts: 0 }) };
  } catch (error) {
    return { ok: false, detail: firstLine(error instanceof Error ? error.message : String(error)) };
  } finally {
    underWay = null;
  }
}

const NOTHING = Object.freeze({});

/** What a node carries beyond its declared type. A parent evaluates its child by `child.evaluate(evaluator, child, context)`. */
interface Innards {
  evaluate: Evaluate;
  readonly meta: { readonly evaluate: Evaluate; readonly alternate?: { readonly args: Comprehension } };
}
type Evaluate = (evaluator: unknown, node: unknown, context: unknown) => unknown;
interface Comprehension {
  readonly step: Innards;
  /** Goes on while it gives true; absent where every element is visited. */
  readonly condition?: (accumulated: boolean) => boolean;
  /** False for all() and exists(), which pass over errors as && and || do. */
  readonly errorsAreFatal: boolean;
}
const hasInnards = (node: object): node is ASTNode & Innards => 'evaluate' in node && 'meta' in node;

const TOO_MANY_ITERATIONS = `runs through more than ${LIMITS.conditionIterationsMax} elements`;

/** C9. Past the limit all() and exists(), which would absorb an error and go on, are given the value that ends them. */
function countIterations(node: Innards): void {
  const comprehension = node.meta.alternate?.args;
  if (!comprehension) throw new Error('a comprehension of the CEL library is not what this file was written for');
  const { step, condition, errorsAreFatal } = comprehension;
  step.evaluate = (evaluator, own, context) => {
    if (!underWay || ++underWay.iterations <= LIMITS.conditionIterationsMax)
      return step.meta.evaluate(evaluator, own, context);
    if (errorsAreFatal || !condition) throw new Error(TOO_MANY_ITERATIONS);
    return !condition(true);
  };
}

/** C3. has() looks at the names, not by evaluating this node, so it still says no for an absent member. */
function readDeclared(node: ASTNode & Innards, declared: DeclaredMembers): void {
  const member = memberOf(node);
  if (!member) return;
  const [owner, name] = member;
  if (owner.op === 'id' && owner.args === 'traits' && declared.traits.has(name))
    node.evaluate = () => (underWay ? read(underWay.traits, name) : null);
  const outer = memberOf(owner);
  if (
    outer &&
    (outer[1] === 'traits' || outer[1] === 'stages') &&
    outer[0].op === 'id' &&
    outer[0].args === 'account'
  ) {
    const [, part] = outer;
    node.evaluate = () =>
      read((underWay?.scope.facts.account ?? NO_ACCOUNT)[part === 'traits' ? 'traits' : 'stages'], name);
  }
  if (outer?.[1] === 'properties' && outer[0].op === 'id' && outer[0].args === 'event' && declared.properties.has(name))
    node.evaluate = () => (underWay ? read(underWay.properties, name) : null);
}

/** C1. The library has no overload for a double among integers, and takes a number for the key of a map. */
function membership(item: ASTNode, container: ASTNode): Evaluate {
  if (!hasInnards(item) || !hasInnards(container)) throw new Error('a node of the CEL library cannot be evaluated');
  return (evaluator, _, context) => {
    const value = plain(item.evaluate(evaluator, item, context), { parts: 0 });
    const within = container.evaluate(evaluator, container, context);
    if (Array.isArray(within)) return within.some((element) => sameJson(plain(element, { parts: 0 }), value));
    if (within instanceof Map) return typeof value === 'string' && within.has(value);
    if (typeof within === 'object' && within !== null && isRecord(within))
      return typeof value === 'string' && Object.hasOwn(within, value);
    throw new Error('no such overload: the right side of in is neither a list nor a map');
  };
}

function read(members: Members, name: string): unknown {
  if (isMap(members)) return members.get(name) ?? null;
  return Object.hasOwn(members, name) ? (members[name] ?? null) : null;
}

const isMap = (members: Members): members is ReadonlyMap<string, unknown> => members instanceof Map;

/** The library asks an object for its `constructor` to know its type, and errs; a Map keeps such a member apart. */
function asMap(members: object): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(members).map(([name, value]) => [name, asMaps(value)]));
}

function asMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asMaps);
  return typeof value === 'object' && value !== null ? asMap(value) : value;
}

function holdsConstructor(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, 'constructor') || Object.values(value).some(holdsConstructor);
}

/** CEL values as JSON: integers become numbers, timestamps ISO strings. Shared parts are counted as often as they occur. */
function plain(value: unknown, size: { parts: number }): Json {
  if (++size.parts > LIMITS.traitsBytesMax) throw new Error('the value is too large');
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => plain(item, size));
  if (typeof value === 'object' && (value instanceof Map || isRecord(value))) {
    const members = value instanceof Map ? [...value] : Object.entries(value);
    return Object.fromEntries(members.map(([name, member]) => [String(name), plain(member, size)]));
  }
  return String(value);
}

/** Durations, types and unsigned integers of CEL are objects of classes; they have a written form and no members. */
const isRecord = (value: object): boolean => [Object.prototype, null].includes(Object.getPrototypeOf(value));
