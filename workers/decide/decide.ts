// The decision: which content and offers the placements of a page show to this customer now, and why not the others. Pure:
// the shelf, the customer's situation and the time go in, the chosen items with their rendered fields come out. Every
// loss has one reason, the same whether somebody asked for it or not (J2). The rules are numbered in SPEC.md.

import type { JsonObject } from '../../schema/json.ts';
import type { Facts } from '../engine/facts.ts';
import type { EngineEvent } from '../engine/machine.ts';
import type { Scope } from '../engine/scope.ts';
import { NO_EVENT } from '../engine/step.ts';
import type { Lost, Screen } from '../experiments/screen.ts';
import type { Item, Rule } from './items.ts';
import { capReached, type ItemLedger, NO_LEDGER } from './ledger.ts';
import { type Chosen, render } from './render.ts';
import { candidates, type Shelf } from './shelf.ts';
import { circumstanceMissed, owningMissed } from './situation.ts';

export interface Situation {
  readonly customerId: string;
  /** The stage of each unkeyed journey. */
  readonly stages: { readonly [journey: string]: string };
  readonly facts: Facts;
  /** The event that asked, where there is one. */
  readonly event: EngineEvent | null;
  readonly context: JsonObject;
  /** Languages to try, in order, BCP 47. */
  readonly locales: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Where hours and calendars are read; UTC unless said. */
  readonly zone?: string;
  /** What is counted of an item with caps; nothing unless given. */
  readonly ledgerOf?: (item: Item) => ItemLedger;
  /** Products and categories the customer has; asked only where an item wants to know. */
  readonly owned?: () => ReadonlySet<string>;
  /** The pot that has nothing left for this customer of an item with totals; null where there is. All have, unless given. */
  readonly exhausted?: (item: Item, placement: string) => string | null;
  /** What experiments say of an item that passed everything else. */
  readonly screen?: Screen;
}

/** What a placement is, as it is declared; one slot where it is not. */
export interface PlacementRules {
  readonly slots: number;
  readonly kinds: ReadonlySet<string> | null;
  readonly diversity: { readonly by: 'kind' | 'topic' | 'excludes'; readonly most: number } | null;
}

export const ONE_SLOT: PlacementRules = { slots: 1, kinds: null, diversity: null };

export type Reason =
  | 'stage'
  | 'validity'
  | 'kind'
  | 'situation'
  | 'owns'
  | Rule['reason']
  | 'shown-already'
  | 'excluded'
  | 'diversity'
  | 'cap'
  | 'template'
  | 'budget-exhausted'
  | Lost
  | 'outranked';

/** In the order they are asked. */
export const REASONS: readonly Reason[] = [
  ...(['stage', 'validity', 'kind', 'situation', 'owns', 'audience', 'eligibility', 'applicability'] as const),
  ...(['suitability', 'shown-already', 'excluded', 'diversity', 'cap', 'template'] as const),
  ...(['budget-exhausted', 'holdout', 'other-arm', 'outranked'] as const),
];

export interface Loss {
  readonly reason: Reason;
  /** What it was seen by: a member, a condition and its error, a count, another item. */
  readonly evidence: JsonObject;
}

/** A candidate that is not shown. */
export interface Explained extends Loss {
  readonly kind: Item['kind'];
  readonly id: string;
  readonly version: number;
}

export interface Shown extends Chosen {
  readonly item: Item;
}

export interface Answer {
  readonly shown: ReadonlyMap<string, readonly Shown[]>;
  /** Where it was asked for: the losses of each placement, in the order of ids. */
  readonly explained: ReadonlyMap<string, readonly Explained[]> | null;
}

/** What the answer holds so far. */
interface Page {
  readonly items: Set<Item>;
  readonly excluded: Map<string, string>;
}

/** Fills the placements in the order asked (O2). */
export function decideAll(
  shelf: Shelf,
  placements: readonly string[],
  rulesOf: (placement: string) => PlacementRules,
  situation: Situation,
  explain = false,
): Answer {
  const page: Page = { items: new Set(), excluded: new Map() };
  const shown = new Map<string, readonly Shown[]>();
  const explained = explain ? new Map<string, readonly Explained[]>() : null;
  const scoreOf = scorer(situation);
  for (const placement of placements) {
    const asked: Asked = { placement, rules: rulesOf(placement), situation, page, here: [] };
    const lost = explained ? new Map<Item, Loss>() : null;
    fill(shelf, asked, scoreOf, lost);
    shown.set(placement, asked.here);
    if (lost) explained?.set(placement, explainAll(shelf, asked, lost));
  }
  return { shown, explained };
}

/** The best item for one placement with one slot, or null. */
export const decide = (shelf: Shelf, placement: string, situation: Situation): Chosen | null => {
  const [first] = decideAll(shelf, [placement], () => ONE_SLOT, situation).shown.get(placement) ?? [];
  if (!first) return null;
  const { item: _, ...chosen } = first;
  return chosen;
};

interface Asked {
  readonly placement: string;
  readonly rules: PlacementRules;
  readonly situation: Situation;
  readonly page: Page;
  /** Shown in this placement so far. */
  readonly here: Shown[];
}

function fill(shelf: Shelf, asked: Asked, scoreOf: (item: Item) => number, lost: Map<Item, Loss> | null): void {
  const { placement, rules, situation, here } = asked;
  if (rules.slots === 0) return;
  for (const item of candidates(shelf, placement, situation.stages, scoreOf)) {
    const outcome = compete(item, asked);
    if ('fields' in outcome) take(item, outcome, asked);
    else {
      lost?.set(item, outcome);
      // O3: in its place, once; what a fallback falls back to is not asked.
      const limited = outcome.reason === 'cap' || outcome.reason === 'budget-exhausted';
      const instead = limited && item.fallback !== null ? shelf.byId.get(item.fallback) : undefined;
      const other = instead && instead !== item ? compete(instead, asked) : null;
      if (instead && other && 'fields' in other) take(instead, other, asked);
    }
    if (here.length >= rules.slots) return;
  }
}

