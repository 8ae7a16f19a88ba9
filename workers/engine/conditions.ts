// A condition: CEL source in, a function of the scope out. Checks at publish (C8, C9), then runs in one of two ways with
// one meaning: the common fragment as closures, which allocate nothing and throw nothing, everything else by the CEL
// library. A property test holds the two against each other.

import { type ASTNode, type ParseResult } from '@marcbachmann/cel-js';
import type { Json, JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import {
  type CheckContext,
  checkTypes,
  firstLine,
  HISTORY_ARITY,
  isMacro,
  memberOf,
  membersUsed,
  runEnvironment,
  walk,
} from './cel.ts';
import { compileClosure, isFault, type Value } from './closures.ts';
import { durationMs } from './durations.ts';
import type { Facts } from './facts.ts';
import type { EngineEvent } from './machine.ts';

export interface Scope {
  readonly event: EngineEvent;
  readonly traits: JsonObject;
  readonly stages: { readonly [journey: string]: string };
  readonly facts: Facts;
  /** Milliseconds; the end of every window. */
  readonly now: number;
}

export type Evaluated = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly detail: string };

export interface Condition {
  readonly source: string;
  /** JSON pointer into the document it stands in. */
  readonly pointer: string;
  /** Never throws: an error is data. */
  readonly evaluate: (scope: Scope) => Evaluated;
  /** Names of events whose history it asks about. */
  readonly history: readonly string[];
}

export interface ConditionFault {
  readonly code: 'condition-syntax' | 'condition-type' | 'condition-limit' | 'condition-function';
  readonly detail: string;
  readonly remedy: string;
}

export type CompiledCondition =
  | { readonly ok: true; readonly condition: Condition }
  | { readonly ok: false; readonly fault: ConditionFault };

export interface ConditionContext extends CheckContext {
  /** The declared name of an event, aliases resolved (T5). */
  readonly resolve: Resolve;
}

type Resolve = (event: string) => string;

/** The evaluation under way: evaluation is synchronous, so one place is enough for the one environment all share. */
let underWay: { readonly scope: Scope; readonly resolve: Resolve } | null = null;

const environment = runEnvironment((name, args) => {
  if (!underWay) throw new Error('a history function outside an evaluation');
  const [event = '', second = '', third] = args.map(String);
  const twoPart = HISTORY_ARITY[name] === 2;
  const window = twoPart ? third : args.length > 1 ? second : undefined;
  const from = window === undefined ? -Infinity : underWay.scope.now - (durationMs(window) ?? 0);
  return askHistory(name, underWay.resolve(event), twoPart ? second : '', from, underWay.scope);
});

/** Compiles a condition (`want` bool) or the expression of a `set` (`want` any). */
export function compileCondition(
  source: string,
  pointer: string,
  context: ConditionContext,
  want: 'bool' | 'any' = 'bool',
): CompiledCondition {
  let parsed: ParseResult;
  try {
    parsed = environment.parse(source);
  } catch (error) {
    return fault(
      'condition-syntax',
      firstLine(error instanceof Error ? error.message : String(error)),
      'Write the condition in CEL, for example: event.properties.price > 100',
    );
  }
  const limit = findLimit(parsed.ast);
  if (limit) return { ok: false, fault: limit };
  const checked = checkTypes(source, parsed.ast, context);
  if (!checked.valid)
    return fault(
      'condition-type',
      checked.detail,
      'Compare values of one type; the types of events and traits stand in events.json.',
    );
  if (want === 'bool' && checked.type !== 'bool' && checked.type !== 'dyn')
    return fault(
      'condition-type',
      `is of type ${checked.type}, not bool`,
      'A condition says yes or no: compare the value with something.',
    );

  const declared = declaredMembers(parsed.ast, context);
  const closure = compileClosure(parsed.ast, { ...declared, resolve: context.resolve });
  const evaluate = closure
    ? (scope: Scope): Evaluated => {
        const value = closure(scope);
        return isFault(value) ? { ok: false, detail: value.fault } : { ok: true, value };
      }
    : byLibrary(parsed, declared, context.resolve);
  return { ok: true, condition: { source, pointer, evaluate, history: historyNames(parsed.ast, context) } };
}

export interface DeclaredMembers {
  readonly traits: ReadonlySet<string>;
  readonly properties: ReadonlySet<string>;
}

/** Declared members that the expression names: they are null when absent (C3). Without a known event, any event's count. */
function declaredMembers(ast: ASTNode, context: ConditionContext): DeclaredMembers {
  const used = membersUsed(ast);
  const { events, traits } = context.declarations;
  const isDeclared = (name: string) =>
    context.event === null
      ? Object.values(events).some((event) => event.properties && name in event.properties)
      : name in (events[context.event]?.properties ?? {});
  return {
    traits: new Set(used.traits.filter((name) => name in traits)),
    properties: new Set(used.properties.filter(isDeclared)),
  };
}

