// A segment as a designer writes it: a named condition that says who belongs to it at every moment. Owns the shape; what it
// means stands in workers/knowledge/SPEC.md.

import { z } from 'zod';
import { Condition } from './journey.ts';
import { LIMITS } from './limits.ts';

export const Segment = z
  .strictObject({
    $schema: z.string().optional(),
    id: z
      .string()
      .min(1)
      .max(LIMITS.nameCharsMax)
      .regex(/^[a-z0-9][a-z0-9._-]*$/, 'use lower-case letters, digits, dots, dashes and underscores'),
    name: z.string().max(LIMITS.nameCharsMax).optional(),
    description: z.string().max(LIMITS.stringCharsMax).optional(),
    if: Condition.describe('Who is in it, in CEL over traits, stages and the history.'),
  })
  .meta({ title: 'Waymark segment' });
export type Segment = z.infer<typeof Segment>;
