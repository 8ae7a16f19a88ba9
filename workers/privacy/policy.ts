// The section `privacy` of the policies, compiled: times in milliseconds.

import type { PrivacyPolicy } from '../../schema/policies/privacy.ts';
import { durationMs } from '../engine/durations.ts';
import type { Finding } from '../engine/findings.ts';

export interface PrivacyRules {
  readonly erasedForMs: number;
  readonly visitorsIdleMs: number;
}

const DAY_MS = 24 * 3_600_000;

export const NO_PRIVACY_RULES: PrivacyRules = { erasedForMs: 30 * DAY_MS, visitorsIdleMs: 395 * DAY_MS };

export type CompiledPrivacy =
  | { readonly ok: true; readonly rules: PrivacyRules }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export function compilePrivacy({ erasedFor, visitorsIdle }: PrivacyPolicy): CompiledPrivacy {
  const findings: Finding[] = [];
  const lasting = (text: string | undefined, member: string, otherwiseMs: number): number => {
    if (text === undefined) return otherwiseMs;
    const ms = durationMs(text);
    if (ms !== null && ms >= DAY_MS) return ms;
    const remedy = 'Say at least P1D.';
    findings.push({ code: 'duration', pointer: `/privacy/${member}`, message: `${text} is too short`, remedy });
    return otherwiseMs;
  };
  const rules = {
    erasedForMs: lasting(erasedFor, 'erasedFor', NO_PRIVACY_RULES.erasedForMs),
    visitorsIdleMs: lasting(visitorsIdle, 'visitorsIdle', NO_PRIVACY_RULES.visitorsIdleMs),
  };
  return findings.length > 0 ? { ok: false, findings } : { ok: true, rules };
}
