// The steps of a journey's stages as a designer writes them: one schema a kind, named by its first member. Owns their
// shape; what each does stands in workers/engine/SPEC.md (group S), and targets and expressions the compiler checks.

import { z } from 'zod';
import { LIMITS } from './limits.ts';

export const name = z.string().min(1).max(LIMITS.nameCharsMax);
export const slug = z
  .string()
  .min(1)
  .max(LIMITS.nameCharsMax)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'use lower-case letters, digits, dots, dashes and underscores');

export const Condition = z
  .string()
  .min(1)
  .max(LIMITS.conditionCharsMax)
  .describe(
    'A condition in CEL over event, traits and the history functions count, sum, first, last, distinct, daysSince; in a journey also start and answers.',
  );

const Expression = Condition.describe('A CEL expression for a value.');

/** Days are 24 hours, weeks 7 days; months and years have no fixed length and are refused by the compiler. */
export const Duration = z
  .string()
  .max(40)
  .regex(
    /^P(?=.)(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d{1,3})?S)?)?$/,
    'use an ISO 8601 duration of weeks, days, hours, minutes and seconds, such as P30D or PT2H',
  )
  .describe('ISO 8601 duration of weeks, days, hours, minutes and seconds: P30D, PT2H. A day is 24 hours.');

/** Added to a date in its zone, so a day is a day of the calendar and months may be said. */
export const Offset = z
  .string()
  .max(40)
  .regex(
    /^[+-]?P(?=.)(\d{1,3}Y)?(\d{1,4}M)?(\d{1,4}W)?(\d{1,5}D)?(T(?=\d)(\d{1,5}H)?(\d{1,6}M)?(\d{1,7}S)?)?$/,
    'use an ISO 8601 duration with a sign, such as -P14D or P1M',
  )
  .describe('Counted from the date in its zone: -P14D is 14 calendar days before, P1M a month after.');

export const TimeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'use hours and minutes, such as 09:00')
  .describe('Hours and minutes of the day in its zone: 09:00.');

export const Zone = z.string().min(1).max(64).describe('An IANA time zone, such as Europe/Berlin.');

export const WEEKDAYS = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export const DateInData = {
  date: Expression.describe(
    'A CEL expression giving a date (2026-12-24), a date and time, or milliseconds since 1970: such as traits.birthday.',
  ),
  offset: Offset.optional(),
  time: TimeOfDay.optional().describe('The time of that day; without it a date means its first instant.'),
  zone: Zone.optional().describe("Where the date is read; without it the customer's zone."),
};

export const CHANNELS = ['email', 'sms', 'push', 'inbox', 'webhook', 'letter'] as const;
export const PURPOSES = ['transactional', 'service', 'marketing', 'newsletter'] as const;
export const GRANTS = ['points', 'level', 'coupon', 'benefit'] as const;

const SendStep = z.strictObject({
  send: slug.describe('The id of a message template.'),
  channel: z.enum(CHANNELS),
  purpose: z.enum(PURPOSES),
});

const TimeWindow = z.strictObject({
  from: TimeOfDay,
  to: TimeOfDay.describe('Exclusive. At or before `from` it is that time of the next day.'),
  days: z.array(z.enum(WEEKDAYS)).min(1).max(7).optional().describe('Days on which the window begins.'),
  zone: Zone.optional().describe("Without it the customer's zone."),
});
export type TimeWindow = z.infer<typeof TimeWindow>;
const DateToWaitFor = z.strictObject(DateInData);
export type DateToWaitFor = z.infer<typeof DateToWaitFor>;
const WaitStep = z.strictObject({
  wait: z.union([Duration, z.strictObject({ until: z.union([TimeWindow, DateToWaitFor]) })]),
});

const SetStep = z.strictObject({
  set: name.describe('The trait to set.'),
  value: Condition.describe('A CEL expression for its value.'),
});

const Expressions = z
  .record(name, Expression)
  .refine((value) => Object.keys(value).length <= LIMITS.expressionsMax, `at most ${LIMITS.expressionsMax} members`);

const GotoStep = z.strictObject({ goto: name.describe('The stage to go to.') });
const ExitStep = z.strictObject({ exit: name.describe('Why the run ends here, as the timeline says it.') });
const EmitStep = z.strictObject({
  emit: name.describe('The event that happens to this customer.'),
  properties: Expressions.optional(),
});
const AudienceStep = z.strictObject({ audience: slug, do: z.enum(['add', 'remove']) });
const GrantStep = z.strictObject({
  grant: slug.describe('What is granted.'),
  kind: z.enum(GRANTS),
  amount: Expression.optional(),
  expires: Duration.optional(),
});
const TaskStep = z.strictObject({
  task: slug,
  title: z.string().max(LIMITS.nameCharsMax).optional(),
  assignee: name.optional(),
  due: Duration.optional(),
  escalate: z.strictObject({ after: Duration, to: name }).optional().describe('Who hears of it, so long after `due`.'),
});
const StartStep = z.strictObject({
  start: slug.describe('The journey to begin; its entry names this journey.'),
  properties: Expressions.optional(),
});
const CancelStep = z.strictObject({
  cancel: slug.describe('The journey whose runs end.'),
  key: Expression.optional().describe('Only the run of this key.'),
});

