// The envelopes of the two calls a site makes, as Zod describes them, and the same recognised directly in the shape nearly
// every call has: the schema's interpreter costs as much as the rest of a read. The events inside are read one by one.

import { z } from 'zod';
import { isObject, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';

const name = z.string().min(1).max(LIMITS.nameCharsMax);
const Placements = z.array(name).max(LIMITS.placementsMax);
const Recorded = z
  .enum(['decision', 'impression', 'nothing'])
  .nullish()
  .describe(
    'impression: the page shows what it gets, so each item counts as seen at once. nothing: only asked, counts for nothing.',
  );
const SituationContext = z.record(z.string(), z.unknown()).nullish();

/** The envelope of POST /v1/events; the events themselves are validated one by one. */
export const EventsCall = z.looseObject({
  events: z.array(z.unknown()).min(1),
  decide: z.looseObject({ placements: Placements, context: SituationContext, record: Recorded }).nullish(),
  customerToken: z.string().max(8_192).nullish(),
});
export type EventsCall = z.infer<typeof EventsCall>;

export const DecideCall = z.looseObject({
  userId: z.union([z.string().max(LIMITS.idCharsMax), z.number()]).nullish(),
  anonymousId: z.union([z.string().max(LIMITS.idCharsMax), z.number()]).nullish(),
  customerToken: z.string().max(8_192).nullish(),
  placements: Placements,
  context: SituationContext,
  record: Recorded,
  explain: z.boolean().nullish(),
});
export type DecideCall = z.infer<typeof DecideCall>;

type ReadCall<T> =
  | { readonly ok: true; readonly call: T }
  | { readonly ok: false; readonly issues: readonly z.core.$ZodIssue[] };

export const readEventsCall = (body: JsonObject): ReadCall<EventsCall> => read(body, plainEventsCall, EventsCall);

export const readDecideCall = (body: JsonObject): ReadCall<DecideCall> => read(body, plainDecideCall, DecideCall);

function read<T>(body: JsonObject, plain: (body: JsonObject) => T | null, schema: z.ZodType<T>): ReadCall<T> {
  const call = plain(body);
  if (call) return { ok: true, call };
  const parsed = schema.safeParse(body);
  return parsed.success ? { ok: true, call: parsed.data } : { ok: false, issues: parsed.error.issues };
}

/** The body as `EventsCall` would give it; null says "ask Zod", never "refused". Equal to Zod by property test. */
export function plainEventsCall(body: JsonObject): EventsCall | null {
  const { events, decide, customerToken } = body;
  if (!Array.isArray(events) || events.length === 0 || customerToken !== undefined) return null;
  if (decide === undefined) return { ...body, events };
  if (!isObject(decide)) return null;
  const { context, record } = decide;
  if (!isObjectOrAbsent(context) || !isRecording(record)) return null;
  const placements = plainPlacements(decide['placements']);
  return placements && { ...body, events, decide: { ...decide, placements, ...(record ? { record } : {}) } };
}

/** The body as `DecideCall` would give it; null says "ask Zod", never "refused". Equal to Zod by property test. */
export function plainDecideCall(body: JsonObject): DecideCall | null {
  const { userId, anonymousId, customerToken, context, explain, record } = body;
  if (
    explain !== undefined ||
    !isPlainId(userId) ||
    !isPlainId(anonymousId) ||
    customerToken !== undefined ||
    !isObjectOrAbsent(context) ||
    !isRecording(record)
  )
    return null;
  const placements = plainPlacements(body['placements']);
  return (
    placements && {
      ...body,
      userId,
      anonymousId,
      placements,
      ...(context ? { context } : {}),
      ...(record ? { record } : {}),
    }
  );
}

type Recording = z.infer<typeof Recorded>;

const isRecording = (value: JsonObject[string] | undefined): value is NonNullable<Recording> | undefined =>
  value === undefined || value === 'decision' || value === 'impression' || value === 'nothing';

const isPlainId = (value: unknown): value is string | undefined =>
  value === undefined || (typeof value === 'string' && value.length <= LIMITS.idCharsMax);

const isObjectOrAbsent = (value: JsonObject[string] | undefined): value is JsonObject | undefined =>
  value === undefined || isObject(value);

function plainPlacements(value: unknown): string[] | null {
  if (!Array.isArray(value) || value.length > LIMITS.placementsMax) return null;
  const isName = (item: unknown): item is string =>
    typeof item === 'string' && item.length > 0 && item.length <= LIMITS.nameCharsMax;
  return value.every(isName) ? value : null;
}
