// A journey as a Mermaid state diagram (stateDiagram-v2), for documents and reviews: entries, stages with their steps,
// transitions with conditions and delays, the ways out. A picture of the document: nothing is compiled or run.

import type { After, Always, At, Entry, Journey, Stage, Transition, Trigger } from '../../schema/journey.ts';
import { linesOfSteps, waysOut } from './steps.ts';

/** From, to, and what leads there; several labels of one arrow stand below each other. */
type Arrow = readonly [from: string, to: string, label: string];

/** @param journey a journey as its schema gives it; targets that do not exist are drawn to the end */
export function mermaidOf(journey: Journey): string {
  const ids = new Map(Object.keys(journey.stages).map((name, index) => [name, idOf(name, index)]));
  const id = (stage: string): string => ids.get(stage) ?? START;
  const stages = Object.entries(journey.stages);
  const note = noteOf(journey);
  const inside = [
    ...stages.flatMap(([name, stage]) => stageLines(name, stage, id(name))),
    ...draw(journey.entry.map((entry): Arrow => [START, id(journey.initial), entryLabel(entry)])),
    ...stages.flatMap(([name, stage]) => draw(arrowsOf(name, stage, id))),
    ...(note.length === 0 ? [] : [`note right of ${id(journey.initial)}`, ...indented(note.map(escaped)), 'end note']),
  ];
  const exits = exitLabels(journey);
  // An exit holds in every stage, so the stages stand inside one that is left as a whole.
  const body =
    exits.length === 0
      ? inside
      : [
          `state "${escaped(titleOf(journey))}" as ${WHOLE} {`,
          ...indented(inside),
          '}',
          ...draw(exits.map((label): Arrow => [WHOLE, START, label])),
        ];
  const head = ['---', `title: ${JSON.stringify(titleOf(journey))}`, '---', 'stateDiagram-v2'];
  return `${[...head, ...indented(body)].join('\n')}\n`;
}

const START = '[*]';
const WHOLE = 'whole_journey';

const titleOf = ({ id, name }: Journey): string => name ?? id;

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

/** Words Mermaid keeps for itself. */
const RESERVED =
  /^(state|note|end|direction|class|classdef|style|click|href|default|hide|scale|as|fork|join|choice|acctitle|accdescr|whole_journey|root)$/i;

/** The stage's own name where Mermaid takes it, so that the text can be read and edited; else one like it. */
function idOf(name: string, index: number): string {
  if (/^[A-Za-z]\w*$/.test(name) && !RESERVED.test(name)) return name;
  return `${name.replaceAll(/\W+/g, '_')}_${index}`.replace(/^(?=[^A-Za-z])/, 's');
}

/** Signs that would end or change a statement become entity codes, which Mermaid shows as the signs. */
const escaped = (text: string): string =>
  text.replaceAll(/\s+/g, ' ').replaceAll(/[#:;<>"%{}\\`]/g, (sign) => `#${sign.charCodeAt(0)};`);

function stageLines(name: string, { name: title, steps = [] }: Stage, id: string): string[] {
  return [
    `state "${escaped(title ?? name)}" as ${id}`,
    ...linesOfSteps(steps).map((line) => `${id} : ${escaped(line)}`),
  ];
}

function arrowsOf(name: string, stage: Stage, id: (stage: string) => string): Arrow[] {
  const from = id(name);
  const { on = [], after = [], at = [], always = [], steps = [], final = false } = stage;
  return [
    ...on.map((each): Arrow => [from, id(each.to), triggerLabel(each)]),
    ...after.map((each): Arrow => [from, id(each.to), afterLabel(each)]),
    ...at.map((each): Arrow => [from, id(each.to), atLabel(each)]),
    ...always.map((each): Arrow => [from, id(each.to), alwaysLabel(each)]),
    ...waysOut(steps).map(
      (way): Arrow => [
        from,
        way.kind === 'goto' ? id(way.stage) : START,
        way.kind === 'goto' ? 'its steps lead on' : `its steps end here, ${way.reason}`,
      ],
    ),
    ...(final ? [[from, START, ''] satisfies Arrow] : []),
  ];
}

/** One arrow for each pair of stages, in the order written. */
function draw(arrows: readonly Arrow[]): string[] {
  const labels = new Map<string, string[]>();
  for (const [from, to, label] of arrows) {
    const arrow = `${from} --> ${to}`;
    labels.set(arrow, [...(labels.get(arrow) ?? []), ...(label === '' ? [] : [escaped(label)])]);
  }
  return [...labels].map(([arrow, list]) => (list.length === 0 ? arrow : `${arrow} : ${list.join('<br/>')}`));
}

const guarded = (label: string, condition: string | undefined): string =>
  condition === undefined ? label : `${label} [${condition}]`;

const triggerLabel = (trigger: Trigger | Transition): string => guarded(trigger.event, trigger.if);
const afterLabel = (after: After): string =>
  guarded(`after ${after.delay}${after.since === 'activity' ? ' without activity' : ''}`, after.if);
const alwaysLabel = (always: Always): string => guarded('as soon as', always.if);

function atLabel({ date, offset, time, every, if: condition }: At): string {
  const parts = ['at', date, offset, time, every === undefined ? undefined : 'each year'];
  return guarded(parts.filter((part) => part !== undefined).join(' '), condition);
}

function entryLabel(entry: Entry): string {
  if ('event' in entry) return triggerLabel(entry);
  if ('audience' in entry) return guarded(`joins ${entry.audience}`, entry.if);
  if ('schedule' in entry) return guarded(`schedule ${entry.schedule.rrule}`, entry.if);
  if ('journey' in entry) return guarded(`started by ${entry.journey}`, entry.if);
  return guarded('asked for by a server', entry.if);
}

function exitLabels({ exit = [], goal }: Journey): string[] {
  return [...exit.map(triggerLabel), ...(goal?.ends ? [goalLabel(goal)] : [])];
}

const goalLabel = (goal: NonNullable<Journey['goal']>): string =>
  guarded(`goal ${goal.event}${goal.within === undefined ? '' : ` within ${goal.within}`}`, goal.if);

/** What holds for the journey as a whole. */
function noteOf({ key, reentry, goal, suspends }: Journey): string[] {
  return [
    ...(key == null ? [] : [`one run for each ${key}`]),
    ...(reentry === 'never'
      ? []
      : [reentry === 'after_exit' ? 'again after its end' : `again ${reentry.after} after its end`]),
    ...(goal && !goal.ends ? [goalLabel(goal)] : []),
    ...(suspends ? [`suspends ${suspends.join(', ')}`] : []),
  ];
}
