// The section `pressure` of journeys/policies.json: how often, how close together and at which hours a customer is written
// to at most. What each member does stands in workers/pressure/SPEC.md.

import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { Duration, PURPOSES, slug, TimeOfDay, Zone } from '../steps.ts';

const Applies = z
  .strictObject({
    channels: z.array(slug).min(1).max(LIMITS.channelsMax).optional(),
    purposes: z.array(z.enum(PURPOSES)).min(1).optional().describe('Absent: marketing and newsletter.'),
    tags: z.array(slug).min(1).max(LIMITS.channelsMax).optional().describe('Of the journey the message comes from.'),
  })
  .describe('To which messages; each member that is there must hold.');

const Rule = z.strictObject({
  id: slug,
  applies: Applies.optional(),
  most: z
    .strictObject({
      count: z.int().min(1).max(LIMITS.pressureCountMax),
      per: z
        .enum(['day', 'week', 'month'])
        .optional()
        .describe('Of the calendar, in the customer’s zone; weeks begin on Monday.'),
      within: Duration.optional().describe('In any stretch of time of this length.'),
    })
    .optional(),
  distance: Duration.optional().describe('The least time between two messages.'),
  quiet: z
    .strictObject({ from: TimeOfDay, to: TimeOfDay })
    .optional()
    .describe('Hours without messages, in the customer’s zone; they may go over midnight.'),
  holidays: z
    .array(z.iso.date())
    .min(1)
    .max(LIMITS.holidaysMax)
    .optional()
    .describe('Days without messages, in the customer’s zone.'),
});

const Least = z
  .strictObject({
    id: slug,
    purpose: z.enum(PURPOSES),
    channel: slug,
    within: Duration.describe('How long a customer may be without a contact.'),
  })
  .describe('Where it is too long since the last contact, the event Contact Overdue happens.');

export const PressurePolicy = z.strictObject({
  zone: Zone.optional().describe('Of customers who have none of their own; absent: UTC.'),
  rules: z.array(Rule).max(LIMITS.pressureRulesMax),
  least: z
    .array(Least)
    .min(1)
    .max(LIMITS.leastRulesMax)
    .optional()
    .describe('How seldom is too seldom; needs a yes of the customer where the purpose does.'),
  otherwise: z
    .enum(['wait', 'drop', 'digest'])
    .optional()
    .describe(
      'What becomes of a message there is no room for now; absent: it waits. digest: those that wait go as one.',
    ),
  digest: z
    .strictObject({
      message: slug.describe('The message that lists the others, as digest.items.'),
      expires: Duration.optional().describe(
        'How old a message may be that goes with it; absent: as long as one waits.',
      ),
    })
    .optional()
    .describe('With otherwise: digest.'),
  waitAtMost: Duration.optional().describe('How long a message waits before it is given up; absent: P7D.'),
});
export type PressurePolicy = z.infer<typeof PressurePolicy>;
