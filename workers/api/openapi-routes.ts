// Every route of the API as OpenAPI has to know it: what it takes, everything it answers, one example of what is sent.
// The routes themselves are sites.ts and admin*.ts; tests/schema holds the two lists equal and the examples valid.

import { z } from 'zod';
import { LIMITS } from '../../schema/limits.ts';
import type { SchemaName } from './openapi-schemas.ts';

export interface Body {
  readonly schema: SchemaName;
  readonly example: object;
}

export interface Answer {
  readonly schema: SchemaName;
  readonly words: string;
}

export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** With `{names}` for parameters. */
  readonly path: string;
  /** The operation's id. */
  readonly id: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: Body | 'ndjson';
  /** By status. */
  readonly answers: { readonly [status: number]: Answer };
  /** Statuses that are answered with a problem, besides those every route of the tag has. */
  readonly problems: readonly number[];
}

export const TAGS = {
  sites: 'For marketing sites: report what happened and learn what to show. Needs a write key or a server key.',
  tracking:
    'The tracking API that common tracking clients speak. A call answers 200 only when every valid message in it is committed; send it again on 429 and 503.',
  journeys: 'For journey designers: what is published, and publishing.',
  catalog: 'Content, offers and event declarations. Visible to the next request locally, within 5 s when deployed.',
  customers: 'For operators: one customer, the timeline, who stands where.',
  import: 'History: each event is applied at its own time, and nothing is sent.',
  local: 'Local mode only; in a deployment these routes do not exist and answer 404.',
  system: 'Whether it runs, and this document.',
} as const;
export type Tag = keyof typeof TAGS;

const idParam = (words: string) => z.object({ id: z.string().describe(words) });
const dryRun = z.object({
  dryRun: z
    .enum(['true', 'false'])
    .optional()
    .describe('true checks and answers as if it were written, and writes nothing.'),
});
const limit = z.coerce.number().int().min(1).max(LIMITS.pageItemsMax).default(50);
const customerId = idParam('u:<userId> or a:<anonymousId>, URL-encoded.');

const visit = { type: 'page', messageId: 'm-1', anonymousId: 'visitor-1', properties: { path: '/' } };
const order = {
  type: 'track',
  event: 'Order Completed',
  messageId: 'm-2',
  userId: 'customer-1',
  properties: { order_id: 'o-1', revenue: 249 },
  timestamp: '2026-11-22T09:30:00Z',
};
const journey = {
  id: 'welcome',
  entry: [{ event: 'page' }],
  initial: 'new',
  stages: {
    new: { on: [{ event: 'Order Completed', if: 'event.properties.revenue > 100', to: 'known' }] },
    known: { after: [{ delay: 'P30D', since: 'activity', to: 'quiet' }] },
    quiet: { final: true },
  },
};
const content = {
  id: 'first-steps',
  kind: 'guide',
  placements: ['hero'],
  stages: ['lifecycle.purchase'],
  priority: 50,
  locales: { en: { title: 'First steps', url: 'https://shop.example/first-steps' } },
};
const offer = {
  id: 'starter-set',
  placements: ['banner'],
  stages: ['lifecycle.decision'],
  eligibility: "count('Order Completed') == 0",
  benefit: { kind: 'percent', value: 10 },
  locales: { en: { title: '10% off the starter set', url: 'https://shop.example/starter-set' } },
};
const events = {
  events: { 'Order Completed': { trusted: true, properties: { revenue: { type: 'number' } } } },
  traits: { language: { type: 'string' } },
};

const tracked = { 200: { schema: 'Tracked', words: 'Every valid message is committed.' } } as const;
const tracking = (type: string, what: string, schema: SchemaName, example: object): Route => ({
  method: 'post',
  path: `/v1/${type}`,
  id: `track${type[0]?.toUpperCase()}${type.slice(1)}`.replace('trackTrack', 'track'),
  tag: 'tracking',
  summary: what,
  body: { schema, example },
  answers: tracked,
  problems: [],
});

