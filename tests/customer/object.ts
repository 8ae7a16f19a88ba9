// A customer's object as the tests of this folder drive it: its RPC methods, its rows, its alarm, the clock, the queue.
// The clock stands in the year 2100, so that no alarm fires by itself; a test fires it. What is sent to the queue is
// kept in a list, and a test hands it to the consumer. Not a simulator: object, SQLite, D1 and consumer are the real ones.

import {
  applyD1Migrations,
  createExecutionContext,
  createMessageBatch,
  evictDurableObject,
  getQueueResult,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { vi } from 'vitest';
import type { Json, JsonObject } from '../../schema/json.ts';
import { freshCatalog, refresh } from '../../workers/catalog/cache.ts';
import { type Draft, publish } from '../../workers/catalog/publish.ts';
import type {
  Announcing,
  CustomerNamespace,
  CustomerObject,
  Decided,
  Described,
  IncomingEvent,
  Ingested,
  IngestRequest,
  MessageTask,
  Projection,
  Rousing,
} from '../../workers/customer/messages.ts';
import { pace } from '../../workers/customer/telling.ts';
import { handleQueue } from '../../workers/delivery/queue.ts';

export const SECOND = 1_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;
export const START = Date.parse('2100-01-01T00:00:00Z');

/** What the objects have told the queue since the start of the file or the last `forgetSent`. */
export const sent: Projection[] = [];
export const forgetSent = (): void => void sent.splice(0);
/** Messages the objects have handed to their queue. */
export const tasks: MessageTask[] = [];

/** Once a file: stops the clock, makes the tables of D1, publishes journeys. */
export async function prepare(documents: readonly JsonObject[]): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
  await applyD1Migrations(env.DB, env.D1_MIGRATIONS);
  holdQueue();
  await publishJourneys(documents);
}

/** Keeps what is sent in `sent`; also for after `vi.restoreAllMocks`. */
export function holdQueue(): void {
  pace.gather = 0;
  pace.retries = [];
  vi.spyOn(env.MESSAGES, 'send').mockImplementation(async (task: MessageTask) => {
    tasks.push(task);
    return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
  });
  vi.spyOn(env.PROJECTIONS, 'send').mockImplementation(
    async (message: readonly Projection[] | Rousing | Announcing) => {
      if (!('rouse' in message || 'announce' in message)) sent.push(...structuredClone([...message]));
      return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
    },
  );
}

export async function publishJourneys(documents: readonly JsonObject[]): Promise<void> {
  await publishDrafts(documents.map((document) => ({ kind: 'journey', id: String(document['id']), document })));
}

export async function publishDrafts(drafts: readonly Draft[]): Promise<void> {
  const findings = await findingsOf(drafts);
  if (findings.length > 0) throw new Error(JSON.stringify(findings));
}

/** Publishes; what stands against it, if anything does. */
export async function findingsOf(drafts: readonly Draft[]) {
  const result = await publish(env.DB, drafts, Date.now(), false);
  return result.ok ? [] : result.findings.flatMap((draft) => draft.findings);
}

export const catalogVersion = (): number => freshCatalog()?.version ?? 0;

export const setClock = (at: number): void => void vi.setSystemTime(at);
export const passTime = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

let names = 0;
/** A customer nobody has used. */
export const freshName = (prefix: 'u' | 'a' = 'u'): string => `${prefix}:${prefix}${++names}`;

let messages = 0;
export interface Said {
  readonly properties?: JsonObject;
  readonly traits?: JsonObject;
  readonly messageId?: string;
  readonly type?: string;
  readonly at?: number;
  readonly merges?: string;
}

export function eventOf(name: string, said: Said = {}): IncomingEvent {
  const { properties = {}, traits = {}, messageId = `m${++messages}`, type = 'track', at = Date.now() } = said;
  const body = JSON.stringify({ type, event: name, messageId, properties, traits });
  return { messageId, name, type, at, body, merges: said.merges ?? null };
}

/** An object's stub. The platform's type of it does not know the class, whose type is too deep for it. */
export const stubOf = (id: string): DurableObjectStub => env.CUSTOMER.getByName(id);

// The stub forwards every method by name: this says which there are.
export const objectOf = (id: string): CustomerObject => stubOf(id) as unknown as CustomerObject;

export async function ingest(
  id: string,
  events: readonly IncomingEvent[],
  more: Partial<IngestRequest> = {},
): Promise<Ingested> {
  const reply = await objectOf(id).ingest({
    customerId: id,
    catalogVersion: catalogVersion(),
    proven: true,
    decide: null,
    events,
    ...more,
  });
  if (reply.kind !== 'done') throw new Error(`not accepted: ${JSON.stringify(reply)}`);
  return reply;
}

export const send = (id: string, name: string, said: Said = {}): Promise<Ingested> => ingest(id, [eventOf(name, said)]);

export async function decide(id: string, placements: readonly string[]): Promise<Decided> {
  const reply = await objectOf(id).decide({
    customerId: id,
    catalogVersion: catalogVersion(),
    proven: true,
    decide: { placements, context: {}, locales: ['en'] },
  });
  if (reply.kind !== 'done') throw new Error(`not decided: ${JSON.stringify(reply)}`);
  return reply;
}

