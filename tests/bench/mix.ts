// The events of the benchmark: what shops of a small size send, with bodies as the tracking clients write them. All of
// it follows from a seed, so that two subjects, and two runs, get the same bytes but for the timestamps.

export interface ShopEvent {
  messageId: string;
  type: 'page' | 'track';
  /** Of a track call. */
  event?: string;
  /** Of a page call. */
  name?: string;
  userId: string;
  anonymousId: string;
  properties: Record<string, unknown>;
  context: Record<string, unknown>;
  timestamp: string;
}

/** As it is sent: a call by an anonymous id alone, or one that says who somebody is. */
export type SentEvent = Partial<ShopEvent> | (Partial<Omit<ShopEvent, 'type'>> & { type: 'identify' });

export interface Shopper {
  userId: string;
  events: ShopEvent[];
}

export interface MixOptions {
  seed: number;
  customers: number;
  eventsPerCustomer: number;
  /** The timestamp of each customer's last event; the ones before lie a minute apart. */
  endsAtMs: number;
}

type Draw = () => number;

type Kind = 'page' | 'Products Searched' | 'Product Viewed' | 'Product Added' | 'Checkout Started' | 'Order Completed';

/** What customers come for, by share, and how often each kind of event is theirs. */
const intents: readonly { share: number; kinds: readonly [Kind, number][] }[] = [
  {
    share: 0.3,
    kinds: [
      ['page', 0.75],
      ['Products Searched', 0.15],
      ['Product Viewed', 0.1],
    ],
  },
  {
    share: 0.4,
    kinds: [
      ['page', 0.3],
      ['Products Searched', 0.15],
      ['Product Viewed', 0.45],
      ['Product Added', 0.1],
    ],
  },
  {
    share: 0.3,
    kinds: [
      ['page', 0.2],
      ['Products Searched', 0.1],
      ['Product Viewed', 0.3],
      ['Product Added', 0.2],
      ['Checkout Started', 0.1],
      ['Order Completed', 0.1],
    ],
  },
];

const products = [
  { sku: 'DR-180', name: 'Cordless drill driver 18 V', category: 'Power tools', brand: 'Halden', price: 129.9 },
  { sku: 'SA-052', name: 'Jigsaw with laser guide', category: 'Power tools', brand: 'Corvin', price: 89.5 },
  { sku: 'PA-310', name: 'Wall paint, interior, 10 litres', category: 'Paint', brand: 'Lumenta', price: 45 },
  { sku: 'LA-007', name: 'Telescopic ladder 3.8 m', category: 'Ladders', brand: 'Steiger', price: 159 },
  { sku: 'SC-440', name: 'Wood screws, 500 pieces', category: 'Fixings', brand: 'Torva', price: 18.95 },
];
const pages = [
  { path: '/', title: 'Tools, paint and advice for your project' },
  { path: '/guides/laying-laminate', title: 'Laying laminate flooring in one weekend' },
  { path: '/tests/cordless-drills', title: 'Twelve cordless drill drivers in the test' },
  { path: '/service/repair', title: 'Repairs, spare parts and warranty' },
];
const searches = ['cordless drill', 'paint for damp rooms', 'ladder 4 m', 'torx screws stainless', 'jigsaw blades'];
const agents = [
  'Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1) Mobile/15E148',
];

/** Mulberry32 (Tommy Ettinger, public domain): 32 bits of state are plenty for a mix of events. */
export function makeDraw(seed: number): Draw {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function makeMix(options: MixOptions): Shopper[] {
  const draw = makeDraw(options.seed);
  return Array.from({ length: options.customers }, (_, index) => {
    const userId = `shopper-${String(index).padStart(6, '0')}`;
    const anonymousId = makeUuid(draw);
    const intent = pickByShare(
      draw,
      intents.map(({ share, kinds }) => [kinds, share]),
    );
    const events = Array.from({ length: options.eventsPerCustomer }, (_event, position) => {
      const timestampMs = options.endsAtMs - (options.eventsPerCustomer - 1 - position) * 60_000;
      const base = { messageId: makeUuid(draw), userId, anonymousId, timestamp: new Date(timestampMs).toISOString() };
      return { ...makeCall(pickByShare(draw, intent), draw), ...base };
    });
    return { userId, events };
  });
}

function makeCall(kind: Kind, draw: Draw): Pick<ShopEvent, 'type' | 'event' | 'name' | 'properties' | 'context'> {
  const page = pick(draw, pages);
  const context = { library: { name: 'analytics.js' }, locale: 'en-GB', userAgent: pick(draw, agents) };
  if (kind === 'page') {
    const url = `https://shop.example${page.path}`;
    return {
      type: 'page',
      name: page.title,
      properties: { ...page, url, referrer: 'https://search.example/' },
      context,
    };
  }
  return {
    type: 'track',
    event: kind,
    properties: makeProperties(kind, draw),
    context: { ...context, page: { path: page.path } },
  };
}

function makeProperties(kind: Exclude<Kind, 'page'>, draw: Draw): Record<string, unknown> {
  const product = { product_id: makeHex(draw, 8), ...pick(draw, products), quantity: 1 + Math.floor(draw() * 3) };
  const total = Math.round(product.price * product.quantity * 100) / 100;
  switch (kind) {
    case 'Products Searched':
      return { query: pick(draw, searches), results: Math.floor(draw() * 60) };
    case 'Product Viewed':
      return { ...product, currency: 'EUR' };
    case 'Product Added':
      return { ...product, cart_id: makeHex(draw, 12), currency: 'EUR' };
    case 'Checkout Started':
    case 'Order Completed': {
      const { name, category: _category, brand: _brand, ...line } = product;
      return { order_id: makeHex(draw, 10), total, currency: 'EUR', products: [{ ...line, name }] };
    }
    default:
      return kind satisfies never;
  }
}

/** Picks by shares that sum to 1; the last item takes what rounding leaves. */
function pickByShare<T>(draw: Draw, items: readonly (readonly [T, number])[]): T {
  let left = draw();
  const hit = items.find(([, share]) => {
    left -= share;
    return left < 0;
  });
  const [item] = hit ?? items.at(-1) ?? [];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

function pick<T>(draw: Draw, list: readonly T[]): T {
  const item = list[Math.floor(draw() * list.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

function makeHex(draw: Draw, length: number): string {
  return Array.from({ length }, () => Math.floor(draw() * 16).toString(16)).join('');
}

function makeUuid(draw: Draw): string {
  return `${makeHex(draw, 8)}-${makeHex(draw, 4)}-4${makeHex(draw, 3)}-a${makeHex(draw, 3)}-${makeHex(draw, 12)}`;
}
