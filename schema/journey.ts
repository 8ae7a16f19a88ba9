// A journey as a designer writes it. Owns the shape and its limits; what the parts mean stands in
// workers/engine/SPEC.md, and what a shape cannot say (targets, conditions, delays) the engine's compiler checks.

import { z } from 'zod';
import { LIMITS } from './limits.ts';

const name = z.string().min(1).max(LIMITS.nameCharsMax);
const slug = z
  .string()
  .min(1)
  .max(LIMITS.nameCharsMax)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'use lower-case letters, digits, dots, dashes and underscores');

export const Condition = z
  .string()
  .min(1)
  .max(LIMITS.conditionCharsMax)
  .describe(
    'A condition in CEL over event, traits and the history functions count, sum, first, last, distinct, daysSince.',
  );

/** Days are 24 hours, weeks 7 days; months and years have no fixed length and are refused by the compiler. */
export const Duration = z
  .string()
  .max(40)
  .regex(
    /^P(?=.)(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d{1,3})?S)?)?$/,
    'use an ISO 8601 duration of weeks, days, hours, minutes and seconds, such as P30D or PT2H',
  )
  .describe('ISO 8601 duration of weeks, days, hours, minutes and seconds: P30D, PT2H. A day is 24 hours.');

export const Trigger = z.strictObject({
  event: name.describe('The name of an event; page, screen, identify, group and alias name those calls.'),
  if: Condition.optional(),
});
export type Trigger = z.infer<typeof Trigger>;

export const Transition = z.strictObject({
  event: name,
  if: Condition.optional(),
  to: name.describe('The stage to go to. The same stage enters it again.'),
});
export type Transition = z.infer<typeof Transition>;

export const After = z.strictObject({
  delay: Duration,
  since: z
    .enum(['entry', 'activity'])
    .default('entry')
    .describe('Counts from entering the stage, or from the last event of the customer.'),
  if: Condition.optional(),
  to: name,
});
export type After = z.infer<typeof After>;

export const CHANNELS = ['email', 'sms', 'push', 'inbox', 'webhook', 'letter'] as const;
export const PURPOSES = ['transactional', 'service', 'marketing'] as const;

export interface SendStep {
  send: string;
  channel: (typeof CHANNELS)[number];
  purpose: (typeof PURPOSES)[number];
}
export interface WaitStep {
  wait: string;
}
export interface BranchStep {
  branch: { if: string; steps: Step[] }[];
  else?: Step[] | undefined;
}
export interface SetStep {
  set: string;
  value: string;
}
export type Step = SendStep | WaitStep | BranchStep | SetStep;

const SendStep = z.strictObject({
  send: slug.describe('The id of a message template.'),
  channel: z.enum(CHANNELS),
  purpose: z.enum(PURPOSES),
});
const WaitStep = z.strictObject({ wait: Duration });
const SetStep = z.strictObject({
  set: name.describe('The trait to set.'),
  value: Condition.describe('A CEL expression for its value.'),
});
const BranchStep: z.ZodType<BranchStep> = z.strictObject({
  get branch() {
    return z
      .array(z.strictObject({ if: Condition, steps: Steps }))
      .min(1)
      .max(LIMITS.transitionsPerStageMax);
  },
  get else() {
    return Steps.optional();
  },
});
const STEP_KINDS: Record<string, z.ZodType<Step>> = {
  send: SendStep,
  wait: WaitStep,
  branch: BranchStep,
  set: SetStep,
};

/** One step; the member that names its kind chooses the schema, so that a fault points into that kind. */
export const Step: z.ZodType<Step> = z.lazy(() => z.union([SendStep, WaitStep, BranchStep, SetStep]));
export const Steps: z.ZodType<Step[]> = z.lazy(() => z.array(Step).max(LIMITS.stepsPerStageMax));

export const Stage = z.strictObject({
  name: z.string().max(LIMITS.nameCharsMax).optional(),
  description: z.string().max(LIMITS.stringCharsMax).optional(),
  final: z.boolean().optional().describe('A stage that ends the run.'),
  steps: Steps.optional(),
  on: z.array(Transition).max(LIMITS.transitionsPerStageMax).optional(),
  after: z.array(After).max(LIMITS.transitionsPerStageMax).optional(),
});
export type Stage = z.infer<typeof Stage>;

export const Journey = z
  .strictObject({
    $schema: z.string().optional(),
    id: slug,
    name: z.string().max(LIMITS.nameCharsMax).optional(),
    description: z.string().max(LIMITS.stringCharsMax).optional(),
    entry: z.array(Trigger).min(1).max(LIMITS.transitionsPerStageMax),
    reentry: z
      .union([z.enum(['never', 'after_exit']), z.strictObject({ after: Duration })])
      .default('never')
      .describe('Whether a customer who is through may begin again: never, at once, or so long after the end.'),
    key: z
      .union([
        Condition.describe(
          'A CEL expression over the event: one run for each value, such as event.properties.cart_id.',
        ),
        z.null(),
      ])
      .optional(),
    exit: z
      .array(Trigger)
      .max(LIMITS.transitionsPerStageMax)
      .optional()
      .describe('Ends the run at once, whatever its stage.'),
    initial: name,
    stages: z.record(name, Stage),
  })
  .meta({ title: 'Waymark journey' });
export type Journey = z.infer<typeof Journey>;

/** The schema of the step kind that a value's members name, for pointing at the fault inside it. */
export function stepSchemaOf(value: object): z.ZodType<Step> | null {
  for (const kind in STEP_KINDS) if (kind in value) return STEP_KINDS[kind] ?? null;
  return null;
}
