// The routes of segments as OpenAPI has to know them. The routes themselves: admin-segments.ts, and admin-catalog.ts for what
// is written.

import { z } from 'zod';
import { segment } from './openapi-examples.ts';
import type { Route } from './openapi-route.ts';

const id = z.object({ id: z.string().describe('The id of the segment.').meta({ example: segment.id }) });
const dryRun = z.object({
  dryRun: z
    .enum(['true', 'false'])
    .optional()
    .describe('true checks and answers as if it were written, and writes nothing.'),
});

export const SEGMENT_ROUTES: readonly Route[] = [
  {
    method: 'get',
    path: '/admin/segments',
    id: 'listSegments',
    tag: 'segments',
    summary: 'The segments, how many customers are in each, and how far the last publish has been told',
    answers: { 200: { schema: 'SegmentList', words: 'Each segment and audience with its customers.' } },
    problems: [],
  },
  {
    method: 'get',
    path: '/admin/segments/{id}',
    id: 'getSegment',
    tag: 'segments',
    summary: 'One segment',
    params: id,
    answers: { 200: { schema: 'SegmentSummary', words: 'The document and how many are in it.' } },
    problems: [404],
  },
  {
    method: 'get',
    path: '/admin/segments/{id}/customers',
    id: 'listSegmentCustomers',
    tag: 'segments',
    summary: 'Who is in a segment or an audience',
    params: id,
    query: z.object({
      limit: z.int().min(1).max(200).optional(),
      cursor: z.string().optional().describe('The value of next from the page before.'),
    }),
    answers: { 200: { schema: 'SegmentCustomers', words: 'A page, in the order of the ids.' } },
    problems: [400, 404],
  },
  {
    method: 'post',
    path: '/admin/segments/estimate',
    id: 'estimateSegment',
    tag: 'segments',
    summary: 'How many customers a condition would have',
    description: 'Asks a random sample of customers, or everybody where they are few. Nothing is written.',
    body: { schema: 'EstimateCall', example: { if: segment.if, sample: 20 } },
    answers: { 200: { schema: 'Estimate', words: 'The share with its interval, or the exact number.' } },
    problems: [400, 413, 422],
  },
  {
    method: 'post',
    path: '/admin/segments/{id}/events',
    id: 'announceToSegment',
    tag: 'segments',
    summary: 'Let an event happen to everybody in a segment or an audience',
    description:
      'Each customer who is in it has the event once, page by page; what follows their journeys decide, which ask for consent and pressure. Sent again with the same id, it goes on where it stopped.',
    params: id,
    body: {
      schema: 'AnnounceCall',
      example: { id: 'summer-sale', event: 'Sale Announced', properties: { ends: '2026-08-31' } },
    },
    answers: { 202: { schema: 'Announcement', words: 'It is under way, or was done before.' } },
    problems: [400, 404, 413, 422],
  },
  {
    method: 'get',
    path: '/admin/segments/{id}/events',
    id: 'listAnnouncements',
    tag: 'segments',
    summary: 'What was announced to a segment, the newest first, and how far it has come',
    params: id,
    query: z.object({ limit: z.int().min(1).max(200).optional() }),
    answers: { 200: { schema: 'AnnouncementList', words: 'None for a segment that is not there.' } },
    problems: [400],
  },
  {
    method: 'put',
    path: '/admin/segments/{id}',
    id: 'putSegment',
    tag: 'segments',
    summary: 'Write a segment as its next version',
    description: 'Every customer is asked afterwards, page by page. A document that did not change keeps its version.',
    params: id,
    query: dryRun,
    body: { schema: 'SegmentDraft', example: segment },
    answers: { 200: { schema: 'Published', words: 'Written; with dryRun, the version it would get.' } },
    problems: [400, 413, 422],
  },
  {
    method: 'delete',
    path: '/admin/segments/{id}',
    id: 'deleteSegment',
    tag: 'segments',
    summary: 'Take a segment out of the catalog',
    description: 'Its customers leave it.',
    params: id,
    answers: { 200: { schema: 'Deleted', words: 'It concerns nobody any more.' } },
    problems: [404],
  },
];
