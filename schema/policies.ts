// journeys/policies.json: the rules that hold for every customer and journey. One section a subject; a section that is
// absent says nothing, and then what its subject's SPEC calls the default holds.

import { z } from 'zod';
import { AccountsPolicy } from './policies/accounts.ts';
import { ConsentPolicy } from './policies/consent.ts';
import { IdentityPolicy } from './policies/identity.ts';
import { PressurePolicy } from './policies/pressure.ts';
import { PrivacyPolicy } from './policies/privacy.ts';

export const Policies = z
  .strictObject({
    $schema: z.string().optional(),
    accounts: AccountsPolicy.optional(),
    consent: ConsentPolicy.optional(),
    identity: IdentityPolicy.optional(),
    pressure: PressurePolicy.optional(),
    privacy: PrivacyPolicy.optional(),
  })
  .meta({ title: 'Waymark policies' });
export type Policies = z.infer<typeof Policies>;
