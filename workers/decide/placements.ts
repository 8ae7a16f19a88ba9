// journeys/placements.json becomes the rules of each placement.

import { Placements } from '../../schema/placements.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';
import type { PlacementRules } from './decide.ts';

export type CompiledPlacements =
  | { readonly ok: true; readonly placements: ReadonlyMap<string, PlacementRules> }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export function compilePlacements(document: unknown): CompiledPlacements {
  const parsed = Placements.safeParse(document);
  if (!parsed.success) return { ok: false, findings: findingsOf(parsed.error.issues, document) };
  const placements = new Map<string, PlacementRules>();
  for (const [name, { slots, kinds, diversity = null }] of Object.entries(parsed.data.placements))
    placements.set(name, { slots, kinds: kinds ? new Set(kinds) : null, diversity });
  return { ok: true, placements };
}
