// An experiment as a designer writes it: what is tried on whom, how arms are given out, what counts as success. Owns the
// shape; what the parts mean stands in workers/experiments/SPEC.md, and what a shape cannot say is checked there too.

import { z } from 'zod';
import { Condition, Duration, Trigger } from './journey.ts';
import { LIMITS } from './limits.ts';

const slug = z
  .string()
  .min(1)
  .max(LIMITS.nameCharsMax)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'use lower-case letters, digits, dots, dashes and underscores');

const instant = z.iso.datetime({ offset: true }).or(z.iso.date());
const ids = z.array(slug).max(LIMITS.experimentItemsMax);

export const EXPERIMENT_LEVELS = ['global', 'placement', 'offer'] as const;

/** What a customer is called who gets no arm; no arm may have this name. */
export const HOLDOUT = 'holdout';

const Arm = z.strictObject({
  id: slug.refine((id) => id !== HOLDOUT, 'holdout is the name of those who get no arm: use another'),
  weight: z.number().gt(0).max(1_000_000).default(1).describe('Its share among the weights of all arms.'),
  content: ids.optional().describe('Content that only customers in this arm see.'),
  offers: ids.optional().describe('Offers that only customers in this arm see.'),
});

const Thompson = z.strictObject({
  thompson: z.strictObject({
    by: z
      .string()
      .regex(/^stages\.[a-z0-9][a-z0-9._-]*$/, 'use stages and the id of a journey, such as stages.lifecycle')
      .optional()
      .describe('Learns for each stage of this journey apart: stages.lifecycle.'),
    minimum: z
      .number()
      .min(0.01)
      .max(0.5)
      .default(0.05)
      .describe('No arm gets less than this share, so that what is behind can be seen to catch up.'),
  }),
});

export const Experiment = z
  .strictObject({
    $schema: z.string().optional(),
    id: slug,
    name: z.string().max(LIMITS.nameCharsMax).optional(),
    level: z
      .enum(EXPERIMENT_LEVELS)
      .describe('What is tried: single offers or content, whole placements, or offers as such.'),
    target: z
      .strictObject({
        offers: ids.optional().describe('Offers that are under test beside those of the arms.'),
        content: ids.optional().describe('Content that is under test beside that of the arms.'),
        placements: z.array(slug).max(LIMITS.placementsMax).optional().describe('Only in these placements.'),
      })
      .default({}),
    audience: Condition.optional(),
    salt: z
      .string()
      .min(1)
      .max(LIMITS.nameCharsMax)
      .optional()
      .describe(
        'What arms are drawn by, with the customer; without it the id. Two experiments of one salt draw alike.',
      ),
    arms: z.array(Arm).min(1).max(LIMITS.armsMax).describe('The first is the one the others are compared with.'),
    holdout: z.number().gt(0).lt(1).optional().describe('The share of customers who get no arm: 0.1 is a tenth.'),
    allocation: z.union([z.literal('fixed'), Thompson]).default('fixed'),
    goal: z.strictObject({
      event: Trigger.shape.event,
      if: Condition.optional(),
      within: Duration.describe('How long after the first exposure the event counts: P7D.'),
    }),
    from: instant.optional(),
    until: instant.optional(),
    winner: z.literal('automatic').optional().describe('Who comes new gets the winner, once there is one.'),
  })
  .meta({ title: 'Waymark experiment' });
export type Experiment = z.infer<typeof Experiment>;
