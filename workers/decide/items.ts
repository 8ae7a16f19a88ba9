// A content or offer document becomes an item that can be decided on: conditions compiled, instants as numbers,
// templates parsed, one set of fields a language. What cannot be compiled is a finding with its place.

import { Content, Offer } from '../../schema/catalog.ts';
import { escapePointer } from '../../schema/json.ts';
import type { Vocabulary } from '../engine/compile.ts';
import { type Condition, compileCondition } from '../engine/conditions.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';
import { type CompiledField, compileField } from './templates.ts';

export interface Item {
  readonly kind: 'content' | 'offer';
  readonly id: string;
  readonly version: number;
  readonly placements: readonly string[];
  /** `journey.stage`; empty for every stage. */
  readonly stages: readonly string[];
  readonly priority: number;
  /** All must hold: the audience and, for an offer, its eligibility. */
  readonly conditions: readonly Condition[];
  /** Milliseconds; from is inclusive, until exclusive. */
  readonly validFrom: number;
  readonly validUntil: number;
  readonly locales: ReadonlyMap<string, readonly CompiledField[]>;
}

export type CompiledItem =
  | { readonly ok: true; readonly item: Item }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export function compileItem(
  kind: 'content' | 'offer',
  document: unknown,
  version: number,
  vocabulary: Vocabulary,
): CompiledItem {
  const parsed = (kind === 'content' ? Content : Offer).safeParse(document);
  if (!parsed.success) return { ok: false, findings: findingsOf(parsed.error.issues, document) };
  const source = parsed.data;
  const findings: Finding[] = [];
  const conditions: Condition[] = [];
  const add = (text: string | undefined, pointer: string) => {
    if (text === undefined) return;
    const compiled = compileCondition(text, pointer, {
      declarations: vocabulary.declarations,
      event: null,
      resolve: vocabulary.resolve,
    });
    if (compiled.ok) conditions.push(compiled.condition);
    else
      findings.push({
        code: compiled.fault.code,
        pointer,
        message: compiled.fault.detail,
        remedy: compiled.fault.remedy,
      });
  };
  add(source.audience, '/audience');
  if ('benefit' in source) add(source.eligibility, '/eligibility');
  const validFrom = source.valid?.from ? Date.parse(source.valid.from) : -Infinity;
  const validUntil = source.valid?.until ? Date.parse(source.valid.until) : Infinity;
  if (validFrom >= validUntil)
    findings.push({
      code: 'validity',
      pointer: '/valid',
      message: 'ends before it begins',
      remedy: 'Put from before until.',
    });

  const locales = new Map<string, CompiledField[]>();
  for (const [locale, fields] of Object.entries(source.locales)) {
    const compiledFields: CompiledField[] = [];
    for (const [name, value] of Object.entries(fields)) {
      const compiled = compileField(name, value);
      if ('field' in compiled) compiledFields.push(compiled.field);
      else
        findings.push({
          code: 'template',
          pointer: `/locales/${escapePointer(locale)}/${escapePointer(name)}`,
          message: compiled.fault,
          remedy: 'Correct the Liquid template.',
        });
    }
    locales.set(locale, compiledFields);
  }
  if (findings.length > 0) return { ok: false, findings };
  const { id, placements, stages, priority } = source;
  return {
    ok: true,
    item: { kind, id, version, placements, stages, priority, conditions, validFrom, validUntil, locales },
  };
}
