// Messages that wait for room become one (CP16 to CP19): the digest is written and claimed in one commit, so what goes with it
// is decided at the last moment. It is a message like any other from then on; one that has to wait again takes in what
// waits with it then.

import { LIMITS, REQUEUE_AFTER_MS } from '../../schema/limits.ts';
import { composeDigest } from '../decide/sending.ts';
import { addresseeOf } from './addressing.ts';
import { type Commit, record } from './commit.ts';
import { roomOf } from './contacts.ts';
import { kindOf, ranked, rivalsOf } from './ranking.ts';
import { deferOutbox, lastMessageNumber, readOutboxRow } from './storage.ts';
import { close, keepMessage, openMessages, outboxKey, type StoredItem, type StoredMessage } from './stored.ts';

export const TOO_OLD = 'pressure: too old for the digest';

/** CP18: of a message that waits. A digest is as old as what goes with it. */
export const isTooOld = (commit: Commit, { heldUntil, items, at }: StoredMessage): boolean =>
  heldUntil !== undefined && (items ? items.every((item) => isPast(commit, item.at)) : isPast(commit, at));

function isPast({ policies, now }: Commit, at: number): boolean {
  const { digest } = policies.pressure;
  return digest !== null && at + digest.expiresMs <= now;
}

const itemsOf = (message: StoredMessage): readonly StoredItem[] => {
  const { items, key, journey, template, subject, text, at } = message;
  return items ?? [{ key, journey, template, title: subject, text, at }];
};

/** The digest this message goes with now, which stands in its place; null where it goes, or waits, for itself. */
export function digestFor(commit: Commit, message: StoredMessage): StoredMessage | null {
  const { digest } = commit.policies.pressure;
  if (digest === null || message.heldUntil === undefined) return null;
  const together = companionsOf(commit, message);
  const items = together.flatMap(itemsOf).filter(({ at }) => !isPast(commit, at));
  if (together.length === 1 && items.length === itemsOf(message).length) return null;
  const [first = message] = together;
  const tags = [...new Set(together.flatMap((each) => each.tags ?? []))];
  const room = roomOf(commit, { ...kindOf(message), tags }, () => rivalsOf(commit, first, together));
  if (room.kind !== 'now') return null;
  const written = writeDigest(commit, digest.message, { ...first, tags }, items);
  if (!written) return null;
  for (const each of together) {
    close(commit, each, 'merged', each.heldBy && `pressure: ${each.heldBy}`, { digest: written.key });
    for (const item of each.items ?? []) if (isPast(commit, item.at)) tellTooOld(commit, each, item);
  }
  return written;
}

/** What waits for the same, in the order of CP8; this message is among them, whatever there is no place for. */
function companionsOf(commit: Commit, message: StoredMessage): StoredMessage[] {
  const { channel, purpose, key } = message;
  const waiting = openMessages(commit).filter(
    (each) =>
      each.status === 'queued' && each.channel === channel && each.purpose === purpose && each.heldUntil !== undefined,
  );
  const chosen: StoredMessage[] = [];
  let places = LIMITS.digestItemsMax - itemsOf(message).length;
  for (const each of ranked(waiting.filter((other) => other.key !== key && !isTooOld(commit, other)))) {
    places -= itemsOf(each).length;
    if (places < 0) break;
    chosen.push(each);
  }
  return ranked([...chosen, message]);
}

/** CP18: null where it cannot be written, and that is recorded. `like` says what is the same for all that go with it. */
function writeDigest(
  commit: Commit,
  template: string,
  like: StoredMessage,
  items: readonly StoredItem[],
): StoredMessage | null {
  const { channel, purpose, journey, priority = 0, tags = [] } = like;
  const shown = items.map(({ title, text, template: message, journey: of, at }) => ({
    ...{ title, text, message, journey: of },
    at: new Date(at).toISOString(),
  }));
  const composed = composeDigest(addresseeOf(commit, commit.now), { message: template, purpose, channel }, shown);
  const about = { message: template, channel, purpose, items: items.map(({ key }) => key) };
  if (typeof composed === 'string') {
    record(commit, 'digest', commit.now, { ...about, reason: composed });
    return null;
  }
  const { version, ...text } = composed;
  const number = lastMessageNumber(commit.sql) + 1;
  const key = `${commit.state.id}/digest/${number}`;
  const digest: StoredMessage = {
    ...{ number, key, journey, channel, purpose, priority, tags, items, template, templateVersion: version },
    ...{ ...text, at: commit.now, status: 'queued', attempts: 0 },
  };
  keepMessage(commit, digest);
  // It is claimed in this commit; the queue hears of it only where no word of it comes back.
  const row = readOutboxRow(commit.sql, outboxKey(key));
  if (row) deferOutbox(commit.sql, row, commit.now + REQUEUE_AFTER_MS);
  record(commit, 'digest', commit.now, { key, ...about, version });
  return digest;
}

function tellTooOld(commit: Commit, { channel, purpose }: StoredMessage, { key, journey, template }: StoredItem): void {
  record(commit, 'suppressed', commit.now, { journey, key, message: template, channel, purpose, reason: TOO_OLD });
}
