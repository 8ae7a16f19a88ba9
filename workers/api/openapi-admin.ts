// The routes under /admin as OpenAPI has to know them: what each takes and everything it answers. The routes themselves are
// admin*.ts and, for the clock of local mode, workers/local/clock.ts.

import { z } from 'zod';
import { LIMITS } from '../../schema/limits.ts';
import { content, events, experiment, fragment, journey, message, offer } from './openapi-examples.ts';
import { EXPERIMENT_ROUTES } from './openapi-experiments.ts';
import type { Body, Route } from './openapi-route.ts';
import type { SchemaName } from './openapi-schemas.ts';
import { TOTAL_ROUTES } from './openapi-totals.ts';

const idParam = (words: string, example: string) => z.object({ id: z.string().describe(words).meta({ example }) });
const dryRun = z.object({
  dryRun: z
    .enum(['true', 'false'])
    .optional()
    .describe('true checks and answers as if it were written, and writes nothing.'),
});
const limit = z.coerce.number().int().min(1).max(LIMITS.pageItemsMax).default(50);
const customerId = idParam('u:<userId> or a:<anonymousId>, URL-encoded.', 'u:customer-1');

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
    params: idParam('The id of the journey.', journey.id),
    answers: { 200: { schema: 'PublishedJourney', words: 'The document as it was published.' } },
    problems: [404],
  },
  {
    method: 'get',
    path: '/admin/journeys/{id}/versions',
    id: 'listJourneyVersions',
    tag: 'journeys',
    summary: 'Every version of a journey, oldest first',
    params: idParam('The id of the journey.', journey.id),
    answers: { 200: { schema: 'JourneyVersions', words: 'The versions; the current one is marked.' } },
    problems: [404],
  },
  {
    method: 'get',
    path: '/admin/journeys/{id}/versions/{version}',
    id: 'getJourneyVersion',
    tag: 'journeys',
    summary: 'A journey as one version of it was published, with the event declarations of that moment',
    params: z.object({
      id: z.string().describe('The id of the journey.').meta({ example: journey.id }),
      version: z.coerce.number().int().min(1).describe('Counted from 1.').meta({ example: 1 }),
    }),
    answers: { 200: { schema: 'JourneyVersion', words: 'The documents runs of this version go by.' } },
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
  {
    method: 'post',
    path: '/admin/simulate',
    id: 'simulate',
    tag: 'journeys',
    summary: 'Live a population through journeys on a virtual clock',
    description:
      'Drafts, or what is published; customers are synthetic or come from recorded messages. Effects are recorded, nothing is sent and nobody is asked. The command waymark simulate does the same without bounds.',
    body: {
      schema: 'SimulateCall',
      example: { customers: 50, days: 60, seed: 'autumn', from: '2026-01-01T00:00:00Z', journeys: [journey] },
    },
    answers: { 200: { schema: 'Simulated', words: 'Funnel, messages by week, who got stuck, what went wrong.' } },
    problems: [400, 413, 422],
  },
];

const PREVIEW: Route = {
  method: 'post',
  path: '/admin/decide/preview',
  id: 'previewDecision',
  tag: 'catalog',
  summary: 'What a customer, imagined or real, would be shown at any time, and why not the rest',
  description:
    'The decision itself. Imagined: over what is published. Real, with customerId: as the record says they stood at that moment, by the catalog of then. Everything that is limited in all is supposed to be there. Nothing is kept.',
  body: {
    schema: 'PreviewCall',
    example: {
      placements: ['hero'],
      context: { locale: 'en' },
      at: '2026-12-24T18:00:00Z',
      customer: { traits: { firstName: 'Ada' }, stages: { lifecycle: 'usage' } },
    },
  },
  answers: {
    200: { schema: 'Preview', words: 'The decisions, and each candidate that is not shown with its reason.' },
  },
  problems: [400, 404, 413, 422],
};

