// journeys/fragments/*.json: parts of templates that many documents render, in every language they have.

import { z } from 'zod';
import { LIMITS } from './limits.ts';
import { LocaleTag } from './site.ts';

const source = z.string().max(LIMITS.templateCharsMax);

export const Fragment = z
  .strictObject({
    $schema: z.string().optional(),
    id: z
      .string()
      .min(1)
      .max(LIMITS.nameCharsMax)
      .regex(/^[a-z0-9][a-z0-9._-]*$/, 'use lower-case letters, digits, dots, dashes and underscores'),
    name: z.string().max(LIMITS.nameCharsMax).optional(),
    locales: z
      .record(
        LocaleTag,
        z
          .strictObject({
            html: source.optional().describe('Where HTML is written.'),
            text: source.optional().describe('Where plain text is written.'),
          })
          .refine(({ html, text }) => html !== undefined || text !== undefined, 'give html, text or both'),
      )
      .refine((locales) => Object.keys(locales).length > 0, 'give at least one language'),
  })
  .meta({ title: 'Waymark fragment' });
export type Fragment = z.infer<typeof Fragment>;
