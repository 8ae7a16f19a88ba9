// The CEL environments of conditions: one for checking, with the declared types, one for running, where JSON is dyn.
// Owns what we add to CEL: the history functions, numbers that mix (JSON has one kind), null that compares as false (C3).
// The parser, the type checker and the reference evaluator are @marcbachmann/cel-js.

import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import type { EventDeclarations, FieldDeclaration } from '../../schema/catalog.ts';
import { LIMITS } from '../../schema/limits.ts';

/** What a call of a history function comes to at run time; the evaluator of the moment supplies it. */
export type HistoryCall = (name: string, args: readonly unknown[]) => unknown;

/** Return types: int for counts, dyn where there may be nothing to give. Last parameters are windows. */
const HISTORY_SIGNATURES: Record<string, readonly string[]> = {
  count: ['count(string): int', 'count(string, string): int'],
  sum: ['sum(string, string): double', 'sum(string, string, string): double'],
  distinct: ['distinct(string, string): int', 'distinct(string, string, string): int'],
  first: ['first(string, string): dyn', 'first(string, string, string): dyn'],
  last: ['last(string, string): dyn', 'last(string, string, string): dyn'],
  daysSince: ['daysSince(string): dyn'],
};

/** Arguments before the window. */
export const HISTORY_ARITY: Readonly<Record<string, number>> = {
  count: 1,
  sum: 2,
  distinct: 2,
  first: 2,
  last: 2,
  daysSince: 1,
};

/** Types with an order. Null has its place in none of them, so comparing with it is false (C3). */
const ORDERED = ['double', 'int', 'string', 'bool', 'google.protobuf.Timestamp', 'google.protobuf.Duration'] as const;

function baseEnvironment(call: HistoryCall): Environment {
  const env = new Environment({
    unlistedVariablesAreDyn: false,
    limits: { maxListElements: LIMITS.conditionListMax, maxDepth: 64 },
  });
  for (const [name, signatures] of Object.entries(HISTORY_SIGNATURES))
    for (const signature of signatures) {
      const wantsInt = signature.endsWith(': int');
      env.registerFunction(signature, (...args: unknown[]) => {
        const value = call(name, args);
        return wantsInt ? BigInt(Number(value)) : value;
      });
    }
  // Without a result type the library takes the left one, and an int that is a double breaks what follows.
  for (const [left, right] of [
    ['double', 'int'],
    ['int', 'double'],
  ] as const) {
    env.registerOperator(`${left} + ${right}: double`, (a, b) => Number(a) + Number(b));
    env.registerOperator(`${left} - ${right}: double`, (a, b) => Number(a) - Number(b));
    env.registerOperator(`${left} * ${right}: double`, (a, b) => Number(a) * Number(b));
    env.registerOperator(`${left} / ${right}: double`, (a, b) => Number(a) / Number(b));
  }
  env.registerOperator('double == int', (a, b) => a === Number(b));
  // For the checker alone: library.ts answers `in` itself.
  env.registerOperator('double in list<int>', () => false);
  env.registerOperator('int in list<double>', () => false);
  for (const type of [...ORDERED, 'list', 'map']) env.registerOperator(`${type} == null`, () => false);
  for (const operator of ['<', '<=', '>', '>=']) {
    env.registerOperator(`null ${operator} null`, () => false);
    for (const type of ORDERED) {
      env.registerOperator(`${type} ${operator} null`, () => false);
      env.registerOperator(`null ${operator} ${type}`, () => false);
    }
  }
  return env;
}

/** The environment conditions run in when the compiled form does not cover them. */
export function runEnvironment(call: HistoryCall): Environment {
  return baseEnvironment(call)
    .registerVariable('event', 'dyn')
    .registerVariable('traits', 'dyn')
    .registerVariable('segments', 'dyn')
    .registerVariable('account', 'dyn')
    .registerVariable('stages', 'dyn')
    .registerVariable('start', 'dyn')
    .registerVariable('answers', 'dyn');
}

const checkBase = baseEnvironment(() => 0);

function celTypeOf(field: FieldDeclaration): string {
  switch (field.type) {
    case 'string':
    case 'timestamp':
      return 'string';
    case 'number':
    case 'integer':
      return 'double';
    case 'boolean':
      return 'bool';
    case 'list':
      return field.items && field.items.type !== 'list' && field.items.type !== 'map'
        ? `list<${celTypeOf(field.items)}>`
        : 'list<dyn>';
    case 'map':
      return 'map<string, dyn>';
  }
}

