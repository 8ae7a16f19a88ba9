// What goes back to the site: the decisions for its placements, and the customer as an operator sees them.

import { v7 as uuid } from 'uuid';
import type { JsonObject } from '../../schema/json.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { decide, type Situation } from '../decide/decide.ts';
import { factsOf } from '../engine/facts.ts';
import { timersOf } from '../engine/timers.ts';
import { liveRuns, type MachineOf } from '../engine/travel.ts';
import { engineEventOf } from './advance.ts';
import { type Commit, record } from './commit.ts';
import { keepExposures, screenOf, screenOfNobody } from './exposures.ts';
import type { DecisionRequest, Decisions, Described, IncomingEvent, MetCatalog, Recorded } from './messages.ts';
import { type CustomerState, stagesOf } from './state.ts';
import { factsFromRows } from './storage.ts';

/** One decision a placement; a placement nothing stands for is an empty list. */
function decidePlacements(
  catalog: Catalog,
  request: DecisionRequest,
  situation: Omit<Situation, 'context' | 'locales'>,
): Decisions {
  const decisions: Decisions = {};
  for (const placement of request.placements) {
    const chosen = decide(catalog.shelf, placement, {
      ...situation,
      context: request.context,
      locales: localesOf(request, situation.facts.traits),
    });
    decisions[placement] = chosen
      ? [{ kind: chosen.kind, id: chosen.id, version: chosen.version, decisionId: uuid(), fields: chosen.fields }]
      : [];
  }
  return decisions;
}

/** The page's language, then the customer's own, then the site's default (last in the request's list). */
function localesOf(request: DecisionRequest, traits: JsonObject): string[] {
  const own = [traits['locale'], traits['language']].filter((value) => typeof value === 'string');
  const [fallback = 'en', ...asked] = [...request.locales].reverse();
  return [...asked.reverse(), ...own, fallback];
}

/** I8: what is known of a known customer is shown with proof only. */
export const mayShow = (customerId: string, proven: boolean): boolean => proven || !customerId.startsWith('u:');

/** Who a visitor has become is told with proof only; without it the visitor is called as he was named. */
export const shownId = (request: { readonly proven: boolean; readonly via?: string }, customerId: string): string =>
  mayShow(customerId, request.proven) ? customerId : (request.via ?? customerId);

export const shownStages = (state: CustomerState, proven: boolean): Record<string, string> =>
  mayShow(state.id, proven) ? stagesOf(state) : {};

/** Who asks: with which event at hand, with what proof, when (milliseconds). */
export interface Asking {
  readonly asking: IncomingEvent | null;
  readonly proven: boolean;
  readonly at: number;
}

/** Decides for the customer of a commit and puts on record what was shown. */
export function decideAndRecord(
  commit: Commit,
  catalog: Catalog,
  request: DecisionRequest,
  { asking, proven, at }: Asking,
): Decisions {
  const { state, sql } = commit;
  if (!mayShow(state.id, proven)) return defaultDecisions(catalog, request, at);
  const stages = stagesForDecision(catalog, state);
  const facts = factsFromRows(sql, state.traits, state.lastActivityAt);
  const event = asking && engineEventOf(asking);
  const screen = screenOf(commit, catalog, { stages, facts, event, at });
  const asked = { customerId: state.id, stages, facts, event, now: at };
  const decisions = decidePlacements(catalog, request, screen ? { ...asked, screen } : asked);
  keepExposures(commit, screen);
  if (request.placements.length > 0) record(commit, 'decision', at, { placements: shownIn(decisions) });
  return decisions;
}

/** What the timeline keeps of a decision: which, not what it looked like. */
function shownIn(
  decisions: Decisions,
): Record<string, { kind: string; id: string; version: number; decisionId: string }[]> {
  return Object.fromEntries(
    Object.entries(decisions).map(([placement, list]) => [
      placement,
      list.map(({ kind, id, version, decisionId }) => ({ kind, id, version, decisionId })),
    ]),
  );
}

/** What an unknown visitor gets: the initial stage of each journey, no history, no traits. Also the answer of last resort. */
export function defaultDecisions(catalog: Catalog, request: DecisionRequest, now: number): Decisions {
  const screen = screenOfNobody(catalog, now);
  return decidePlacements(catalog, request, {
    customerId: '',
    stages: catalog.initialStages,
    facts: factsOf([], {}),
    event: null,
    now,
    ...(screen ? { screen } : {}),
  });
}

/** The stages a decision goes by: a journey the customer is not in yet counts as its initial stage. */
function stagesForDecision(catalog: Catalog, state: CustomerState): Record<string, string> {
  const stages: Record<string, string> = { ...catalog.initialStages };
  for (const run of state.runs.values()) if (run.key === null) delete stages[run.journey];
  return { ...stages, ...stagesOf(state) };
}

const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);

export function describe(
  state: CustomerState,
  machineOf: MachineOf,
  anonymousIds: readonly string[],
  effectsPending: number,
): Described {
  const runs = liveRuns(state);
  const iso = (at: number) => new Date(at).toISOString();
  return {
    id: state.id,
    traits: state.traits,
    identifiers: state.id.startsWith('u:')
      ? { userId: state.id.slice(2), anonymousIds }
      : { anonymousIds: [state.id.slice(2), ...anonymousIds] },
    consents: {},
    stages: stagesOf(state),
    runs: [...state.runs.values()].sort(byId).map((run) => ({
      journey: run.journey,
      key: run.key,
      version: run.version,
      stage: run.stage,
      enteredAt: iso(run.enteredAt),
      ...(run.endedAt === undefined ? {} : { endedAt: iso(run.endedAt) }),
    })),
    timers: runs
      .flatMap((run) =>
        timersOf(machineOf(run), run, state.lastActivityAt ?? -Infinity).map((timer) => ({
          journey: run.journey,
          key: run.key,
          kind: timer.kind,
          dueAt: iso(timer.dueAt),
        })),
      )
      .sort((a, b) => (a.dueAt < b.dueAt ? -1 : 1)),
    events: state.events,
    effectsPending,
    createdAt: iso(state.createdAt),
    lastActivityAt: state.lastActivityAt === null ? null : iso(state.lastActivityAt),
  };
}

/** The customer as replay compares it. */
export const recordedOf = (
  { id, createdAt, runsStarted, traits, runs }: CustomerState,
  asOf: number,
  met: readonly MetCatalog[],
): Omit<Recorded, 'entries'> => ({
  customer: { id, createdAt, asOf, runsStarted, traits, met },
  runs: [...runs.values()].sort(byId),
});