function take(item: Item, chosen: Chosen, { page, here }: Asked): void {
  here.push({ ...chosen, item });
  page.items.add(item);
  if (item.excludes !== null) page.excluded.set(item.excludes, item.id);
}

/** What is shown of an item that fits, or its loss. */
function compete(item: Item, asked: Asked): Chosen | Loss {
  const lost = lossOf(item, asked);
  if (lost) return lost;
  const chosen = render(item, asked.situation);
  if (!chosen) return loss('template', {});
  const pot = item.totals.length === 0 ? null : (asked.situation.exhausted?.(item, asked.placement) ?? null);
  if (pot !== null) return loss('budget-exhausted', { pot });
  const withheld = asked.situation.screen?.ask(item, asked.placement);
  return withheld ? loss(withheld.reason, { experiment: withheld.experiment }) : chosen;
}

const loss = (reason: Reason, evidence: JsonObject): Loss => ({ reason, evidence });

/** F2 to F10: the first that fails; null where all hold. */
function lossOf(item: Item, { rules, situation, page, here }: Asked): Loss | null {
  const { now, zone = 'UTC', context } = situation;
  if (now < item.validFrom || now >= item.validUntil) return loss('validity', validityOf(item));
  if (rules.kinds && !rules.kinds.has(item.sort)) return loss('kind', { kind: item.sort });
  const missed = item.circumstances && circumstanceMissed(item.circumstances, context, zone, now);
  if (missed) return loss('situation', { member: missed });
  const owning = item.owning && owningMissed(item.owning, situation.owned?.() ?? NOTHING);
  if (owning) return loss('owns', { member: owning });
  const unmet = item.rules.length === 0 ? null : ruleMissed(item, situation);
  if (unmet) return unmet;
  if (page.items.has(item)) return loss('shown-already', {});
  const winner = item.excludes === null ? undefined : page.excluded.get(item.excludes);
  if (winner !== undefined) return loss('excluded', { by: winner });
  const { diversity } = rules;
  if (diversity && here.filter((other) => alike(other.item, item, diversity.by)).length >= diversity.most)
    return loss('diversity', { by: diversity.by });
  if (item.caps.length === 0) return null;
  const reached = capReached(item.caps, situation.ledgerOf?.(item) ?? NO_LEDGER, now, zone);
  return reached && loss('cap', { cap: reached.cap, counted: reached.counted });
}

const NOTHING: ReadonlySet<string> = new Set();

const validityOf = ({ validFrom, validUntil }: Item): JsonObject => ({
  ...(Number.isFinite(validFrom) ? { from: new Date(validFrom).toISOString() } : {}),
  ...(Number.isFinite(validUntil) ? { until: new Date(validUntil).toISOString() } : {}),
});

function ruleMissed(item: Item, situation: Situation): Loss | null {
  const scope = scopeOf(situation);
  for (const { reason, condition } of item.rules) {
    const result = condition.evaluate(scope);
    if (result.ok && result.value === true) continue;
    return loss(reason, { condition: condition.source, ...(result.ok ? {} : { error: result.detail }) });
  }
  return null;
}

const scopeOf = ({ event, facts, stages, now }: Situation): Scope => ({
  ...{ event: event ?? NO_EVENT, traits: facts.traits, stages, facts, now },
});

function alike(one: Item, other: Item, by: 'kind' | 'topic' | 'excludes'): boolean {
  if (by === 'kind') return one.sort === other.sort;
  if (by === 'topic') return one.topics.some((topic) => other.topics.includes(topic));
  return one.excludes !== null && one.excludes === other.excludes;
}

/** O1; of an item that several placements may ask for, once. */
function scorer(situation: Situation): (item: Item) => number {
  const known = new Map<Item, number>();
  const scope = scopeOf(situation);
  const scoreOf = ({ rank, score }: Item): number => {
    const result = rank?.evaluate(scope);
    return result?.ok && typeof result.value === 'number' && Number.isFinite(result.value) ? result.value : score;
  };
  return (item) => {
    if (item.placements.length === 1) return scoreOf(item);
    const score = known.get(item) ?? scoreOf(item);
    known.set(item, score);
    return score;
  };
}

/** J1: every candidate of the placement that is not shown there. What was never asked is asked now, without exposing. */
function explainAll(shelf: Shelf, asked: Asked, lost: ReadonlyMap<Item, Loss>): Explained[] {
  const { placement, situation, here } = asked;
  const shown = new Set(here.map(({ item }) => item));
  return (shelf.byPlacement.get(placement) ?? [])
    .filter((item) => !shown.has(item))
    .map((item) => {
      const { kind, id, version } = item;
      const stage = item.stages.length === 0 || item.stages.some((place) => isIn(place, situation.stages));
      const found = stage
        ? (lost.get(item) ?? lossOf(item, asked) ?? outranked(here))
        : loss('stage', { stages: [...item.stages] });
      return { kind, id, version, ...found };
    })
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.kind < b.kind ? -1 : 1));
}

const outranked = (here: readonly Shown[]): Loss => loss('outranked', { by: here.map(({ id }) => id) });

function isIn(place: string, stages: { readonly [journey: string]: string }): boolean {
  const dot = place.indexOf('.');
  return stages[place.slice(0, dot)] === place.slice(dot + 1);
}