/** Declared members have their type; members the expression names and nobody declared are dyn. */
function typesOf(
  declared: Record<string, FieldDeclaration> | undefined,
  used: readonly string[],
): Record<string, string> {
  const types: Record<string, string> = {};
  for (const name of used) types[name] = 'dyn';
  for (const [name, field] of Object.entries(declared ?? {}))
    if (/^[A-Za-z_]\w*$/.test(name)) types[name] = celTypeOf(field);
  return types;
}

/** What the checker knows: the declarations, and which event (if one) the condition is asked about. */
export interface CheckContext {
  readonly declarations: EventDeclarations;
  /** Null where no event is at hand for certain (timers, audiences) or it is not known which. */
  readonly event: string | null;
  /** The condition stands in a journey, so it may ask for `start` and `answers`. */
  readonly inRun?: boolean;
}

export interface CheckedType {
  readonly valid: boolean;
  readonly type: string;
  readonly detail: string;
}

/** Type-checks an expression that parses. */
export function checkTypes(source: string, ast: ASTNode, context: CheckContext): CheckedType {
  const used = membersUsed(ast);
  const { events } = context.declarations;
  const declaration =
    context.event !== null && Object.hasOwn(events, context.event) ? events[context.event] : undefined;
  const env = checkBase.clone();
  env.registerVariable('stages', 'map<string, string>');
  env.registerVariable('segments', 'map<string, double>');
  env.registerVariable({ name: 'account', schema: { id: 'dyn', traits: 'dyn', stages: 'dyn' } });
  env.registerVariable({ name: 'traits', schema: typesOf(context.declarations.traits, used.traits) });
  env.registerVariable({
    name: 'event',
    schema: {
      name: 'string',
      type: 'string',
      messageId: 'string',
      userId: 'dyn',
      anonymousId: 'dyn',
      traits: 'dyn',
      context: 'dyn',
      properties: declaration?.properties ? typesOf(declaration.properties, used.properties) : 'dyn',
    },
  });
  if (context.inRun) {
    env.registerVariable({
      name: 'start',
      schema: { name: 'string', messageId: 'string', properties: 'dyn' },
    });
    env.registerVariable('answers', 'map<string, dyn>');
  }
  const result = env.check(source);
  if (result.valid) return { valid: true, type: result.type ?? 'dyn', detail: '' };
  return { valid: false, type: '', detail: firstLine(result.error?.message ?? 'does not type-check') };
}

export const firstLine = (message: string): string => message.split('\n')[0] ?? '';

/** Members of `traits` and of `event.properties` that an expression names. */
export function membersUsed(ast: ASTNode): { traits: string[]; properties: string[] } {
  const traits = new Set<string>();
  const properties = new Set<string>();
  walk(ast, (node) => {
    const member = memberOf(node);
    if (!member) return;
    const [target, name] = member;
    if (target.op === 'id' && target.args === 'traits') traits.add(name);
    const outer = memberOf(target);
    if (outer && outer[1] === 'properties' && outer[0].op === 'id' && outer[0].args === 'event') properties.add(name);
  });
  return { traits: [...traits], properties: [...properties] };
}

/** Target and name of `a.b` and `a["b"]`. */
export function memberOf(node: ASTNode): [ASTNode, string] | null {
  if (node.op === '.') return [node.args[0], node.args[1]];
  if (node.op === '[]' && node.args[1].op === 'value' && typeof node.args[1].args === 'string')
    return [node.args[0], node.args[1].args];
  return null;
}

/** Visits every node; `depth` counts the comprehensions around it. What one runs over is outside of it. */
export function walk(node: ASTNode, visit: (node: ASTNode, depth: number) => void, depth = 0): void {
  visit(node, depth);
  if (node.op === 'rcall' && MACROS.has(node.args[0])) {
    walk(node.args[1], visit, depth);
    for (const arg of node.args[2]) walk(arg, visit, depth + 1);
  } else for (const child of childrenOf(node)) walk(child, visit, depth);
}

/** Comprehensions: their cost is the length of a list, so their nesting is bounded. */
const MACROS = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

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
    case '?:':
      return node.args;
    default:
      return node.args;
  }
}

export const isMacro = (name: string): boolean => MACROS.has(name);
