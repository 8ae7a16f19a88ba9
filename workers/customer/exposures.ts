// What the object keeps of experiments: one part for each a customer met, read only when a decision or an event of a goal
// asks for it. Owns these parts inside a commit; what they mean is workers/experiments.

import type { Catalog } from '../catalog/catalog.ts';
import type { Condition } from '../engine/conditions.ts';
import type { Facts } from '../engine/facts.ts';
import type { EngineEvent } from '../engine/machine.ts';
import { NO_EVENT } from '../engine/step.ts';
import { type Exposure, mergeExposures, withOutcome } from '../experiments/exposure.ts';
import { defaultScreen, type Screen, screenFor } from '../experiments/screen.ts';
import { dayOf } from '../experiments/tally.ts';
import { type Commit, record } from './commit.ts';
import { factsFromRows } from './facts.ts';
import type { ProjectedExposure } from './messages.ts';
import { stagesOf } from './state.ts';
import { exposureBodies, readPart, writePart } from './storage.ts';

const partOf = (experiment: string): string => `exposure:${experiment}`;

function readExposure(sql: SqlStorage, experiment: string): Exposure | null {
  const body = readPart(sql, partOf(experiment));
  return body === null ? null : (JSON.parse(body) as Exposure);
}

function keepExposure(commit: Commit, exposure: Exposure): void {
  writePart(commit.sql, partOf(exposure.experiment), JSON.stringify(exposure));
  commit.dirty = true;
}

/** Everything the object keeps, as it is handed over. */
export const readExposures = (sql: SqlStorage): Exposure[] =>
  exposureBodies(sql).map((body) => JSON.parse(body) as Exposure);

/** Whom a decision is for, as experiments see it. */
export interface Meeting {
  readonly stages: { readonly [journey: string]: string };
  readonly facts: Facts;
  readonly event: EngineEvent | null;
  /** Milliseconds. */
  readonly at: number;
}

/** What experiments say to a decision; undefined where there are none. Afterwards `keepExposures`. */
export function screenOf(
  { sql, state }: Pick<Commit, 'sql' | 'state'>,
  catalog: Catalog,
  meeting: Meeting,
): Screen | undefined {
  if (catalog.trials.byId.size === 0) return undefined;
  const { stages, facts, event, at: now } = meeting;
  return screenFor(catalog.trials, {
    customerId: state.id,
    stages,
    now,
    holds: (condition) => holds(condition, event ?? NO_EVENT, stages, facts, now),
    known: (experiment) => readExposure(sql, experiment),
    snapshot: (experiment) => catalog.snapshots.get(experiment) ?? null,
  });
}

/** For somebody who is made up: the arm that would be drawn now. */
export const screenOfImagined = (catalog: Catalog, id: string, meeting: Meeting): Screen | undefined =>
  screenOfRemembered(catalog, id, meeting, new Map());

/** For somebody as they were: the arm they had, or the one that would have been drawn by what is learned now. */
export function screenOfRemembered(
  catalog: Catalog,
  id: string,
  meeting: Meeting,
  exposures: ReadonlyMap<string, Exposure>,
): Screen | undefined {
  if (catalog.trials.byId.size === 0) return undefined;
  const { stages, facts, event, at: now } = meeting;
  return screenFor(catalog.trials, {
    ...{ customerId: id, stages, now },
    holds: (condition) => holds(condition, event ?? NO_EVENT, stages, facts, now),
    known: (experiment) => exposures.get(experiment) ?? null,
    snapshot: (experiment) => catalog.snapshots.get(experiment) ?? null,
  });
}

/** For who is not known, so that nothing can be recorded of them (X12). */
export const screenOfNobody = ({ trials }: Catalog, at: number): Screen | undefined =>
  trials.byId.size === 0 ? undefined : defaultScreen(trials, at);

/** Records the exposures that a decision came to. */
export function keepExposures(commit: Commit, screen: Screen | undefined): void {
  for (const exposure of screen?.exposures ?? []) {
    const { experiment, version, arm, at, context, shares, snapshot } = exposure;
    keepExposure(commit, exposure);
    record(commit, 'exposure', at, { experiment, version, arm, context, shares, snapshot });
  }
}

/** X10: an event that was just added to the history, by its own time, may be an outcome. Parsed only if somebody asks. */
export function noteOutcomes(commit: Commit, name: string, event: () => EngineEvent, at: number): void {
  const { state, sql } = commit;
  for (const { id, goal } of commit.trials.byGoal.get(name) ?? []) {
    const known = readExposure(sql, id);
    const next = known && withOutcome(known, at);
    if (!next) continue;
    const facts = factsFromRows(sql, state);
    if (goal.condition && !holds(goal.condition, event(), stagesOf(state), facts, at)) continue;
    keepExposure(commit, next);
  }
}

/** X9: what another customer's object kept, whose history comes here. */
export function takeExposures(commit: Commit, parts: readonly { readonly body: string }[]): void {
  for (const { body } of parts) {
    const other = JSON.parse(body) as Exposure;
    const own = readExposure(commit.sql, other.experiment);
    keepExposure(commit, own ? mergeExposures(own, other) : other);
  }
}

/** What is counted of a customer. */
export const projectedExposures = (sql: SqlStorage): ProjectedExposure[] =>
  readExposures(sql).map(({ experiment, arm, context, shares, at, convertedAt }) => ({
    ...{ experiment, arm, context, day: dayOf(at), converted: convertedAt === null ? 0 : 1 },
    shares: JSON.stringify(shares),
  }));

function holds(
  condition: Condition,
  event: EngineEvent,
  stages: { readonly [journey: string]: string },
  facts: Facts,
  now: number,
): boolean {
  const result = condition.evaluate({ event, traits: facts.traits, stages, facts, now });
  return result.ok && result.value === true;
}