function byLibrary(parsed: ParseResult, declared: DeclaredMembers, resolve: Resolve): (scope: Scope) => Evaluated {
  const guarded = membersAskedFor(parsed.ast);
  return (scope) => {
    underWay = { scope, resolve };
    try {
      const event = { ...scope.event, properties: fill(scope.event.properties, declared.properties, guarded) };
      const value: unknown = parsed({
        event,
        traits: fill(scope.traits, declared.traits, guarded),
        stages: scope.stages,
      });
      return { ok: true, value: plain(value) };
    } catch (error) {
      return { ok: false, detail: firstLine(error instanceof Error ? error.message : String(error)) };
    } finally {
      underWay = null;
    }
  };
}

/** Members inside has(): those stay absent, or has() would always say yes. */
function membersAskedFor(ast: ASTNode): ReadonlySet<string> {
  const names = new Set<string>();
  walk(ast, (node) => {
    if (node.op !== 'call' || node.args[0] !== 'has') return;
    const member = node.args[1][0] ? memberOf(node.args[1][0]) : null;
    if (member) names.add(member[1]);
  });
  return names;
}

function fill(members: JsonObject, names: ReadonlySet<string>, except: ReadonlySet<string>): JsonObject {
  let filled = members;
  for (const name of names)
    if (!Object.hasOwn(members, name) && !except.has(name))
      filled = filled === members ? { ...members, [name]: null } : Object.assign(filled, { [name]: null });
  return filled;
}

/** CEL values as JSON: integers become numbers, timestamps ISO strings. */
function plain(value: unknown): Json {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([name, member]) => [String(name), plain(member)]));
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
  return String(value);
}

/** The history functions (C5 to C7). `from` is an instant, exclusive. */
export function askHistory(name: string, event: string, property: string, from: number, scope: Scope): Json {
  const { facts, now } = scope;
  switch (name) {
    case 'count':
      return facts.count(event, from, now);
    case 'sum':
      return facts.sum(event, property, from, now);
    case 'distinct':
      return facts.distinct(event, property, from, now);
    case 'first':
      return facts.first(event, property, from, now);
    case 'last':
      return facts.last(event, property, from, now);
    case 'daysSince': {
      const at = facts.lastAt(event, now);
      return at === null ? null : (now - at) / 86_400_000;
    }
    default:
      throw new Error(`unknown history function ${name}`);
  }
}

/** C8 and C9: what parses and may type-check, yet is refused. */
function findLimit(ast: ASTNode): ConditionFault | null {
  let found: ConditionFault | null = null;
  const say = (code: ConditionFault['code'], detail: string, remedy: string) => {
    found ??= { code, detail, remedy };
  };
  walk(ast, (node, depth) => {
    if (depth > LIMITS.conditionMacroDepthMax)
      say(
        'condition-limit',
        `nests more than ${LIMITS.conditionMacroDepthMax} comprehensions`,
        'Flatten the comprehension.',
      );
    if (node.op === 'rcall' && isMacro(node.args[0]) && depth >= LIMITS.conditionMacroDepthMax)
      say(
        'condition-limit',
        `nests more than ${LIMITS.conditionMacroDepthMax} comprehensions`,
        'Flatten the comprehension.',
      );
    const called = node.op === 'rcall' || node.op === 'call' ? node.args[0] : '';
    if (called === 'matches')
      say(
        'condition-function',
        'matches() can be made to run for seconds',
        'Use contains(), startsWith() or endsWith().',
      );
    if (node.op !== 'call' || !(called in HISTORY_ARITY)) return;
    const args = node.args[1];
    if (!args.every((arg) => arg.op === 'value' && typeof arg.args === 'string'))
      say(
        'condition-function',
        `${called}() takes its arguments written out, as strings`,
        `Write, for example: ${called}('Order Completed'${HISTORY_ARITY[called] === 2 ? ", 'revenue'" : ''})`,
      );
    const window = args[HISTORY_ARITY[called] ?? 0];
    if (window && (window.op !== 'value' || durationMs(String(window.args)) === null))
      say(
        'condition-function',
        `the window of ${called}() is not a duration of fixed length`,
        "Write it as weeks, days, hours, minutes and seconds: 'P7D', 'PT12H'.",
      );
  });
  return found;
}

function historyNames(ast: ASTNode, context: ConditionContext): string[] {
  const names = new Set<string>();
  walk(ast, (node) => {
    if (node.op === 'call' && node.args[0] in HISTORY_ARITY && node.args[1][0]?.op === 'value')
      names.add(context.resolve(String(node.args[1][0].args)));
  });
  return [...names];
}

const fault = (code: ConditionFault['code'], detail: string, remedy: string): CompiledCondition => ({
  ok: false,
  fault: { code, detail, remedy },
});
