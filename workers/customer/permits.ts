// Addresses by which a customer answers a message: confirm a yes, end what a message belongs to, choose in the preference
// centre. Whoever holds one was sent it, which is all the proof there is; so it says whose it is, what for and since when.

import { z } from 'zod';
import { isObject, type JsonObject } from '../../schema/json.ts';
import type { MessageLinks } from '../decide/sending.ts';
import type { SendEffect } from '../engine/outcomes.ts';
import { seal, unseal } from './sealing.ts';

export const PERMITS = ['confirm', 'unsubscribe', 'preferences'] as const;

const Permit = z.object({
  to: z.enum(PERMITS),
  customerId: z.string(),
  purpose: z.string().nullable(),
  channel: z.string().nullable(),
  /** Of a confirmation: when the yes was said that it is for. Else when the message was made. Milliseconds. */
  at: z.number(),
});
export type Permit = z.infer<typeof Permit>;

const USE = 'permits';

export const sealPermit = (secret: string, { to, customerId, purpose, channel, at }: Permit): string =>
  seal(secret, USE, JSON.stringify({ to, customerId, purpose, channel, at }), false);

/** Null for what this system has not sealed, or not for this. */
export function openPermit(secret: string, to: Permit['to'], token: string): Permit | null {
  const text = unseal(secret, USE, token);
  const permit = text === null ? null : (Permit.safeParse(JSON.parse(text)).data ?? null);
  return permit?.to === to ? permit : null;
}

/** @param begun the event the message's run began with: it says which yes a confirmation is for. `at` in milliseconds */
export function linksFor(
  { secret, origin }: { readonly secret: string; readonly origin: string },
  customerId: string,
  { purpose, channel }: Pick<SendEffect, 'purpose' | 'channel'>,
  begun: JsonObject,
  at: number,
): MessageLinks {
  const of = (permit: Omit<Permit, 'customerId'>) =>
    `${origin}/${permit.to}/${sealPermit(secret, { ...permit, customerId })}`;
  const said = isObject(begun['properties']) ? begun['properties'] : {};
  const textOf = (member: string): string | null => {
    const value = said[member];
    return typeof value === 'string' ? value : null;
  };
  const statedAt = Date.parse(textOf('stated_at') ?? '');
  return {
    unsubscribeUrl: of({ to: 'unsubscribe', purpose, channel, at }),
    preferencesUrl: of({ to: 'preferences', purpose: null, channel, at }),
    confirmUrl: of({
      to: 'confirm',
      purpose: textOf('purpose'),
      channel: textOf('channel'),
      at: Number.isFinite(statedAt) ? statedAt : at,
    }),
  };
}
