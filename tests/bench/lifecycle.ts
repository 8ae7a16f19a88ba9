// The shipped lifecycle once more, written from its table and not from the engine, to check what the measured worker
// answers after a run. A run lasts seconds and no timer of the lifecycle is shorter than 14 days, so events alone move
// a customer here: usage, repurchase and dormant are entered by time only and cannot occur.

import type { ShopEvent } from './mix.ts';

export type ReachedStage = 'awareness' | 'decision' | 'purchase';

const entryEvents = new Set(['page', 'Product Viewed', 'Product Added', 'Checkout Started', 'Order Completed']);
const VIEWS_TO_DECISION = 3;
const VIEWS_WINDOW_MS = 7 * 24 * 3_600_000;

/** The stage after all events, or undefined when none of them entered the journey. */
export function expectStage(events: ShopEvent[]): ReachedStage | undefined {
  let stage: ReachedStage | undefined;
  events.forEach((event, index) => {
    const name = event.type === 'page' ? 'page' : event.event;
    if (name === undefined) return;
    if (stage === undefined && entryEvents.has(name)) stage = 'awareness';
    if (stage === undefined) return;
    if (name === 'Order Completed') stage = 'purchase';
    else if (stage === 'awareness' && leadsToDecision(name, events.slice(0, index + 1))) stage = 'decision';
  });
  return stage;
}

/** `history` ends with the event in question. */
function leadsToDecision(name: string, history: ShopEvent[]): boolean {
  if (name === 'Product Added' || name === 'Checkout Started') return true;
  if (name !== 'Product Viewed') return false;
  const nowMs = Date.parse(history.at(-1)?.timestamp ?? '');
  const views = history.filter(
    ({ event, timestamp }) => event === 'Product Viewed' && Date.parse(timestamp) > nowMs - VIEWS_WINDOW_MS,
  );
  return views.length >= VIEWS_TO_DECISION;
}
