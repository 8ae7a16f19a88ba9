// The common fragment of CEL as closures: paths, literals, comparison, membership, logic, arithmetic that cannot differ
// between CEL's integers and JSON's doubles, has(), the history functions. Errors are values here, because CEL's && and ||
// absorb them and because throwing costs microseconds. Anything else: null, and the CEL library runs the expression.

import type { ASTNode, BinaryOperator } from '@marcbachmann/cel-js';
import type { Json } from '../../schema/json.ts';
import { HISTORY_ARITY, memberOf } from './cel.ts';
import { durationMs } from './durations.ts';
import { NO_ACCOUNT } from './facts.ts';
import { askHistory, type DeclaredMembers, type Resolve, type Scope } from './scope.ts';

export type Value = Json;

/** An error as a value. */
export class Fault {
  readonly fault: string;
  constructor(fault: string) {
    this.fault = fault;
  }
}
export const isFault = (value: unknown): value is Fault => value instanceof Fault;

type Closure = (scope: Scope) => Value | Fault;

export interface ClosureContext extends DeclaredMembers {
  readonly resolve: Resolve;
}

/** Whether an expression gives one of CEL's integers, which divide and overflow differently from JSON's doubles. */
type Kind = 'int' | 'maybe' | 'other';

interface Compiled {
  readonly run: Closure;
  readonly kind: Kind;
}

/** The closure, or null where the fragment ends. */
export function compileClosure(ast: ASTNode, context: ClosureContext): Closure | null {
  return compile(ast, context)?.run ?? null;
}

function compile(node: ASTNode, context: ClosureContext): Compiled | null {
  switch (node.op) {
    case 'value':
      return literal(node.args);
    case '.':
    case '[]':
      return path(node, context);
    case 'id':
      return node.args === 'segments' ? other(segmentsOf) : null;
    case '&&':
    case '||':
      return logic(node.op, node.args, context);
    case '!_':
      return not(node.args, context);
    case '-_':
      return negative(node.args, context);
    case '?:':
      return choose(node.args, context);
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compare(node.op, node.args, context);
    case 'in':
      return membership(node.args, context);
    case '+':
    case '-':
    case '*':
    case '/':
      return arithmetic(node.op, node.args, context);
    case 'call':
      return call(node.args[0], node.args[1], context);
    default:
      return null;
  }
}

const other = (run: Closure): Compiled => ({ run, kind: 'other' });

const NO_SEGMENTS = Object.freeze({});
const segmentsOf: Closure = ({ facts }) => facts.segments ?? NO_SEGMENTS;

function literal(written: unknown): Compiled | null {
  const value = literalValue(written);
  if (value === undefined) return null;
  return { run: () => value, kind: typeof written === 'bigint' ? 'int' : 'other' };
}

/** What a literal stands for in JSON; undefined for those JSON does not have (bytes, unsigned, integers past 2^53). */
function literalValue(written: unknown): string | number | boolean | null | undefined {
  if (typeof written === 'bigint') return Number.isSafeInteger(Number(written)) ? Number(written) : undefined;
  if (typeof written === 'string' || typeof written === 'boolean' || written === null || typeof written === 'number')
    return written;
  return undefined;
}

/** `traits.a.b`, `event.properties.a["b"]`: the root by name, then own members only. */
function path(node: ASTNode, context: ClosureContext): Compiled | null {
  const names: string[] = [];
  let root = node;
  for (let member = memberOf(root); member; member = memberOf(root)) {
    names.unshift(member[1]);
    root = member[0];
  }
  if (root.op !== 'id') return null;
  const [first, second] = names;
  if (first === undefined) return null;
  if (root.args === 'traits') return other(descend((scope) => scope.traits, names, context.traits.has(first)));
  if (root.args === 'account') return accountPath(names);
  if (root.args === 'stages') return other(descend((scope) => scope.stages, names, false));
  if (root.args !== 'event') return null;
  if (first === 'properties' && second !== undefined)
    return other(descend((scope) => scope.event.properties, names.slice(1), context.properties.has(second)));
  if (first === 'name' && names.length === 1) return other((scope) => scope.event.name);
  return null;
}

/** AC8: whatever an account has or has not is known, so what is absent is null. */
function accountPath([first, ...rest]: readonly string[]): Compiled | null {
  if (first === 'id' && rest.length === 0) return other(({ facts }) => facts.account?.id ?? null);
  if (rest.length === 0) return null;
  if (first === 'traits') return other(descend(({ facts }) => (facts.account ?? NO_ACCOUNT).traits, rest, true));
  if (first === 'stages') return other(descend(({ facts }) => (facts.account ?? NO_ACCOUNT).stages, rest, true));
  return null;
}

