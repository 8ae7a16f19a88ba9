// The four tracking clients behind one handle, for tests in which all of them are on the wire at once: each says every
// kind of call it has on request, and counts what was acknowledged to it and what it had to say again.

import Rudder from '@rudderstack/rudder-sdk-node';
import { Analytics as Segment } from '@segment/analytics-node';
import type { Browser } from 'playwright-core';
import { fresh } from '../api/server.ts';
import { newCounter } from './counter.ts';
import { type ClientName, openPage, type Site } from './site.ts';

export interface Teller {
  readonly name: string;
  readonly userId: string;
  /** Makes each kind of call once. */
  readonly tell: () => Promise<void>;
  /** The marks of all that was told so far, which is what the timeline has to hold. */
  readonly told: () => readonly string[];
  /** Messages that were acknowledged, or given up where the client tells. */
  readonly endedCount: () => number;
  readonly ended: (count: number) => Promise<void>;
  /** How many messages, or batches, were sent more than once. */
  readonly repeatedCount: () => number;
  /** What the client has given up. */
  readonly failures: () => readonly unknown[];
  readonly close: () => Promise<void>;
}

const KINDS = ['identify', 'track', 'page', 'screen', 'group', 'alias'] as const;

/** One kind of call and a number tell a message from all others of its user. */
const markOf = (kind: string, number: unknown): string => `${kind} ${String(number)}`;

/** The mark of an event in the timeline. */
export function markOfEntry({ type, properties, traits, previousId }: Record<string, unknown>): string {
  const numbered = (value: unknown) => (typeof value === 'object' && value !== null ? Reflect.get(value, 'n') : null);
  const number = type === 'alias' ? String(previousId).split('/')[1] : (numbered(properties) ?? numbered(traits));
  return markOf(String(type), number);
}

/** A message as the node clients take it. */
const messageOf = (userId: string, n: number) => ({
  identify: { userId, traits: { n } },
  track: { userId, event: 'Product Viewed', properties: { n } },
  page: { userId, name: 'Product', properties: { n } },
  screen: { userId, name: 'Start', properties: { n } },
  group: { userId, groupId: 'company-1', traits: { n } },
  alias: { userId, previousId: `${userId}/${n}` },
});

type Calls = ReturnType<typeof messageOf>;
type Done = (error?: unknown) => void;

/** A node client as a teller: `say` makes each kind of call, and hears of each when it was delivered or given up. */
function inNode(
  name: string,
  userId: string,
  say: (calls: Calls, done: Done) => void,
  rest: Pick<Teller, 'repeatedCount' | 'close'>,
): Teller {
  const ended = newCounter(`ended by ${name}`);
  const failures: unknown[] = [];
  const told: string[] = [];
  const done: Done = (error) => {
    if (error) failures.push(error);
    ended.add(Symbol());
  };
  return {
    name,
    userId,
    tell: async () => {
      const n = told.length;
      told.push(...KINDS.map((kind) => markOf(kind, n)));
      say(messageOf(userId, n), done);
    },
    told: () => told,
    endedCount: ended.count,
    ended: ended.reached,
    failures: () => failures,
    ...rest,
  };
}

export function segmentNode(address: string): Teller {
  const client = new Segment({ writeKey: 'wk_local', host: address, flushAt: 4, flushInterval: 50 });
  const repeated = newCounter('repeated');
  client.on('http_request', ({ body, headers }) => {
    if (headers['X-Retry-Count'] === undefined) return;
    const { batch }: { batch: { messageId: string }[] } = JSON.parse(String(body));
    for (const { messageId } of batch) repeated.add(messageId);
  });
  const say = (calls: Calls, done: Done) => {
    for (const kind of KINDS) Reflect.apply(client[kind], client, [calls[kind], done]);
  };
  return inNode('@segment/analytics-node', fresh('segment-node'), say, {
    repeatedCount: repeated.count,
    close: () => client.closeAndFlush(),
  });
}

export function rudderNode(address: string): Teller {
  const repeats = newCounter('repeated');
  const client = new Rudder('wk_local', {
    dataPlaneUrl: address,
    flushAt: 4,
    flushInterval: 50,
    // Of itself it gives up after three repeats, which is a second and a half: sooner than a system is back.
    retryCount: 100,
    axiosRetryConfig: { retryDelay: () => 300, onRetry: () => repeats.add(Symbol()) },
    // A failure is heard by each call's own function; without this one the client would also throw it.
    errorHandler: () => undefined,
    logLevel: 'none',
  });
  const say = (calls: Calls, done: Done) => {
    for (const kind of KINDS) Reflect.apply(client[kind], client, [calls[kind], done]);
  };
  return inNode('@rudderstack/rudder-sdk-node', fresh('rudder-node'), say, {
    repeatedCount: repeats.count,
    close: async () => void (await client.flush()),
  });
}

/** A browser client with the options it has by itself, on a page of its own whose visitor is known. */
export async function inPage(client: ClientName, browser: Browser, site: Site, address: string): Promise<Teller> {
  const userId = fresh(`${client}-page`);
  const opened = await openPage(browser, site, client, address);
  const told: string[] = [];
  const tell = async (kinds: readonly string[]) => {
    const n = told.length;
    const { alias } = messageOf(userId, n);
    const given: Readonly<Record<string, readonly unknown[]>> = {
      identify: [userId, { n }],
      track: ['Product Viewed', { n }],
      page: ['Product', { n }],
      screen: ['Start', { n }],
      group: ['company-1', { n }],
      alias: [userId, alias.previousId],
    };
    told.push(...kinds.map((kind) => markOf(kind, n)));
    await opened.tell(kinds.map((kind) => [kind, ...(given[kind] ?? [])]));
  };
  await tell(['identify']);
  await opened.acknowledged(1);
  return {
    name: client === 'segment' ? '@segment/analytics-next' : '@rudderstack/analytics-js',
    userId,
    tell: () => tell(client === 'segment' ? KINDS : KINDS.filter((kind) => kind !== 'screen')),
    told: () => told,
    endedCount: opened.acknowledgedCount,
    ended: opened.acknowledged,
    repeatedCount: () => [...opened.attempts().values()].filter((count) => count > 1).length,
    failures: () => [],
    close: () => opened.page.close(),
  };
}
