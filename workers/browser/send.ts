// Brings what waits to the system and the answers back: one call at a time, in order, again after a passing fault. What a
// message is and who made it is not known here.

import type { Decided } from './client.ts';
import type { Keeper, Message } from './keep.ts';
import './limit.ts';

export interface Ask {
  readonly decide: {
    readonly placements: readonly string[];
    readonly context: Readonly<Record<string, unknown>>;
  };
  readonly answer: (decided: Decided) => void;
}

export interface Sender {
  /** Sends what waits, and this question with it. */
  readonly send: (ask?: Ask) => Promise<void>;
  /** Proves the user id. */
  token?: string | undefined;
}

/** What nobody could be asked. */
export const NOTHING: Decided = { decisions: {}, degraded: true };

export function openSender(server: string, writeKey: string, keeper: Keeper): Sender {
  const asks: Ask[] = [];
  let busy = false;
  let failures = 0;
  /** Set while nothing is to be tried again yet. */
  let pausing: ReturnType<typeof setTimeout> | undefined;

  const call = (path: string, body?: object): Promise<Response> =>
    fetch(server + path, {
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
      credentials: 'omit',
      signal: AbortSignal.timeout(LIMIT.waitMs),
    });

  /** One call. @returns whether there may be more to send */
  const step = async (): Promise<boolean> => {
    const given = keeper.consent();
    const { a: anonymousId, u: userId, q } = keeper.read();
    const events = given && !pausing ? front(q) : [];
    const ask = !given || pausing || !q[events.length] ? asks.shift() : undefined;
    // At once: what is called from now on begins anew.
    busy = !!(ask ?? events[0]);
    if (!busy) return false;
    const decide = ask?.decide;
    const known = { writeKey, customerToken: sender.token };
    let decided = NOTHING;
    let leastMs = 0;
    let failed = true;
    try {
      const response = await (events[0]
        ? call('/v1/events', { ...known, events, decide, sentAt: new Date() })
        : given
          ? call('/v1/decide', { ...known, userId, anonymousId, ...decide })
          : call(
              // SN3: names nobody, so caches may answer it.
              `/v1/decide?${new URLSearchParams({ writeKey, placements: `${decide?.placements}`, locale: `${decide?.context['locale']}` })}`,
            ));
      failed = /^(408|425|429|5..)$/.test(`${response.status}`);
      leastMs = Number(response.headers.get('retry-after')) * 1e3 || 0;
      const body = await response.json();
      if (body.decisions) decided = body;
      else if (body.detail) console.warn('waymark:', body);
    } catch {
      // No network, no answer in time, or one that is none.
    }
    ask?.answer(decided);
    if (!events[0]) return true;
    if (failed) pause(leastMs);
    else {
      failures = 0;
      keeper.write({ q: keeper.read().q.filter((each) => !events.some((sent) => sent.messageId === each.messageId)) });
    }
    return true;
  };

  const pause = (leastMs: number): void => {
    pausing = setTimeout(again, Math.max(leastMs, Math.min(1e3 * 2 ** failures++, LIMIT.pauseMsMax)));
  };
  const again = (): void => {
    clearTimeout(pausing);
    pausing = undefined;
    sender.send();
  };

  const sender: Sender = {
    send: async (ask) => {
      if (ask) asks.push(ask);
      if (busy) return;
      busy = true;
      // What is called in one go travels together.
      await null;
      while (await step());
    },
  };

  addEventListener('online', again);
  addEventListener('pagehide', () => {
    const { q } = keeper.read();
    if (!keeper.consent() || !q[0] || failures || !navigator.onLine) return;
    const body = JSON.stringify({ writeKey, batch: q, sentAt: new Date() });
    if (navigator.sendBeacon(`${server}/beacon/v1/batch`, body)) keeper.write({ q: [] });
  });
  return sender;
}

/** The messages at the front that are of one customer: what one call may carry. */
function front(queue: readonly Message[]): readonly Message[] {
  const [first] = queue;
  const end = queue.findIndex(
    ({ userId, anonymousId }, at) =>
      at === LIMIT.callMax || userId !== first?.userId || anonymousId !== first?.anonymousId,
  );
  return end < 0 ? queue : queue.slice(0, end);
}
