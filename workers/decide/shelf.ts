// Where items stand: by placement, then by stage, in order (O1). A decision reads the cells of its placement and of the
// customer's stages, best first, so its cost does not grow with the catalog.

import { LIMITS } from '../../schema/limits.ts';
import type { Item } from './items.ts';

/** Items whose score is their priority, and those that have a formula, both by tier and priority. */
interface Cell {
  readonly fixed: Item[];
  readonly ranked: Item[];
}

export interface Shelf {
  /** By placement, then by `journey.stage` ('' for every stage). */
  readonly cells: ReadonlyMap<string, ReadonlyMap<string, Cell>>;
  /** Every item by its id, an offer before content. */
  readonly byId: ReadonlyMap<string, Item>;
  /** All candidates of a placement, in whatever stage. */
  readonly byPlacement: ReadonlyMap<string, readonly Item[]>;
  /** Placements that may show an item with totals, by itself or as a fallback. */
  readonly limited: ReadonlySet<string>;
}

const EVERY_STAGE = '';

const hasTotals = (item: Item | undefined): boolean => (item?.totals.length ?? 0) > 0;

/** An item and its score at this moment. */
export interface Scored {
  readonly item: Item;
  readonly score: number;
}

/** O1, so that the answer never depends on the order of loading. */
export const better = (a: Scored, b: Scored): number =>
  b.item.tier - a.item.tier || b.score - a.score || b.item.priority - a.item.priority || byName(a.item, b.item);

const byName = (a: Item, b: Item): number =>
  a.id === b.id ? (a.kind === b.kind ? 0 : a.kind === 'offer' ? -1 : 1) : a.id < b.id ? -1 : 1;

const byPriority = (a: Item, b: Item): number => b.tier - a.tier || b.priority - a.priority || byName(a, b);

const byScore = (a: Item, b: Item): number => b.tier - a.tier || b.score - a.score || byPriority(a, b);

export function shelve(items: Iterable<Item>): Shelf {
  const cells = new Map<string, Map<string, Cell>>();
  const byId = new Map<string, Item>();
  const byPlacement = new Map<string, Item[]>();
  for (const item of items) {
    if (item.kind === 'offer' || !byId.has(item.id)) byId.set(item.id, item);
    for (const placement of item.placements) {
      const all = byPlacement.get(placement);
      if (all) all.push(item);
      else byPlacement.set(placement, [item]);
      const byStage = cells.get(placement) ?? new Map<string, Cell>();
      cells.set(placement, byStage);
      for (const stage of item.stages.length > 0 ? item.stages : [EVERY_STAGE]) {
        const cell = byStage.get(stage) ?? { fixed: [], ranked: [] };
        byStage.set(stage, cell);
        (item.rank === null ? cell.fixed : cell.ranked).push(item);
      }
    }
  }
  for (const byStage of cells.values())
    for (const { fixed, ranked } of byStage.values()) {
      fixed.sort(byScore);
      ranked.sort(byPriority);
    }
  const limited = [...byPlacement]
    .filter(([, all]) =>
      all.some((item) => hasTotals(item) || (item.fallback !== null && hasTotals(byId.get(item.fallback)))),
    )
    .map(([placement]) => placement);
  return { cells, byId, byPlacement, limited: new Set(limited) };
}

/**
 * Candidates of a placement in the customer's stages, best first, each once; no further than `candidatesMax` (O4).
 * @param scoreOf asked for items with a formula alone
 */
export function* candidates(
  { cells }: Shelf,
  placement: string,
  stages: { readonly [journey: string]: string },
  scoreOf: (item: Item) => number,
): Generator<Item> {
  const byStage = cells.get(placement);
  if (!byStage) return;
  const found: Cell[] = [];
  const everywhere = byStage.get(EVERY_STAGE);
  if (everywhere) found.push(everywhere);
  for (const journey in stages) {
    const cell = byStage.get(`${journey}.${stages[journey]}`);
    if (cell) found.push(cell);
  }
  const lists = found.map(({ fixed }) => fixed);
  const ranked = rankedOf(found, scoreOf);
  const heads = lists.map(() => 0);
  const seen = found.length > 1 ? new Set<Item>() : null;
  for (let count = 0; count < LIMITS.candidatesMax; ) {
    let best: Scored | null = ranked.head();
    let from = -1;
    for (let index = 0; index < lists.length; index++) {
      const item = lists[index]?.[heads[index] ?? 0];
      if (!item) continue;
      const scored = { item, score: item.score };
      if (best && better(scored, best) >= 0) continue;
      best = scored;
      from = index;
    }
    if (!best) return;
    const isNew = !seen?.has(best.item);
    if (isNew) {
      seen?.add(best.item);
      count++;
      yield best.item;
    }
    // Only when another one is asked for: mostly the best is enough, and the ranking is put in order for the second.
    if (from < 0) ranked.next();
    else heads[from] = (heads[from] ?? 0) + 1;
  }
}

/** Best first. Mostly the best alone is asked for, so the rest is put in order when the second is. */
interface Ranking {
  readonly head: () => Scored | null;
  readonly next: () => void;
}

function rankedOf(cells: readonly Cell[], scoreOf: (item: Item) => number): Ranking {
  const [only] = cells;
  const all = only && cells.length === 1 ? only.ranked : cells.flatMap(({ ranked }) => ranked);
  const items = all.length > LIMITS.candidatesMax ? all.toSorted(byPriority).slice(0, LIMITS.candidatesMax) : all;
  let head: Scored | null = null;
  for (const item of items) {
    const score = scoreOf(item);
    if (head === null || isBetter(item, score, head)) head = { item, score };
  }
  let at = 0;
  let sorted: Scored[] | null = null;
  return {
    head: () => head,
    next: () => {
      sorted ??= items.map((item) => ({ item, score: scoreOf(item) })).sort(better);
      head = sorted[++at] ?? null;
    },
  };
}

/** `better` without an object for what loses. */
function isBetter(item: Item, score: number, { item: best, score: bestScore }: Scored): boolean {
  const ahead = item.tier - best.tier || score - bestScore || item.priority - best.priority;
  return ahead === 0 ? byName(item, best) < 0 : ahead > 0;
}
