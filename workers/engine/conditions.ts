// A condition: CEL source in, a function of the scope out. Checks at publish (C8, C9), then runs in one of two ways with
// one meaning: the common fragment as closures, which allocate nothing and throw nothing, everything else by the CEL
// library. A property test holds the two against each other.

import type { ASTNode, ParseResult } from '@marcbachmann/cel-js';
import { LIMITS } from '../../schema/limits.ts';
import { type CheckContext, checkTypes, firstLine, HISTORY_ARITY, memberOf, membersUsed, walk } from './cel.ts';
import { compileClosure, isFault } from './closures.ts';
import { compileByLibrary, parseCondition } from './library.ts';
import { type ConditionFault, findRefusal } from './refusals.ts';
import type { DeclaredMembers, Evaluated, Resolve, Scope } from './scope.ts';

export interface Condition {
  readonly source: string;
  /** JSON pointer into the document it stands in. */
  readonly pointer: string;
  /** Never throws: an error is data. */
  readonly evaluate: (scope: Scope) => Evaluated;
  /** Names of events whose history it asks about. */
  readonly history: readonly string[];
  readonly asks: Asks;
}

/** What else a condition looks at, for whoever has to know when its answer may change. */
export interface Asks {
  readonly event: boolean;
  /** Traits, segments or the account: what is known of the customer beside the history. */
  readonly traits: boolean;
  readonly segments: boolean;
  readonly stages: boolean;
  /** A window, or days since: its answer changes with time alone. */
  readonly time: boolean;
  /** Properties it names of the event the run began with; null: it does not ask for `start`. */
  readonly start: readonly string[] | null;
  /** It asks for `start.properties` without naming which. */
  readonly startWhole: boolean;
  readonly answers: readonly string[];
}

export type CompiledCondition =
  | { readonly ok: true; readonly condition: Condition }
  | { readonly ok: false; readonly fault: ConditionFault };

export interface ConditionContext extends CheckContext {
  /** The declared name of an event, aliases resolved (T5). */
  readonly resolve: Resolve;
}

/** Compiles a condition (`want` bool), the expression of a `set` (any) or of a journey's key (a text or a whole number). */
export function compileCondition(
  source: string,
  pointer: string,
  context: ConditionContext,
  want: 'bool' | 'any' | 'key' = 'bool',
): CompiledCondition {
  if (source.length > LIMITS.conditionCharsMax)
    return fault(
      'condition-limit',
      `is longer than ${LIMITS.conditionCharsMax} characters`,
      'Shorten it, or split it over several transitions.',
    );
  let parsed: ParseResult;
  try {
    parsed = parseCondition(source);
  } catch (error) {
    return fault(
      'condition-syntax',
      firstLine(error instanceof Error ? error.message : String(error)),
      'Write the condition in CEL, such as event.properties.price > 100.',
    );
  }
  const refusal = findRefusal(parsed.ast);
  if (refusal) return { ok: false, fault: refusal };
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
  if (want === 'key' && !KEY_TYPES.has(checked.type))
    return fault(
      'condition-type',
      `is of type ${checked.type}, not string`,
      'A key names one run among others: take a text or a whole number, such as event.properties.cart_id.',
    );

  const asks = asksOf(parsed.ast);
  const run = compileRun(parsed, context);
  const evaluate = want === 'bool' ? (scope: Scope) => asBool(run(scope)) : run;
  return { ok: true, condition: { source, pointer, evaluate, history: historyNames(parsed.ast, context), asks } };
}

const KEY_TYPES: ReadonlySet<string> = new Set(['string', 'int', 'double', 'dyn']);

function compileRun(parsed: ParseResult, context: ConditionContext): (scope: Scope) => Evaluated {
  const declared = declaredMembers(parsed.ast, context);
  const closure = compileClosure(parsed.ast, { ...declared, resolve: context.resolve });
  if (!closure) return compileByLibrary(parsed, declared, context.resolve);
  return (scope) => {
    const value = closure(scope);
    if (value === true) return YES;
    if (value === false) return NO;
    return isFault(value) ? { ok: false, detail: value.fault } : { ok: true, value };
  };
}

const YES: Evaluated = Object.freeze({ ok: true, value: true });
const NO: Evaluated = Object.freeze({ ok: true, value: false });

/** C1: a condition is a bool. What data gives may be anything else: null is not known, so false; the rest is an error. */
function asBool(result: Evaluated): Evaluated {
  if (!result.ok || typeof result.value === 'boolean') return result;
  return result.value === null
    ? NO
    : { ok: false, detail: `gives a ${Array.isArray(result.value) ? 'list' : typeof result.value}, not a bool` };
}

/** Declared members that the expression names: they are null when absent (C3). Without a known event, any event's count. */
export function declaredMembers(ast: ASTNode, context: CheckContext): DeclaredMembers {
  const used = membersUsed(ast);
  const { events, traits } = context.declarations;
  const asked = context.event === null ? Object.keys(events) : [context.event];
  const isDeclared = (name: string) =>
    asked.some((event) => Object.hasOwn(events, event) && Object.hasOwn(events[event]?.properties ?? {}, name));
  return {
    traits: new Set(used.traits.filter((name) => Object.hasOwn(traits, name))),
    properties: new Set(used.properties.filter(isDeclared)),
  };
}

function historyNames(ast: ASTNode, context: ConditionContext): string[] {
  const names = new Set<string>();
  walk(ast, (node) => {
    const [name, args] = node.op === 'call' ? node.args : [];
    const event = args?.[0];
    if (name !== undefined && Object.hasOwn(HISTORY_ARITY, name) && event?.op === 'value')
      names.add(context.resolve(String(event.args)));
  });
  return [...names];
}

/** Reads the tree before the library changes its nodes. */
function asksOf(ast: ASTNode): Asks {
  const variables = new Set<string>();
  const start = new Set<string>();
  const answers = new Set<string>();
  let time = false;
  let wholes = 0;
  walk(ast, (node) => {
    if (node.op === 'id') variables.add(node.args);
    if (node.op === 'call' && Object.hasOwn(HISTORY_ARITY, node.args[0]))
      time ||= node.args[0] === 'daysSince' || node.args[1].length > (HISTORY_ARITY[node.args[0]] ?? 0);
    const member = memberOf(node);
    if (!member) return;
    const [target, name] = member;
    if (target.op === 'id' && target.args === 'answers') answers.add(name);
    if (isStartProperties(node)) wholes++;
    if (isStartProperties(target)) {
      start.add(name);
      wholes--;
    }
  });
  return {
    event: variables.has('event'),
    traits: variables.has('traits') || variables.has('segments') || variables.has('account'),
    segments: variables.has('segments'),
    stages: variables.has('stages'),
    time,
    start: variables.has('start') ? [...start] : null,
    startWhole: wholes > 0,
    answers: [...answers],
  };
}

function isStartProperties(node: ASTNode): boolean {
  const member = memberOf(node);
  return member !== null && member[1] === 'properties' && member[0].op === 'id' && member[0].args === 'start';
}

const fault = (code: ConditionFault['code'], detail: string, remedy: string): CompiledCondition => ({
  ok: false,
  fault: { code, detail, remedy },
});
