// The atoms of a condition for the solver: a term, and what a comparison of it with literals comes to for each value. A
// term's values are represented by finitely many: each literal it is compared with, one value between any two of them, one
// beyond either end, and one of every other kind. No comparison in the question tells apart what one value represents.

import type { ASTNode } from '@marcbachmann/cel-js';
import { memberOf } from '../engine/cel.ts';

export type Truth = 'true' | 'false' | 'error';
type Literal = string | number | boolean | null;
/** A value a term may have. `{}` stands for every list and map, ERROR for a term that errs. */
export type Value = Literal | typeof COMPOSITE | typeof ERROR;
const COMPOSITE = Object.freeze({});
const ERROR = Symbol('error');

export interface Atom {
  readonly term: string;
  readonly node: ASTNode;
  readonly literals: readonly Literal[];
  readonly test: (value: Value) => Truth;
}

const truth = (holds: boolean): Truth => (holds ? 'true' : 'false');

/** What a value comes to where a condition or an operand of logic stands (C1: null does not hold). */
export const truthOf = (value: Value): Truth => (typeof value === 'boolean' ? truth(value) : 'error');

/** An expression that is no logic: an atom, or the value of one that holds no term. */
export function atomOf(node: ASTNode): Atom | { readonly value: Value } {
  switch (node.op) {
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return comparison(node.op, node.args[0], node.args[1]) ?? opaque(node);
    case 'in':
      return membership(node.args[0], node.args[1]) ?? opaque(node);
    default: {
      const value = literalOf(node);
      return value === undefined ? opaque(node) : { value };
    }
  }
}

/** Nothing is known of it but that it is the same wherever it stands. */
const opaque = (node: ASTNode): Atom => ({ term: keyOf(node), node, literals: [], test: truthOf });

const MIRRORED: Readonly<Record<string, string>> = {
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
  '==': '==',
  '!=': '!=',
};

function comparison(op: string, left: ASTNode, right: ASTNode): Atom | { value: Value } | null {
  const [a, b] = [literalOf(left), literalOf(right)];
  if (a !== undefined && b !== undefined) {
    const compared = compare(op, a, b);
    return { value: compared === 'error' ? ERROR : compared === 'true' };
  }
  if (b !== undefined) return atom(left, [b], (value) => compare(op, value, b));
  if (a !== undefined) return atom(right, [a], (value) => compare(MIRRORED[op] ?? op, value, a));
  return null;
}

function atom(node: ASTNode, literals: readonly Literal[], test: (value: Value) => Truth): Atom {
  return { term: keyOf(node), node, literals, test: (value) => (value === ERROR ? 'error' : test(value)) };
}

/** C1, C3, as the engine's closures compare. */
function compare(op: string, a: Value, b: Literal): Truth {
  if (a === ERROR) return 'error';
  if (op === '==') return truth(a === b);
  if (op === '!=') return truth(a !== b);
  if (typeof a === 'number' && typeof b === 'number') return truth(inOrder(op, a, b));
  if (typeof a === 'string' && typeof b === 'string') return truth(inOrder(op, a, b));
  if (typeof a === 'boolean' && typeof b === 'boolean') return truth(inOrder(op, Number(a), Number(b)));
  return (a === null || b === null) && a !== COMPOSITE ? 'false' : 'error';
}

function inOrder<T extends number | string>(op: string, a: T, b: T): boolean {
  return op === '<' ? a < b : op === '<=' ? a <= b : op === '>' ? a > b : a >= b;
}

function membership(item: ASTNode, list: ASTNode): Atom | { value: Value } | null {
  if (list.op !== 'list') return null;
  const literals: Literal[] = [];
  for (const element of list.args) {
    const literal = literalOf(element);
    if (literal === undefined) return null;
    literals.push(literal);
  }
  const isIn = (value: Value): boolean => literals.some((literal) => literal === value);
  const written = literalOf(item);
  if (written !== undefined) return { value: isIn(written) };
  return atom(item, literals, (value) => truth(isIn(value)));
}

function literalOf(node: ASTNode): Literal | undefined {
  if (node.op === '-_') {
    const inner = literalOf(node.args);
    return typeof inner === 'number' ? 0 - inner : undefined;
  }
  if (node.op !== 'value') return undefined;
  const written: unknown = node.args;
  if (typeof written === 'bigint') return Number.isSafeInteger(Number(written)) ? Number(written) : undefined;
  if (typeof written === 'string' || typeof written === 'boolean' || typeof written === 'number') return written;
  return written === null ? null : undefined;
}

/** The expression as text, the same for the same expression however it is spaced, and for `a.b` and `a["b"]`. */
export function keyOf(node: ASTNode): string {
  const member = memberOf(node);
  return member ? `${keyOf(member[0])}.${JSON.stringify(member[1])}` : `(${node.op} ${partKey(node.args)})`;
}

function partKey(part: unknown): string {
  if (Array.isArray(part)) return `[${part.map(partKey).join()}]`;
  if (isNode(part)) return keyOf(part);
  return typeof part === 'string' ? JSON.stringify(part) : typeof part === 'bigint' ? `${part}n` : String(part);
}

const isNode = (part: unknown): part is ASTNode => typeof part === 'object' && part !== null && 'op' in part;

/** One value for everything the literals cannot tell apart. */
export function valuesOf(node: ASTNode, literals: readonly Literal[], event: string | null): readonly Value[] {
  const member = memberOf(node);
  if (event !== null && member?.[1] === 'name' && member[0].op === 'id' && member[0].args === 'event') return [event];
  const numbers = [...new Set(literals.filter((literal) => typeof literal === 'number'))].sort((a, b) => a - b);
  const called = node.op === 'call' ? node.args[0] : null;
  if (called === 'count' || called === 'distinct') return wholeNumbers(numbers);
  if (called === 'sum') return [...realNumbers(numbers), Number.NaN];
  if (called === 'daysSince') return [...realNumbers(numbers), null];
  return [...realNumbers(numbers), Number.NaN, ...texts(literals), true, false, null, COMPOSITE, ERROR];
}

/** From 0: the whole numbers nearest to each literal, and one beyond the last. */
function wholeNumbers(cuts: readonly number[]): number[] {
  const near = cuts.flatMap((cut) => [Math.ceil(cut) - 1, Math.floor(cut), Math.ceil(cut), Math.floor(cut) + 1]);
  return [...new Set([0, ...near])].filter((number) => number >= 0);
}

function realNumbers(cuts: readonly number[]): number[] {
  const between = cuts.slice(1).map((cut, index) => {
    const before = cuts[index] ?? cut;
    const middle = before + (cut - before) / 2;
    return Number.isFinite(middle) ? middle : before / 2 + cut / 2;
  });
  return [...new Set([Number.NEGATIVE_INFINITY, ...cuts, ...between, Number.POSITIVE_INFINITY, 0])];
}

/** In the order of UTF-16: behind each literal the next text there is, and the empty one. */
function texts(literals: readonly Literal[]): string[] {
  const cuts = literals.filter((literal) => typeof literal === 'string');
  return [...new Set(['', ...cuts, ...cuts.map((cut) => `${cut}\0`), '\0'])];
}
