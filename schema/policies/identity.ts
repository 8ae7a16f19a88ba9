// The section `identity` of journeys/policies.json: by what customers are known beside their ids, who may say that two are
// one, and how long that can be taken back. What each member does stands in workers/identity/SPEC.md, ID and GM.

import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { Duration, name, slug } from '../steps.ts';

export const IDENTIFIER_FORMS = ['email', 'phone', 'code', 'exact'] as const;

const Identifier = z.strictObject({
  trait: name.optional().describe('The trait it is stated by; absent: the one of the same name.'),
  externalType: name
    .optional()
    .describe('The type it has in context.externalIds of an event; absent: the name of the kind.'),
  form: z
    .enum(IDENTIFIER_FORMS)
    .describe(
      'What counts as the same. email: case and spaces around do not matter. phone: E.164. code: letters and digits only, case does not matter. exact: as written.',
    ),
  unique: z.boolean().optional().describe('Whether one customer owns it; absent: true.'),
  priority: z
    .int()
    .min(1)
    .max(100)
    .optional()
    .describe('Where several name different owners, the lowest number decides whom a visitor joins; absent: 50.'),
  joins: z
    .enum(['anonymous', 'never'])
    .optional()
    .describe(
      'anonymous: a visitor of whom a secret key states it joins the known customer who owns it. Absent: never.',
    ),
});

export const IdentityPolicy = z.strictObject({
  identifiers: z
    .record(slug, Identifier)
    .refine((all) => Object.keys(all).length <= LIMITS.identifiersMax, `at most ${LIMITS.identifiersMax} identifiers`)
    .optional(),
  callingCode: z
    .string()
    .regex(/^[1-9]\d{0,2}$/, 'use the digits of a country calling code, such as 43')
    .optional()
    .describe('The country calling code of phone numbers that state none; absent: such numbers are no identifiers.'),
  undoWithin: Duration.optional().describe(
    'How long a merge can be taken back, at most P30D; absent: P7D. PT0S: not at all, and nothing is kept for it.',
  ),
  aliasByToken: z
    .boolean()
    .optional()
    .describe('Whether a customer token that proves the target may merge another known customer into it; absent: no.'),
});
export type IdentityPolicy = z.infer<typeof IdentityPolicy>;
