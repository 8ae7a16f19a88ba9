// What goes back to the site: the decisions for its placements, and the customer as an operator sees them.

import { v7 as uuid } from 'uuid';
import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { type Answer, decideAll, ONE_SLOT, type Shown, type Situation } from '../decide/decide.ts';
import type { Item } from '../decide/items.ts';
import { NO_LEDGER } from '../decide/ledger.ts';
import type { Past } from '../decide/past.ts';
import { ownedOf } from '../decide/situation.ts';
import { askedOnce, type Facts, factsOf, type HistoryEntry } from '../engine/facts.ts';
import { membershipsOf } from '../engine/learner.ts';
import { timersOf } from '../engine/timers.ts';
import { liveRuns, type MachineOf } from '../engine/traveller.ts';
import { engineEventOf } from './advance.ts';
import { type Asked, exhaustedFor, noteShown, nothingAsked, releaseUnused, type Wanted, wantedFor } from './claims.ts';
import { type Commit, record } from './commit.ts';
import { refused } from './consents.ts';
import { keepExposures, screenOf, screenOfImagined, screenOfNobody, screenOfRemembered } from './exposures.ts';
import { factsFromRows, standingFacts } from './facts.ts';
import { ledgerReader, messageIn, noteDecision } from './ledgers.ts';
import type {
  DecisionRequest,
  Decisions,
  Described,
  Explanations,
  IncomingEvent,
  MetCatalog,
  Recorded,
} from './messages.ts';
import type { Checkpoint } from './retaining.ts';
import { type CustomerState, stagesOf } from './state.ts';
import { latestBodies } from './storage.ts';

export interface Decided {
  readonly decisions: Decisions;
  readonly explained: Explanations | null;
}

type Met = Omit<Situation, 'context' | 'locales' | 'zone'>;

/** What the placements asked for show in this situation. */
function answerTo(catalog: Catalog, request: DecisionRequest, situation: Met): Answer {
  const { traits } = situation.facts;
  const { timezone } = traits;
  const asked: Situation = {
    ...situation,
    ...(typeof timezone === 'string' ? { zone: timezone } : {}),
    context: request.context,
    locales: localesOf(request, traits),
  };
  const rulesOf = (placement: string) => catalog.placements.get(placement) ?? ONE_SLOT;
  return decideAll(catalog.shelf, request.placements, rulesOf, asked, request.explain);
}

/**
 * The placements asked for, each with what stands for it; one that nothing stands for is an empty list.
 * @param onShown notes what is shown, and says with which code
 */
