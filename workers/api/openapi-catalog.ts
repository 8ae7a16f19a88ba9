// The routes of documents that are served, as OpenAPI has to know them: content, offers, messages, fragments, event
// declarations, many at once, and previews. The routes themselves: admin-catalog.ts and admin-preview.ts.

import { z } from 'zod';
import { content, events, experiment, fragment, journey, message, offer } from './openapi-examples.ts';
import type { Body, Route } from './openapi-route.ts';
import type { SchemaName } from './openapi-schemas.ts';

const idParam = (words: string, example: string) => z.object({ id: z.string().describe(words).meta({ example }) });
const dryRun = z.object({
  dryRun: z
    .enum(['true', 'false'])
    .optional()
    .describe('true checks and answers as if it were written, and writes nothing.'),
});

const PREVIEWS: readonly Route[] = [
  {
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
  },
  {
    method: 'get',
    path: '/admin/preview',
    id: 'previewPlacements',
    tag: 'catalog',
    summary: 'What would stand where at a date, and why not the rest',
    description: 'The decision itself, for a visitor nobody knows, in the stages that are given.',
    query: z.object({
      at: z.iso.datetime({ offset: true }).optional().describe('When; now where it is not said.'),
      placement: z.string().optional().describe('May be given several times; every placement where it is not said.'),
      stage: z.string().optional().describe('journey.stage; may be given for several journeys.'),
      locale: z.string().optional().describe('The language of the visitor, BCP 47.'),
    }),
    answers: {
      200: { schema: 'Preview', words: 'The decisions, and each candidate that is not shown with its reason.' },
    },
    problems: [400],
  },
];

interface Kind {
  readonly path: 'content' | 'offers' | 'messages/templates' | 'fragments';
  readonly name: string;
  readonly list: SchemaName;
  readonly served: SchemaName;
  readonly draft: Body & { readonly example: { readonly id: string } };
  /** What the list may be narrowed by. */
  readonly filters?: z.ZodObject;
}

const documentRoutes = ({
  path,
  name,
  list,
  served,
  filters,
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
    ...(filters ? { query: filters } : {}),
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

const FILTERS = z.object({
  placement: z.string().optional().describe('Only those that name this placement.'),
  stage: z.string().optional().describe('journey.stage: only those for this stage, or for every stage.'),
  kind: z.string().optional().describe('Only of this kind, such as guide.'),
});

export const CATALOG_ROUTES: readonly Route[] = [
  ...documentRoutes({
    path: 'content',
    name: 'Content',
    list: 'ContentList',
    served: 'ServedContent',
    filters: FILTERS,
    draft: { schema: 'ContentDraft', example: content },
  }),
  ...documentRoutes({
    path: 'offers',
    name: 'Offers',
    list: 'OfferList',
    served: 'ServedOffer',
    filters: FILTERS,
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
        policies: {},
      },
    },
    answers: { 200: { schema: 'CatalogAnswer', words: 'Every document with the version it has now.' } },
    problems: [400, 413, 422],
  },
  ...PREVIEWS,
];
