// A content or offer document becomes an item that can be decided on: conditions compiled, instants as numbers,
// templates parsed, one set of fields a language. What cannot be compiled is a finding with its place.

import { type Cap, Content, Offer } from '../../schema/catalog.ts';
import type { Vocabulary } from '../engine/compile.ts';
import { type Condition, compileCondition } from '../engine/conditions.ts';
import { durationMs } from '../engine/durations.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';
import { NO_WORDING, type Wording } from './fragments.ts';
import type { Languages } from './languages.ts';
import type { CompiledCap } from './ledger.ts';
import { constantScore, rankSource } from './rank.ts';
import type { Circumstances, Owning } from './situation.ts';
import { type Total, totalsOf } from './totals.ts';
import { compileVariants, type Variants } from './variants.ts';

/** What must hold, and how its absence is called (F6). */
export interface Rule {
  readonly reason: 'audience' | 'eligibility' | 'applicability' | 'suitability';
  readonly condition: Condition;
}

export interface Item {
  readonly kind: 'content' | 'offer';
  readonly id: string;
  readonly version: number;
  readonly placements: readonly string[];
  /** `journey.stage`; empty for every stage. */
  readonly stages: readonly string[];
  readonly tier: number;
  readonly priority: number;
  /** Where no formula asks the customer (O1). */
  readonly score: number;
  /** Gives the score (O1); null: the priority does. */
  readonly rank: Condition | null;
  readonly rules: readonly Rule[];
  /** Milliseconds; from is inclusive, until exclusive. */
  readonly validFrom: number;
  readonly validUntil: number;
  /** The kind of content, or `offer`. */
  readonly sort: string;
  readonly topics: readonly string[];
  readonly circumstances: Circumstances | null;
  readonly owning: Owning | null;
  readonly excludes: string | null;
  readonly caps: readonly CompiledCap[];
  /** What is limited for all customers together. */
  readonly totals: readonly Total[];
  readonly fallback: string | null;
  readonly locales: Variants;
  /** Which languages stand in for others. */
  readonly languages: Languages;
}

export type CompiledItem =
  | { readonly ok: true; readonly item: Item }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export function compileItem(
  kind: 'content' | 'offer',
  document: unknown,
  version: number,
  vocabulary: Vocabulary,
  wording: Wording = NO_WORDING,
): CompiledItem {
  const parsed = (kind === 'content' ? Content : Offer).safeParse(document);
  if (!parsed.success) return { ok: false, findings: findingsOf(parsed.error.issues, document) };
  const source = parsed.data;
  const findings: Finding[] = [];
  const compile = (text: string, pointer: string, want: 'bool' | 'any'): Condition | null => {
    const { declarations, resolve } = vocabulary;
    const compiled = compileCondition(text, pointer, { declarations, event: null, resolve }, want);
    if (compiled.ok) return compiled.condition;
    const { code, detail, remedy } = compiled.fault;
    findings.push({ code, pointer, message: detail, remedy });
    return null;
  };
  const asked: { readonly [reason in Rule['reason']]?: string | undefined } =
    'benefit' in source ? source : { audience: source.audience };
  const rules = REASONS.flatMap((reason): Rule[] => {
    const text = asked[reason];
    const condition = text === undefined ? null : compile(text, `/${reason}`, 'bool');
    return condition ? [{ reason, condition }] : [];
  });
  const { value = 0, weight = 1 } = source;
  const words = { id: source.id, value, weight, priority: source.priority, topics: source.topics ?? [] };
  const formula = source.rank === undefined ? null : compile(rankSource(source.rank, words), '/rank', 'any');
  const constant = formula && constantScore(formula);
  const rank = constant === null ? formula : null;
  const validFrom = source.valid?.from ? Date.parse(source.valid.from) : -Infinity;
  const validUntil = source.valid?.until ? Date.parse(source.valid.until) : Infinity;
  if (validFrom >= validUntil)
    findings.push({
      code: 'validity',
      pointer: '/valid',
      message: 'ends before it begins',
      remedy: 'Put from before until.',
    });

  const locales = compileVariants(source.locales, wording, () => 'html', findings);
  const totals = totalsOf(kind, source);
  findings.push(...totals.findings);
  if (findings.length > 0) return { ok: false, findings };
  const { id, placements, stages, priority, tier, topics = [], situation, owns, caps = [], fallback = null } = source;
  return {
    ok: true,
    item: {
      ...{
        kind,
        id,
        version,
        placements,
        stages,
        tier,
        priority,
        score: constant ?? priority,
        rank,
        rules,
        validFrom,
        validUntil,
        topics,
        fallback,
      },
      sort: source.kind,
      circumstances: situation ? circumstancesOf(situation) : null,
      owning: owns ? { any: owns.any ?? null, none: owns.none ?? [] } : null,
      excludes: 'excludes' in source ? (source.excludes ?? null) : null,
      caps: caps.filter(({ scope }) => scope === 'customer').map(compileCap),
      totals: totals.totals,
      locales,
      languages: wording.languages,
    },
  };
}

const REASONS: readonly Rule['reason'][] = ['audience', 'eligibility', 'applicability', 'suitability'];

const circumstancesOf = ({ country, device, referrer, hours }: NonNullable<Content['situation']>): Circumstances => ({
  country: country ? new Set(country) : null,
  device: device ? new Set(device) : null,
  referrer: referrer ?? null,
  hours: hours ?? null,
});

function compileCap({ event, most, placement, within }: Cap): CompiledCap {
  const window = within === undefined ? null : typeof within === 'string' ? { ms: durationMs(within) ?? 0 } : within;
  return { event, most, placement: placement ?? null, within: window };
}
