// The stages as a graph: what no way leads to, what no way leads out of, and circles in which nothing waits.

import type { ASTNode } from '@marcbachmann/cel-js';
import { escapePointer } from '../../schema/json.ts';
import type { Flow } from './flow.ts';
import { astOf, astOrNull, type Look, tell } from './look.ts';
import { alwaysHolds, canHold } from './solver.ts';

/** A way from one stage to another. */
interface Way {
  readonly from: string;
  readonly to: string;
  readonly pointer: string;
  /** Taken at once on entering the stage it leads from. */
  readonly atOnce: boolean;
  readonly sure: boolean;
  readonly holding: readonly ASTNode[];
  readonly failing: readonly ASTNode[];
  readonly changed: boolean;
}

const LATER = { atOnce: false, sure: false, holding: [], failing: [], changed: false } as const;
/** Stages on one circle, and circles, that are looked at. */
const CIRCLE_MAX = 12;
const WALKS_MAX = 5_000;

export function checkStages(look: Look, flows: ReadonlyMap<string, Flow>): void {
  const { journey } = look;
  const ways = new Map(
    Object.keys(journey.stages).map((name) => [
      name,
      waysFrom(look, name, flows).filter(({ pointer }) => !look.never.has(pointer)),
    ]),
  );
  const reached = reachedFrom(journey.initial, ways);
  for (const name of Object.keys(journey.stages))
    if (!reached.has(name))
      tell(
        look,
        'unreachable-stage',
        `/stages/${escapePointer(name)}`,
        `no way leads from ${journey.initial} to ${name}`,
        'Let a transition, a timer or a goto lead here, or remove the stage.',
      );
  for (const name of reached) checkWayOut(look, name, ways.get(name) ?? [], flows.get(name));
  checkCircles(look, reached, ways);
}

function waysFrom(look: Look, name: string, flows: ReadonlyMap<string, Flow>): Way[] {
  const stage = look.journey.stages[name];
  const flow = flows.get(name);
  if (!stage || !flow) return [];
  const base = `/stages/${escapePointer(name)}`;
  const later = (kind: string, list: readonly { to: string }[] | undefined): Way[] =>
    (list ?? []).map(({ to }, index) => ({ ...LATER, from: name, to, pointer: `${base}/${kind}/${index}` }));
  const acts = flow.placed.some(({ step, atOnce }) => atOnce && ('set' in step || 'emit' in step));
  const steps = flow.placed.flatMap((placed): Way[] =>
    'goto' in placed.step ? [{ ...placed, from: name, to: placed.step.goto }] : [],
  );
  const leavesFirst = steps.some(({ sure }) => sure);
  const always = (stage.always ?? []).map(({ if: condition, to }, index): Way => {
    const ast = astOf(look, condition);
    const failing = (stage.always ?? []).slice(0, index).map((each) => astOf(look, each.if));
    return {
      from: name,
      to,
      pointer: `${base}/always/${index}`,
      atOnce: !leavesFirst,
      sure: !leavesFirst && index === 0 && steps.length === 0 && !acts && alwaysHolds(ast),
      holding: [ast],
      failing,
      changed: acts,
    };
  });
  return [
    ...steps,
    ...always,
    ...emitted(look, name, flow, always.length + steps.length > 0),
    ...later('on', stage.on),
    ...later('after', stage.after),
    ...later('at', stage.at),
  ];
}

/** An event the stage's own steps emit may lead out of it at once. */
function emitted(look: Look, name: string, flow: Flow, leavesOtherwise: boolean): Way[] {
  if (leavesOtherwise) return [];
  const { resolve } = look.around.vocabulary;
  return flow.placed.flatMap(({ step, atOnce, sure }): Way[] => {
    if (!('emit' in step) || !atOnce) return [];
    const event = resolve(step.emit);
    const all = look.journey.stages[name]?.on ?? [];
    const index = all.findIndex((transition) => resolve(transition.event) === event);
    const taken = all[index];
    const exits = (look.journey.exit ?? []).some((exit) => resolve(exit.event) === event);
    if (!taken || taken.if !== undefined || exits) return [];
    const pointer = `/stages/${escapePointer(name)}/on/${index}`;
    return [{ ...LATER, from: name, to: taken.to, pointer, atOnce, sure, changed: !sure }];
  });
}

