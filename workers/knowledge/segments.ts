// A segment compiled: its condition, what may change its answer, and when time alone does. What cannot be told is refused.

import type { ASTNode } from '@marcbachmann/cel-js';
import { Segment } from '../../schema/segment.ts';
import { HISTORY_ARITY, walk } from '../engine/cel.ts';
import type { Vocabulary } from '../engine/compile.ts';
import { type Condition, compileCondition } from '../engine/conditions.ts';
import { durationMs } from '../engine/durations.ts';
import type { Chronicle } from '../engine/facts.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';
import { parseCondition } from '../engine/library.ts';
import { NO_EVENT } from '../engine/step.ts';
import { earlier } from './tallies.ts';

export interface CompiledSegment {
  readonly id: string;
  readonly version: number;
  readonly name: string | null;
  readonly source: string;
  /** Events it asks for. */
  readonly events: ReadonlySet<string>;
  readonly asksTraits: boolean;
  readonly asksStages: boolean;
  readonly condition: Condition;
  readonly clocks: readonly Clock[];
}

/** What of a condition goes by time. */
type Clock =
  /** Events in a window, or in the whole history (null). */
  | { readonly kind: 'window'; readonly event: string; readonly windowMs: number | null }
  /** Days since the last one, compared with a number of milliseconds. */
  | { readonly kind: 'since'; readonly event: string; readonly afterMs: number };

export type CompiledSegmentOrNot =
  | { readonly ok: true; readonly segment: CompiledSegment }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export function compileSegment(
  document: unknown,
  version: number,
  { declarations, resolve }: Vocabulary,
): CompiledSegmentOrNot {
  const parsed = Segment.safeParse(document);
  if (!parsed.success) return { ok: false, findings: findingsOf(parsed.error.issues, document) };
  const { id, name = null, if: source } = parsed.data;
  const pointer = '/if';
  const compiled = compileCondition(source, pointer, { declarations, resolve, event: null });
  if (!compiled.ok) {
    const { code, detail, remedy } = compiled.fault;
    return { ok: false, findings: [{ code, pointer, message: detail, remedy }] };
  }
  const { condition } = compiled;
  const { ast } = parseCondition(source);
  const refused = refusalOf(condition, ast);
  if (refused) return { ok: false, findings: [{ code: 'segment-condition', pointer, ...refused }] };
  return {
    ok: true,
    segment: {
      ...{ id, version, name, source, condition },
      events: new Set(condition.history),
      asksTraits: condition.asks.traits,
      asksStages: condition.asks.stages,
      clocks: clocksOf(ast, resolve),
    },
  };
}

function refusalOf({ asks }: Condition, ast: ASTNode): Pick<Finding, 'message' | 'remedy'> | null {
  if (asks.event || asks.start !== null || asks.answers.length > 0 || asks.segments)
    return {
      message: 'asks for event, start, answers or segments, and a segment belongs to no event and to no run',
      remedy: "Ask for traits, stages and the history, such as count('Order Completed', 'P365D') >= 2.",
    };
  if (loneSince(ast))
    return {
      message: 'asks for daysSince other than by comparing it with a number, so nobody can say when its answer changes',
      remedy: "Compare it, such as daysSince('Order Completed') > 90.",
    };
  return null;
}

const COMPARISONS: ReadonlySet<string> = new Set(['<', '<=', '>', '>=', '==', '!=']);
const DAY_MS = 86_400_000;

const isSince = (node: ASTNode): boolean => node.op === 'call' && node.args[0] === 'daysSince';

/** The two sides of a comparison of daysSince with a number, or with null. */
function sinceCompared(node: ASTNode): { readonly since: ASTNode; readonly with: number | null } | null {
  if (!COMPARISONS.has(node.op) || !Array.isArray(node.args)) return null;
  const [left, right] = node.args as readonly (ASTNode | undefined)[];
  if (!left || !right) return null;
  const [since, other] = isSince(left) ? [left, right] : [right, left];
  if (!isSince(since) || other.op !== 'value') return null;
  const { args } = other;
  if (args === null) return { since, with: null };
  return typeof args === 'number' || typeof args === 'bigint' ? { since, with: Number(args) } : null;
}

function loneSince(ast: ASTNode): boolean {
  let calls = 0;
  let compared = 0;
  walk(ast, (node) => {
    if (isSince(node)) calls++;
    if (sinceCompared(node)) compared++;
  });
  return calls !== compared;
}

function clocksOf(ast: ASTNode, resolve: (event: string) => string): Clock[] {
  const clocks: Clock[] = [];
  walk(ast, (node) => {
    const compared = sinceCompared(node);
    if (compared && compared.with !== null && compared.since.op === 'call') {
      const event = textAt(compared.since, 0);
      clocks.push({ kind: 'since', event: resolve(event), afterMs: compared.with * DAY_MS });
    }
    if (node.op !== 'call' || !Object.hasOwn(HISTORY_ARITY, node.args[0])) return;
    const window = isSince(node) ? undefined : textAt(node, HISTORY_ARITY[node.args[0]] ?? 0);
    const windowMs = window ? durationMs(window) : null;
    clocks.push({ kind: 'window', event: resolve(textAt(node, 0)), windowMs });
  });
  return clocks;
}

function textAt(call: ASTNode, index: number): string {
  const argument = call.op === 'call' ? call.args[1][index] : undefined;
  return argument?.op === 'value' ? String(argument.args) : '';
}

/** SG2, SG5. */
export function belongs(
  { condition }: Pick<CompiledSegment, 'condition'>,
  facts: Chronicle,
  stages: { readonly [journey: string]: string },
  now: number,
): boolean {
  const answer = condition.evaluate({ event: NO_EVENT, traits: facts.traits, stages, facts, now });
  return answer.ok && answer.value === true;
}

/** SG3: the next instant, after `now`, at which time alone may change the answer; null: never. */
export function changesAt({ clocks }: CompiledSegment, chronicle: Chronicle, now: number): number | null {
  let next: number | null = null;
  for (const clock of clocks) {
    const { event } = clock;
    // An event that lies ahead counts from its time on.
    next = earlier(next, chronicle.nextAt(event, now));
    if (clock.kind === 'since') {
      const last = chronicle.lastAt(event, now);
      if (last === null) continue;
      // `>=` changes at the instant, `>` after it.
      const at = Math.floor(last + clock.afterMs);
      const nearby = Number.isInteger(clock.afterMs) ? [at, at + 1] : [at, at + 1, at + 2];
      for (const candidate of nearby) if (candidate > now) next = earlier(next, candidate);
    } else if (clock.windowMs !== null) {
      const oldest = chronicle.nextAt(event, now - clock.windowMs);
      if (oldest !== null) next = earlier(next, oldest + clock.windowMs);
    }
  }
  return next;
}
