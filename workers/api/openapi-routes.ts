// Every route of the API as OpenAPI has to know it: what it takes, everything it answers, one example of what is sent.
// The public routes themselves are sites.ts and app.ts; tests/schema holds the two lists equal.

import { ADMIN_ROUTES } from './openapi-admin.ts';
import { visit } from './openapi-examples.ts';
import type { Route } from './openapi-route.ts';
import { TRACKING_ROUTES } from './openapi-tracking.ts';

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

export const ROUTES: readonly Route[] = [...SYSTEM, ...SITES, ...TRACKING_ROUTES, ...ADMIN_ROUTES];
