// The tracking API as OpenAPI has to know it, under its own names and under those of the browser clients: the routes of
// tracking.ts and browser.ts. tests/schema holds the lists equal.

import { z } from 'zod';
import { SHORT_NAMES } from './browser.ts';
import { order, visit } from './openapi-examples.ts';
import type { Body, Route } from './openapi-route.ts';

const tracked = { 200: { schema: 'Tracked', words: 'Every valid message is committed.' } } as const;

const CALLS: Readonly<Record<(typeof SHORT_NAMES)[keyof typeof SHORT_NAMES], { summary: string; body: Body }>> = {
  track: {
    summary: 'Something happened',
    body: {
      schema: 'TrackMessage',
      example: { event: order.event, userId: order.userId, properties: order.properties },
    },
  },
  identify: {
    summary: 'Who the customer is: traits, and the anonymous id that is the same person',
    body: {
      schema: 'Message',
      example: { userId: 'customer-1', anonymousId: 'visitor-1', traits: { language: 'en' } },
    },
  },
  page: {
    summary: 'A page was viewed',
    body: { schema: 'Message', example: { anonymousId: 'visitor-1', properties: { path: '/' } } },
  },
  screen: {
    summary: 'A screen of an app was viewed',
    body: { schema: 'Message', example: { anonymousId: 'visitor-1', name: 'Home' } },
  },
  group: {
    summary: 'The customer belongs to a group',
    body: { schema: 'Message', example: { userId: 'customer-1', groupId: 'company-1' } },
  },
  alias: {
    summary: 'An anonymous id is this user',
    body: { schema: 'AliasMessage', example: { userId: 'customer-1', previousId: 'visitor-1' } },
  },
};

const BATCH = {
  summary: 'Many messages of any customers',
  body: { schema: 'Batch', example: { batch: [visit, order], sentAt: '2026-11-22T09:30:01Z' } },
} as const;

const named = (path: string, id: string, call: { summary: string; body: Body }, description?: string): Route => ({
  method: 'post',
  path,
  id,
  tag: 'tracking',
  ...call,
  ...(description === undefined ? {} : { description }),
  answers: tracked,
  problems: [],
});

const capital = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);

const TRACKING: readonly Route[] = [
  ...Object.entries(CALLS).map(([type, call]) =>
    named(`/v1/${type}`, type === 'track' ? 'track' : `track${capital(type)}`, call),
  ),
  named('/v1/batch', 'trackBatch', BATCH),
];

const SHORT: readonly Route[] = [
  ...Object.entries(SHORT_NAMES).map(([letter, type]) =>
    named(`/v1/${letter}`, `short${capital(type)}`, CALLS[type], `The same as /v1/${type}.`),
  ),
  named('/v1/b', 'shortBatch', BATCH, 'The same as /v1/batch.'),
  named(
    '/beacon/v1/batch',
    'beaconBatch',
    BATCH,
    'The same as /v1/batch. A beacon carries no headers, so the key stands in the query; and its sender hears no answer, so what is not accepted is lost.',
  ),
];

const BROWSER: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/projects/{key}/settings',
    id: 'getSegmentSettings',
    tag: 'browser',
    open: true,
    summary: 'What @segment/analytics-next loads before it sends',
    description: 'For its option cdnURL. The settings also tell it to send here, so no other option is needed.',
    params: z.object({ key: z.string().meta({ description: 'The write key.' }) }),
    answers: { 200: { schema: 'SegmentSettings', words: 'Where to send, and that there is nothing more to load.' } },
    problems: [404],
  },
  {
    method: 'get',
    path: '/sourceConfig/',
    id: 'getRudderSettings',
    tag: 'browser',
    summary: 'What @rudderstack/analytics-js loads before it sends',
    description: 'For its option configUrl. A secret key is not known here: it has no place in a browser.',
    answers: { 200: { schema: 'RudderSettings', words: 'That there is nothing more to load.' } },
    problems: [401],
  },
  {
    method: 'post',
    path: '/v1/m',
    id: 'dropClientMetrics',
    tag: 'browser',
    open: true,
    summary: 'Figures that @segment/analytics-next sends about itself; they are not kept',
    answers: { 200: { schema: 'Tracked', words: 'Nothing was kept.' } },
    problems: [],
  },
];

export const TRACKING_ROUTES: readonly Route[] = [...TRACKING, ...SHORT, ...BROWSER];
