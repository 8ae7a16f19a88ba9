// What an item's document says is limited for all customers together: its caps in all, its budget and its pool of codes,
// each a pot of its own (workers/totals). Pure.

import type { Content, Offer } from '../../schema/catalog.ts';
import { durationMs } from '../engine/durations.ts';
import type { Finding } from '../engine/findings.ts';
import type { Counted } from './ledger.ts';

export interface Total {
  /** The pot's name; with a calendar the day, week or month is added to it. */
  readonly pot: string;
  readonly unit: 'pieces' | 'money' | 'codes';
  /** Units in all; hundredths of the currency for money. Of codes there are as many as there are. */
  readonly most: number;
  /** Units one claim takes. */
  readonly amount: number;
  /** What makes a claim final. */
  readonly event: Counted;
  readonly placement: string | null;
  readonly calendar: 'day' | 'week' | 'month' | null;
  /** How long a claim waits for its event, milliseconds. */
  readonly holdMs: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** B2, where the document does not say. */
const HOLD_MS: Readonly<Record<Counted, number>> = {
  decision: MINUTE_MS,
  impression: 60 * MINUTE_MS,
  click: DAY_MS,
  redemption: 7 * DAY_MS,
};

const hundredths = (amount: number): number => Math.round(amount * 100);

export function totalsOf(
  kind: 'content' | 'offer',
  source: Content | Offer,
): { readonly totals: readonly Total[]; readonly findings: readonly Finding[] } {
  const totals: Total[] = [];
  const findings: Finding[] = [];
  const own = `${kind}:${source.id}`;
  for (const [index, cap] of (source.caps ?? []).entries()) {
    const { scope, event, most, placement = null, within } = cap;
    if (scope !== 'all') continue;
    const calendar = typeof within === 'object' ? within.calendar : null;
    const pot = [own, event, placement ?? '', calendar ?? ''].join(':');
    if (totals.some((total) => total.pot === pot))
      findings.push({
        code: 'cap-twice',
        pointer: `/caps/${index}`,
        message: 'limits the same event, placement and calendar in all as another cap',
        remedy: 'Keep the lower of the two.',
      });
    totals.push({ pot, unit: 'pieces', most, amount: 1, event, placement, calendar, holdMs: HOLD_MS[event] });
  }
  if (!('benefit' in source)) return { totals, findings };
  const { budget, codes, benefit } = source;
  const plain = { event: 'redemption', placement: null, calendar: null } as const;
  const holdMs = (budget?.holdFor === undefined ? null : durationMs(budget.holdFor)) ?? HOLD_MS.redemption;
  if (budget?.pieces !== undefined)
    totals.push({ ...plain, pot: `${own}:pieces`, unit: 'pieces', most: budget.pieces, amount: 1, holdMs });
  if (budget?.money !== undefined) {
    const held = budget.hold ?? (benefit.kind === 'amount' ? benefit.value : undefined);
    if (held === undefined || held <= 0 || held > budget.money)
      findings.push({
        code: 'budget-hold',
        pointer: '/budget/money',
        message:
          held === undefined ? 'does not say how much one customer may spend of it' : 'is less than one customer takes',
        remedy: 'Give budget.hold: the most that one redemption costs, no more than budget.money.',
      });
    const amount = hundredths(held ?? 0);
    totals.push({ ...plain, pot: `${own}:money`, unit: 'money', most: hundredths(budget.money), amount, holdMs });
  }
  if (codes) totals.push({ ...plain, pot: poolPot(codes.pool), unit: 'codes', most: 0, amount: 1, holdMs });
  return { totals, findings };
}

/** The pot of a pool of codes, which several offers may share. */
export const poolPot = (pool: string): string => `pool:${pool}`;