const SYSTEM: readonly Route[] = [
  {
    method: 'get',
    path: '/healthz',
    id: 'getHealth',
    tag: 'system',
    summary: 'Answers 200 once events are accepted',
    answers: { 200: { schema: 'Health', words: 'The tables are there and D1 answers.' } },
    problems: [],
  },
  {
    method: 'get',
    path: '/openapi.json',
    id: 'getOpenApi',
    tag: 'system',
    summary: 'This document',
    answers: { 200: { schema: 'OpenApi', words: 'OpenAPI 3.1.' } },
    problems: [],
  },
];

const SITES: readonly Route[] = [
  {
    method: 'post',
    path: '/v1/events',
    id: 'sendEvents',
    tag: 'sites',
    summary: 'Report events of one customer and learn the stages and what to show',
    description:
      'One commit: the answer already reflects the events. An event that is at fault is rejected alone; a repeated messageId changes nothing. Answers 400 only where no event can be accepted, 422 where the events name more than one customer.',
    body: {
      schema: 'EventsCall',
      example: { events: [visit], decide: { placements: ['hero'], context: { locale: 'en' } } },
    },
    answers: {
      200: { schema: 'EventsAnswer', words: 'A result for each event, the stages, the decisions that were asked for.' },
      503: { schema: 'DegradedProblem', words: 'No event was accepted. Send the same messageId again.' },
    },
    problems: [422],
  },
  {
    method: 'post',
    path: '/v1/decide',
    id: 'decide',
    tag: 'sites',
    summary: 'Ask what to show, without an event',
    description:
      'Answers with the defaults and degraded: true where the customer cannot be reached in time. With no placements it only reads the stages.',
    body: {
      schema: 'DecideCall',
      example: { anonymousId: 'visitor-1', placements: ['hero'], context: { locale: 'en' } },
    },
    answers: {
      200: { schema: 'DecideAnswer', words: 'The decisions by placement.' },
      503: { schema: 'DegradedProblem', words: 'The catalog cannot be read, so there are no defaults either.' },
    },
    problems: [],
  },
];

const TRACKING: readonly Route[] = [
  tracking('track', 'Something happened', 'TrackMessage', {
    event: order.event,
    userId: order.userId,
    properties: order.properties,
  }),
  tracking('identify', 'Who the customer is: traits, and the anonymous id that is the same person', 'Message', {
    userId: 'customer-1',
    anonymousId: 'visitor-1',
    traits: { language: 'en' },
  }),
  tracking('page', 'A page was viewed', 'Message', { anonymousId: 'visitor-1', properties: { path: '/' } }),
  tracking('screen', 'A screen of an app was viewed', 'Message', { anonymousId: 'visitor-1', name: 'Home' }),
  tracking('group', 'The customer belongs to a group', 'Message', { userId: 'customer-1', groupId: 'company-1' }),
  tracking('alias', 'An anonymous id is this user', 'AliasMessage', { userId: 'customer-1', previousId: 'visitor-1' }),
  tracking('batch', 'Many messages of any customers', 'Batch', {
    batch: [visit, order],
    sentAt: '2026-11-22T09:30:01Z',
  }),
];

