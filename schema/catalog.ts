// The catalog documents that are served: content and offers, in every language they have. Owns their shape; audience
// conditions and templates are compiled, and refused with their place, by workers/catalog.

import { z } from 'zod';
import { Computed } from './computed.ts';
import { Condition, Duration, PURPOSES } from './journey.ts';
import { LIMITS } from './limits.ts';
import { LocaleTag } from './site.ts';

const slug = z
  .string()
  .min(1)
  .max(LIMITS.nameCharsMax)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'use lower-case letters, digits, dots, dashes and underscores');

const instant = z.iso.datetime({ offset: true }).or(z.iso.date());

const Fields = z.record(
  z.string().min(1).max(LIMITS.nameCharsMax),
  z.union([z.string(), z.number(), z.boolean(), z.null()]),
);

const terms = z.array(z.string().min(1).max(LIMITS.nameCharsMax)).max(LIMITS.termsMax);
const wallTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'use a time of day such as 08:30');

const Situation = z.strictObject({
  country: z
    .array(z.string().regex(/^[A-Z]{2}$/, 'use an ISO 3166 code such as AT'))
    .max(LIMITS.termsMax)
    .optional(),
  device: z.array(z.enum(['mobile', 'tablet', 'desktop'])).optional(),
  hours: z.strictObject({ from: wallTime, until: wallTime }).optional().describe('In the customer’s zone.'),
  referrer: terms.optional().describe('Hosts; those below them count too.'),
});

const Cap = z
  .strictObject({
    event: z.enum(['decision', 'impression', 'click', 'redemption']),
    most: z.number().int().min(1).max(LIMITS.totalMax),
    scope: z
      .enum(['customer', 'all'])
      .default('customer')
      .describe('all: of all customers together, counted exactly; every customer shown the item takes from it.'),
    placement: slug.optional(),
    within: z
      .union([Duration, z.strictObject({ calendar: z.enum(['day', 'week', 'month']) })])
      .optional()
      .describe(
        'A duration before now, or the day, week or month of the customer’s calendar; absent: ever. In all: of UTC’s.',
      ),
  })
  .superRefine(({ scope, most, within }, context) => {
    if (scope === 'customer' && most > LIMITS.capMostMax)
      context.addIssue({
        code: 'custom',
        path: ['most'],
        message: `of one customer at most ${LIMITS.capMostMax} are counted`,
      });
    if (scope === 'all' && typeof within === 'string')
      context.addIssue({
        code: 'custom',
        path: ['within'],
        message: 'in all is counted by the calendar: use { "calendar": "day" }, "week" or "month"',
      });
  });
export type Cap = z.infer<typeof Cap>;

const document = {
  $schema: z.string().optional(),
  id: slug,
  name: z.string().max(LIMITS.nameCharsMax).optional(),
  placements: z.array(slug).min(1).max(LIMITS.placementsMax),
  stages: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9._-]*\.[^.]+$/, 'use journey.stage, such as lifecycle.decision'))
    .max(LIMITS.stagesMax)
    .describe('journey.stage; an empty list means every stage.'),
  audience: Condition.optional(),
  priority: z.number().int().min(-1_000_000).max(1_000_000).default(0),
  tier: z.number().int().min(-100).max(100).default(0).describe('A higher tier goes first, whatever the scores.'),
  rank: Condition.optional().describe(
    'CEL that gives a number: the score within the tier. `value` and `weight` are the document’s.',
  ),
  value: z.number().optional(),
  weight: z.number().optional(),
  situation: Situation.optional(),
  owns: z
    .strictObject({ any: terms.optional(), none: terms.optional() })
    .optional()
    .describe('Products or categories bought and not refunded.'),
  topics: terms.optional(),
  caps: z.array(Cap).max(LIMITS.capsMax).optional(),
  fallback: slug.optional().describe('The item that competes in its place when a cap is reached.'),
  valid: z.strictObject({ from: instant.optional(), until: instant.optional() }).optional(),
  locales: z
    .record(LocaleTag, Fields)
    .refine((locales) => Object.keys(locales).length > 0, 'give at least one language'),
};

const Budget = z
  .strictObject({
    pieces: z.number().int().min(1).max(LIMITS.totalMax).optional().describe('Redemptions in all.'),
    money: z
      .number()
      .min(0.01)
      .max(LIMITS.totalMax / 100)
      .optional()
      .describe('What may be spent in all, in the currency of the benefit.'),
    hold: z
      .number()
      .min(0.01)
      .max(LIMITS.totalMax / 100)
      .optional()
      .describe('Held for one customer until it is redeemed; absent: the benefit’s amount.'),
    holdFor: Duration.optional().describe('How long; absent: seven days.'),
  })
  .refine(({ pieces, money }) => pieces !== undefined || money !== undefined, 'give pieces or money');

const Codes = z.strictObject({
  pool: slug.describe('A pool of single-use codes, filled by POST /admin/pools/{id}/codes.'),
});

