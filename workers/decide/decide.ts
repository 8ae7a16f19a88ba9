// The decision: which content or offer a placement shows to this customer now. Pure: the shelf, the customer's situation
// and the time go in, the chosen item with its rendered fields comes out. Looks only at what stands for the placement
// and the customer's stages, best first, so its cost does not grow with the catalog.

import type { JsonObject } from '../../schema/json.ts';
import type { Facts } from '../engine/facts.ts';
import type { EngineEvent } from '../engine/machine.ts';
import { NO_EVENT } from '../engine/step.ts';
import type { Screen } from '../experiments/screen.ts';
import type { Item } from './items.ts';
import { type FieldValue, renderFields } from './templates.ts';

/** Items by placement, then by `journey.stage` ('' for every stage), best first. */
export type Shelf = ReadonlyMap<string, ReadonlyMap<string, readonly Item[]>>;

const EVERY_STAGE = '';

/** Higher priority first; between equals the id decides, so that the answer never depends on the order of loading. */
const better = (a: Item, b: Item): number => b.priority - a.priority || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

export function shelve(items: Iterable<Item>): Shelf {
  const shelf = new Map<string, Map<string, Item[]>>();
  for (const item of items)
    for (const placement of item.placements) {
      const byStage = shelf.get(placement) ?? new Map<string, Item[]>();
      shelf.set(placement, byStage);
      for (const stage of item.stages.length > 0 ? item.stages : [EVERY_STAGE]) {
        const list = byStage.get(stage);
        if (list) list.push(item);
        else byStage.set(stage, [item]);
      }
    }
  for (const byStage of shelf.values()) for (const list of byStage.values()) list.sort(better);
  return shelf;
}

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
  /** What experiments say of an item that passed everything else. */
  readonly screen?: Screen;
}

export interface Chosen {
  readonly kind: 'content' | 'offer';
  readonly id: string;
  readonly version: number;
  readonly locale: string;
  readonly fields: Record<string, FieldValue>;
}

/** The best item for one placement, or null where nothing stands there for this customer. */
export function decide(shelf: Shelf, placement: string, situation: Situation): Chosen | null {
  const byStage = shelf.get(placement);
  if (!byStage) return null;
  const lists: (readonly Item[])[] = [];
  const everywhere = byStage.get(EVERY_STAGE);
  if (everywhere) lists.push(everywhere);
  for (const journey in situation.stages) {
    const list = byStage.get(`${journey}.${situation.stages[journey]}`);
    if (list) lists.push(list);
  }
  const heads = lists.map(() => 0);
  for (;;) {
    const best = takeBest(lists, heads);
    if (!best) return null;
    const chosen = admits(best, situation) ? render(best, situation) : null;
    if (chosen && !situation.screen?.ask(best, placement)) return chosen;
  }
}

/** The best of the heads of sorted lists; moves that head on. */
function takeBest(lists: readonly (readonly Item[])[], heads: number[]): Item | null {
  let best: Item | null = null;
  let from = -1;
  lists.forEach((list, index) => {
    const head = list[heads[index] ?? 0];
    if (head && (!best || better(head, best) < 0)) {
      best = head;
      from = index;
    }
  });
  if (from >= 0) heads[from] = (heads[from] ?? 0) + 1;
  return best;
}

function admits(item: Item, situation: Situation): boolean {
  const { now, facts, stages } = situation;
  if (now < item.validFrom || now >= item.validUntil) return false;
  if (item.conditions.length === 0) return true;
  const scope = { event: situation.event ?? NO_EVENT, traits: facts.traits, stages, facts, now };
  return item.conditions.every((condition) => {
    const result = condition.evaluate(scope);
    return result.ok && result.value === true;
  });
}

function render(item: Item, situation: Situation): Chosen | null {
  const locale = chooseLocale(item.locales, situation.locales);
  const fields = locale === null ? undefined : item.locales.get(locale);
  if (locale === null || !fields) return null;
  const rendered = renderFields(fields, {
    traits: situation.facts.traits,
    stages: situation.stages,
    event: { name: situation.event?.name ?? '', properties: situation.event?.properties ?? {} },
    context: situation.context,
    customer: { id: situation.customerId },
  });
  return rendered && { kind: item.kind, id: item.id, version: item.version, locale, fields: rendered };
}

/** RFC 4647 lookup: each wanted tag, then the tag cut shorter; else the first language the item has. */
export function chooseLocale(available: ReadonlyMap<string, unknown>, wanted: readonly string[]): string | null {
  for (const range of wanted) {
    const subtags = range.replaceAll('_', '-').split('-');
    for (let length = subtags.length; length > 0; length--) {
      const tag = subtags.slice(0, length).join('-').toLowerCase();
      for (const locale of available.keys()) if (locale.toLowerCase() === tag) return locale;
    }
  }
  return available.keys().next().value ?? null;
}