function decidePlacements(
  catalog: Catalog,
  request: DecisionRequest,
  situation: Met,
  onShown: (shown: Shown, decisionId: string, placement: string) => string | null = () => null,
): Decided {
  const answer = answerTo(catalog, request, situation);
  const decisions: Decisions = {};
  // Randomness costs more than the rest of an id, so the items of one answer share it.
  const answerId = uuid();
  let shownItems = 0;
  for (const [placement, list] of answer.shown)
    decisions[placement] = list.map((shown) => {
      const { kind, id, version, fields } = shown;
      const decisionId = `${answerId}-${++shownItems}`;
      const code = onShown(shown, decisionId, placement);
      return { kind, id, version, decisionId, fields: code === null ? fields : { ...fields, code } };
    });
  return { decisions, explained: answer.explained && Object.fromEntries(answer.explained) };
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

/** CS4: whether a page may get what is meant for this customer. `at` in milliseconds. */
const mayPersonalise = (sql: SqlStorage, state: CustomerState, { policies }: Catalog, at: number): boolean =>
  !policies.consent.purposes.has(PERSONALISATION) ||
  refused(sql, state, policies.consent, PERSONALISATION, null, at) === null;

const PERSONALISATION = 'personalisation';

export const shownStages = (
  { sql, state }: Pick<Commit, 'sql' | 'state'>,
  catalog: Catalog,
  { proven, at }: Pick<Asking, 'proven' | 'at'>,
): Record<string, string> =>
  mayShow(state.id, proven) && mayPersonalise(sql, state, catalog, at) ? stagesOf(state) : {};

/** Who asks: with which event at hand, with what proof, when (milliseconds). */
export interface Asking {
  readonly asking: IncomingEvent | null;
  readonly proven: boolean;
  readonly at: number;
}

/** The customer of a commit, as a decision sees it; nothing is changed by looking. */
function situationOf(
  commit: Pick<Commit, 'sql' | 'state'> & { readonly wrote?: boolean },
  catalog: Catalog,
  { asking, at }: Asking,
): Met {
  const { state, sql, wrote: isWritten = false } = commit;
  const stages = stagesForDecision(catalog, state);
  const rows = factsFromRows(sql, state);
  const facts = askedOnce(isWritten ? rows : standingFacts(sql, state.nextSeq, rows));
  const event = asking && engineEventOf(asking);
  const screen = screenOf(commit, catalog, { stages, facts, event, at });
  return {
    ...{ customerId: state.id, stages, facts, event, now: at },
    ...{ ledgerOf: ledgerReader(sql), owned: () => ownedBy(sql) },
    ...(screen ? { screen } : {}),
  };
}

/** B1: the claims that what would be shown needs and that were not asked for yet. Nothing is recorded. */
export function claimsWanted(
  commit: Commit,
  catalog: Catalog,
  request: DecisionRequest,
  who: Asking,
  asked: Asked,
): Wanted[] {
  const exhausted = exhaustedFor(commit.sql, asked, who.at, false);
  const plain = { ...request, explain: false };
  const { shown } = answerTo(catalog, plain, { ...situationOf(commit, catalog, who), exhausted });
  return wantedFor(commit.sql, asked, who.at, shown);
}

/** Decides for the customer of a commit and puts on record what was shown. */
export function decideAndRecord(
  commit: Commit,
  catalog: Catalog,
  request: DecisionRequest,
  who: Asking,
  asked: Asked = nothingAsked(),
): Decided {
  const { state, sql } = commit;
  const { proven, at } = who;
  if (!mayShow(state.id, proven) || !mayPersonalise(sql, state, catalog, at))
    return { decisions: defaultDecisions(catalog, request, at), explained: null };
  if (request.record === 'nothing') return decideOnly(commit, catalog, request, who);
  const limited = isLimited(catalog, request);
  const situation = situationOf(commit, catalog, who);
  const decided = decidePlacements(
    catalog,
    request,
    limited ? { ...situation, exhausted: exhaustedFor(sql, asked, at, true) } : situation,
    (shown, decisionId, placement) => {
      const as = { decisionId, placement, at, seen: request.record === 'impression' };
      noteDecision(commit, shown, as);
      return shown.item.totals.length === 0 ? null : noteShown(commit, asked, shown, as);
    },
  );
  releaseUnused(commit, asked, at);
  keepExposures(commit, situation.screen);
  const seen = request.record === 'impression' ? { impressions: true } : {};
  if (request.placements.length > 0)
    record(commit, 'decision', at, { placements: shownIn(decided.decisions), ...seen });
  return decided;
}

/** H6: what would be shown, and nothing is counted or kept of it. */
export function decideOnly(
  commit: Pick<Commit, 'sql' | 'state'> & { readonly wrote?: boolean },
  catalog: Catalog,
  request: DecisionRequest,
  who: Asking,
): Decided {
  const { sql, state } = commit;
  if (!mayPersonalise(sql, state, catalog, who.at))
    return { decisions: defaultDecisions(catalog, request, who.at), explained: null };
  const { screen: _, ...situation } = situationOf(commit, catalog, who);
  const nobody = screenOfNobody(catalog, who.at);
  return decidePlacements(catalog, request, {
    ...situation,
    ...(nobody ? { screen: nobody } : {}),
    exhausted: exhaustedFor(sql, nothingAsked(), who.at, true),
  });
}

/** Whether a total may have to be asked before this can be decided. */
export const isLimited = ({ shelf }: Catalog, { placements, record: recorded }: DecisionRequest): boolean =>
  recorded !== 'nothing' && shelf.limited.size > 0 && placements.some((placement) => shelf.limited.has(placement));

/** B3. */
const NOTHING_CLAIMED = (item: Item): string | null => item.totals[0]?.pot ?? null;

/** F5, by the last orders and refunds. */
function ownedBy(sql: SqlStorage): ReadonlySet<string> {
  const [orders = [], refunds = []] = ['Order Completed', 'Order Refunded'].map((name) =>
    latestBodies(sql, name, LIMITS.ordersMax).map(messageIn),
  );
  return ownedOf(orders, refunds);
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
  const { decisions } = decidePlacements(catalog, request, {
    customerId: '',
    stages: catalog.initialStages,
    facts: factsOf([], catalog.learner.nobody.blank ?? {}),
    event: null,
    now,
    exhausted: NOTHING_CLAIMED,
    ...(screen ? { screen } : {}),
  });
  return decisions;
}

/** Somebody who is made up. */
export interface Imagined {
  readonly id: string;
  readonly traits: JsonObject;
  readonly stages: { readonly [journey: string]: string };
  readonly history: readonly HistoryEntry[];
}

/** What somebody who is made up would be shown. Nothing is counted against them, and nothing is kept. */
export function decideImagined(catalog: Catalog, request: DecisionRequest, imagined: Imagined, at: number): Decided {
  const { id, traits, history } = imagined;
  const before = history.filter((entry) => entry.at <= at);
  const facts = factsOf(before, traits, Math.max(-Infinity, ...before.map((entry) => entry.at)), id);
  const stages = { ...catalog.initialStages, ...imagined.stages };
  const messages = (name: string): JsonObject[] =>
    before.flatMap(({ name: event, properties }) => (event === name ? { properties } : []));
  const screen = screenOfImagined(catalog, id, { stages, facts, event: null, at });
  return decidePlacements(catalog, request, {
    ...{ customerId: id, stages, facts, event: null, now: at },
    owned: () => ownedOf(messages('Order Completed'), messages('Order Refunded')),
    ...(screen ? { screen } : {}),
  });
}

/** Somebody as they were at an instant. */
export interface Remembered {
  readonly id: string;
  readonly stages: { readonly [journey: string]: string };
  readonly facts: Facts;
  readonly orders: { readonly completed: readonly JsonObject[]; readonly refunded: readonly JsonObject[] };
  readonly past: Past;
}

/** What would have been shown then, by the catalog of then; that everything limited in all could be had is supposed. */
export function decideRemembered(
  catalog: Catalog,
  request: DecisionRequest,
  { id, stages, facts, orders, past }: Remembered,
  at: number,
): Decided {
  const known = { ...catalog.initialStages, ...stages };
  const screen = screenOfRemembered(catalog, id, { stages: known, facts, event: null, at }, past.exposures);
  return decidePlacements(catalog, request, {
    ...{ customerId: id, stages: known, facts, event: null, now: at },
    owned: () => ownedOf(orders.completed, orders.refunded),
    ledgerOf: (item) => past.ledgers.get(`${item.kind}:${item.id}`) ?? NO_LEDGER,
    ...(screen ? { screen } : {}),
  });
}

/** The stages a decision goes by: a journey the customer is not in yet counts as its initial stage. */
export function stagesForDecision(catalog: Catalog, state: CustomerState): Record<string, string> {
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
  consents: Described['consents'],
  devices: Described['devices'],
  stated: Described['identifiers']['stated'],
): Described {
  const runs = liveRuns(state);
  const iso = (at: number) => new Date(at).toISOString();
  return {
    id: state.id,
    traits: state.traits,
    identifiers: state.id.startsWith('u:')
      ? { userId: state.id.slice(2), anonymousIds, stated }
      : { anonymousIds: [state.id.slice(2), ...anonymousIds], stated },
    devices,
    consents,
    account: state.account?.account ? { id: state.account.account, since: iso(state.account.since) } : null,
    stages: stagesOf(state),
    segments: Object.fromEntries(
      Object.entries(membershipsOf(state.known) ?? {}).map(([segment, since]) => [segment, iso(since)]),
    ),
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
  checkpoint: Checkpoint | null,
): Omit<Recorded, 'entries'> => ({
  customer: { id, createdAt, asOf, runsStarted, traits, met, ...(checkpoint ? { checkpoint } : {}) },
  runs: [...runs.values()].sort(byId),
});