export interface WaitForStep {
  waitFor: { event: string; if?: string | undefined; match?: string | undefined };
  timeout?: string | undefined;
  steps?: Step[] | undefined;
  onTimeout?: Step[] | undefined;
}
const WaitForStep: z.ZodType<WaitForStep> = z.strictObject({
  waitFor: z.strictObject({
    event: name,
    if: Condition.optional(),
    match: Condition.optional().describe(
      'Whether it belongs to this run: a condition over event and start, the event the run began with.',
    ),
  }),
  timeout: Duration.optional(),
  get steps() {
    return Steps.optional();
  },
  get onTimeout() {
    return Steps.optional();
  },
});

export interface WebhookStep {
  webhook: string;
  url: string;
  body?: Record<string, string> | undefined;
  timeout?: string | undefined;
  steps?: Step[] | undefined;
  onTimeout?: Step[] | undefined;
}
const WebhookStep: z.ZodType<WebhookStep> = z.strictObject({
  webhook: slug.describe('What the answer is called: later conditions ask answers.<this>.'),
  url: z
    .string()
    .max(LIMITS.uriCharsMax)
    .regex(/^https:\/\/[^\s/]+/, 'use an https address'),
  body: Expressions.optional(),
  timeout: Duration.optional().describe('Waits so long for the answer; without it the program goes on at once.'),
  get steps() {
    return Steps.optional();
  },
  get onTimeout() {
    return Steps.optional();
  },
});

export interface BranchStep {
  branch: { if: string; steps: Step[] }[];
  else?: Step[] | undefined;
}
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

export interface ExperimentStep {
  experiment: string;
  holdout?: number | undefined;
  arms: { name: string; weight?: number | undefined; steps: Step[] }[];
}
const ExperimentStep: z.ZodType<ExperimentStep> = z.strictObject({
  experiment: slug.describe('Its id: a customer has the same arm wherever it is named.'),
  holdout: z.number().gt(0).lt(1).optional().describe('The share of customers kept out of every arm: 0.1 is a tenth.'),
  get arms() {
    return z
      .array(
        z.strictObject({
          name: slug,
          weight: z.number().gt(0).max(1_000_000).optional().describe('Its share among the arms; 1 where not said.'),
          steps: Steps,
        }),
      )
      .min(1)
      .max(LIMITS.armsMax);
  },
});

export type SendStep = z.infer<typeof SendStep>;
export type WaitStep = z.infer<typeof WaitStep>;
export type SetStep = z.infer<typeof SetStep>;
export type GotoStep = z.infer<typeof GotoStep>;
export type ExitStep = z.infer<typeof ExitStep>;
export type EmitStep = z.infer<typeof EmitStep>;
export type AudienceStep = z.infer<typeof AudienceStep>;
export type GrantStep = z.infer<typeof GrantStep>;
export type TaskStep = z.infer<typeof TaskStep>;
export type StartStep = z.infer<typeof StartStep>;
export type CancelStep = z.infer<typeof CancelStep>;
export type Step =
  | SendStep
  | WaitStep
  | BranchStep
  | SetStep
  | WaitForStep
  | ExperimentStep
  | GotoStep
  | ExitStep
  | EmitStep
  | AudienceStep
  | GrantStep
  | TaskStep
  | WebhookStep
  | StartStep
  | CancelStep;

const STEP_KINDS: Record<string, z.ZodType<Step>> = {
  send: SendStep,
  wait: WaitStep,
  waitFor: WaitForStep,
  branch: BranchStep,
  experiment: ExperimentStep,
  set: SetStep,
  goto: GotoStep,
  exit: ExitStep,
  emit: EmitStep,
  audience: AudienceStep,
  grant: GrantStep,
  task: TaskStep,
  webhook: WebhookStep,
  start: StartStep,
  cancel: CancelStep,
};
export const STEP_NAMES: readonly string[] = Object.keys(STEP_KINDS);

/** One step; the member that names its kind chooses the schema, so that a fault points into that kind. */
export const Step: z.ZodType<Step> = z.lazy(() =>
  z.union([
    SendStep,
    WaitStep,
    BranchStep,
    SetStep,
    WaitForStep,
    ExperimentStep,
    GotoStep,
    ExitStep,
    EmitStep,
    AudienceStep,
    GrantStep,
    TaskStep,
    WebhookStep,
    StartStep,
    CancelStep,
  ]),
);
export const Steps: z.ZodType<Step[]> = z.lazy(() => z.array(Step).max(LIMITS.stepsPerStageMax));

/** The schema of the step kind that a value's members name, for pointing at the fault inside it. */
export function stepSchemaOf(value: object): z.ZodType<Step> | null {
  for (const kind in STEP_KINDS) if (Object.hasOwn(value, kind)) return STEP_KINDS[kind] ?? null;
  return null;
}
