// A customer's state and its step as the Restate subject keeps them: the lifecycle's events, the window of three views,
// and the ids that were seen in a day. Pure. The same rules as ../lifecycle.ts, which is the judge of the result and
// therefore shares no code with this.

export interface Incoming {
  messageId: string;
  type: string;
  event?: string;
  timestamp: string;
}

export interface Customer {
  stage: 'awareness' | 'decision' | 'purchase' | null;
  /** How many events were accepted. */
  events: number;
  /** When products were viewed, within the window; milliseconds. */
  viewedAt: number[];
  /** The ids of the last day. */
  seen: { id: string; at: number }[];
}

const VIEWS_TO_DECISION = 3;
const DAY_MS = 24 * 3_600_000;
const VIEWS_WINDOW_MS = 7 * DAY_MS;
const entryEvents = new Set(['page', 'Product Viewed', 'Product Added', 'Checkout Started', 'Order Completed']);

export const newCustomer = (): Customer => ({ stage: null, events: 0, viewedAt: [], seen: [] });

/** The customer after the event, or null when the event was there before. */
export function advance(customer: Customer, event: Incoming): Customer | null {
  if (customer.seen.some(({ id }) => id === event.messageId)) return null;
  const at = Date.parse(event.timestamp);
  const name = event.type === 'page' ? 'page' : (event.event ?? '');
  const viewedAt = customer.viewedAt.filter((viewed) => viewed > at - VIEWS_WINDOW_MS);
  if (name === 'Product Viewed') viewedAt.push(at);
  const seen = customer.seen.filter((message) => message.at > at - DAY_MS);
  seen.push({ id: event.messageId, at });
  return { stage: stageAfter(customer.stage, name, viewedAt.length), events: customer.events + 1, viewedAt, seen };
}

function stageAfter(stage: Customer['stage'], name: string, views: number): Customer['stage'] {
  if (name === 'Order Completed') return 'purchase';
  if (stage === 'decision' || stage === 'purchase') return stage;
  if (name === 'Product Added' || name === 'Checkout Started') return 'decision';
  if (name === 'Product Viewed' && views >= VIEWS_TO_DECISION) return 'decision';
  return stage ?? (entryEvents.has(name) ? 'awareness' : null);
}