export const CONTENT_KINDS = [
  'article',
  'test-report',
  'guide',
  'download',
  'faq',
  'tip',
  'course',
  'workshop',
  'banner',
  'newsletter-module',
  'message',
] as const;

export const Content = z.strictObject({ ...document, kind: z.enum(CONTENT_KINDS) }).meta({ title: 'Waymark content' });
export type Content = z.infer<typeof Content>;

export const Offer = z
  .strictObject({
    ...document,
    kind: z.literal('offer').default('offer'),
    eligibility: Condition.optional(),
    applicability: Condition.optional(),
    suitability: Condition.optional(),
    budget: Budget.optional(),
    codes: Codes.optional(),
    excludes: slug.optional().describe('Of offers with the same word one is shown in an answer.'),
    benefit: z.strictObject({
      kind: z.enum(['percent', 'amount', 'service', 'gift', 'points']),
      value: z.number().optional(),
      currency: z
        .string()
        .regex(/^[A-Z]{3}$/)
        .optional(),
    }),
  })
  .meta({ title: 'Waymark offer' });
export type Offer = z.infer<typeof Offer>;

const template = z.string().max(LIMITS.documentBytesMax);

/** One language of a message. Subject and text are plain; html is escaped where values are put in. */
const MessageText = z.strictObject({
  subject: z
    .string()
    .min(1)
    .max(LIMITS.subjectCharsMax)
    .optional()
    .describe('Absent: that of the language that stands in.'),
  text: template.min(1).optional(),
  html: template.optional(),
});

export const Message = z
  .strictObject({
    $schema: z.string().optional(),
    id: slug,
    name: z.string().max(LIMITS.nameCharsMax).optional(),
    channel: z.enum(['email']).describe('The channel it is written for.'),
    purpose: z
      .enum(PURPOSES)
      .describe('What it is for, as a send step says it: marketing needs the consent of the customer.'),
    locales: z
      .record(LocaleTag, MessageText)
      .refine((locales) => Object.keys(locales).length > 0, 'give at least one language'),
  })
  .meta({ title: 'Waymark message' });
export type Message = z.infer<typeof Message>;

const FieldType = z.enum(['string', 'number', 'integer', 'boolean', 'timestamp', 'list', 'map']);

export interface FieldDeclaration {
  type: z.infer<typeof FieldType>;
  description?: string | undefined;
  personal?: boolean | undefined;
  items?: FieldDeclaration | undefined;
  fields?: Record<string, FieldDeclaration> | undefined;
}

const fieldShape = () => ({
  type: FieldType,
  description: z.string().max(LIMITS.stringCharsMax).optional(),
  personal: z.boolean().optional(),
  items: FieldDeclaration.optional(),
  fields: z.record(z.string(), FieldDeclaration).optional(),
});

export const FieldDeclaration: z.ZodType<FieldDeclaration> = z.lazy(() => z.strictObject(fieldShape()));

/** A trait somebody reports, or one that is worked out from the history. */
export interface TraitDeclaration extends FieldDeclaration {
  computed?: Computed | undefined;
}

const TraitDeclaration: z.ZodType<TraitDeclaration> = z.lazy(() =>
  z.strictObject({ ...fieldShape(), computed: Computed.optional() }),
);

const EventDeclaration = z.strictObject({
  description: z.string().max(LIMITS.stringCharsMax).optional(),
  aliases: z.array(z.string().min(1).max(LIMITS.nameCharsMax)).max(100).optional(),
  trusted: z
    .boolean()
    .optional()
    .describe('Accepted from a public key only with a customer token, where one is required.'),
  properties: z.record(z.string(), FieldDeclaration).optional(),
});

/** journeys/events.json: the events and traits that conditions are checked against. */
export const EventDeclarations = z
  .strictObject({
    $schema: z.string().optional(),
    events: z.record(z.string().min(1).max(LIMITS.nameCharsMax), EventDeclaration),
    traits: z.record(z.string().min(1).max(LIMITS.nameCharsMax), TraitDeclaration).default({}),
  })
  .superRefine((value, context) => {
    const seen = new Map<string, string>();
    for (const [event, declaration] of Object.entries(value.events))
      (declaration.aliases ?? []).forEach((alias, index) => {
        const other = Object.hasOwn(value.events, alias) ? alias : seen.get(alias);
        if (other !== undefined)
          context.addIssue({
            code: 'custom',
            path: ['events', event, 'aliases', index],
            message: `already names ${other}`,
          });
        seen.set(alias, event);
      });
  })
  .meta({ title: 'Waymark events' });
export type EventDeclarations = z.infer<typeof EventDeclarations>;
/** As a designer writes them, and as they are kept. */
export type WrittenDeclarations = Omit<EventDeclarations, 'traits'> & Partial<Pick<EventDeclarations, 'traits'>>;
