// The bodies of the API by name, for OpenAPI: what designers and sites send comes from schema/ and from the routes' own
// Zod schemas, what goes back is described here. Becomes JSON Schema by Zod's own converter in its 2020-12 dialect, which
// is OpenAPI 3.1's: the converter of the OpenAPI library does not end on schemas that contain themselves.

import { z } from 'zod';
import { Content, EventDeclarations, FieldDeclaration, Message, Offer } from '../../schema/catalog.ts';
import { CloudEvent } from '../../schema/cloudevent.ts';
import { Event } from '../../schema/event.ts';
import { Experiment } from '../../schema/experiment.ts';
import { Fragment } from '../../schema/fragment.ts';
import { Condition, Duration, Journey, Step, Steps } from '../../schema/journey.ts';
import { LIMITS } from '../../schema/limits.ts';
import { Placements } from '../../schema/placements.ts';
import { Policies } from '../../schema/policies.ts';
import { Segment } from '../../schema/segment.ts';
import { Site } from '../../schema/site.ts';
import { Line as ConsentLine } from '../consent/log.ts';
import { PublishedDocument, RecordedCustomer, RecordedEntry } from '../simulate/record.ts';
import { AccountList, AccountShown } from './admin-accounts.ts';
import { AnnounceCall, Announcement, AnnouncementList } from './admin-announcements.ts';
import { ExperimentResults, ExperimentSummary } from './admin-experiments.ts';
import { Loss, PreviewCall } from './admin-preview.ts';
import { Estimate, EstimateCall, SegmentCustomers, SegmentList, SegmentSummary } from './admin-segments.ts';
import { SimulateCall, Simulated } from './admin-simulate.ts';
import { CodesDraft, ItemTotals, Pool, PoolAdded } from './admin-totals.ts';
import { DecideCall, EventsCall } from './calls.ts';
import { Devices, Identifiers, Me } from './openapi-identity.ts';
import { Pressure } from './openapi-pressure.ts';

const time = z.iso.datetime().describe('ISO 8601, UTC.');
const version = z.int().min(1);
const dryRun = z.boolean().optional().describe('Checks and answers as if it were written, and writes nothing.');
const TOKEN =
  'A JWT (HS256, RS256 or ES256) whose sub is the user id. The header Waymark-Customer-Token does the same.';
const writeKey = z
  .string()
  .optional()
  .describe('The write key, where it is not sent as Basic user name or in the query.');
const credentials = { writeKey, customerToken: z.string().optional().describe(TOKEN) };

const ProblemError = z.object({
  pointer: z.string().describe('RFC 6901 pointer to the fault; empty for the whole.'),
  detail: z.string(),
});

const Finding = z
  .object({
    code: z.string().describe('Stable, for programs; each is explained in workers/check/CODES.md.'),
    severity: z.enum(['error', 'warning']).optional().describe('An error refuses the publish; a warning does not.'),
    pointer: z.string().describe('RFC 6901 pointer into the document.'),
    line: z.int().optional(),
    message: z.string(),
    remedy: z.string(),
    document: z.string().optional().describe('kind/id, where a call may carry several documents.'),
  })
  .describe('What is wrong in a document, where, and what to do.');

