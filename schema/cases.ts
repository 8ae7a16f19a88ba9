// The tests of a journey, beside it as NAME.cases.json: what happens to a customer and what the journey is to do about it.
// Owns the shape; how a case is run and compared stands in workers/cases/.

import { z } from 'zod';
import { LIMITS } from './limits.ts';
import { Duration, name, slug } from './steps.ts';

const Members = z.record(name, z.json());

const Transitions = z
  .array(z.string().regex(/^.+ > .+$/, 'write it as "from > to", with - for outside of the journey'))
  .describe('The ways of the journey in order, as "filling > reminded"; - is outside: "- > filling", "filling > -".');

const Suppressed = z.strictObject({
  send: slug,
  reason: z.string().min(1).max(LIMITS.nameCharsMax).describe('As the timeline says it: no consent, no address.'),
});

export const Expectation = z.strictObject({
  stage: z
    .union([name, z.null()])
    .optional()
    .describe('The stage of the latest run, also where that is over; null: there has been none.'),
  stages: z
    .record(z.string().min(1), name)
    .optional()
    .describe('For a journey with key: the stage of the run of each key.'),
  over: z.boolean().optional().describe('Whether the latest run has ended.'),
  transitions: Transitions.optional(),
  messages: z.array(slug).optional().describe('The templates of the messages that went out, in order.'),
  suppressed: z.array(Suppressed).optional().describe('The messages that did not go out, in order.'),
  effects: z
    .array(z.looseObject({ kind: z.string().min(1) }))
    .optional()
    .describe(
      'What else the journey did, in order: set, goal, experiment, audience, grant, task, webhook, emitted. Members that are not given may be anything; an instant may be written as a date and time.',
    ),
  traits: Members.optional().describe('Traits the customer has now; others may be there.'),
  errors: z
    .array(z.string())
    .optional()
    .describe('Pointers of conditions that err. One that is not expected fails the case.'),
});
export type Expectation = z.infer<typeof Expectation>;

const expect = Expectation.optional();

const EventStep = z.strictObject({
  event: name.describe('What the customer does: the name of an event, or page, screen, identify, group, alias.'),
  properties: Members.optional(),
  traits: Members.optional().describe('For identify: what is said of the customer.'),
  expect,
});
const PassStep = z.strictObject({ pass: Duration.describe('Time that passes.'), expect });
const AnswerStep = z.strictObject({
  answer: slug.describe('The webhook that answers the latest run.'),
  status: z.int().min(0).max(599).optional().describe('200 where it is not said.'),
  body: z.json().optional(),
  expect,
});

export const CaseStep = z.union([EventStep, PassStep, AnswerStep]);
export type CaseStep = z.infer<typeof CaseStep>;

export const Case = z.strictObject({
  name: z.string().min(1).max(LIMITS.stringCharsMax),
  start: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('When the case begins; 2026-01-05T10:00:00Z, a Monday, where it is not said.'),
  customer: name.optional().describe('The id of the customer, which decides the arms of experiments.'),
  traits: Members.optional().describe('What is known of the customer when the case begins.'),
  consents: z.array(name).optional().describe('The purposes the customer agreed to before, such as marketing.'),
  steps: z.array(CaseStep).min(1).max(LIMITS.caseStepsMax),
  expect: expect.describe('What holds at the end, over all steps together.'),
});
export type Case = z.infer<typeof Case>;

export const Cases = z
  .strictObject({
    $schema: z.string().optional(),
    journey: slug.describe('The id of the journey.'),
    with: z.array(slug).optional().describe('Other journeys that are published beside it; none where it is not said.'),
    cases: z.array(Case).max(LIMITS.casesMax),
  })
  .meta({ title: 'Waymark cases of a journey' });
export type Cases = z.infer<typeof Cases>;
