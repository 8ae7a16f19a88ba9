// An experiment's document becomes what a decision can ask: conditions compiled, instants and durations as numbers, items
// by arm. What is wrong with it is a finding with its place. Pure.

import { Experiment } from '../../schema/experiment.ts';
import type { Vocabulary } from '../engine/compile.ts';
import { type Condition, compileCondition } from '../engine/conditions.ts';
import { durationMs } from '../engine/durations.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';

export interface Arm {
  readonly name: string;
  readonly weight: number;
}

export type Allocation =
  | { readonly kind: 'fixed' }
  /** `by`: the journey whose stage is the context; null: one for all. */
  | { readonly kind: 'thompson'; readonly by: string | null; readonly minimum: number };

export interface Trial {
  readonly id: string;
  readonly version: number;
  readonly level: Experiment['level'];
  readonly salt: string;
  readonly audience: Condition | null;
  readonly arms: readonly Arm[];
  readonly holdout: number;
  readonly allocation: Allocation;
  /** Which arms show an item that is under test; empty: every arm. By `itemKey`. */
  readonly items: ReadonlyMap<string, ReadonlySet<string>>;
  /** null: in every placement. */
  readonly placements: ReadonlySet<string> | null;
  readonly goal: { readonly event: string; readonly condition: Condition | null; readonly withinMs: number };
  /** Milliseconds; from is inclusive, until exclusive. */
  readonly from: number;
  readonly until: number;
  readonly automatic: boolean;
}

export interface Item {
  readonly kind: 'content' | 'offer';
  readonly id: string;
}

export const itemKey = ({ kind, id }: Item): string => `${kind}/${id}`;

export type CompiledTrial =
  | { readonly ok: true; readonly trial: Trial }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export function compileTrial(document: unknown, version: number, vocabulary: Vocabulary): CompiledTrial {
  const parsed = Experiment.safeParse(document);
  if (!parsed.success) return { ok: false, findings: findingsOf(parsed.error.issues, document) };
  const source = parsed.data;
  const findings: Finding[] = [...shapeFindings(source)];
  const compile = (text: string | undefined, pointer: string, event: string | null): Condition | null => {
    if (text === undefined) return null;
    const { declarations, resolve } = vocabulary;
    const compiled = compileCondition(text, pointer, { declarations, event, resolve });
    if (compiled.ok) return compiled.condition;
    const { code, detail, remedy } = compiled.fault;
    findings.push({ code, pointer, message: detail, remedy });
    return null;
  };
  const event = vocabulary.resolve(source.goal.event);
  const audience = compile(source.audience, '/audience', null);
  const condition = compile(source.goal.if, '/goal/if', event);
  const withinMs = durationMs(source.goal.within);
  if (withinMs === null || withinMs <= 0)
    findings.push({
      code: 'duration',
      pointer: '/goal/within',
      message: 'is no length of time',
      remedy: 'Give weeks, days or hours, such as P7D.',
    });
  if (findings.length > 0) return { ok: false, findings };
  const { id, level, salt, arms, holdout, allocation, from, until, winner } = source;
  return {
    ok: true,
    trial: {
      id,
      version,
      level,
      salt: salt ?? id,
      audience,
      arms: arms.map(({ id: name, weight }) => ({ name, weight })),
      holdout: holdout ?? 0,
      allocation:
        allocation === 'fixed'
          ? { kind: 'fixed' }
          : {
              kind: 'thompson',
              by: allocation.thompson.by?.slice('stages.'.length) ?? null,
              minimum: allocation.thompson.minimum,
            },
      items: itemsOf(source),
      placements: source.target.placements ? new Set(source.target.placements) : null,
      goal: { event, condition, withinMs: withinMs ?? 0 },
      from: from ? Date.parse(from) : -Infinity,
      until: until ? Date.parse(until) : Infinity,
      automatic: winner === 'automatic',
    },
  };
}

function itemsOf({ arms, target }: Experiment): Map<string, Set<string>> {
  const items = new Map<string, Set<string>>();
  const add = (kind: Item['kind'], ids: readonly string[] | undefined, arm: string | null) => {
    for (const id of ids ?? []) {
      const shownIn = items.get(itemKey({ kind, id })) ?? new Set<string>();
      if (arm !== null) shownIn.add(arm);
      items.set(itemKey({ kind, id }), shownIn);
    }
  };
  add('offer', target.offers, null);
  add('content', target.content, null);
  for (const arm of arms) {
    add('offer', arm.offers, arm.id);
    add('content', arm.content, arm.id);
  }
  return items;
}

/** X11: what the shape cannot say. */
function* shapeFindings(source: Experiment): Generator<Finding> {
  const { arms, level, target, holdout, allocation, from, until } = source;
  const finding = (pointer: string, message: string, remedy: string, code = 'experiment'): Finding => ({
    ...{ code, pointer, message, remedy },
  });
  for (const [index, { id }] of arms.entries())
    if (arms.findIndex((arm) => arm.id === id) !== index)
      yield finding(`/arms/${index}/id`, 'another arm has this name', 'Give each arm a name of its own.', 'arm-twice');
  const items = itemsOf(source);
  if (arms.length === 1 && holdout === undefined)
    yield finding('/arms', 'there is nothing to compare one arm with', 'Add an arm, or a holdout.');
  if (arms.length > 1 && ![...items.values()].some((shownIn) => shownIn.size > 0 && shownIn.size < arms.length))
    yield finding('/arms', 'all arms show the same', 'Name in an arm what only its customers see.');
  if (level === 'offer' && items.size === 0)
    yield finding('/target', 'nothing is under test', 'Name offers or content here, or in the arms.');
  if (level === 'placement' && (target.placements ?? []).length === 0)
    yield finding('/target/placements', 'no placement is under test', 'Name at least one placement.');
  if (level === 'global' && target.placements !== undefined)
    yield finding(
      '/target/placements',
      'a global experiment concerns every placement',
      'Leave it out, or take level placement.',
    );
  if (allocation !== 'fixed' && arms.length * Math.ceil(allocation.thompson.minimum * 100 - 1e-9) > 100)
    yield finding(
      '/allocation/thompson/minimum',
      'the least shares of all arms are more than the whole',
      'Give a smaller share, or fewer arms.',
    );
  if (from !== undefined && until !== undefined && Date.parse(until) <= Date.parse(from))
    yield finding('/until', 'is not after from', 'Put from before until.', 'validity');
}
