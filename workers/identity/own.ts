// What a customer is shown of themselves beside stages and consents: orders with what became of them, tasks that are open,
// identifiers so that they are recognised and not given away. Pure. Rules TK11 to TK14 of SPEC.md.

import { isObject, type Json, type JsonObject } from '../../schema/json.ts';

export interface Product {
  readonly id: string | null;
  readonly name: string | null;
  readonly quantity: number | null;
}

export interface Order {
  readonly id: string;
  /** When it was placed, milliseconds. */
  readonly at: number;
  readonly status: 'placed' | 'cancelled' | 'refunded' | 'partly refunded';
  readonly total: number | null;
  readonly currency: string | null;
  readonly products: readonly Product[];
}

/** An event of an order: its instant in milliseconds, and the message as it was kept. */
export interface OrderEvent {
  readonly name: 'Order Completed' | 'Order Updated' | 'Order Cancelled' | 'Order Refunded';
  readonly at: number;
  readonly message: JsonObject;
}

export const ORDER_EVENTS = ['Order Completed', 'Order Updated', 'Order Cancelled', 'Order Refunded'] as const;

/** The orders that were completed, the newest first. An event without an order id belongs to none. */
export function ordersOf(events: readonly OrderEvent[]): Order[] {
  const orders = new Map<string, Order>();
  const before = (one: OrderEvent, other: OrderEvent): number =>
    one.at - other.at || ORDER_EVENTS.indexOf(one.name) - ORDER_EVENTS.indexOf(other.name);
  for (const { name, at, message } of [...events].sort(before)) {
    const properties = isObject(message['properties']) ? message['properties'] : {};
    const id = textOf(properties['order_id']);
    if (id === null) continue;
    const known = orders.get(id);
    if (name === 'Order Completed') {
      if (!known) orders.set(id, { id, at, status: 'placed', ...contentsOf(properties) });
    } else if (known) orders.set(id, changed(known, name, properties));
  }
  return [...orders.values()].reverse().sort((one, other) => other.at - one.at);
}

function changed(order: Order, name: OrderEvent['name'], properties: JsonObject): Order {
  if (name === 'Order Cancelled') return { ...order, status: 'cancelled' };
  if (name === 'Order Updated') {
    const { total, currency, products } = contentsOf(properties);
    return {
      ...order,
      total: total ?? order.total,
      currency: currency ?? order.currency,
      products: products.length > 0 ? products : order.products,
    };
  }
  if (order.status === 'cancelled') return order;
  return { ...order, status: isPart(order, contentsOf(properties)) ? 'partly refunded' : 'refunded' };
}

/** A refund that names less than was bought is of a part; one that names nothing is of the whole. */
function isPart(order: Order, refund: ReturnType<typeof contentsOf>): boolean {
  if (refund.products.length === 0) return refund.total !== null && order.total !== null && refund.total < order.total;
  const given = new Map(refund.products.map((product) => [product.id, product.quantity ?? Number.POSITIVE_INFINITY]));
  return order.products.some(({ id, quantity }) => (given.get(id) ?? 0) < (quantity ?? 1));
}

function contentsOf(properties: JsonObject): Pick<Order, 'total' | 'currency' | 'products'> {
  const { products } = properties;
  return {
    total: numberOf(properties['total']) ?? numberOf(properties['revenue']),
    currency: textOf(properties['currency']),
    products: (Array.isArray(products) ? products.filter(isObject) : []).map((product) => ({
      id: textOf(product['product_id']) ?? textOf(product['sku']),
      name: textOf(product['name']),
      quantity: numberOf(product['quantity']),
    })),
  };
}

const textOf = (value: Json | undefined): string | null =>
  typeof value === 'number' ? String(value) : typeof value === 'string' && value !== '' ? value : null;
const numberOf = (value: Json | undefined): number | null => (typeof value === 'number' ? value : null);

/** A task as the timeline has it. */
export interface Task {
  readonly task: string;
  readonly title: string | null;
  readonly journey: string;
  /** When it was set, and by when it is to be done, milliseconds. */
  readonly at: number;
  readonly dueAt: number | null;
}

/** A run that is not over: where it stands and since when, milliseconds. */
export interface Standing {
  readonly run: string;
  readonly enteredAt: number;
}

/**
 * The tasks that are still to be done, the newest first: those that a run has set since it entered the stage it stands in.
 * Nobody reports a task as done; the journey leaves the stage for it.
 * @param lines bodies of the timeline's lines of kind `task`, with their instants
 */
export function openTasks(lines: readonly { at: number; body: JsonObject }[], standing: readonly Standing[]): Task[] {
  const since = new Map(standing.map(({ run, enteredAt }) => [run, enteredAt]));
  return lines.flatMap(({ at, body }) => {
    const [task, journey, run] = [textOf(body['task']), textOf(body['journey']), textOf(body['run'])];
    const entered = run === null ? undefined : since.get(run);
    if (task === null || journey === null || entered === undefined || at < entered) return [];
    return [{ task, title: textOf(body['title']), journey, at, dueAt: numberOf(body['dueAt']) }];
  });
}

/** An identifier as its owner knows it again and nobody else learns it: the beginning, of an e-mail also the domain. */
export function masked(form: string, value: string): string {
  const at = form === 'email' ? value.lastIndexOf('@') : -1;
  if (at > 0) return `${shortened(value.slice(0, at), 1, 0)}${value.slice(at)}`;
  return form === 'phone' ? shortened(value, 3, 2) : shortened(value, 2, 2);
}

/** At least half of it is hidden, however short it is. The number of stars says nothing of the length. */
function shortened(value: string, head: number, tail: number): string {
  const chars = [...value];
  const shown = Math.floor(chars.length / 2);
  const first = Math.min(head, shown);
  const last = Math.min(tail, shown - first);
  return `${chars.slice(0, first).join('')}***${last === 0 ? '' : chars.slice(-last).join('')}`;
}
