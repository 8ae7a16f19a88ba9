// journeys/site.json: what is true of the whole site. The languages it is written in, and which language stands in for one
// that a document does not have.

import { z } from 'zod';
import { LIMITS } from './limits.ts';

/** BCP 47 tags, as far as content needs them: language, optional script and region. */
export const LocaleTag = z
  .string()
  .regex(/^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?$/, 'use a BCP 47 tag such as de or en-GB');

export const Site = z
  .strictObject({
    $schema: z.string().optional(),
    languages: z
      .array(LocaleTag)
      .min(1)
      .max(LIMITS.languagesMax)
      .describe('Every document should be there in each of them; a variant for a region is covered by its language.'),
    fallbacks: z
      .record(LocaleTag, z.array(LocaleTag).min(1).max(LIMITS.languagesMax))
      .refine((fallbacks) => Object.keys(fallbacks).length <= LIMITS.languagesMax, 'has too many languages')
      .optional()
      .describe('What stands in for a language, the nearest first, before its shorter forms: "gsw": ["de-CH", "de"].'),
  })
  .meta({ title: 'Waymark site' });
export type Site = z.infer<typeof Site>;