interface Kind {
  readonly path: 'content' | 'offers' | 'messages/templates' | 'fragments';
  readonly name: string;
  readonly list: SchemaName;
  readonly served: SchemaName;
  readonly draft: Body & { readonly example: { readonly id: string } };
}

const documentRoutes = ({
  path,
  name,
  list,
  served,
  draft,
  draft: {
    example: { id },
  },
}: Kind): Route[] => [
  {
    method: 'get',
    path: `/admin/${path}`,
    id: `list${name}`,
    tag: 'catalog',
    summary: `All ${path.replace('/', ' ')} in the catalog`,
    answers: { 200: { schema: list, words: 'The documents with their versions.' } },
    problems: [],
  },
  {
    method: 'get',
    path: `/admin/${path}/{id}`,
    id: `get${name}`,
    tag: 'catalog',
    summary: 'One document',
    params: idParam('The id of the document.', id),
    answers: { 200: { schema: served, words: 'The document with its version.' } },
    problems: [404],
  },
  {
    method: 'get',
    path: `/admin/${path}/{id}/versions`,
    id: `list${name}Versions`,
    tag: 'catalog',
    summary: 'Every version a document ever had',
    params: idParam('The id of the document.', id),
    answers: { 200: { schema: 'DocumentVersions', words: 'The versions; the one that is served is marked.' } },
    problems: [404],
  },
  {
    method: 'get',
    path: `/admin/${path}/{id}/versions/{version}`,
    id: `get${name}Version`,
    tag: 'catalog',
    summary: 'A document as it was published',
    params: idParam('The id of the document.', id).extend({ version: z.string().meta({ example: '1' }) }),
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
    params: idParam('The id of the document.', id),
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
    params: idParam('The id of the document.', id),
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
  ...documentRoutes({
    path: 'messages/templates',
    name: 'MessageTemplates',
    list: 'MessageTemplateList',
    served: 'ServedMessageTemplate',
    draft: { schema: 'MessageTemplateDraft', example: message },
  }),
  ...documentRoutes({
    path: 'fragments',
    name: 'Fragments',
    list: 'FragmentList',
    served: 'ServedFragment',
    draft: { schema: 'FragmentDraft', example: fragment },
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
    body: {
      schema: 'CatalogCall',
      example: {
        events,
        journeys: [journey],
        content: [content],
        offers: [offer],
        messages: [message],
        experiments: [experiment],
        fragments: [fragment],
        site: { languages: ['en'] },
      },
    },
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
    path: '/admin/customers/{id}/record',
    id: 'getRecord',
    tag: 'customers',
    summary: 'Everything recorded of a customer, oldest first, as replay needs it',
    description:
      'What is due fires first. Instants are milliseconds, bodies are the text as it was written. The command waymark replay rebuilds every run from it and compares.',
    params: customerId,
    query: z.object({
      limit,
      cursor: z.coerce.number().int().min(0).optional().describe('next of the page before.'),
    }),
    answers: { 200: { schema: 'CustomerRecord', words: 'One page, with the customer and its runs as they are now.' } },
    problems: [400, 404],
  },
  {
    method: 'get',
    path: '/admin/messages',
    id: 'listMessages',
    tag: 'customers',
    summary: 'Messages to one customer, newest first, and what became of them',
    query: z.object({
      customer: z.string().describe('u:<userId> or a:<anonymousId>.').meta({ example: 'u:customer-1' }),
      limit,
      cursor: z.coerce.number().int().min(0).optional().describe('next of the page before.'),
    }),
    answers: { 200: { schema: 'MessageList', words: 'One page.' } },
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

export const ADMIN_ROUTES: readonly Route[] = [
  ...JOURNEYS,
  ...CATALOG,
  ...EXPERIMENT_ROUTES,
  ...TOTAL_ROUTES,
  PREVIEW,
  ...CUSTOMERS,
  ...IMPORT,
  ...LOCAL,
];
