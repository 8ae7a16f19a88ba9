// What a tracking client was told to send, held against the timeline it arrived in: each message once, whole, and nothing
// else.

import { expect } from 'vitest';
import type { Server, TimelineEntry } from './server.ts';

/** One message: its type, and what its entry has to have at least. */
export interface Sent {
  readonly type: string;
  readonly has: object;
}

/** The events of a known user, those of the visitor he was included. */
export async function eventsOf(server: Server, userId: string): Promise<TimelineEntry[]> {
  return (await server.timeline(`u:${userId}`)).filter(({ kind }) => kind === 'event');
}

export function expectEach(entries: readonly TimelineEntry[], sent: readonly Sent[]): void {
  for (const message of sent) {
    const found = entries.filter((entry) => entry.type === message.type && matches(entry, message.has));
    expect(found, JSON.stringify(message)).toHaveLength(1);
  }
  expect(entries).toHaveLength(sent.length);
  expect(new Set(entries.map(({ messageId }) => messageId)).size).toBe(sent.length);
}

function matches(entry: TimelineEntry, has: object): boolean {
  try {
    expect(entry).toMatchObject(has);
    return true;
  } catch {
    return false;
  }
}
