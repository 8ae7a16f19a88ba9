// A customer as the writing of messages asks for one (decide/sending.ts), in a commit under way.

import { isObject, type JsonObject } from '../../schema/json.ts';
import { mayEnd } from '../consent/policy.ts';
import type { Addressee } from '../decide/sending.ts';
import { toldTraits } from '../engine/learner.ts';
import type { Commit } from './commit.ts';
import { refused } from './consents.ts';
import { linksFor } from './permits.ts';
import { entryBody } from './storage.ts';
import type { StoredMessage } from './stored.ts';

/** @param at when it is written, milliseconds */
export const addresseeOf = (
  { state, sql, messages, policies, links, defaultLocale }: Commit,
  at: number,
): Addressee => ({
  id: state.id,
  traits: toldTraits(state),
  refuses: (purpose, channel) => refused(sql, state, policies.consent, purpose, channel, at),
  links: (effect, begun) => links && linksFor(links, state.id, effect, begun, at),
  mustEnd: (purpose) => policies.consent.declared && mayEnd(policies.consent, purpose),
  eventOf: (messageId) => eventOf(entryBody(sql, messageId)),
  templates: messages,
  defaultLocale,
});

function eventOf(body: string | null): JsonObject {
  const event: unknown = body === null ? null : JSON.parse(body);
  return isObject(event) ? event : {};
}

/** Why a message may not go out now (CS1); null where it may. */
export const refusedNow = ({ sql, state, policies, now }: Commit, { purpose, channel }: StoredMessage): string | null =>
  refused(sql, state, policies.consent, purpose, channel, now);
