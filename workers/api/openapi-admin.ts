// The routes under /admin as OpenAPI has to know them: what each takes and everything it answers. The routes themselves are
// admin*.ts and, for the clock of local mode, workers/local/clock.ts.

import { z } from 'zod';
import { LIMITS } from '../../schema/limits.ts';
import { ACCOUNT_ROUTES } from './openapi-accounts.ts';
import { CATALOG_ROUTES } from './openapi-catalog.ts';
import { journey } from './openapi-examples.ts';
import { EXPERIMENT_ROUTES } from './openapi-experiments.ts';
import type { Route } from './openapi-route.ts';
import { SEGMENT_ROUTES } from './openapi-segments.ts';
import { TOTAL_ROUTES } from './openapi-totals.ts';

const idParam = (words: string, example: string) => z.object({ id: z.string().describe(words).meta({ example }) });
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

const CUSTOMERS: readonly Route[] = [
  {
    method: 'get',
    path: '/admin/customers',
    id: 'listCustomers',
    tag: 'customers',
    summary: 'Customers by id, from the index, at most 5 s behind; or the one who owns an identifier',
    query: z.object({
      identifier: z
        .string()
        .optional()
        .describe(
          'kind:value, of a kind that policies.json declares as unique, such as email:anna@example.com. Stands alone.',
        ),
      stage: z.string().optional().describe('journey:stage, such as lifecycle:usage.'),
      limit,
      cursor: z.string().optional().describe('next of the page before.'),
    }),
    answers: { 200: { schema: 'CustomerList', words: 'One page.' } },
    problems: [400, 422],
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
    path: '/admin/customers/{id}/export',
    id: 'exportCustomer',
    tag: 'customers',
    summary: 'Everything that is kept of a customer (GDPR Art. 15 and 20)',
    description:
      'As JSON (format waymark-export-1), or with format=html, or for who asks for text/html, as a page to read in German or English. It is sent piece by piece.',
    params: customerId,
    query: z.object({
      format: z.enum(['json', 'html']).optional(),
      language: z.string().max(35).optional().meta({ example: 'de' }),
    }),
    answers: { 200: { schema: 'CustomerExport', also: 'text/html', words: 'All of it.' } },
    problems: [400, 404],
  },
  {
    method: 'post',
    path: '/admin/customers/{id}/erase',
    id: 'eraseCustomer',
    tag: 'customers',
    summary: 'Remove everything that is kept of a customer (GDPR Art. 17)',
    description:
      'The customer, the ids that became them, the rows of the index. What is left is the time and a keyed hash; late events are rejected. May be sent again: what a call that was cut short has left is removed then.',
    params: z.object({ id: z.string().meta({ example: 'u:nobody-yet' }) }),
    answers: { 200: { schema: 'ErasureReceipt', words: 'The receipt.' } },
    problems: [404, 409],
  },
  {
    method: 'get',
    path: '/admin/access',
    id: 'getAccess',
    tag: 'customers',
    summary: 'Who has read a customer as an operator, newest first',
    query: z.object({
      customer: z.string().meta({ example: 'u:customer-1' }),
      cursor: z.coerce.number().int().min(1).optional().describe('next of the page before.'),
    }),
    answers: { 200: { schema: 'AccessLog', words: 'One page.' } },
    problems: [400],
  },
  {
    method: 'get',
    path: '/admin/customers/{id}/merges',
    id: 'getMerges',
    tag: 'customers',
    summary: 'Who has become this customer, and what of it can be undone',
    params: customerId,
    answers: { 200: { schema: 'Merges', words: 'All of them.' } },
    problems: [404],
  },
  {
    method: 'post',
    path: '/admin/customers/{id}/merges/{source}/undo',
    id: 'undoMerge',
    tag: 'customers',
    summary: 'Take a merge back: what the source brought goes back to it, what came since stays',
    params: z.object({
      id: z.string().meta({ example: 'u:customer-1' }),
      source: z.string().meta({ example: 'a:visitor-1' }),
    }),
    answers: { 200: { schema: 'UndoneMerge', words: 'It is undone.' } },
    problems: [404, 409, 410],
  },
  {
    method: 'get',
    path: '/admin/customers/{id}/consent-log',
    id: 'getConsentLog',
    tag: 'customers',
    summary: 'Every statement on consent, oldest first, each with the hash of the one before',
    description:
      'SHA-256, hexadecimal, of the hash before, a line feed and the JSON array of the statement’s members; `waymark consent` checks it. Lines of other customers who became this one stand in it as they were.',
    params: customerId,
    query: z.object({
      limit,
      cursor: z.coerce.number().int().min(0).optional().describe('next of the page before.'),
    }),
    answers: { 200: { schema: 'ConsentLog', words: 'One page.' } },
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
  ...CATALOG_ROUTES,
  ...EXPERIMENT_ROUTES,
  ...SEGMENT_ROUTES,
  ...ACCOUNT_ROUTES,
  ...TOTAL_ROUTES,
  ...CUSTOMERS,
  ...IMPORT,
  ...LOCAL,
];
