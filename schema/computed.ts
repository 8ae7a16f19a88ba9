// A trait that is worked out from the history, as a designer declares it in events.json. Owns the shape; what the members
// mean stands in workers/knowledge/SPEC.md.

import { z } from 'zod';
import { Condition, Duration } from './journey.ts';
import { LIMITS } from './limits.ts';

const event = z.string().min(1).max(LIMITS.nameCharsMax).describe('The event that is asked for.');
const of = z
  .string()
  .min(1)
  .max(LIMITS.nameCharsMax)
  .regex(/^[^.]+(\.[^.]+)*$/, 'use the name of a property, or a path such as products.category')
  .describe('The property; each element of a list on the way counts.');
const common = {
  where: Condition.optional().describe('Only events for which this holds.'),
  window: Duration.optional().describe('How far back the history goes; absent: all of it.'),
};

export const Computed = z.union([
  z.strictObject({ count: event, ...common }),
  z.strictObject({ sum: event, of, ...common }),
  z.strictObject({ average: event, of, ...common }),
  z.strictObject({ distinct: event, of, ...common }),
  z.strictObject({ mostFrequent: event, of, ...common }),
  z.strictObject({ first: event, of: of.optional(), ...common }),
  z.strictObject({ last: event, of: of.optional(), ...common }),
  z.strictObject({ averageInterval: event, ...common }),
]);
export type Computed = z.infer<typeof Computed>;