export async function describeOf(id: string): Promise<Described> {
  const described = await objectOf(id).describe();
  if (!described) throw new Error(`there is no ${id}`);
  return described;
}

export interface Line {
  readonly seq: number;
  readonly at: number;
  readonly appliedAt: number;
  readonly kind: string;
  readonly name: string | null;
  readonly messageId: string | null;
  readonly body: Json;
}

/** The whole timeline, oldest first, bodies parsed. */
export async function timelineOf(id: string): Promise<Line[]> {
  const entries = (await objectOf(id).timeline(Number.MAX_SAFE_INTEGER, 100_000)) ?? [];
  return entries.reverse().map((entry) => ({ ...entry, body: JSON.parse(entry.body) }));
}

/** The transitions of a timeline as `from > to`. */
export const moves = (lines: readonly Line[]): string[] =>
  lines.flatMap(({ kind, body }) =>
    kind === 'transition' && typeof body === 'object' && body !== null && !Array.isArray(body)
      ? [`${body['from'] ?? '-'} > ${body['to'] ?? '-'}`]
      : [],
  );

/** Throws the object out of memory; one that is not in memory is called in first, because the platform insists. */
export async function evict(id: string): Promise<void> {
  await inside(id, () => undefined);
  await evictDurableObject(stubOf(id));
}

export const fireAlarm = (id: string): Promise<boolean> => runDurableObjectAlarm(stubOf(id));
export const alarmOf = (id: string): Promise<number | null> =>
  runInDurableObject(stubOf(id), (_, state) => state.storage.getAlarm());

/** Work inside the object, with its storage. */
export const inside = <R>(id: string, work: (storage: DurableObjectStorage) => R | Promise<R>): Promise<R> =>
  runInDurableObject(stubOf(id), (_, state) => work(state.storage));

/** Calls made inside the object, whose answers have not travelled. */
export const insideOf = <R>(id: string, work: (object: CustomerObject) => Promise<R>): Promise<R> =>
  runInDurableObject(stubOf(id), (object) => work(object as unknown as CustomerObject));

/** Rows of a query in the object. */
export const rowsOf = (id: string, query: string, ...bindings: (string | number)[]) =>
  inside(id, (storage) => storage.sql.exec(query, ...bindings).toArray());

/** Every row of every table, for comparing before and after. */
export async function dump(id: string): Promise<Record<string, Record<string, SqlStorageValue>[]>> {
  return inside(id, (storage) =>
    Object.fromEntries(
      tables(storage.sql).map((table) => [table, storage.sql.exec(`SELECT * FROM ${table}`).toArray()]),
    ),
  );
}

/** Tables of the object's own; the platform keeps one for the alarm. */
export const tables = (sql: SqlStorage): string[] =>
  sql
    .exec<{ name: string }>(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*' ORDER BY name",
    )
    .toArray()
    .map((row) => row.name);

/** Hands messages to the queue's consumer, as one batch. @returns whether it is to be delivered again */
export async function deliver(projections: readonly Projection[], queue = 'waymark-projections'): Promise<boolean> {
  const batch = createMessageBatch<readonly Projection[]>(
    queue,
    projections.map((body, index) => ({ id: String(index), timestamp: new Date(), attempts: 1, body: [body] })),
  );
  const execution = createExecutionContext();
  await handleQueue(batch, { ...env, CUSTOMER: namespace() });
  return (await getQueueResult(batch, execution)).retryMessages.length > 0;
}

/** Hands a rousing to the consumer. @returns whether it is to be delivered again */
export const deliverRousing = (after: string): Promise<boolean> =>
  deliverWord({ rouse: { after, version: catalogVersion() } });

/** Hands word of a page to the consumer. @returns whether it is to be delivered again */
export async function deliverWord(body: Rousing | Announcing): Promise<boolean> {
  const message = { id: '0', timestamp: new Date(), attempts: 1, body };
  const batch = createMessageBatch<Rousing | Announcing>('waymark-projections', [message]);
  const execution = createExecutionContext();
  await handleQueue(batch, { ...env, CUSTOMER: namespace() });
  return (await getQueueResult(batch, execution)).retryMessages.length > 0;
}

/** Hands tasks to the consumer of messages. @returns those it did not acknowledge, which the platform delivers again */
export async function deliverTasks(tasks: readonly MessageTask[]): Promise<MessageTask[]> {
  const batch = createMessageBatch<MessageTask>(
    'waymark-messages',
    tasks.map((body, index) => ({ id: String(index), timestamp: new Date(), attempts: 1, body })),
  );
  const execution = createExecutionContext();
  await handleQueue(batch, { ...env, CUSTOMER: namespace() });
  const result = await getQueueResult(batch, execution);
  return result.retryMessages.flatMap(({ msgId }) => tasks[Number(msgId)] ?? []);
}

// The namespace with the methods the consumer calls; see stubOf.
export const namespace = () => env.CUSTOMER as unknown as CustomerNamespace;

/** Rows of a query in D1. */
export const d1 = async (query: string, ...bindings: (string | number)[]): Promise<Record<string, unknown>[]> =>
  (
    await env.DB.prepare(query)
      .bind(...bindings)
      .all()
  ).results;

export const refreshCatalog = () => refresh(env.DB);
