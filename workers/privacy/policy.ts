// The section `privacy` of the policies, compiled: times in milliseconds.

import { escapePointer } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { PrivacyPolicy } from '../../schema/policies/privacy.ts';
import { durationMs } from '../engine/durations.ts';
import type { Finding } from '../engine/findings.ts';
import { DAY_MS, type RetentionRules, retentionRules } from './retention.ts';

export interface PrivacyRules {
  readonly erasedForMs: number;
  readonly visitorsIdleMs: number;
  readonly accessLogMs: number;
  /** Null: lines of the timeline stay as long as the customer. */
  readonly retention: RetentionRules | null;
}

export const NO_PRIVACY_RULES: PrivacyRules = {
  erasedForMs: 30 * DAY_MS,
  visitorsIdleMs: 395 * DAY_MS,
  accessLogMs: LIMITS.accessLogDays * DAY_MS,
  retention: null,
};

export type CompiledPrivacy =
  | { readonly ok: true; readonly rules: PrivacyRules }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/** @param resolve the declared name of an event */
export function compilePrivacy(written: PrivacyPolicy, resolve: (name: string) => string): CompiledPrivacy {
  const { erasedFor, visitorsIdle, accessLog, retention = {} } = written;
  const findings: Finding[] = [];
  const refuse = (pointer: string, text: string, remedy: string): void => {
    const message = `${text} is too short or too long`;
    findings.push({ code: 'duration', pointer: `/privacy/${pointer}`, message, remedy });
  };
  const lasting = (text: string | undefined, member: string, otherwiseMs: number): number => {
    if (text === undefined) return otherwiseMs;
    const ms = durationMs(text);
    if (ms !== null && ms >= DAY_MS) return ms;
    refuse(member, text, 'Say at least P1D.');
    return otherwiseMs;
  };
  const times: (readonly [string, string])[] = Object.entries(retention.events ?? {}).map(([name, text]) => [
    `events/${escapePointer(name)}`,
    text,
  ]);
  if (retention.default !== undefined) times.push(['default', retention.default]);
  for (const [member, text] of times) {
    const ms = durationMs(text) ?? 0;
    if (ms < LIMITS.retentionMsMin || ms > LIMITS.delayMsMax) refuse(`retention/${member}`, text, BOUNDS);
  }
  const rules = {
    erasedForMs: lasting(erasedFor, 'erasedFor', NO_PRIVACY_RULES.erasedForMs),
    visitorsIdleMs: lasting(visitorsIdle, 'visitorsIdle', NO_PRIVACY_RULES.visitorsIdleMs),
    accessLogMs: lasting(accessLog, 'accessLog', NO_PRIVACY_RULES.accessLogMs),
  };
  if (findings.length > 0) return { ok: false, findings };
  return { ok: true, rules: { ...rules, retention: retentionRules(retention, resolve) } };
}

/** A message that comes twice is known by its line: that has to stay longer than any device tries again. */
const BOUNDS = `Say P${LIMITS.retentionMsMin / DAY_MS}D to P${LIMITS.delayMsMax / DAY_MS}D, or leave it out: then lines stay as long as the customer.`;
