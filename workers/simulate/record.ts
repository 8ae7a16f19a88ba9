// What was recorded of a customer, as it travels and as it is kept in tests/histories: a persisted contract. With the
// journeys as they were published it is everything replay needs.

import { z } from 'zod';
import { isObject, type JsonObject } from '../../schema/json.ts';
import type { Membership } from '../accounts/state.ts';
import type { Known } from '../engine/learner.ts';
import type { Run } from '../engine/machine.ts';

/** Instants in milliseconds. `body` is the text as it was written. */
export const RecordedEntry = z.object({
  seq: z.int().min(1),
  at: z.number(),
  appliedAt: z.number(),
  kind: z.string(),
  name: z.string().nullable(),
  messageId: z.string().nullable(),
  body: z.string(),
});
export type RecordedEntry = z.infer<typeof RecordedEntry>;

const isRun = (run: unknown): boolean => typeof run === 'object' && run !== null && 'id' in run && 'stage' in run;

/** The customer as it was when lines last left the timeline (workers/privacy/SPEC.md, PV13). */
export const RecordedCheckpoint = z.object({
  seq: z.int().min(1).describe('Up to and including this line everything is in it; replay begins after.'),
  lastInputAt: z.number(),
  lastActivityAt: z.number().nullable(),
  runsStarted: z.int().min(0),
  events: z.int(),
  traits: z.custom<JsonObject>((traits) => isObject(traits)),
  account: z.custom<Membership | null>((account) => account === null || isObject(account)),
  known: z.custom<Known | null>((known) => known === null || isObject(known)),
  runs: z.array(z.custom<Run>(isRun)).readonly(),
});
export type RecordedCheckpoint = z.infer<typeof RecordedCheckpoint>;

export const RecordedCustomer = z.object({
  id: z.string(),
  createdAt: z.number().describe('By the clock of the system; events of an import lie before it.'),
  asOf: z.number().describe('Everything due until then has fired.'),
  runsStarted: z.int().min(0),
  traits: z.record(z.string(), z.unknown()),
  met: z
    .array(z.object({ version: z.int().min(0), fromSeq: z.int().min(1), after: z.number().nullable() }))
    .min(1)
    .optional()
    .describe('The catalogs its inputs met, the oldest first; what was recorded before 0.2 goes by instants.'),
  checkpoint: RecordedCheckpoint.optional(),
});
export type RecordedCustomer = z.infer<typeof RecordedCustomer>;

/** A journey as it was published, with the event declarations of that moment. */
export const PublishedVersion = z.object({
  id: z.string(),
  version: z.int().min(1),
  /** Milliseconds. */
  publishedAt: z.number(),
  /** The catalog version it was published with; absent where the record says nothing of catalogs. */
  catalogVersion: z.int().min(1).optional(),
  journey: z.unknown(),
  /** Index into `declarations`. */
  declarations: z.int().min(0),
});

/** Event declarations or a segment as they were published: what computed traits and segments were worked out by. */
export const PublishedDocument = z.object({
  kind: z.enum(['events', 'segment']),
  id: z.string(),
  fromVersion: z.int().min(1).describe('The catalog version it was published with.'),
  toVersion: z.int().nullable().describe('The one that no longer has it; null: there is none.'),
  publishedAt: z.number().describe('Milliseconds.'),
  document: z.unknown(),
});
export type PublishedDocument = z.infer<typeof PublishedDocument>;

export const RecordedHistory = z.object({
  customer: RecordedCustomer,
  runs: z.array(z.custom<Run>(isRun)),
  entries: z.array(RecordedEntry),
  journeys: z.array(PublishedVersion),
  declarations: z.array(z.unknown()),
  documents: z.array(PublishedDocument).optional(),
});
export type RecordedHistory = z.infer<typeof RecordedHistory>;