function reachedFrom(initial: string, ways: ReadonlyMap<string, readonly Way[]>): Set<string> {
  const reached = new Set([initial]);
  for (const name of reached) for (const { to } of ways.get(name) ?? []) reached.add(to);
  return reached;
}

function checkWayOut(look: Look, name: string, ways: readonly Way[], flow: Flow | undefined): void {
  const { exit = [], goal, stages } = look.journey;
  const leaves = ways.some(({ to }) => to !== name) || flow?.placed.some(({ step }) => 'exit' in step);
  if (leaves || stages[name]?.final) return;
  const ends = exit.length > 0 || goal?.ends;
  tell(
    look,
    'dead-end',
    `/stages/${escapePointer(name)}`,
    ends
      ? `only an exit of the journey leads out of ${name}`
      : `nothing leads out of ${name}, so runs stay in it for ever`,
    'Write "final": true where the journey ends here, or add a transition or a timer.',
  );
}

function checkCircles(look: Look, reached: ReadonlySet<string>, ways: ReadonlyMap<string, readonly Way[]>): void {
  const told = new Set<string>();
  const spent = { walks: 0 };
  const visit = (start: string, path: readonly Way[]): void => {
    if (++spent.walks > WALKS_MAX || path.length > CIRCLE_MAX) return;
    for (const way of ways.get(path.at(-1)?.to ?? start) ?? []) {
      if (!way.atOnce || !reached.has(way.from)) continue;
      if (way.to === start) tellCircle(look, [...path, way], told);
      else if (!path.some(({ from, to }) => from === way.to || to === way.to)) visit(start, [...path, way]);
    }
  };
  for (const name of reached) visit(name, []);
}

function tellCircle(look: Look, circle: readonly Way[], told: Set<string>): void {
  const id = circle
    .map(({ pointer }) => pointer)
    .sort()
    .join(' ');
  if (told.has(id)) return;
  told.add(id);
  const last = circle.at(-1);
  if (!last) return;
  const round = [last.to, ...circle.map(({ to }) => to)].join(', ');
  if (circle.every(({ sure }) => sure))
    tell(
      look,
      'loop-without-wait',
      last.pointer,
      `leads round at once and for ever: ${round}`,
      'Put a wait or a timer on the way, or let one of them lead elsewhere.',
    );
  else if (
    circle.every(({ changed }) => !changed) &&
    canHold(
      circle.flatMap(({ holding }) => holding),
      circle.flatMap(({ failing }) => failing),
    )
  )
    tell(
      look,
      'loop-possible',
      last.pointer,
      `leads round at once as long as the conditions on the way hold: ${round}`,
      'Put a wait or a timer on the way, or make the conditions exclude each other.',
    );
}

/** What never comes to pass because a stage is left as soon as it is entered. A journey with tags may be suspended in it. */
export function checkPassed(look: Look, flows: ReadonlyMap<string, Flow>): void {
  if ((look.journey.tags ?? []).length > 0) return;
  for (const [name, stage] of Object.entries(look.journey.stages)) {
    const flow = flows.get(name);
    const passed = flow && !flow.falls && !flow.rests;
    const first = astOrNull(look, stage.always?.[0]?.if);
    if (!passed && !(first && alwaysHolds(first))) continue;
    const lists = passed ? (['on', 'after', 'at', 'always'] as const) : (['on', 'after', 'at'] as const);
    for (const kind of lists)
      (stage[kind] ?? []).forEach((_, index) => {
        const pointer = `/stages/${escapePointer(name)}/${kind}/${index}`;
        if (look.never.has(pointer)) return;
        look.never.add(pointer);
        tell(
          look,
          'stage-passed',
          pointer,
          passed
            ? `the steps of ${name} always leave it at once`
            : `an always that always holds leaves ${name} at once`,
          'Remove it, or let the stage wait.',
        );
      });
  }
}
