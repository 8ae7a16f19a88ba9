// The section `accounts` of journeys/policies.json: companies that several people act for. What each member does stands in
// workers/accounts/SPEC.md.

import { z } from 'zod';
import { LIMITS } from '../limits.ts';

export const AccountsPolicy = z.strictObject({
  join: z
    .enum(['proven', 'open'])
    .optional()
    .describe(
      'Whose word makes a member: proven (absent): of a secret key, or of a customer token that names the account; open: of everybody who may report events.',
    ),
  shares: z
    .array(z.string().min(1).max(LIMITS.nameCharsMax))
    .max(LIMITS.sharedEventsMax)
    .optional()
    .describe('Events of a member that are events of the account too.'),
});
export type AccountsPolicy = z.infer<typeof AccountsPolicy>;
