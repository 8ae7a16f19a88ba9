// The section `accounts` of the policies, compiled: who may join, what is shared and what of it.

import type { AccountsPolicy } from '../../schema/policies/accounts.ts';
import type { Vocabulary } from '../engine/compile.ts';
import type { Finding } from '../engine/findings.ts';
import { nearest } from '../engine/nearest.ts';

export interface AccountRules {
  /** Whether there are accounts at all. */
  readonly declared: boolean;
  readonly open: boolean;
  /** By the declared name of each event that is shared: the properties that stay with the member. */
  readonly shares: ReadonlyMap<string, ReadonlySet<string>>;
}

export const NO_ACCOUNTS: AccountRules = { declared: false, open: false, shares: new Map() };

export type CompiledAccounts =
  | { readonly ok: true; readonly rules: AccountRules }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export function compileAccounts(
  { join = 'proven', shares = [] }: AccountsPolicy,
  { declarations, resolve }: Vocabulary,
): CompiledAccounts {
  const findings: Finding[] = [];
  const shared = new Map<string, ReadonlySet<string>>();
  shares.forEach((written, index) => {
    const event = resolve(written);
    const declared = Object.hasOwn(declarations.events, event) ? declarations.events[event] : undefined;
    if (!declared)
      findings.push({
        ...{ code: 'account-event', pointer: `/accounts/shares/${index}` },
        message: `the event ${JSON.stringify(written)} is not declared, so nobody knows what in it is personal`,
        remedy: `${nearest(written, Object.keys(declarations.events))}Declare it in events.json, or correct its spelling.`,
      });
    const personal = Object.entries(declared?.properties ?? {}).flatMap(([name, field]) =>
      field.personal ? [name] : [],
    );
    shared.set(event, new Set(personal));
  });
  if (findings.length > 0) return { ok: false, findings };
  return { ok: true, rules: { declared: true, open: join === 'open', shares: shared } };
}
