// The section `consent` of the policies, compiled: durations in milliseconds, and a rule for every purpose there is.

import type { ConsentPolicy, ConsentPurpose } from '../../schema/policies/consent.ts';
import { durationMs } from '../engine/durations.ts';
import type { Finding } from '../engine/findings.ts';

export interface PurposeRule {
  readonly basis: 'consent' | 'contract' | 'legitimate-interest';
  /** By language; null: not offered in the preference centre. */
  readonly names: ReadonlyMap<string, string> | null;
  readonly channels: readonly string[];
  /** Channels and sources for which a yes has to be confirmed; no sources: each. */
  readonly doubleOptIn: { readonly channels: readonly string[]; readonly sources: readonly string[] | null } | null;
  readonly expiresMs: number | null;
}

export type Treatment = 'drop' | 'anonymous' | 'necessary';

export interface ConsentRules {
  /** Whether anybody wrote any; without them messages need no link to end them. */
  readonly declared: boolean;
  readonly wording: string | null;
  readonly purposes: ReadonlyMap<string, PurposeRule>;
  readonly confirmWithinMs: number;
  readonly privacyControl: readonly string[];
  /** What a member of each kind of signal stands for. */
  readonly signals: Readonly<Record<SignalKind, ReadonlyMap<string, string>>>;
  /** Who we are in the IAB's list of vendors; null: nobody it would have to name. */
  readonly tcfVendor: number | null;
  readonly events: {
    readonly purpose: string;
    readonly without: Treatment;
    readonly necessary: ReadonlySet<string>;
  } | null;
}

export const SIGNAL_KINDS = ['categories', 'consentMode', 'tcf', 'traits'] as const;
export type SignalKind = (typeof SIGNAL_KINDS)[number];

const WEEK_MS = 7 * 24 * 3_600_000;

const ruleOf = (basis: PurposeRule['basis']): PurposeRule => ({
  basis,
  names: null,
  channels: ['email'],
  doubleOptIn: null,
  expiresMs: null,
});

/** CN1: what holds for a purpose nobody wrote about. */
const UNNAMED = { consent: ruleOf('consent'), contract: ruleOf('contract') };
export const ruleFor = ({ purposes }: ConsentRules, purpose: string): PurposeRule =>
  purposes.get(purpose) ?? (purpose === 'marketing' || purpose === 'newsletter' ? UNNAMED.consent : UNNAMED.contract);

/** Whether a customer may put an end to it. */
export const mayEnd = (rules: ConsentRules, purpose: string): boolean => ruleFor(rules, purpose).basis !== 'contract';

export const NO_CONSENT_RULES: ConsentRules = {
  declared: false,
  wording: null,
  purposes: new Map(),
  confirmWithinMs: WEEK_MS,
  privacyControl: [],
  signals: { categories: new Map(), consentMode: new Map(), tcf: new Map(), traits: new Map() },
  tcfVendor: null,
  events: null,
};

export type CompiledConsent =
  | { readonly ok: true; readonly rules: ConsentRules }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/** @param policy of the right shape; pointers of findings lead into the whole document */
export function compileConsent(policy: ConsentPolicy): CompiledConsent {
  const findings: Finding[] = [];
  const lasting = (text: string | undefined, pointer: string): number | null => {
    if (text === undefined) return null;
    const ms = durationMs(text);
    if (ms !== null && ms > 0) return ms;
    const message = `${text} is no time`;
    findings.push({ code: 'duration', pointer, message, remedy: 'Use a duration longer than nothing, such as P7D.' });
    return null;
  };
  const purposes = new Map<string, PurposeRule>();
  for (const [purpose, written] of Object.entries(policy.purposes) as [ConsentPurpose, Written][]) {
    if (!written) continue;
    const { basis, names, channels = ['email'], doubleOptIn, expires } = written;
    const pointer = `/consent/purposes/${purpose}`;
    if (basis !== 'consent' && (doubleOptIn || expires))
      findings.push({
        code: 'policy',
        pointer,
        message: `has the basis ${basis}, for which there is no yes that could be confirmed or end`,
        remedy: 'Take out doubleOptIn and expires, or give it the basis consent.',
      });
    purposes.set(purpose, {
      basis,
      names: names ? new Map(Object.entries(names)) : null,
      channels,
      doubleOptIn: doubleOptIn ? { channels: doubleOptIn.channels, sources: doubleOptIn.sources ?? null } : null,
      expiresMs: lasting(expires, `${pointer}/expires`),
    });
  }
  const { signals = {}, events } = policy;
  if (signals.tcfVendor !== undefined && !signals.tcf)
    findings.push({
      code: 'policy',
      pointer: '/consent/signals/tcfVendor',
      message: 'asks for a vendor of strings that nobody reads',
      remedy: 'Say what the purposes stand for, in tcf, or leave it out.',
    });
  const confirmWithinMs = lasting(policy.confirmWithin, '/consent/confirmWithin') ?? WEEK_MS;
  if (findings.length > 0) return { ok: false, findings };
  const meanings = (written: Record<string, string> | undefined) => new Map(Object.entries(written ?? {}));
  return {
    ok: true,
    rules: {
      declared: true,
      wording: policy.wording ?? null,
      purposes,
      confirmWithinMs,
      privacyControl: signals.globalPrivacyControl ?? [],
      signals: {
        categories: meanings(signals.categories),
        consentMode: meanings(signals.consentMode),
        tcf: meanings(signals.tcf),
        traits: meanings(signals.traits),
      },
      tcfVendor: signals.tcfVendor ?? null,
      events: events
        ? { purpose: events.purpose, without: events.without, necessary: new Set(events.necessary ?? []) }
        : null,
    },
  };
}

type Written = ConsentPolicy['purposes'][ConsentPurpose];
