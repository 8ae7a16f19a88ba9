// What an experiment names and nobody wrote: content, offers, placements, events, stages to learn by. Warnings, because
// documents may be published one after the other. What refuses an experiment stands in workers/experiments/compile.ts.

import { Experiment } from '../../schema/experiment.ts';
import type { Vocabulary } from '../engine/compile.ts';
import { nearest } from '../engine/nearest.ts';
import type { Graded } from './check.ts';
import { type Code, severityOf } from './codes.ts';

/** Ids that are there, by what they are of. */
export interface Beside {
  readonly content: ReadonlySet<string>;
  readonly offers: ReadonlySet<string>;
  readonly placements: ReadonlySet<string>;
  readonly journeys: ReadonlySet<string>;
}

export function checkExperiment(document: unknown, beside: Beside, vocabulary: Vocabulary): Graded[] {
  const { data: experiment } = Experiment.safeParse(document);
  if (!experiment) return [];
  const unknown = (code: Code, pointer: string, words: string, id: string, known: Iterable<string>): Graded => ({
    ...{ code, severity: severityOf(code), pointer, message: `there is no ${words} ${JSON.stringify(id)}` },
    remedy: `${nearest(id, [...known])}Correct it, or publish it.`,
  });
  const missing = (pointer: string, words: string, ids: readonly string[] = [], known: ReadonlySet<string>): Graded[] =>
    ids.flatMap((id, index) =>
      known.has(id) ? [] : [unknown('unknown-item', `${pointer}/${index}`, words, id, known)],
    );
  const items = (
    pointer: string,
    { content, offers }: { content?: string[] | undefined; offers?: string[] | undefined },
  ) => [
    ...missing(`${pointer}/content`, 'content', content, beside.content),
    ...missing(`${pointer}/offers`, 'offer', offers, beside.offers),
  ];
  const { target, arms, goal, allocation } = experiment;
  const { events } = vocabulary.declarations;
  const event = vocabulary.resolve(goal.event);
  const journey = allocation === 'fixed' ? undefined : allocation.thompson.by?.slice('stages.'.length);
  return [
    ...items('/target', target),
    ...missing('/target/placements', 'placement', target.placements, beside.placements),
    ...arms.flatMap((arm, index) => items(`/arms/${index}`, arm)),
    ...(Object.hasOwn(events, event) || CALLS.has(event)
      ? []
      : [unknown('unknown-event', '/goal/event', 'declared event', goal.event, Object.keys(events))]),
    ...(journey === undefined || beside.journeys.has(journey)
      ? []
      : [unknown('unknown-journey', '/allocation/thompson/by', 'journey', journey, beside.journeys)]),
  ];
}

/** Events that are there without being declared: the calls of the tracking API. */
const CALLS: ReadonlySet<string> = new Set(['page', 'screen', 'identify', 'group', 'alias']);
