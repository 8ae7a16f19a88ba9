// journeys/placements.json: the places on the pages of a site, and how many items each shows. A placement nobody declares
// has one slot.

import { z } from 'zod';
import { CONTENT_KINDS } from './catalog.ts';
import { LIMITS } from './limits.ts';

const Placement = z.strictObject({
  description: z.string().max(LIMITS.stringCharsMax).optional(),
  slots: z.number().int().min(1).max(LIMITS.slotsMax).default(1),
  kinds: z
    .array(z.enum([...CONTENT_KINDS, 'offer']))
    .min(1)
    .optional()
    .describe('What it takes; absent: everything.'),
  diversity: z
    .strictObject({
      by: z.enum(['kind', 'topic', 'excludes']),
      most: z.number().int().min(1).max(LIMITS.slotsMax),
    })
    .optional()
    .describe('At most so many items that are alike.'),
});

export const Placements = z
  .strictObject({
    $schema: z.string().optional(),
    placements: z.record(z.string().regex(/^[a-z0-9][a-z0-9._-]*$/), Placement),
  })
  .meta({ title: 'Waymark placements' });
export type Placements = z.infer<typeof Placements>;
