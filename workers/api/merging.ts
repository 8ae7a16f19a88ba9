// Who may say that two customers are one (GM2). A visitor is joined to a user by whoever has shown to speak for that user;
// two users are joined by a server key, or by a token that proves the one they become where the policy allows that.

import type { Catalog, KeyRow } from '../catalog/catalog.ts';
import type { IncomingEvent } from '../customer/messages.ts';
import { provenUser } from './token.ts';

export interface Speaker {
  readonly key: KeyRow;
  readonly catalog: Pick<Catalog, 'policies'>;
  readonly token: string | null;
  readonly userId: string | null;
  /** Whether the key believes that the caller speaks for the user. */
  readonly proven: boolean;
  /** Milliseconds. */
  readonly at: number;
}

/** The events with those merges that the caller may ask for. */
export function withPermitted(
  events: readonly IncomingEvent[],
  speaker: Speaker,
): readonly IncomingEvent[] | Promise<readonly IncomingEvent[]> {
  const { key, catalog, proven, token, userId, at } = speaker;
  if (!proven) return events.map((event) => (event.merges === null ? event : { ...event, merges: null }));
  if (key.role !== 'write' || !events.some(namesUser)) return events;
  const asVisitors = (): readonly IncomingEvent[] => events.map(visitorsOnly);
  if (!catalog.policies.identity.aliasByToken || !token || userId === null) return asVisitors();
  return provenUser(key, token, at).then((user) => (user === userId ? events : asVisitors()));
}

const isUser = (id: string): boolean => !id.startsWith('a:');
const namesUser = ({ merges }: IncomingEvent): boolean => [merges ?? []].flat().some(isUser);

function visitorsOnly(event: IncomingEvent): IncomingEvent {
  if (!namesUser(event)) return event;
  const visitors = [event.merges ?? []].flat().filter((id) => !isUser(id));
  return { ...event, merges: visitors.length > 0 ? visitors : null };
}
