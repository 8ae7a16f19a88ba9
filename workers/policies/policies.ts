// journeys/policies.json becomes the policies of a catalog: each section is compiled by the core that applies it.

import { Policies as Written } from '../../schema/policies.ts';
import type { Vocabulary } from '../engine/compile.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';

/** What holds for every customer. Nothing is undefined here: a section nobody wrote is the default of its core. */
export type Policies = Readonly<Record<never, never>>;

export type CompiledPolicies =
  | { readonly ok: true; readonly policies: Policies }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/** @param vocabulary what conditions in policies are compiled with */
export function compilePolicies(document: unknown, _vocabulary: Vocabulary): CompiledPolicies {
  const parsed = Written.safeParse(document);
  if (!parsed.success) return { ok: false, findings: findingsOf(parsed.error.issues, document) };
  return { ok: true, policies: {} };
}

/** Where nobody has written any. */
export const NO_POLICIES: Policies = {};
