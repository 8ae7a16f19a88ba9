// The section `consent` of journeys/policies.json: what a customer is asked for, on which legal basis, and how a yes comes
// about and ends. What each member does stands in workers/consent/SPEC.md.

import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { LocaleTag } from '../site.ts';
import { Duration, name, PURPOSES, slug } from '../steps.ts';

/** What may be asked for: the purposes of messages, and what else is done with what is known of a customer. */
export const CONSENT_PURPOSES = [...PURPOSES, 'personalisation', 'analytics'] as const;
export type ConsentPurpose = (typeof CONSENT_PURPOSES)[number];

const BASES = ['consent', 'contract', 'legitimate-interest'] as const;

const Purpose = z.strictObject({
  basis: z
    .enum(BASES)
    .describe(
      'consent: only after a yes. legitimate-interest: until a no. contract: always, as the customer’s own business needs it.',
    ),
  names: z
    .record(LocaleTag, name)
    .optional()
    .describe('What the preference centre calls it, by language. Without names it is not offered there.'),
  channels: z
    .array(slug)
    .min(1)
    .max(LIMITS.channelsMax)
    .optional()
    .describe('Channels the preference centre offers for it; absent: email.'),
  doubleOptIn: z
    .strictObject({
      channels: z.array(slug).min(1).max(LIMITS.channelsMax),
      sources: z
        .array(name)
        .min(1)
        .max(LIMITS.channelsMax)
        .optional()
        .describe('Only a yes with one of these sources has to be confirmed; absent: each.'),
    })
    .optional()
    .describe('Where a yes counts only once it was confirmed by a link sent to the address.'),
  expires: Duration.optional().describe('How long a yes lasts; absent: until it is withdrawn.'),
});

export const ConsentPolicy = z.strictObject({
  wording: name.optional().describe('The version of the words customers agree to, where an event names none.'),
  purposes: z.partialRecord(z.enum(CONSENT_PURPOSES), Purpose),
  confirmWithin: Duration.optional().describe('How long a link for confirming is good; absent: P7D.'),
  signals: z
    .strictObject({
      globalPrivacyControl: z
        .array(z.enum(CONSENT_PURPOSES))
        .min(1)
        .optional()
        .describe('What a browser’s Global Privacy Control says no to; absent: nothing.'),
      categories: z
        .record(name, z.enum(CONSENT_PURPOSES))
        .optional()
        .describe('What the members of context.consent.categoryPreferences stand for.'),
      consentMode: z
        .record(name, z.enum(CONSENT_PURPOSES))
        .optional()
        .describe('What the members of context.consent.consentMode stand for, such as ad_personalization.'),
      tcf: z
        .record(z.string().regex(/^([1-9]|1\d|2[0-4])$/, 'use the number of a TCF purpose'), z.enum(CONSENT_PURPOSES))
        .optional()
        .describe(
          'What the purposes of a TC string (context.consent.tcf, or tcf.tcString) or of context.consent.tcf.purposes stand for, by their number.',
        ),
      tcfVendor: z
        .int()
        .min(1)
        .max(65_535)
        .optional()
        .describe(
          'Who we are in the IAB’s list of vendors; then a TC string has to name us as well. Absent: it need not.',
        ),
      traits: z
        .record(name, z.enum(CONSENT_PURPOSES))
        .optional()
        .describe('What the members of traits.consent of an identify call stand for.'),
    })
    .optional(),
  events: z
    .strictObject({
      purpose: z.enum(CONSENT_PURPOSES).describe('What events are kept for.'),
      without: z
        .enum(['drop', 'anonymous', 'necessary'])
        .describe(
          'What becomes of an event where that is not permitted. drop: nothing is kept. anonymous: kept without what names or describes the person. necessary: only events below are kept.',
        ),
      necessary: z.array(name).max(LIMITS.necessaryEventsMax).optional().describe('Events that are kept in any case.'),
    })
    .optional(),
});
export type ConsentPolicy = z.infer<typeof ConsentPolicy>;
