// The languages of one document, compiled: every variant with what it takes from others, its templates parsed with the
// fragments of its own chain of languages. What is wrong is told where it is written, once.

import { escapePointer } from '../../schema/json.ts';
import type { Finding } from '../engine/findings.ts';
import type { Wording } from './fragments.ts';
import { chainOf, variantOf } from './languages.ts';
import { type CompiledField, compileField, type FieldValue, type Medium } from './templates.ts';

export type Variants = ReadonlyMap<string, readonly CompiledField[]>;

/** @param mediumOf what a field is written in; @param findings receives what is wrong */
export function compileVariants(
  locales: { readonly [locale: string]: { readonly [field: string]: FieldValue | undefined } },
  { fragments, languages }: Wording,
  mediumOf: (field: string) => Medium,
  findings: Finding[],
): Variants {
  const variants = new Map<string, readonly CompiledField[]>();
  for (const locale of Object.keys(locales)) {
    const chain = chainOf(locale, languages);
    const fields: CompiledField[] = [];
    for (const [name, { value, from }] of variantOf(locales, chain)) {
      const compiled = compileField(name, value ?? null, mediumOf(name), { fragments, languages: chain });
      if ('field' in compiled) fields.push(compiled.field);
      else if (from === locale)
        findings.push({
          code: compiled.fault.code,
          pointer: `/locales/${escapePointer(locale)}/${escapePointer(name)}`,
          message: compiled.fault.message,
          remedy: compiled.fault.remedy,
        });
    }
    variants.set(locale, fields);
  }
  return variants;
}
