// The steps of a stage in short lines for a picture, and where they lead out of the stage. Not their meaning: that is the
// engine's (SPEC.md, group S).

import type { Step } from '../../schema/journey.ts';

/** How deep branches are shown; what is nested deeper is an ellipsis. */
const DEPTH_MAX = 4;

/** One line a step; steps inside a branch, an arm or a timeout are indented by dots. */
export function linesOfSteps(steps: readonly Step[], depth = 0): string[] {
  if (depth > DEPTH_MAX) return [`${'· '.repeat(depth)}…`];
  return steps.flatMap((step) => [`${'· '.repeat(depth)}${lineOfStep(step)}`, ...nested(step, depth)]);
}

interface Part {
  /** Empty where the steps simply follow. */
  readonly title: string;
  readonly steps: readonly Step[];
}

/** The lists of steps inside a step. */
function partsOf(step: Step): Part[] {
  if ('branch' in step)
    return [
      ...step.branch.map(({ if: condition, steps }) => ({ title: `if ${condition}`, steps })),
      ...(step.else ? [{ title: 'else', steps: step.else }] : []),
    ];
  if ('experiment' in step)
    return step.arms.map(({ name, weight = 1, steps }) => ({ title: `arm ${name}, weight ${weight}`, steps }));
  if ('waitFor' in step || 'webhook' in step)
    return [
      { title: 'then', steps: step.steps ?? [] },
      { title: 'timed out', steps: step.onTimeout ?? [] },
    ].filter((part) => part.steps.length > 0);
  return [];
}

function nested(step: Step, depth: number): string[] {
  const indent = '· '.repeat(depth + 1);
  return partsOf(step).flatMap(({ title, steps }) => [`${indent}${title}`, ...linesOfSteps(steps, depth + 2)]);
}

/** What a step does, in a line. */
export function lineOfStep(step: Step): string {
  if ('send' in step) return `send ${step.send} by ${step.channel}`;
  if ('wait' in step) return `wait ${waitOf(step.wait)}`;
  if ('waitFor' in step) return `wait for ${step.waitFor.event}${upTo(step.timeout)}`;
  if ('branch' in step) return 'branch';
  if ('experiment' in step)
    return `experiment ${step.experiment}${step.holdout === undefined ? '' : `, ${step.holdout * 100}% held out`}`;
  if ('set' in step) return `set ${step.set} to ${step.value}`;
  if ('goto' in step) return `go to ${step.goto}`;
  if ('exit' in step) return `exit, ${step.exit}`;
  if ('emit' in step) return `emit ${step.emit}`;
  if ('audience' in step) return step.do === 'add' ? `add to ${step.audience}` : `remove from ${step.audience}`;
  if ('grant' in step) return `grant ${step.kind} ${step.grant}`;
  if ('task' in step) return `task ${step.task}${step.due === undefined ? '' : ` due in ${step.due}`}`;
  if ('webhook' in step) return `webhook ${step.webhook}${upTo(step.timeout)}`;
  if ('start' in step) return `start ${step.start}`;
  return `cancel ${step.cancel}`;
}

const upTo = (timeout: string | undefined): string => (timeout === undefined ? '' : `, up to ${timeout}`);

function waitOf(wait: Extract<Step, { wait: unknown }>['wait']): string {
  if (typeof wait === 'string') return wait;
  if ('from' in wait.until) {
    const { from, to, days } = wait.until;
    return `until ${from} to ${to}${days ? ` on ${days.join(', ')}` : ''}`;
  }
  const { date, offset, time } = wait.until;
  return ['until', date, offset, time].filter((part) => part !== undefined).join(' ');
}

export type WayOut =
  | { readonly kind: 'goto'; readonly stage: string }
  | { readonly kind: 'exit'; readonly reason: string };

/** Where steps lead out of their stage, at any depth. */
export function waysOut(steps: readonly Step[]): WayOut[] {
  return steps.flatMap((step): WayOut[] => {
    if ('goto' in step) return [{ kind: 'goto', stage: step.goto }];
    if ('exit' in step) return [{ kind: 'exit', reason: step.exit }];
    return partsOf(step).flatMap((part) => waysOut(part.steps));
  });
}
