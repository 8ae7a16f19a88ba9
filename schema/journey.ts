// A journey as a designer writes it. Owns the shape and its limits; what the parts mean stands in
// workers/engine/SPEC.md, and what a shape cannot say (targets, conditions, delays) the engine's compiler checks.
// The steps of a stage: steps.ts.

import { z } from 'zod';
import { LIMITS } from './limits.ts';
import { Condition, DateInData, Duration, name, Steps, slug, Zone } from './steps.ts';

export * from './steps.ts';

export const Trigger = z.strictObject({
  event: name.describe('The name of an event; page, screen, identify, group and alias name those calls.'),
  if: Condition.optional(),
});
export type Trigger = z.infer<typeof Trigger>;

const AudienceEntry = z.strictObject({
  audience: slug.describe('Begins when the customer joins this audience.'),
  if: Condition.optional(),
});
const Schedule = z.strictObject({
  rrule: z
    .string()
    .min(1)
    .max(LIMITS.rruleCharsMax)
    .describe('RFC 5545 recurrence rule: FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0'),
  start: z
    .string()
    .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/, 'use a local date and time, such as 2026-01-05T09:00')
    .describe('The first occurrence there could be, in the zone of the rule: 2026-01-05T09:00.'),
  zone: Zone.optional().describe("Without it each customer's own zone."),
});
export type Schedule = z.infer<typeof Schedule>;
const ScheduleEntry = z.strictObject({ schedule: Schedule, if: Condition.optional() });
const ApiEntry = z.strictObject({
  api: z.literal(true).describe('Begins when a server asks for it by the event Journey Requested.'),
  if: Condition.optional(),
});
const JourneyEntry = z.strictObject({
  journey: slug.describe('Begins when a step of this other journey starts it.'),
  if: Condition.optional(),
});

export const Entry = z.union([Trigger, AudienceEntry, ScheduleEntry, ApiEntry, JourneyEntry]);
export type Entry = z.infer<typeof Entry>;

const back = z
  .boolean()
  .optional()
  .describe('Meant to lead back to an earlier stage, where the journey refuses that otherwise.');

export const Transition = z.strictObject({
  event: name,
  if: Condition.optional(),
  to: name.describe('The stage to go to. The same stage enters it again.'),
  back,
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
  back,
});
export type After = z.infer<typeof After>;

export const At = z.strictObject({
  ...DateInData,
  every: z.literal('year').optional().describe('Comes again each year on that day and month: a birthday.'),
  if: Condition.optional(),
  to: name,
  back,
});
export type At = z.infer<typeof At>;

export const Always = z.strictObject({
  if: Condition.describe('Taken as soon as it holds, without an event. It cannot ask what changes with time alone.'),
  to: name,
  back,
});
export type Always = z.infer<typeof Always>;

export const Stage = z.strictObject({
  name: z.string().max(LIMITS.nameCharsMax).optional(),
  description: z.string().max(LIMITS.stringCharsMax).optional(),
  final: z.boolean().optional().describe('A stage that ends the run.'),
  steps: Steps.optional(),
  on: z.array(Transition).max(LIMITS.transitionsPerStageMax).optional(),
  after: z.array(After).max(LIMITS.transitionsPerStageMax).optional(),
  at: z.array(At).max(LIMITS.datesPerStageMax).optional(),
  always: z.array(Always).max(LIMITS.transitionsPerStageMax).optional(),
});
export type Stage = z.infer<typeof Stage>;

export const Goal = z.strictObject({
  event: name,
  if: Condition.optional(),
  within: Duration.optional().describe('Counts only so long after the run began.'),
  ends: z.boolean().optional().describe('Reaching the goal ends the run.'),
});
export type Goal = z.infer<typeof Goal>;

export const Caps = z.strictObject({
  entries: z
    .strictObject({ max: z.int().min(1).max(LIMITS.capEntriesMax), within: Duration })
    .optional()
    .describe('A customer begins this journey at most so often in any such time.'),
  concurrent: z
    .int()
    .min(1)
    .max(LIMITS.runsPerCustomerMax)
    .optional()
    .describe('A customer has at most so many runs of this journey at once.'),
});

export const Journey = z
  .strictObject({
    $schema: z.string().optional(),
    id: slug,
    name: z.string().max(LIMITS.nameCharsMax).optional(),
    description: z.string().max(LIMITS.stringCharsMax).optional(),
    zone: Zone.optional().describe(
      'The time zone of a customer whose trait timezone does not say another; UTC if absent.',
    ),
    tags: z.array(slug).max(LIMITS.tagsMax).optional(),
    suspends: z
      .array(slug)
      .min(1)
      .max(LIMITS.tagsMax)
      .optional()
      .describe('While a run of this journey is live, journeys with one of these tags pause.'),
    priority: z.int().min(-1_000).max(1_000).optional().describe('The higher goes first; 0 where not said.'),
    subject: z
      .enum(['customer', 'account'])
      .optional()
      .describe('Whose journey it is: of a person (absent), or of a company that people act for.'),
    entry: z.array(Entry).min(1).max(LIMITS.transitionsPerStageMax),
    reentry: z
      .union([z.enum(['never', 'after_exit']), z.strictObject({ after: Duration })])
      .default('never')
      .describe('Whether a customer who is through may begin again: never, at once, or so long after the end.'),
    caps: Caps.optional(),
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
    goal: Goal.optional(),
    order: z.array(name).min(2).max(LIMITS.stagesMax).optional().describe('Stages from the earliest to the latest.'),
    regress: z
      .enum(['allow', 'refuse'])
      .optional()
      .describe('refuse: a way back to a stage earlier in the order is a fault, unless it says back.'),
    onMerge: z
      .enum(['later', 'earlier', 'target'])
      .optional()
      .describe(
        'Two customers in this journey turn out to be one: the run in the later stage stays, that in the earlier one, or that of the customer they are from now on. later where not said.',
      ),
    initial: name,
    stages: z.record(name, Stage),
  })
  .meta({ title: 'Waymark journey' });
export type Journey = z.infer<typeof Journey>;
