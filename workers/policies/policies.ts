// journeys/policies.json becomes the policies of a catalog: each section is compiled by the core that applies it.

import { Policies as Written } from '../../schema/policies.ts';
import { type AccountRules, compileAccounts, NO_ACCOUNTS } from '../accounts/policy.ts';
import { type ConsentRules, compileConsent, NO_CONSENT_RULES } from '../consent/policy.ts';
import type { Vocabulary } from '../engine/compile.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';
import { compileIdentity, type IdentityRules, NO_IDENTITY_RULES } from '../identity/identifiers.ts';
import { compilePressure, NO_PRESSURE, type PressureRules } from '../pressure/policy.ts';
import { compilePrivacy, NO_PRIVACY_RULES, type PrivacyRules } from '../privacy/policy.ts';

/** What holds for every customer. Nothing is undefined here: a section nobody wrote is the default of its core. */
export interface Policies {
  readonly accounts: AccountRules;
  readonly consent: ConsentRules;
  readonly identity: IdentityRules;
  readonly pressure: PressureRules;
  readonly privacy: PrivacyRules;
}

export type CompiledPolicies =
  | { readonly ok: true; readonly policies: Policies }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/**
 * @param vocabulary what conditions in policies are compiled with
 * @param since when they were published, milliseconds
 */
export function compilePolicies(document: unknown, vocabulary: Vocabulary, since?: number): CompiledPolicies {
  const parsed = Written.safeParse(document);
  if (!parsed.success) return { ok: false, findings: findingsOf(parsed.error.issues, document) };
  const consent = parsed.data.consent
    ? compileConsent(parsed.data.consent)
    : { ok: true as const, rules: NO_CONSENT_RULES };
  if (!consent.ok) return consent;
  const privacy = compilePrivacy(parsed.data.privacy ?? {}, vocabulary.resolve);
  if (!privacy.ok) return privacy;
  const identity = compileIdentity(parsed.data.identity ?? {});
  if (!identity.ok) return identity;
  const pressure = parsed.data.pressure
    ? compilePressure(parsed.data.pressure, since)
    : { ok: true as const, rules: NO_PRESSURE };
  if (!pressure.ok) return pressure;
  const accounts = parsed.data.accounts
    ? compileAccounts(parsed.data.accounts, vocabulary)
    : { ok: true as const, rules: NO_ACCOUNTS };
  if (!accounts.ok) return accounts;
  return {
    ok: true,
    policies: {
      accounts: accounts.rules,
      consent: consent.rules,
      identity: identity.rules,
      pressure: pressure.rules,
      privacy: privacy.rules,
    },
  };
}

/** Where nobody has written any. */
export const NO_POLICIES: Policies = {
  accounts: NO_ACCOUNTS,
  consent: NO_CONSENT_RULES,
  identity: NO_IDENTITY_RULES,
  pressure: NO_PRESSURE,
  privacy: NO_PRIVACY_RULES,
};