const problem = {
  type: z.string().describe('urn:waymark:problem: and the kind.'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string().optional().describe('urn:waymark:request: and the id of the request, as in X-Request-Id.'),
  errors: z.array(ProblemError).optional(),
  findings: z.array(Finding).optional(),
};

const Problem = z.looseObject(problem).describe('An error as RFC 9457 has it.');

const Decision = z.object({
  kind: z.enum(['content', 'offer']),
  id: z.string(),
  version,
  decisionId: z.string().describe('What comes of it names it as decision_id.'),
  clickUrl: z.url().optional().describe('Leads where the item’s url does, and counts the click.'),
  fields: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .describe('The document in the chosen language, its templates filled in.'),
});
const Decisions = z
  .record(z.string(), z.array(Decision))
  .describe('By placement; an empty list where nothing stands there for this customer.');

const DegradedProblem = z
  .looseObject({ ...problem, decisions: Decisions.optional(), degraded: z.literal(true).optional() })
  .describe('A problem that also says degraded; decisions that were asked for with events come as the defaults.');

const stages = z.record(z.string(), z.string()).describe('The stage of each unkeyed journey the customer is in.');
const customer = z
  .object({ id: z.string(), stages })
  .describe('Without stages where the key asks for proof of a known customer and none came.');

const EventResult = z.object({
  messageId: z.string().nullable(),
  status: z.enum(['accepted', 'duplicate', 'rejected']),
  errors: z.array(ProblemError).optional(),
});

/** What a message of the tracking API holds, without what only the type says. */
const { type: _, ...message } = Event.shape;
const text = z.string().min(1).max(LIMITS.nameCharsMax);
const id = z.union([z.string().min(1).max(LIMITS.idCharsMax), z.number()]);

const run = z.object({
  journey: z.string(),
  key: z.string().nullable(),
  version,
  stage: z.string(),
  enteredAt: time,
  endedAt: time.optional(),
});
const ServedContent = Content.extend({ version });
const ServedOffer = Offer.extend({ version });
const ServedMessageTemplate = Message.extend({ version });
const ServedFragment = Fragment.extend({ version });

const TimelineEntry = z
  .looseObject({
    seq: z.int().min(1),
    at: time.describe('For an event its own time, else when it was applied.'),
    kind: z
      .string()
      .describe(
        'event, transition, decision, exposure, message, suppressed, set, error, merged, identifier-conflict or expired; the other members depend on it.',
      ),
  })
  .describe('One line of the history. An event carries the message as it was kept.');

const versioned = { id: z.string(), version };
const withoutId = { id: z.string().optional().describe('The id of the path, or absent.') };
const ignoredVersion = { version: version.optional().describe('Ignored: versions are counted by the system.') };

/** Name of the component and its schema. */
export const SCHEMAS = {
  // what is sent, from schema/
  Event,
  Journey,
  Step,
  Steps,
  Condition,
  Duration,
  Content,
  Offer,
  MessageTemplate: Message,
  Fragment,
  Site,
  Experiment,
  EventDeclarations,
  FieldDeclaration,

  // errors
  Problem,
  ProblemError,
  DegradedProblem,
  Finding,

  // sites
  EventsCall: z.looseObject({
    ...EventsCall.shape,
    events: z.array(Event).min(1).max(LIMITS.eventsPerCallMax).describe('All of one customer.'),
    customerToken: EventsCall.shape.customerToken.describe(TOKEN),
    sentAt: Event.shape.sentAt,
    writeKey,
  }),
  EventsAnswer: z.object({
    results: z.array(EventResult).describe('In the order of the events.'),
    customer,
    decisions: Decisions.optional(),
    degraded: z.literal(false),
  }),
  EventResult,
  Decision,
  Decisions,
  DecideCall: z
    .looseObject({
      ...DecideCall.shape,
      customerToken: DecideCall.shape.customerToken.describe(TOKEN),
      writeKey,
    })
    .describe('userId or anonymousId names the customer.'),
  DecideAnswer: z.object({
    customer,
    decisions: Decisions,
    explained: z
      .record(z.string(), z.array(Loss))
      .optional()
      .describe('With explain: every candidate that is not shown.'),
    degraded: z.boolean().describe('True where the customer could not be reached: these are the defaults.'),
  }),
  PreviewCall,
  Preview: z.object({
    at: time,
    customer: z
      .object({ id: z.string(), stages: z.record(z.string(), z.string()), catalogVersion: z.int() })
      .optional()
      .describe('Of a real customer: where they stood, and the catalog of then.'),
    decisions: Decisions,
    explained: z.record(z.string(), z.array(Loss)),
  }),
  Me,
  Pressure,
  AnonymousAnswer: z.object({ decisions: Decisions, degraded: z.literal(false) }),
  Message: z.looseObject({ ...message, ...credentials }),
  TrackMessage: z.looseObject({ ...message, event: text, ...credentials }),
  AliasMessage: z.looseObject({ ...message, previousId: id, userId: id, ...credentials }),
  Batch: z.looseObject({
    batch: z.array(Event).max(LIMITS.eventsPerCallMax).describe('Of any customers.'),
    context: Event.shape.context.describe('Merged under the context of every message.'),
    sentAt: Event.shape.sentAt,
    ...credentials,
  }),
  Tracked: z.object({
    success: z.literal(true),
    rejected: z
      .array(z.object({ index: z.int().min(0), errors: z.array(ProblemError) }))
      .optional()
      .describe('Messages that were not valid; every other one is committed.'),
  }),

  SegmentSettings: z.looseObject({
    integrations: z.looseObject({
      'Segment.io': z.looseObject({ apiKey: z.string(), apiHost: z.string(), protocol: z.enum(['http', 'https']) }),
    }),
  }),
  RudderSettings: z.looseObject({
    source: z.looseObject({ id: z.string(), writeKey: z.string(), destinations: z.array(z.unknown()).max(0) }),
  }),
  CloudEvent,
  CloudEventBatch: z.array(CloudEvent).max(LIMITS.eventsPerCallMax).describe('Of any customers; may be empty.'),
  CloudEventData: z.unknown().describe('The data of an event whose attributes are headers.'),
  CloudEventsAnswer: z.object({ results: z.array(EventResult).describe('In the order of the events.') }),

  // journeys and catalog
  JourneyList: z.object({ journeys: z.array(z.object({ ...versioned, name: z.string() })) }),
  PublishedJourney: z.object({ ...versioned, publishedAt: time, journey: Journey }),
  DocumentVersions: z.object({
    id: z.string(),
    versions: z.array(
      z.object({
        version,
        publishedAt: time,
        catalogVersion: z.int().describe('The catalog it came with.'),
        current: z.boolean(),
      }),
    ),
  }),
  JourneyVersions: z.object({
    id: z.string(),
    versions: z.array(z.object({ version, publishedAt: time, current: z.boolean() })),
  }),
  JourneyVersion: z.object({
    ...versioned,
    publishedAt: time,
    catalogVersion: version,
    journey: Journey,
    declarations: EventDeclarations,
  }),
  PublishCall: z.object({ journey: Journey, dryRun }),
  Published: z.object({ ...versioned, findings: z.array(Finding).optional() }),
  SimulateCall: SimulateCall.extend({ journeys: z.array(Journey).optional(), events: z.array(Event).optional() }),
  Simulated,
  CheckedJourney: z.object({ ...versioned, dryRun: z.literal(true), findings: z.array(Finding) }),
  ServedContent,
  ContentList: z.object({ content: z.array(ServedContent) }),
  ContentDraft: Content.extend({ ...withoutId, ...ignoredVersion }),
  ServedOffer,
  OfferList: z.object({ offers: z.array(ServedOffer) }),
  OfferDraft: Offer.extend({ ...withoutId, ...ignoredVersion }),
  ServedMessageTemplate,
  MessageTemplateList: z.object({ templates: z.array(ServedMessageTemplate) }),
  MessageTemplateDraft: Message.extend({ ...withoutId, ...ignoredVersion }),
  ServedFragment,
  FragmentList: z.object({ fragments: z.array(ServedFragment) }),
  FragmentDraft: Fragment.extend({ ...withoutId, ...ignoredVersion }),
  ExperimentDraft: Experiment.extend({ ...withoutId, ...ignoredVersion }),
  ExperimentList: z.object({ experiments: z.array(ExperimentSummary) }),
  ExperimentResults,
  SegmentDraft: Segment.extend({ ...withoutId, ...ignoredVersion }),
  SegmentSummary,
  SegmentList,
  SegmentCustomers,
  EstimateCall,
  Estimate: Estimate.extend({ findings: z.array(Finding).optional().describe('Warnings.') }),
  AccountList,
  Account: AccountShown,
  AnnounceCall,
  Announcement,
  AnnouncementList,
  ItemTotals,
  Pool,
  PoolAdded,
  CodesDraft,
  Deleted: z.object({ id: z.string(), deleted: z.literal(true) }),
  ServedEventDeclarations: z.strictObject({ ...EventDeclarations.shape, version }),
  EventDeclarationsDraft: z.strictObject({ ...EventDeclarations.shape, ...ignoredVersion }),
  CatalogCall: z
    .object({
      events: EventDeclarations.optional(),
      placements: Placements.optional(),
      journeys: z.array(Journey).optional(),
      content: z.array(Content).optional(),
      offers: z.array(Offer).optional(),
      messages: z.array(Message).optional(),
      experiments: z.array(Experiment).optional(),
      fragments: z.array(Fragment).optional(),
      segments: z.array(Segment).optional(),
      site: Site.optional(),
      policies: Policies.optional(),
      dryRun,
    })
    .describe('At least one document. All are written, or none.'),
  CatalogAnswer: z.object({
    published: z.array(
      z.object({
        kind: z.enum([
          'journey',
          'content',
          'offer',
          'message',
          'experiment',
          'fragment',
          'placements',
          'site',
          'policies',
          'segment',
          'events',
        ]),
        ...versioned,
        changed: z
          .boolean()
          .describe('False where the document was published like this already; it keeps its version then.'),
      }),
    ),
    findings: z.array(Finding).optional().describe('Warnings.'),
  }),

  // customers
  CustomerList: z.object({
    customers: z.array(z.object({ id: z.string(), createdAt: time })),
    next: z.string().nullable().describe('The cursor of the next page; null on the last one.'),
  }),
  Funnel: z.object({
    journeys: z
      .record(z.string(), z.record(z.string(), z.int().min(0)))
      .describe('Customers by journey and stage; a stage nobody is in is left out.'),
  }),
  Customer: z.object({
    id: z.string(),
    traits: z.record(z.string(), z.unknown()),
    identifiers: z.object({ userId: z.string().optional(), anonymousIds: z.array(z.string()), stated: Identifiers }),
    devices: Devices,
    consents: z.record(z.string(), z.unknown()),
    account: z.object({ id: z.string(), since: time }).nullable().describe('The company the customer acts for.'),
    stages,
    segments: z.record(z.string(), time).describe('Segments and audiences the customer is in: since when.'),
    runs: z.array(run),
    timers: z.array(
      z.object({ journey: z.string(), key: z.string().nullable(), kind: z.enum(['wait', 'after']), dueAt: time }),
    ),
    events: z.int().min(0).describe('Events in the history.'),
    effectsPending: z.int().min(0).describe('Effects that were committed and are not confirmed.'),
    createdAt: time,
    lastActivityAt: time.nullable(),
  }),
  TimelineEntry,
  CustomerExport: z.object({
    format: z.literal('waymark-export-1'),
    madeAt: z.string(),
    customer: z.looseObject({ id: z.string() }).describe('As GET /admin/customers/{id} has it.'),
    kept: z
      .record(z.string(), z.looseObject({}))
      .describe('What else is kept, by kind: consents, exposure (experiments), ledger (what was shown), claims.'),
    messages: z.array(z.looseObject({ key: z.string() })),
    timeline: z.array(z.looseObject({ seq: z.number().int(), at: z.string(), kind: z.string() })),
  }),
  ErasureReceipt: z.object({
    customer: z.string().describe('A keyed hash of the id.'),
    erasedAt: z.string(),
    removed: z.object({
      objects: z.number().int(),
      entries: z.number().int(),
      runs: z.number().int(),
      messages: z.number().int(),
      indexRows: z.number().int(),
      mails: z.number().int().optional().describe('Local mode only: of the mailbox.'),
    }),
  }),
  AccessLog: z.object({
    reads: z.array(z.object({ at: z.string(), key: z.string(), route: z.string(), requestId: z.string() })),
    next: z.number().int().nullable(),
  }),
  Merges: z.object({
    merges: z.array(
      z.object({
        source: z.string(),
        at: z.string().nullable(),
        through: z.string().nullable().describe('The customer it came with.'),
        state: z.enum(['under way', 'done', 'undone']),
        undoUntil: z.string().nullable().describe('Until when it can be undone; null: it cannot.'),
      }),
    ),
  }),
  UndoneMerge: z.object({ source: z.string(), state: z.literal('undone') }),
  ConsentLog: z.object({
    lines: z.array(ConsentLine),
    end: z.string().nullable().describe('The hash of the last line there is.'),
    next: z.number().int().nullable().describe('The cursor of the next page, or null.'),
  }),
  Timeline: z.object({
    entries: z.array(TimelineEntry),
    next: z.int().nullable().describe('The cursor of the next page; null on the last one.'),
  }),

  CustomerRecord: z.object({
    customer: RecordedCustomer.extend({
      checkpoint: z
        .looseObject({ seq: z.int().min(1), lastInputAt: z.number() })
        .optional()
        .describe('The customer as it was when lines last left the timeline: replay begins after that line.'),
    }),
    runs: z.array(z.looseObject({ id: z.string(), journey: z.string(), version, stage: z.string() })),
    entries: z.array(RecordedEntry),
    documents: z
      .array(PublishedDocument)
      .describe('Every version of what computed traits and segments are worked out by; on the last page.'),
    next: z.int().nullable().describe('The cursor of the next page; null on the last one.'),
  }),
  MessageList: z.object({
    messages: z.array(
      z.object({
        key: z.string().describe('The same however often the message is handed to its channel.'),
        customerId: z.string(),
        channel: z.string(),
        purpose: z.string(),
        to: z.string(),
        subject: z.string(),
        text: z.string(),
        html: z.string().nullable(),
        status: z.enum(['queued', 'claimed', 'sent', 'failed', 'uncertain', 'suppressed', 'merged']),
        at: time,
      }),
    ),
    next: z.int().nullable().describe('The cursor of the next page; null on the last one.'),
  }),

  // import and clock
  ImportAnswer: z.object({
    accepted: z.int().min(0),
    duplicates: z.int().min(0),
    rejected: z.array(z.object({ line: z.int().min(1), errors: z.array(ProblemError) })),
  }),
  ImportFinished: z.object({
    customers: z.int().min(0),
    timersFired: z.int().min(0),
    remaining: z.int().min(1).optional().describe('Customers still to finish: call again.'),
  }),
  Clock: z.object({ now: time }),
  ClockCall: z.union([
    z.object({ set: z.string().describe('An ISO 8601 instant; on a system without customers only.') }),
    z.object({ advance: z.string().describe('An ISO 8601 duration of fixed length, at most ten years.') }),
  ]),
  ClockMoved: z.object({ now: time, timersFired: z.int().min(0) }),
  OpenApi: z.looseObject({ openapi: z.literal('3.1.0'), info: z.looseObject({}), paths: z.looseObject({}) }),
  Health: z.object({ status: z.literal('ok') }),
} satisfies Record<string, z.ZodType>;

/** What a schema cannot say. On the component and not on the schema: a description would make another schema of it. */
const DESCRIPTIONS: { readonly [name: string]: string } = {
  CloudEvent:
    'A CloudEvent 1.0 in its JSON format. type is the name of the event, source and id together are its messageId, time its timestamp, data its properties. The extensions userid and anonymousid name the customer; without them subject is the user id. All attributes are kept in context.cloudevent.',
  Event:
    'One message of the tracking API; unknown members are kept. userId or anonymousId names the customer; track needs event; alias needs previousId and userId. A number is taken as an id, an empty string as none. A missing messageId is made here, a missing timestamp is the time of receipt.',
};

/** Every schema as JSON Schema 2020-12 of what may be sent, referring to the others as components. */
export function jsonSchemas(): Map<string, JsonSchema> {
  const named = z.registry<{ id: string }>();
  for (const [name, schema] of Object.entries(SCHEMAS)) named.add(schema, { id: name });
  const { schemas } = z.toJSONSchema(named, { io: 'input', uri: schemaRef });
  return new Map(
    Object.entries(schemas).map(([name, { $schema: _, $id: __, ...schema }]) => {
      const description = DESCRIPTIONS[name];
      return [name, description === undefined ? schema : { ...schema, description }];
    }),
  );
}

export type JsonSchema = Omit<z.core.JSONSchema.BaseSchema, '$schema' | '$id'>;

export const schemaRef = (name: string): string => `#/components/schemas/${name}`;

export type SchemaName = keyof typeof SCHEMAS;