type Members = { readonly [member: string]: Json };

function descend(root: (scope: Scope) => Members, names: readonly string[], firstDeclared: boolean): Closure {
  const [first = '', ...rest] = names;
  const absent = firstDeclared ? null : new Fault(`No such key: ${first}`);
  if (rest.length === 0)
    return (scope) => {
      const value = root(scope)[first];
      return value !== undefined && Object.hasOwn(root(scope), first) ? value : absent;
    };
  const deeper = rest.map((name) => ({ name, absent: new Fault(`No such key: ${name}`) }));
  return (scope) => {
    const members = root(scope);
    let value: Json | undefined = Object.hasOwn(members, first) ? members[first] : undefined;
    if (value === undefined) return absent === null ? (deeper[0]?.absent ?? null) : absent;
    for (const step of deeper) {
      if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, step.name))
        return step.absent;
      value = value[step.name];
      if (value === undefined) return step.absent;
    }
    return value;
  };
}

/** CEL 1.0, "Logical Operators": an error on one side is absorbed when the other side decides. */
function logic(op: '&&' | '||', args: readonly [ASTNode, ASTNode], context: ClosureContext): Compiled | null {
  const left = compile(args[0], context)?.run;
  const right = compile(args[1], context)?.run;
  if (!left || !right) return null;
  const deciding = op === '||';
  return other((scope) => {
    const a = left(scope);
    if (a === deciding) return deciding;
    const b = right(scope);
    if (b === deciding) return deciding;
    if (typeof a !== 'boolean') return isFault(a) ? a : NOT_BOOL;
    if (typeof b !== 'boolean') return isFault(b) ? b : NOT_BOOL;
    return !deciding;
  });
}

const NOT_BOOL = new Fault('a logical operator needs bool operands');
const NO_OVERLOAD: Readonly<Record<string, Fault>> = Object.fromEntries(
  ['<', '<=', '>', '>=', '+', '-', '*', '/', 'in'].map((op) => [
    op,
    new Fault(`no such overload: the operands of ${op} are of different or unsuited types`),
  ]),
);
const noOverload = (op: string): Fault => NO_OVERLOAD[op] ?? NOT_BOOL;

function not(arg: ASTNode, context: ClosureContext): Compiled | null {
  const inner = compile(arg, context)?.run;
  if (!inner) return null;
  return other((scope) => {
    const value = inner(scope);
    if (typeof value === 'boolean') return !value;
    return isFault(value) ? value : NOT_BOOL;
  });
}

function negative(arg: ASTNode, context: ClosureContext): Compiled | null {
  const inner = compile(arg, context);
  if (!inner) return null;
  const run: Closure = (scope) => {
    const value = inner.run(scope);
    // An integer has no negative zero.
    if (typeof value === 'number') return inner.kind !== 'other' && value === 0 ? 0 : -value;
    return isFault(value) ? value : noOverload('-');
  };
  return inner.kind === 'maybe' ? null : { run, kind: inner.kind };
}

function choose(args: readonly [ASTNode, ASTNode, ASTNode], context: ClosureContext): Compiled | null {
  const [condition, yes, no] = args.map((arg) => compile(arg, context));
  if (!condition || !yes || !no) return null;
  const run: Closure = (scope) => {
    const value = condition.run(scope);
    if (value === true) return yes.run(scope);
    if (value === false) return no.run(scope);
    return isFault(value) ? value : NOT_BOOL;
  };
  return { run, kind: yes.kind === no.kind ? yes.kind : 'maybe' };
}

function compare(op: BinaryOperator, args: readonly [ASTNode, ASTNode], context: ClosureContext): Compiled | null {
  const left = compile(args[0], context)?.run;
  const right = compile(args[1], context)?.run;
  if (!left || !right) return null;
  if (op === '==' || op === '!=') {
    const wanted = op === '==';
    return other((scope) => {
      const a = left(scope);
      const b = right(scope);
      if (isFault(a)) return a;
      if (isFault(b)) return b;
      return (a === b || (typeof a === 'object' && typeof b === 'object' && sameJson(a, b))) === wanted;
    });
  }
  const holds = ORDER[op];
  if (!holds) return null;
  return other((scope) => {
    const a = left(scope);
    const b = right(scope);
    if (typeof a === 'number' && typeof b === 'number') return holds(a, b);
    if (isFault(a)) return a;
    if (isFault(b)) return b;
    if (typeof a === 'string' && typeof b === 'string') return holds(a, b);
    if (typeof a === 'boolean' && typeof b === 'boolean') return holds(Number(a), Number(b));
    // C3. A list or a map has no order with anything.
    const ordered = (value: Value) => value === null || typeof value !== 'object';
    return (a === null || b === null) && ordered(a) && ordered(b) ? false : noOverload(op);
  });
}

