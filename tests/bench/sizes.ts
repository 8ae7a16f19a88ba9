// What size costs: a step in journeys of 5, 50 and 500 stages, and an event that concerns nobody with 5, 50 and 500 journeys
// published. Both should cost the same, whatever the size: stages and listeners are looked up, never searched.

import { buildCatalog, type DocumentRow } from '../../workers/catalog/catalog.ts';
import { compileJourney, EMPTY_VOCABULARY } from '../../workers/engine/compile.ts';
import { factsOf } from '../../workers/engine/facts.ts';
import type { EngineEvent, Machine, Run } from '../../workers/engine/machine.ts';
import { NO_EVENT, step } from '../../workers/engine/step.ts';
import { noteEvent, offerEvent } from '../../workers/engine/travel.ts';
import type { Journeying, World } from '../../workers/engine/traveller.ts';
import { median, paceOf, type Subject, whole } from './pace.ts';

export const SIZES = [5, 50, 500] as const;
const NOW = Date.UTC(2026, 10, 22);

export interface SizeFigures {
  /** Steps a second, half of which move on, by number of stages. */
  readonly stages: readonly number[];
  /** Events a second that concern no run and no entry, by number of published journeys. */
  readonly journeys: readonly number[];
  /** How much longer one takes with 500 than with 5: medians of what each round said. */
  readonly stagesRatio: number;
  readonly journeysRatio: number;
}

const stagesOf = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `stage-${index}`,
      { on: [{ event: 'Go', if: 'event.properties.value > 100', to: `stage-${(index + 1) % count}` }] },
    ]),
  );

function byStages(count: number): Subject {
  const journey = { id: 'bench', entry: [{ event: 'page' }], initial: 'stage-0', stages: stagesOf(count) };
  const compiled = compileJourney(journey, 1, EMPTY_VOCABULARY);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  const { machine } = compiled;
  const facts = factsOf([], {}, NOW);
  const events = [50, 150].map((value): EngineEvent => ({ ...NO_EVENT, name: 'Go', properties: { value } }));
  const inputs = events.map((event) => ({ kind: 'event', event }) as const);
  let run = step(machine, null, { kind: 'start', id: 'bench.1', key: null, event: named('page') }, facts, NOW).run;
  return (events) => {
    let moves = 0;
    for (let index = 0; index < events; index++) {
      const input = inputs[index % 2];
      if (!input) throw new Error('no input');
      const outcome = step(machine, run, input, facts, NOW + index);
      if (outcome.effects.length > 0) moves++;
      run = outcome.run;
    }
    return moves;
  };
}

const named = (name: string): EngineEvent => ({ ...NO_EVENT, name });

/** In five journeys, whatever is published beside them. */
const JOURNEYS_ENTERED = 5;

function byJourneys(count: number): Subject {
  const rows = Array.from(
    { length: count },
    (_, index): DocumentRow => ({
      kind: 'journey',
      id: `journey-${index}`,
      version: 1,
      fromVersion: 1,
      toVersion: null,
      publishedAt: NOW,
      body: JSON.stringify({
        id: `journey-${index}`,
        entry: [{ event: index < JOURNEYS_ENTERED ? 'Begin' : `Begin ${index}` }],
        initial: 'stage-0',
        stages: stagesOf(5),
      }),
    }),
  );
  const catalog = buildCatalog(1, rows, [], null);
  if (catalog.machines.size !== count) throw new Error('not every journey is published');
  const runs = new Map<string, Run>();
  const of: Journeying = {
    state: { id: 'u:bench', traits: {}, runs, lastActivityAt: null, lastInputAt: 0, runsStarted: 0, known: null },
    openings: catalog,
    machineOf: ({ journey }): Machine => {
      const machine = catalog.machines.get(journey);
      if (!machine) throw new Error(`no journey ${journey}`);
      return machine;
    },
  };
  let moves = 0;
  const facts = factsOf([], {}, NOW);
  const world: World<Journeying> = {
    facts: () => facts,
    apply: (_of, _before, after) => {
      moves++;
      if (after) runs.set(after.id, after);
    },
    forget: (_of, run) => void runs.delete(run),
    append: () => true,
    learned: () => undefined,
  };
  const offer = (event: EngineEvent, now: number): void => {
    noteEvent(of.state, event.name, now);
    offerEvent(world, of, event.name, () => event, now, now);
  };
  offer(named('Begin'), NOW);
  if (runs.size !== JOURNEYS_ENTERED) throw new Error('not every journey was entered');
  const nobodys = named('Nobody listens');
  return (events) => {
    moves = 0;
    for (let index = 0; index < events; index++) offer(nobodys, NOW + index);
    return moves;
  };
}

/** Rounds of all sizes take turns; medians, the ratios within each round. */
export function benchSizes(rounds = 25, roundMs = 30): SizeFigures {
  const paces = (subjects: readonly Subject[], share: number): { paces: number[]; ratio: number } => {
    const seen = subjects.map((): number[] => []);
    for (const subject of subjects) paceOf(subject, share, roundMs);
    for (let round = 0; round < rounds; round++)
      for (const [index, subject] of subjects.entries()) seen[index]?.push(paceOf(subject, share, roundMs));
    const [first = [], last = []] = [seen[0], seen.at(-1)];
    return { paces: seen.map(median), ratio: median(first.map((pace, round) => pace / (last[round] ?? pace))) };
  };
  const stages = paces(SIZES.map(byStages), 0.5);
  const journeys = paces(SIZES.map(byJourneys), 0);
  return { stages: stages.paces, journeys: journeys.paces, stagesRatio: stages.ratio, journeysRatio: journeys.ratio };
}

export function renderSizes({ stages, journeys, stagesRatio, journeysRatio }: SizeFigures): string {
  const line = (paces: readonly number[], of: string, ratio: number): string => {
    const shown = SIZES.map((size, index) => `${whole(paces[index] ?? 0)}/s with ${size}`).join(', ');
    return `${shown} ${of}: ${ratio.toFixed(2)} times the time at 500 as at 5`;
  };
  return [
    `steps ${line(stages, 'stages', stagesRatio)}`,
    `events that concern nobody ${line(journeys, 'journeys', journeysRatio)} (goal 1.20)`,
  ].join('\n');
}

if (import.meta.main) process.stdout.write(`${renderSizes(benchSizes())}\n`);
