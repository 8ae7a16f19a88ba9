// Which messages go before others that want the same room (CP8).

import { refusedNow } from './addressing.ts';
import type { Commit } from './commit.ts';
import type { Rival } from './contacts.ts';
import { openMessages, type StoredMessage } from './stored.ts';

export const kindOf = ({ key, channel, purpose, tags = [] }: StoredMessage): Rival => ({ key, channel, purpose, tags });

/** The journey with the higher priority, then the older message. */
const goesBefore = (one: StoredMessage, other: StoredMessage): boolean => {
  const [priority, than] = [one.priority ?? 0, other.priority ?? 0];
  return priority > than || (priority === than && one.number < other.number);
};

/** Those that go first in front. */
export const ranked = (messages: readonly StoredMessage[]): StoredMessage[] =>
  [...messages].sort((one, other) => (goesBefore(one, other) ? -1 : 1));

/**
 * Messages that wait as well, could go now, and go before this one. Those that would go with one digest want room once.
 * @param but those it goes together with
 */
export function rivalsOf(commit: Commit, message: StoredMessage, but: readonly StoredMessage[] = []): Rival[] {
  const together = new Set(but.map(({ key }) => key));
  const digests = new Set<string>();
  const before = openMessages(commit)
    .filter((other) => other.status === 'queued' && (other.heldUntil ?? 0) <= commit.now && !together.has(other.key))
    .filter((other) => goesBefore(other, message) && refusedNow(commit, other) === null);
  return ranked(before)
    .filter(({ channel, purpose, heldUntil }) => {
      if (commit.policies.pressure.digest === null || heldUntil === undefined) return true;
      const of = `${channel} ${purpose}`;
      const isFirst = !digests.has(of);
      digests.add(of);
      return isFirst;
    })
    .map(kindOf);
}