const ORDER: Partial<Record<BinaryOperator, (a: number | string, b: number | string) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

export function sameJson(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  if (Array.isArray(a) || Array.isArray(b))
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item, index) => sameJson(item, b[index] ?? null))
    );
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameJson(a[name] ?? null, b[name] ?? null))
  );
}

/** `x in [literals]` and `literal in path`. */
function membership(args: readonly [ASTNode, ASTNode], context: ClosureContext): Compiled | null {
  const item = compile(args[0], context)?.run;
  if (!item) return null;
  const list = args[1];
  if (list.op === 'list') {
    const values: Value[] = [];
    for (const element of list.args) {
      const value = element.op === 'value' ? literalValue(element.args) : undefined;
      if (value === undefined) return null;
      values.push(value);
    }
    const members = new Set(values);
    return other((scope) => {
      const value = item(scope);
      return isFault(value) ? value : members.has(value);
    });
  }
  const container = compile(list, context)?.run;
  if (!container) return null;
  return other((scope) => {
    const value = item(scope);
    const within = container(scope);
    if (isFault(value)) return value;
    if (isFault(within)) return within;
    if (Array.isArray(within)) return within.some((element) => sameJson(element, value));
    if (within !== null && typeof within === 'object') return typeof value === 'string' && Object.hasOwn(within, value);
    return noOverload('in');
  });
}

function arithmetic(
  op: '+' | '-' | '*' | '/',
  args: readonly [ASTNode, ASTNode],
  context: ClosureContext,
): Compiled | null {
  const left = compile(args[0], context);
  const right = compile(args[1], context);
  if (!left || !right) return null;
  if (left.kind !== 'other' && right.kind !== 'other') return null;
  const calculate = CALCULATE[op];
  const [one, two] = args.map((arg) => (arg.op === 'value' ? arg.args : undefined));
  if (typeof one === 'number' && typeof two === 'number') {
    const result = calculate(one, two);
    return other(() => result);
  }
  return other((scope) => {
    const a = left.run(scope);
    const b = right.run(scope);
    if (typeof a === 'number' && typeof b === 'number') return calculate(a, b);
    if (isFault(a)) return a;
    if (isFault(b)) return b;
    if (op === '+' && typeof a === 'string' && typeof b === 'string') return a + b;
    if (op === '+' && Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
    return noOverload(op);
  });
}

const CALCULATE: Record<'+' | '-' | '*' | '/', (a: number, b: number) => number> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

function call(name: string, args: readonly ASTNode[], context: ClosureContext): Compiled | null {
  if (name === 'has') return has(args[0]);
  const arity = Object.hasOwn(HISTORY_ARITY, name) ? HISTORY_ARITY[name] : undefined;
  if (arity === undefined) return null;
  const text = args.map((arg) => (arg.op === 'value' ? String(arg.args) : ''));
  const event = context.resolve(text[0] ?? '');
  const property = arity === 2 ? (text[1] ?? '') : '';
  const window = text[arity];
  const windowMs = window === undefined ? null : durationMs(window);
  const run: Closure = (scope) =>
    askHistory(name, event, property, windowMs === null ? -Infinity : scope.now - windowMs, scope);
  return { run, kind: name === 'count' || name === 'distinct' ? 'int' : 'other' };
}

/** has(a.b): whether the member is there; its owner must be. */
function has(arg: ASTNode | undefined): Compiled | null {
  const member = arg && memberOf(arg);
  if (!member || arg.op !== '.') return null;
  const [owner, name] = member;
  const rooted = owner.op === 'id' ? owner.args : memberOf(owner)?.[1] === 'properties' ? 'properties' : null;
  if (rooted === 'traits') return other((scope) => Object.hasOwn(scope.traits, name));
  if (rooted === 'properties' && memberOf(owner)?.[0].op === 'id' && memberOf(owner)?.[0].args === 'event')
    return other((scope) => Object.hasOwn(scope.event.properties, name));
  return null;
}
