// Who may say that a customer acts for an account (AC1): a secret key, or a customer token of that user which names the
// account. What the policy leaves open is the object's to know; what nobody has proven stands in the history and does nothing.

import { isObject } from '../../schema/json.ts';
import type { IncomingEvent } from '../customer/messages.ts';
import type { Speaker } from './merging.ts';
import { provenAccounts } from './token.ts';

/** The events, with those group calls marked that are proven. */
export function withMembership(
  events: readonly IncomingEvent[],
  { key, catalog, token, userId, at }: Speaker,
): readonly IncomingEvent[] | Promise<readonly IncomingEvent[]> {
  if (!catalog.policies.accounts.declared || !events.some(isGroup)) return events;
  if (key.role !== 'write') return events.map((event) => (isGroup(event) ? { ...event, member: true } : event));
  if (!token || userId === null) return events;
  return provenAccounts(key, token, userId, at).then((accounts) =>
    events.map((event) => (isGroup(event) && accounts.includes(groupIn(event)) ? { ...event, member: true } : event)),
  );
}

const isGroup = ({ type }: IncomingEvent): boolean => type === 'group';

function groupIn({ body }: IncomingEvent): string {
  const message: unknown = JSON.parse(body);
  const group = isObject(message) ? message['groupId'] : undefined;
  return typeof group === 'string' || typeof group === 'number' ? String(group) : '';
}