const JOURNEYS: readonly Route[] = [
  {
    method: 'get',
    path: '/admin/journeys',
    id: 'listJourneys',
    tag: 'journeys',
    summary: 'The published journeys',
    answers: { 200: { schema: 'JourneyList', words: 'Each journey with its newest version.' } },
    problems: [],
  },
  {
    method: 'get',
    path: '/admin/journeys/{id}',
    id: 'getJourney',
    tag: 'journeys',
    summary: 'One journey in its newest version',
    params: idParam('The id of the journey.'),
    answers: { 200: { schema: 'PublishedJourney', words: 'The document as it was published.' } },
    problems: [404],
  },
  {
    method: 'get',
    path: '/admin/journeys/{id}/versions',
    id: 'listJourneyVersions',
    tag: 'journeys',
    summary: 'Every version of a journey, oldest first',
    params: idParam('The id of the journey.'),
    answers: { 200: { schema: 'JourneyVersions', words: 'The versions; the current one is marked.' } },
    problems: [404],
  },
  {
    method: 'post',
    path: '/admin/journeys/publish',
    id: 'publishJourney',
    tag: 'journeys',
    summary: 'Publish a journey as its next version',
    description:
      'Runs in flight keep the version they began with. A journey that did not change keeps its version. One with faults is refused whole, with a finding for each.',
    body: { schema: 'PublishCall', example: { journey } },
    answers: {
      200: { schema: 'CheckedJourney', words: 'With dryRun: it could be published as this version.' },
      201: { schema: 'Published', words: 'Published.' },
    },
    problems: [400, 413, 422],
  },
];

interface Kind {
  readonly path: 'content' | 'offers';
  readonly name: string;
  readonly list: SchemaName;
  readonly served: SchemaName;
  readonly draft: Body;
}

const documentRoutes = ({ path, name, list, served, draft }: Kind): Route[] => [
  {
    method: 'get',
    path: `/admin/${path}`,
    id: `list${name}`,
    tag: 'catalog',
    summary: `All ${path} in the catalog`,
    answers: { 200: { schema: list, words: 'The documents with their versions.' } },
    problems: [],
  },
  {
    method: 'get',
    path: `/admin/${path}/{id}`,
    id: `get${name}`,
    tag: 'catalog',
    summary: 'One document',
    params: idParam('The id of the document.'),
    answers: { 200: { schema: served, words: 'The document with its version.' } },
    problems: [404],
  },
  {
    method: 'put',
    path: `/admin/${path}/{id}`,
    id: `put${name}`,
    tag: 'catalog',
    summary: 'Write a document as its next version',
    description: 'A document that did not change keeps its version.',
    params: idParam('The id of the document.'),
    query: dryRun,
    body: draft,
    answers: { 200: { schema: 'Published', words: 'Written; with dryRun, the version it would get.' } },
    problems: [400, 413, 422],
  },
  {
    method: 'delete',
    path: `/admin/${path}/{id}`,
    id: `delete${name}`,
    tag: 'catalog',
    summary: 'Take a document out of the catalog',
    params: idParam('The id of the document.'),
    answers: { 200: { schema: 'Deleted', words: 'It is served no more.' } },
    problems: [404],
  },
];

const CATALOG: readonly Route[] = [
  ...documentRoutes({
    path: 'content',
    name: 'Content',
    list: 'ContentList',
    served: 'ServedContent',
    draft: { schema: 'ContentDraft', example: content },
  }),
  ...documentRoutes({
    path: 'offers',
    name: 'Offers',
    list: 'OfferList',
    served: 'ServedOffer',
    draft: { schema: 'OfferDraft', example: offer },
  }),
  {
    method: 'get',
    path: '/admin/events',
    id: 'getEventDeclarations',
    tag: 'catalog',
    summary: 'The declared events and traits',
    answers: { 200: { schema: 'ServedEventDeclarations', words: 'The declarations with their version.' } },
    problems: [404],
  },
  {
    method: 'put',
    path: '/admin/events',
    id: 'putEventDeclarations',
    tag: 'catalog',
    summary: 'Declare events and traits',
    query: dryRun,
    body: { schema: 'EventDeclarationsDraft', example: events },
    answers: { 200: { schema: 'Published', words: 'Written; with dryRun, the version it would get.' } },
    problems: [400, 413, 422],
  },
  {
    method: 'post',
    path: '/admin/catalog',
    id: 'publishCatalog',
    tag: 'catalog',
    summary: 'Publish many documents as one catalog version, all or none',
    body: { schema: 'CatalogCall', example: { events, journeys: [journey], content: [content], offers: [offer] } },
    answers: { 200: { schema: 'CatalogAnswer', words: 'Every document with the version it has now.' } },
    problems: [400, 413, 422],
  },
];

