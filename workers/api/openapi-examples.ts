// The examples of the OpenAPI document: one small shop. tests/schema holds each of them against the schema it stands for.

export const visit = { type: 'page', messageId: 'm-1', anonymousId: 'visitor-1', properties: { path: '/' } };
export const order = {
  type: 'track',
  event: 'Order Completed',
  messageId: 'm-2',
  userId: 'customer-1',
  properties: { order_id: 'o-1', revenue: 249 },
  timestamp: '2026-11-22T09:30:00Z',
};
export const cloudEvent = {
  specversion: '1.0',
  id: 'o-1',
  source: 'https://shop.example/checkout',
  type: 'Order Completed',
  time: '2026-11-22T09:30:00Z',
  userid: 'customer-1',
  data: { order_id: 'o-1', revenue: 249 },
};
export const journey = {
  id: 'welcome',
  entry: [{ event: 'page' }],
  initial: 'new',
  stages: {
    new: { on: [{ event: 'Order Completed', if: 'event.properties.revenue > 100', to: 'known' }] },
    known: { after: [{ delay: 'P30D', since: 'activity', to: 'quiet' }] },
    quiet: { final: true },
  },
};
export const content = {
  id: 'first-steps',
  kind: 'guide',
  placements: ['hero'],
  stages: ['lifecycle.purchase'],
  priority: 50,
  locales: { en: { title: 'First steps', url: 'https://shop.example/first-steps' } },
};
export const offer = {
  id: 'starter-set',
  placements: ['banner'],
  stages: ['lifecycle.decision'],
  eligibility: "count('Order Completed') == 0",
  benefit: { kind: 'percent', value: 10 },
  locales: { en: { title: '10% off the starter set', url: 'https://shop.example/starter-set' } },
};
export const segment = {
  id: 'regulars',
  name: 'Regulars',
  if: "count('Order Completed', 'P365D') >= 3",
};

export const experiment = {
  id: 'starter-set-or-not',
  level: 'offer' as const,
  arms: [{ id: 'without' }, { id: 'with', offers: ['starter-set'] }],
  allocation: { thompson: { by: 'stages.lifecycle' } },
  goal: { event: 'Order Completed', within: 'P7D' },
};
export const message = {
  id: 'order-received',
  channel: 'email' as const,
  purpose: 'transactional' as const,
  locales: {
    en: {
      subject: 'We have your order {{ event.properties.order_id }}',
      text: 'Thank you, {{ traits.firstName }}.',
      html: '<p>Thank you, {{ traits.firstName }}.</p>',
    },
  },
};
export const events = {
  events: {
    'Order Completed': { trusted: true, properties: { revenue: { type: 'number' }, order_id: { type: 'string' } } },
    'Sale Announced': { properties: { ends: { type: 'string' } } },
  },
  traits: { language: { type: 'string' }, firstName: { type: 'string', personal: true } },
};

/** Three lines as `POST /admin/import` takes them. */
export const NDJSON_EXAMPLE = [
  { ...visit, timestamp: '2026-11-20T08:00:00Z' },
  { type: 'identify', userId: 'customer-1', anonymousId: 'visitor-1', timestamp: '2026-11-21T18:10:00Z' },
  order,
]
  .map((line) => JSON.stringify(line))
  .join('\n');
export const pool = { id: 'spring', draft: { codes: ['SPRING-7F3K', 'SPRING-9Q2M'] } };

export const fragment = {
  id: 'footer',
  locales: { en: { text: 'Your garden shop', html: '<p>Your garden shop</p>' } },
};
