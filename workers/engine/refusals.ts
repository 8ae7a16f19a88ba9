// What parses and may type-check, yet is refused in a condition (C8, C9): functions whose cost the data decides, names
// that would hide event or traits, arguments of history functions that are not written out, nesting without end.

import type { ASTNode } from '@marcbachmann/cel-js';
import { LIMITS } from '../../schema/limits.ts';
import { HISTORY_ARITY, isMacro, walk } from './cel.ts';
import { durationMs } from './durations.ts';

export interface ConditionFault {
  readonly code: 'condition-syntax' | 'condition-type' | 'condition-limit' | 'condition-function';
  readonly detail: string;
  readonly remedy: string;
}

/**
 * Standard functions of CEL and of its strings extension. Not among them: matches (a backtracking regular expression),
 * bind (doubles a list with each use), join (multiplies strings), bytes and json (a second parser).
 */
const FUNCTIONS: ReadonlySet<string> = new Set([
  ...Object.keys(HISTORY_ARITY),
  ...['has', 'all', 'exists', 'exists_one', 'map', 'filter', 'size'],
  ...['int', 'double', 'string', 'bool', 'dyn', 'type', 'timestamp', 'duration'],
  ...['contains', 'startsWith', 'endsWith', 'lowerAscii', 'upperAscii', 'trim', 'indexOf', 'lastIndexOf', 'substring'],
  ...[
    'split',
    'getDate',
    'getDayOfMonth',
    'getDayOfWeek',
    'getDayOfYear',
    'getFullYear',
    'getHours',
    'getMilliseconds',
  ],
  ...['getMinutes', 'getMonth', 'getSeconds'],
]);

const VARIABLES: ReadonlySet<string> = new Set([
  'event',
  'traits',
  'segments',
  'account',
  'stages',
  'start',
  'answers',
]);

/** The first reason to refuse an expression that parses, or null. */
export function findRefusal(ast: ASTNode): ConditionFault | null {
  let found: ConditionFault | null = null;
  walk(ast, (node, depth) => {
    found ??= refuse(node, depth);
  });
  return found;
}

function refuse(node: ASTNode, depth: number): ConditionFault | null {
  if (node.op === 'map' && node.args.some(([key]) => key.op === 'value' && typeof key.args !== 'string'))
    return { code: 'condition-type', detail: 'the keys of a map are strings, as in JSON', remedy: 'Quote the keys.' };
  if (node.op !== 'call' && node.op !== 'rcall') return null;
  const name = node.args[0];
  const args = node.op === 'call' ? node.args[1] : node.args[2];
  if (node.op === 'rcall' && isMacro(name)) return refuseMacro(args, depth);
  if (!FUNCTIONS.has(name)) return refuseFunction(name);
  if (node.op === 'call' && Object.hasOwn(HISTORY_ARITY, name)) return refuseArguments(name, args);
  if (name === 'duration' && !args.every(isText))
    return {
      code: 'condition-function',
      detail: 'duration() takes its argument written out: reading it from data can take seconds',
      remedy: "Write it as in duration('36h').",
    };
  return null;
}

function refuseMacro(args: readonly ASTNode[], depth: number): ConditionFault | null {
  if (depth >= LIMITS.conditionMacroDepthMax)
    return {
      code: 'condition-limit',
      detail: `nests more than ${LIMITS.conditionMacroDepthMax} comprehensions`,
      remedy: 'Flatten the comprehension.',
    };
  const variable = args[0];
  if (variable?.op === 'id' && VARIABLES.has(variable.args))
    return {
      code: 'condition-function',
      detail: `${variable.args} cannot be the variable of a comprehension`,
      remedy: 'Take another name, such as item.',
    };
  return null;
}

function refuseFunction(name: string): ConditionFault {
  if (name === 'matches')
    return {
      code: 'condition-function',
      detail: 'matches() can be made to run for seconds',
      remedy: 'Use contains(), startsWith() or endsWith().',
    };
  return {
    code: 'condition-function',
    detail: `there is no function ${name}()`,
    remedy: `Use one of: ${[...FUNCTIONS].join(', ')}.`,
  };
}

/** C8: which rows of the history a condition looks at must be known when it is published. */
function refuseArguments(name: string, args: readonly ASTNode[]): ConditionFault | null {
  const arity = HISTORY_ARITY[name] ?? 0;
  if (!args.every(isText))
    return {
      code: 'condition-function',
      detail: `${name}() takes its arguments written out, as strings`,
      remedy: `Write them as in ${name}('Order Completed'${arity === 2 ? ", 'revenue'" : ''}).`,
    };
  const window = args[arity];
  if (window && durationMs(String(window.args)) === null)
    return {
      code: 'condition-function',
      detail: `the window of ${name}() is not a duration of fixed length`,
      remedy: "Write it as weeks, days, hours, minutes and seconds: 'P7D', 'PT12H'.",
    };
  return null;
}

const isText = (node: ASTNode): boolean => node.op === 'value' && typeof node.args === 'string';
