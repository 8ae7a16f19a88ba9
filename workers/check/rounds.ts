// Journeys that begin each other in a circle without a wait: each is over as soon as it has emitted or started what begins
// the next, so nothing stands in the way of its beginning again.

import type { Journey } from '../../schema/journey.ts';
import { escapePointer } from '../../schema/json.ts';
import { SYSTEM_EVENTS } from '../engine/machine.ts';
import { type Flow, flowOf } from './flow.ts';
import { type Look, tell } from './look.ts';

/** Something that begins journeys, and where it stands. */
interface Cause {
  readonly pointer: string;
  readonly event: string;
  /** The journey a `start` names. */
  readonly start: string | null;
}

const JOURNEYS_MAX = 50;

export function checkRounds(look: Look, flows: ReadonlyMap<string, Flow>): void {
  const { journey, around } = look;
  const all = new Map(around.journeys ?? []);
  all.set(journey.id, journey);
  for (const cause of causesAtOnce(look, journey, flows)) {
    const round = leadsBack(look, all, cause, [journey.id]);
    if (!round) continue;
    tell(
      look,
      'journey-loop',
      cause.pointer,
      `begins this journey again at once: ${round.join(', ')}`,
      'Put a wait before it, or let reentry wait: { "after": "P1D" }.',
    );
  }
}

/** What a run makes happen at once and for certain, where it is over at once too and may begin again. */
function causesAtOnce(look: Look, journey: Journey, known: ReadonlyMap<string, Flow> | null): Cause[] {
  if (journey.reentry !== 'after_exit') return [];
  const causes: Cause[] = [];
  const seen = new Set<string>();
  for (let name: string | undefined = journey.initial; name !== undefined && !seen.has(name); ) {
    seen.add(name);
    const stage: Journey['stages'][string] | undefined = journey.stages[name];
    if (!stage) return [];
    if (stage.final) return causes;
    const flow: Flow = known?.get(name) ?? flowOf(look, stage.steps ?? [], `/stages/${escapePointer(name)}/steps`);
    let next: string | undefined;
    let over = false;
    for (const { step, pointer, sure } of flow.placed) {
      if (!sure) continue;
      if ('emit' in step) causes.push({ pointer, event: look.around.vocabulary.resolve(step.emit), start: null });
      else if ('start' in step) causes.push({ pointer, event: SYSTEM_EVENTS.requested, start: step.start });
      else if ('goto' in step) next = step.goto;
      else if ('exit' in step) over = true;
    }
    if (over) return causes;
    name = next;
  }
  return [];
}

/** The journeys on the way back to the first, or null. */
function leadsBack(
  look: Look,
  all: ReadonlyMap<string, Journey>,
  cause: Cause,
  path: readonly string[],
): string[] | null {
  const from = path.at(-1) ?? '';
  if (path.length > JOURNEYS_MAX) return null;
  for (const [id, journey] of all) {
    if (!isBegunBy(look, journey, cause, from)) continue;
    if (id === path[0]) return [...path, id];
    if (path.includes(id)) continue;
    for (const next of causesAtOnce(look, journey, null)) {
      const round = leadsBack(look, all, next, [...path, id]);
      if (round) return round;
    }
  }
  return null;
}

const isBegunBy = (look: Look, journey: Journey, { event, start }: Cause, from: string): boolean =>
  (journey.key ?? null) === null &&
  journey.entry.some((entry) => {
    if (entry.if !== undefined) return false;
    if (start !== null) return start === journey.id && 'journey' in entry && entry.journey === from;
    return 'event' in entry && look.around.vocabulary.resolve(entry.event) === event;
  });
