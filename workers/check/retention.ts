// Windows of the history that are longer than what they ask for is kept (PV14): the condition holds of less than it says.

import type { ASTNode } from '@marcbachmann/cel-js';
import { HISTORY_ARITY, walk } from '../engine/cel.ts';
import type { Vocabulary } from '../engine/compile.ts';
import { durationMs } from '../engine/durations.ts';
import type { Finding } from '../engine/findings.ts';
import { parseCondition } from '../engine/library.ts';
import { computedIn } from '../knowledge/computed.ts';
import { DAY_MS, keptMs, type RetentionRules } from '../privacy/retention.ts';

type Call = Extract<ASTNode, { op: 'call' }>;

export interface Keeping {
  readonly retention: RetentionRules | null;
  readonly vocabulary: Vocabulary;
}

/** Of a call of a function of the history, what is wrong with its window; null where nothing is. */
export function windowFault({ args: [name, args] }: Call, around: Keeping, pointer: string): Finding | null {
  const [event = '', ...rest] = args.map((arg) => (arg.op === 'value' ? String(arg.args) : ''));
  const window = rest[(HISTORY_ARITY[name] ?? 1) - 1];
  return window === undefined ? null : faultOf(event, durationMs(window), window, around, pointer);
}

function faultOf(
  event: string,
  windowMs: number | null,
  window: string,
  { retention, vocabulary }: Keeping,
  pointer: string,
): Finding | null {
  if (retention === null || windowMs === null) return null;
  const kept = keptMs(retention, { at: 0, kind: 'event', name: vocabulary.resolve(event) });
  if (kept === null || windowMs <= kept) return null;
  const days = Math.floor(kept / DAY_MS);
  return {
    code: 'window-beyond-retention',
    pointer,
    message: `the window ${window} is longer than ${JSON.stringify(event)} is kept, ${days} days`,
    remedy: `Ask for P${days}D at most, or say a longer retention of the event in policies.json.`,
  };
}

/** The same of a condition that compiles, each window once. */
export function windowFaults(source: unknown, around: Keeping, pointer: string): Finding[] {
  if (typeof source !== 'string' || around.retention === null) return [];
  const found = new Map<string, Finding>();
  walk(parseCondition(source).ast, (node) => {
    if (node.op !== 'call' || !Object.hasOwn(HISTORY_ARITY, node.args[0])) return;
    const fault = windowFault(node, around, pointer);
    if (fault) found.set(fault.message, fault);
  });
  return [...found.values()];
}

/** Of computed traits, as events.json declares them. */
export const computedWindowFaults = (around: Keeping): Finding[] =>
  computedIn(around.vocabulary).flatMap(({ name, event, windowMs }) => {
    const window = windowMs === null ? '' : `of ${Math.floor(windowMs / DAY_MS)} days`;
    return faultOf(event, windowMs, window, around, `/traits/${name}/computed/window`) ?? [];
  });
