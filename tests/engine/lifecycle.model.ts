// The shipped lifecycle as a reducer written by hand from its table, to hold the engine and the document against.
// Independent of the engine: no journey document, no conditions, no timers, only the table.

export type Stage = 'awareness' | 'decision' | 'purchase' | 'usage' | 'repurchase' | 'dormant';

export interface Model {
  stage: Stage | null;
  enteredAt: number;
  lastActivityAt: number;
  orders: number;
  /** Instants of Product Viewed. */
  views: number[];
}

const DAY = 86_400_000;
const ENTRY = ['page', 'screen', 'Product Viewed', 'Product Added', 'Checkout Started', 'Order Completed'];

export const newModel = (): Model => ({ stage: null, enteredAt: 0, lastActivityAt: 0, orders: 0, views: [] });

/** When the stage is left by time, and where to. */
export function timerOf({ stage, enteredAt, lastActivityAt }: Model): { at: number; to: Stage } | null {
  const active = Math.max(enteredAt, lastActivityAt);
  switch (stage) {
    case 'awareness':
    case 'decision':
      return { at: active + 30 * DAY, to: 'dormant' };
    case 'purchase':
      return { at: enteredAt + 14 * DAY, to: 'usage' };
    case 'usage':
      return { at: enteredAt + 60 * DAY, to: 'repurchase' };
    case 'repurchase':
      return { at: enteredAt + 180 * DAY, to: 'dormant' };
    default:
      return null;
  }
}

/** Time passes up to and including `until`. */
export function passTime(model: Model, until: number): void {
  for (let due = timerOf(model); due && due.at <= until; due = timerOf(model)) {
    model.stage = due.to;
    model.enteredAt = due.at;
  }
}

/** One event, at its own instant, after the timers due then. */
export function applyEvent(model: Model, name: string, at: number): void {
  passTime(model, at);
  model.lastActivityAt = at;
  if (name === 'Order Completed') model.orders++;
  if (name === 'Product Viewed') model.views.push(at);
  if (model.stage === null) {
    if (!ENTRY.includes(name)) return;
    model.stage = 'awareness';
    model.enteredAt = at;
  }
  const to = nextStage(model, name, at);
  if (!to) return;
  model.stage = to;
  model.enteredAt = at;
}

function nextStage({ stage, views, orders }: Model, name: string, at: number): Stage | null {
  if (name === 'Order Completed') return 'purchase';
  if (stage === 'awareness') {
    if (name === 'Product Added' || name === 'Checkout Started') return 'decision';
    const recent = views.filter((view) => view > at - 7 * DAY && view <= at);
    return name === 'Product Viewed' && recent.length >= 3 ? 'decision' : null;
  }
  if (stage === 'dormant' && (name === 'page' || name === 'Product Viewed'))
    return orders > 0 ? 'repurchase' : 'awareness';
  return null;
}
