// What customers say in tests of consent, and the policy it is said under.

import { hear } from '../../workers/consent/hear.ts';
import { type ConsentRules, compileConsent } from '../../workers/consent/policy.ts';
import { type Consents, NO_CONSENTS, refusal, type Statement, withStatement } from '../../workers/consent/state.ts';

export const DAY = 24 * 3_600_000;
export const AT = Date.UTC(2026, 10, 23);

export function rulesOf(policy: Parameters<typeof compileConsent>[0]): ConsentRules {
  const compiled = compileConsent(policy);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  return compiled.rules;
}

export const RULES = rulesOf({
  wording: 'v1',
  purposes: {
    marketing: { basis: 'consent', doubleOptIn: { channels: ['email'], sources: ['form'] } },
    newsletter: { basis: 'consent', doubleOptIn: { channels: ['email'] }, expires: 'P10D' },
    service: { basis: 'legitimate-interest' },
    personalisation: { basis: 'legitimate-interest' },
    transactional: { basis: 'contract' },
  },
  signals: {
    globalPrivacyControl: ['personalisation', 'marketing'],
    categories: { Ads: 'marketing' },
    consentMode: { ad_storage: 'marketing' },
    tcf: { '4': 'personalisation' },
  },
});

export const statement = (more: Partial<Statement> = {}): Statement => ({
  purpose: 'marketing',
  channel: 'email',
  granted: true,
  at: AT,
  source: null,
  wording: null,
  confirmed: false,
  ...more,
});
export const having = (...said: Partial<Statement>[]): Consents =>
  said.reduce<Consents>((consents, each) => withStatement(consents, RULES, statement(each)).consents, NO_CONSENTS);
export const refusedFor = (consents: Consents, purpose = 'marketing', channel: string | null = 'email', at = AT) =>
  refusal(consents, RULES, purpose, channel, at);

let messages = 0;
export const heard = (before: Consents, name: string, message: object, at = AT, rules = RULES) =>
  hear(before, rules, { name, messageId: `m${++messages}`, at }, { type: 'track', ...message });
