// Every route of the API as OpenAPI has to know it: what it takes, everything it answers, one example of what is sent.
// The public routes themselves are sites.ts and app.ts; tests/schema holds the two lists equal.

import { z } from 'zod';
import { ADMIN_ROUTES } from './openapi-admin.ts';
import { cloudEvent, visit } from './openapi-examples.ts';
import { IDENTITY_ROUTES } from './openapi-identity.ts';
import { PEOPLE_ROUTES } from './openapi-people.ts';
import { PRESSURE_ROUTES } from './openapi-pressure.ts';
import type { Route } from './openapi-route.ts';
import { TRACKING_ROUTES } from './openapi-tracking.ts';
import { SNIPPET_FILE } from './snippet.ts';

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
  {
    method: 'get',
    path: '/docs',
    id: 'getDocs',
    tag: 'system',
    summary: 'This document as a page to read and to try',
    answers: { 200: { types: ['text/html'], words: 'The page. It loads nothing from elsewhere.' } },
    problems: [],
  },
  {
    method: 'get',
    path: '/docs/{file}',
    id: 'getDocsFile',
    tag: 'system',
    summary: 'A file of that page',
    params: z.object({ file: z.string().meta({ example: 'start.js' }) }),
    answers: {
      200: { types: ['text/javascript', 'text/css', 'image/png'], words: 'A script, a style sheet or an image.' },
    },
    problems: [404],
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
    method: 'get',
    path: '/v1/decide',
    id: 'decideAnonymously',
    tag: 'sites',
    summary: 'What a visitor nobody knows is shown, for caches to keep',
    description:
      'Follows from the catalog, the address and the time alone, so one answer serves everybody: with an ETag, fresh for a minute, and while it is asked for anew for ten more. placements is a list with commas; other parameters are refused.',
    query: z.object({
      placements: z.string().meta({ example: 'hero,sidebar' }),
      locale: z.string().max(35).optional().meta({ example: 'de' }),
      country: z.string().optional().meta({ example: 'AT' }),
      device: z.enum(['mobile', 'tablet', 'desktop']).optional(),
    }),
    answers: {
      200: { schema: 'AnonymousAnswer', words: 'The decisions by placement.' },
      304: { types: [], words: 'As it was when the ETag was given.' },
    },
    problems: [400, 429, 503],
  },
  {
    method: 'get',
    path: '/r/{token}',
    id: 'followLink',
    tag: 'sites',
    open: true,
    summary: 'Where a clickUrl leads; records the click',
    description: 'The example is of the local mode, and too old to count.',
    params: z.object({
      token: z.string().meta({
        example:
          '1NqbzwNdX7YRYK1koLgGP25BkKKXmqwIKXKso2dnLZUji4yqQ2h15XWXFddPj3Pd1iK3093hqT1zVSp_tPrO23Iz1Xuf8a40NtvRIBr7PNYj8eCwC29FeoS4ZwYdLvFeX',
      }),
    }),
    answers: { 302: { types: [], words: 'On to the address the link was made for.' } },
    problems: [404],
  },
  {
    method: 'get',
    path: '/waymark.js',
    id: 'getSnippet',
    tag: 'sites',
    open: true,
    summary: 'The script of a page: events, decisions, impressions and clicks, by consent',
    description:
      'Less than 3 KB gzipped. Kept for an hour and asked for by its ETag; Content-Location names the same text for ever.',
    answers: {
      200: { types: ['text/javascript'], words: 'The script.' },
      304: { types: [], words: 'As it was when the ETag was given.' },
    },
    problems: [503],
  },
  {
    method: 'get',
    path: '/waymark/{file}',
    id: 'getSnippetFile',
    tag: 'sites',
    open: true,
    summary: 'The same script under a name that stands for this text alone',
    params: z.object({ file: z.string().meta({ example: SNIPPET_FILE }) }),
    answers: {
      200: { types: ['text/javascript'], words: 'The script, to be kept for ever.' },
      302: { types: [], words: 'The name is of another version: on to /waymark.js.' },
      304: { types: [], words: 'As it was when the ETag was given.' },
    },
    problems: [404, 503],
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

const ceHeader = (example: string, words: string) => z.string().optional().describe(words).meta({ example });
const CLOUD_EVENTS: Route = {
  method: 'post',
  path: '/v1/cloudevents',
  id: 'sendCloudEvents',
  tag: 'sites',
  summary: 'Report CloudEvents 1.0 of any customers',
  description:
    'Structured, batched and binary mode of the HTTP binding. In binary mode each attribute is a header ce-<name>, percent-encoded, and the body is the data, of any content type. Of a batch, an event that is at fault is rejected alone; a repeated source and id change nothing. Answers 503 unless every valid event is committed. The key is sent as Basic user name, Bearer or in the query.',
  headers: z.object({
    'ce-specversion': ceHeader('1.0', 'Binary mode only, like the others: the version, 1.0.'),
    'ce-id': ceHeader('o-2', 'Identifies the event together with ce-source.'),
    'ce-source': ceHeader('https://shop.example/checkout', 'Where the event comes from, a URI reference.'),
    'ce-type': ceHeader('Order Completed', 'The name of the event.'),
    'ce-time': ceHeader('2026-11-22T09:30:00Z', 'When it happened (RFC 3339).'),
    'ce-subject': ceHeader('customer-1', 'The user id, where no extension names the customer.'),
    'ce-userid': ceHeader('customer-1', 'Extension: the user id.'),
    'ce-anonymousid': z.string().optional().describe('Extension: the anonymous id.'),
  }),
  body: [
    { type: 'application/cloudevents+json', schema: 'CloudEvent', example: cloudEvent },
    { type: 'application/cloudevents-batch+json', schema: 'CloudEventBatch', example: [cloudEvent] },
    { type: 'application/json', schema: 'CloudEventData', example: { order_id: 'o-2', revenue: 99 } },
  ],
  answers: { 200: { schema: 'CloudEventsAnswer', words: 'A result for each event.' } },
  problems: [415],
};

export const ROUTES: readonly Route[] = [
  ...SYSTEM,
  ...SITES,
  ...IDENTITY_ROUTES,
  CLOUD_EVENTS,
  ...PEOPLE_ROUTES,
  ...TRACKING_ROUTES,
  ...ADMIN_ROUTES,
  ...PRESSURE_ROUTES,
];
