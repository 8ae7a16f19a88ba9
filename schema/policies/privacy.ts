// The section `privacy` of journeys/policies.json: how long what is kept. What each member does stands in
// workers/privacy/SPEC.md.

import { z } from 'zod';
import { Duration } from '../steps.ts';

export const PrivacyPolicy = z.strictObject({
  erasedFor: Duration.optional().describe(
    'How long events of an erased customer are rejected; absent: P30D. Longer than any device keeps what it could not send.',
  ),
  visitorsIdle: Duration.optional().describe(
    'After how long without any event a visitor nobody knows is removed; absent: P395D.',
  ),
});
export type PrivacyPolicy = z.infer<typeof PrivacyPolicy>;
