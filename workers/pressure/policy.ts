// The section `pressure` of the policies, compiled: times in milliseconds, what concerns what as sets.

import type { PressurePolicy } from '../../schema/policies/pressure.ts';
import { isZone } from '../engine/calendar.ts';
import { durationMs } from '../engine/durations.ts';
import type { Finding } from '../engine/findings.ts';

export type Unit = 'day' | 'week' | 'month';

export interface PressureRule {
  readonly id: string;
  readonly channels: ReadonlySet<string> | null;
  readonly purposes: ReadonlySet<string>;
  readonly tags: ReadonlySet<string> | null;
  readonly calendar: { readonly count: number; readonly per: Unit } | null;
  readonly rolling: { readonly count: number; readonly withinMs: number } | null;
  readonly distanceMs: number | null;
  readonly quiet: { readonly from: string; readonly to: string } | null;
  readonly holidays: ReadonlySet<string>;
}

/** CP11. */
export interface LeastRule {
  readonly id: string;
  readonly purpose: string;
  readonly channel: string;
  readonly withinMs: number;
}

export interface PressureRules {
  readonly zone: string;
  readonly rules: readonly PressureRule[];
  readonly least: readonly LeastRule[];
  /** When they were published, milliseconds: nothing is overdue before. */
  readonly since: number;
  readonly drops: boolean;
  /** CP16; null: messages wait each for itself. */
  readonly digest: { readonly message: string; readonly expiresMs: number } | null;
  readonly waitAtMostMs: number;
  /** How long a contact can still matter. */
  readonly memoryMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The longest month, and a day for the zone. */
const MONTH_MS = 32 * DAY_MS;
const ADVERTISING: ReadonlySet<string> = new Set(['marketing', 'newsletter']);

export const NO_PRESSURE: PressureRules = {
  zone: 'UTC',
  rules: [],
  least: [],
  since: Number.NEGATIVE_INFINITY,
  drops: false,
  digest: null,
  waitAtMostMs: 7 * DAY_MS,
  memoryMs: MONTH_MS,
};

/** CP6: a customer's own wish, as the preference centre has it; null for none. */
export function wishOf(frequency: string | null): PressureRule | null {
  const per = frequency === 'weekly' ? 'week' : frequency === 'monthly' ? 'month' : null;
  if (per === null) return null;
  const nothing = {
    channels: null,
    tags: null,
    rolling: null,
    distanceMs: null,
    quiet: null,
    holidays: new Set<string>(),
  };
  return { id: 'own-wish', purposes: ADVERTISING, calendar: { count: 1, per }, ...nothing };
}

export type CompiledPressure =
  | { readonly ok: true; readonly rules: PressureRules }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/** @param since when it was published, milliseconds */
export function compilePressure(policy: PressurePolicy, since = Number.NEGATIVE_INFINITY): CompiledPressure {
  const findings: Finding[] = [];
  const refuse = (pointer: string, message: string, remedy: string): void =>
    void findings.push({ code: 'policy', pointer: `/pressure${pointer}`, message, remedy });
  const lasting = (text: string | undefined, pointer: string): number | null => {
    if (text === undefined) return null;
    const ms = durationMs(text);
    if (ms === null || ms <= 0)
      refuse(pointer, `${text} is no time`, 'Use a duration longer than nothing, such as P1D.');
    return ms;
  };
  const zone = policy.zone ?? 'UTC';
  if (!isZone(zone)) refuse('/zone', `${zone} is no time zone`, 'Use an IANA zone such as Europe/Berlin.');
  const ids = new Set<string>();
  const rules = policy.rules.map((written, index): PressureRule => {
    const { id, applies = {}, most, quiet } = written;
    const pointer = `/rules/${index}`;
    if (ids.has(id)) refuse(`${pointer}/id`, `${id} is there twice`, 'Give each rule an id of its own.');
    ids.add(id);
    if (!most && !written.distance && !quiet && !written.holidays)
      refuse(pointer, 'asks for nothing', 'Give it most, distance, quiet or holidays.');
    if (most && (most.per === undefined) === (most.within === undefined))
      refuse(`${pointer}/most`, 'needs a time to count in, and one only', 'Give it per or within.');
    if (quiet && quiet.from === quiet.to)
      refuse(`${pointer}/quiet`, 'leaves no hour of the day', 'Let the hours end at another time than they begin.');
    const withinMs = lasting(most?.within, `${pointer}/most/within`);
    return {
      id,
      channels: applies.channels ? new Set(applies.channels) : null,
      purposes: applies.purposes ? new Set(applies.purposes) : ADVERTISING,
      tags: applies.tags ? new Set(applies.tags) : null,
      calendar: most?.per ? { count: most.count, per: most.per } : null,
      rolling: most && withinMs !== null ? { count: most.count, withinMs } : null,
      distanceMs: lasting(written.distance, `${pointer}/distance`),
      quiet: quiet ?? null,
      holidays: new Set(written.holidays ?? []),
    };
  });
  const least = (policy.least ?? []).map(({ id, purpose, channel, within }, index): LeastRule => {
    const pointer = `/least/${index}`;
    if (ids.has(id)) refuse(`${pointer}/id`, `${id} is there twice`, 'Give each rule an id of its own.');
    ids.add(id);
    const withinMs = durationMs(within) ?? 0;
    if (withinMs < HOUR_MS) refuse(`${pointer}/within`, `${within} is too short`, 'Use an hour (PT1H) or longer.');
    return { id, purpose, channel, withinMs };
  });
  const waitAtMostMs = lasting(policy.waitAtMost, '/waitAtMost') ?? NO_PRESSURE.waitAtMostMs;
  const { otherwise, digest } = policy;
  if ((otherwise === 'digest') !== (digest !== undefined))
    refuse('/digest', 'and otherwise: digest need each other', 'Give both, or neither.');
  const expiresMs = lasting(digest?.expires, '/digest/expires') ?? waitAtMostMs;
  if (findings.length > 0) return { ok: false, findings };
  const memoryMs = Math.max(
    MONTH_MS,
    ...rules.map((rule) => Math.max(rule.rolling?.withinMs ?? 0, rule.distanceMs ?? 0)),
    ...least.map((rule) => rule.withinMs),
  );
  const drops = otherwise === 'drop';
  const joint = digest ? { message: digest.message, expiresMs } : null;
  return { ok: true, rules: { zone, rules, least, since, drops, digest: joint, waitAtMostMs, memoryMs } };
}
