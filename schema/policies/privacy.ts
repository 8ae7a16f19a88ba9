// The section `privacy` of journeys/policies.json: how long what is kept. What each member does stands in
// workers/privacy/SPEC.md.

import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { Duration } from '../steps.ts';

const Retention = z.strictObject({
  default: Duration.optional().describe(
    'Lines of the timeline that nothing else is said of; absent: as long as the customer.',
  ),
  events: z
    .record(z.string().min(1).max(LIMITS.nameCharsMax), Duration)
    .refine((events) => Object.keys(events).length <= LIMITS.retentionEventsMax, {
      error: `at most ${LIMITS.retentionEventsMax} events`,
    })
    .optional()
    .describe('Events by their declared name; page, screen, identify, group and alias by their type.'),
});

export const PrivacyPolicy = z.strictObject({
  erasedFor: Duration.optional().describe(
    'How long events of an erased customer are rejected; absent: P30D. Longer than any device keeps what it could not send.',
  ),
  visitorsIdle: Duration.optional().describe(
    'After how long without any event a visitor nobody knows is removed; absent: P395D.',
  ),
  retention: Retention.optional().describe('How long lines of the timeline are kept; absent: as long as the customer.'),
  accessLog: Duration.optional().describe('How long it is known who has read a customer; absent: P400D.'),
});
export type Retention = z.infer<typeof Retention>;
export type PrivacyPolicy = z.infer<typeof PrivacyPolicy>;