const CUSTOMERS: readonly Route[] = [
  {
    method: 'get',
    path: '/admin/customers',
    id: 'listCustomers',
    tag: 'customers',
    summary: 'Customers by id, from the index; at most 5 s behind',
    query: z.object({
      stage: z.string().optional().describe('journey:stage, such as lifecycle:usage.'),
      limit,
      cursor: z.string().optional().describe('next of the page before.'),
    }),
    answers: { 200: { schema: 'CustomerList', words: 'One page.' } },
    problems: [400],
  },
  {
    method: 'get',
    path: '/admin/customers/{id}',
    id: 'getCustomer',
    tag: 'customers',
    summary: 'One customer as it is now: traits, stages, runs, timers',
    params: customerId,
    answers: { 200: { schema: 'Customer', words: 'Where an anonymous id has become a user: that user.' } },
    problems: [404],
  },
  {
    method: 'get',
    path: '/admin/customers/{id}/timeline',
    id: 'getTimeline',
    tag: 'customers',
    summary: 'What happened to a customer, newest first',
    params: customerId,
    query: z.object({
      limit,
      cursor: z.coerce.number().int().min(0).optional().describe('next of the page before.'),
    }),
    answers: { 200: { schema: 'Timeline', words: 'One page.' } },
    problems: [400, 404],
  },
  {
    method: 'get',
    path: '/admin/funnel',
    id: 'getFunnel',
    tag: 'customers',
    summary: 'How many customers stand in each stage, from the index; at most 5 s behind',
    answers: { 200: { schema: 'Funnel', words: 'Every published journey, also one nobody is in.' } },
    problems: [],
  },
];

const IMPORT: readonly Route[] = [
  {
    method: 'post',
    path: '/admin/import',
    id: 'importEvents',
    tag: 'import',
    summary: `Apply up to ${LIMITS.eventsPerCallMax} events of history`,
    description:
      'One JSON message a line, each with a timestamp; the events of one customer in order of time over all calls. Timers due before or at an event fire first. Call finish after the last part.',
    body: 'ndjson',
    answers: { 200: { schema: 'ImportAnswer', words: 'How many were applied; a repeated messageId is a duplicate.' } },
    problems: [400, 413],
  },
  {
    method: 'post',
    path: '/admin/import/finish',
    id: 'finishImport',
    tag: 'import',
    summary: 'End an import: fire without sending what fell due up to now, bring the index up to date',
    answers: { 200: { schema: 'ImportFinished', words: 'How many customers were finished.' } },
    problems: [],
  },
];

const LOCAL: readonly Route[] = [
  {
    method: 'get',
    path: '/admin/clock',
    id: 'getClock',
    tag: 'local',
    summary: 'The time of the system',
    answers: { 200: { schema: 'Clock', words: 'Its clock, which may be ahead of the real one.' } },
    problems: [],
  },
  {
    method: 'post',
    path: '/admin/clock',
    id: 'moveClock',
    tag: 'local',
    summary: 'Set the clock of an empty system, or move it forward and fire what falls due',
    body: { schema: 'ClockCall', example: { advance: 'P3D' } },
    answers: { 200: { schema: 'ClockMoved', words: 'Everything due up to the new time has happened.' } },
    problems: [400, 409, 413],
  },
];

export const ROUTES: readonly Route[] = [
  ...SYSTEM,
  ...SITES,
  ...TRACKING,
  ...JOURNEYS,
  ...CATALOG,
  ...CUSTOMERS,
  ...IMPORT,
  ...LOCAL,
];

/** Three lines as `POST /admin/import` takes them. */
export const NDJSON_EXAMPLE = [
  { ...visit, timestamp: '2026-11-20T08:00:00Z' },
  { type: 'identify', userId: 'customer-1', anonymousId: 'visitor-1', timestamp: '2026-11-21T18:10:00Z' },
  order,
]
  .map((line) => JSON.stringify(line))
  .join('\n');
