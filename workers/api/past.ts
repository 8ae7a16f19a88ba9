// A customer as they stood at an earlier moment, and the catalog of that moment, from what is recorded: the customer's own
// lines through the journeys as they were published, which is what replay does, up to that instant.

import { isObject, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { buildCatalog, type Catalog, type DocumentRow } from '../catalog/catalog.ts';
import { readDocuments, readEveryVersion, versionAt } from '../catalog/store.ts';
import type { Remembered } from '../customer/answer.ts';
import type { CustomerObject } from '../customer/messages.ts';
import { type PastLine, pastOf } from '../decide/past.ts';
import type { PublishedDocument, RecordedEntry, RecordedHistory } from '../simulate/record.ts';
import { customerAt } from '../simulate/replay.ts';
import type { Env } from './context.ts';

/** Lines of one customer that are read for it. */
const LINES_MAX = 20_000;

type Outcome =
  | { readonly ok: true; readonly catalog: Catalog; readonly remembered: Remembered }
  | { readonly ok: false; readonly why: 'unknown' | 'unreadable' | 'later' | 'merged' | 'expired' | 'long' };

/** @param at milliseconds, not later than now */
export async function rememberedAt(env: Env, current: Catalog, id: string, at: number): Promise<Outcome> {
  const record = await recordOf(env.CUSTOMER.getByName(id));
  if (typeof record === 'string') return { ok: false, why: record };
  const { customer, runs, entries } = record;
  if (customer.createdAt > at && (entries[0]?.appliedAt ?? customer.createdAt) > at) return { ok: false, why: 'later' };

  if (customer.checkpoint && customer.checkpoint.lastInputAt > at) return { ok: false, why: 'expired' };

  const version = await versionAt(env.DB, at);
  const [rows, journeyRows, declarationRows] = await Promise.all([
    readDocuments(env.DB, version),
    readEveryVersion(env.DB, 'journey'),
    readEveryVersion(env.DB, 'events'),
  ]);
  const catalog = { ...buildCatalog(version, rows, [], null), snapshots: current.snapshots };
  const documents = await publishedDocuments(env.DB);
  const published = publishedIn(journeyRows, declarationRows);
  const walked = customerAt({ customer, runs, entries, documents, ...published }, at);
  if (!walked) return { ok: false, why: 'merged' };

  const lines = entries.filter(({ appliedAt }) => appliedAt <= at).map(lineOf);
  const orders = (name: string): JsonObject[] =>
    lines.flatMap((line) => (line.kind === 'event' && line.name === name ? [line.body] : [])).slice(-LIMITS.ordersMax);
  const hadCaps = await capsOf(env.DB, lines);
  const stages: { [journey: string]: string } = {};
  for (const run of walked.state.runs.values())
    if (run.endedAt === undefined && run.key === null) stages[run.journey] = run.stage;
  // A journey that is over counts as no stage of its own, not as its first.
  const over = [...walked.state.runs.values()].filter(({ key, endedAt }) => key === null && endedAt !== undefined);
  for (const { journey } of over) stages[journey] ??= '';
  return {
    ok: true,
    catalog,
    remembered: {
      ...{ id: customer.id, stages, facts: walked.facts, past: pastOf(lines, hadCaps) },
      orders: { completed: orders('Order Completed'), refunded: orders('Order Refunded') },
    },
  };
}

type Record = Pick<RecordedHistory, 'customer' | 'runs' | 'entries'>;

async function recordOf(object: CustomerObject): Promise<Record | 'unknown' | 'unreadable' | 'long'> {
  const entries: RecordedEntry[] = [];
  for (let cursor = 0; entries.length <= LINES_MAX; ) {
    const page = await object.recorded(cursor, LIMITS.pageItemsMax);
    if (!page) return 'unknown';
    if (page.kind !== 'done') return 'unreadable';
    entries.push(...page.entries);
    cursor = page.entries.at(-1)?.seq ?? cursor;
    const { customer, runs } = page;
    if (page.entries.length < LIMITS.pageItemsMax)
      return { customer: { ...customer, met: [...customer.met] }, runs: [...runs], entries };
  }
  return 'long';
}

/** Everything computed traits and segments were ever worked out by. */
export async function publishedDocuments(db: D1Database): Promise<PublishedDocument[]> {
  const rows = await Promise.all([readEveryVersion(db, 'events'), readEveryVersion(db, 'segment')]);
  return rows
    .flat()
    .flatMap(({ kind, id, fromVersion, toVersion, publishedAt, body }) =>
      kind === 'events' || kind === 'segment'
        ? [{ kind, id, fromVersion, toVersion, publishedAt, document: JSON.parse(body) as unknown }]
        : [],
    );
}

function publishedIn(
  journeys: readonly DocumentRow[],
  declarations: readonly DocumentRow[],
): Pick<RecordedHistory, 'journeys' | 'declarations'> {
  const none = { events: {}, traits: {} };
  const indexOf = (fromVersion: number): number =>
    declarations.findLastIndex(
      (row) => row.fromVersion <= fromVersion && (row.toVersion === null || row.toVersion > fromVersion),
    );
  return {
    declarations: [none, ...declarations.map((row): unknown => JSON.parse(row.body))],
    journeys: journeys.map((row) => ({
      ...{ id: row.id, version: row.version, publishedAt: row.publishedAt, catalogVersion: row.fromVersion },
      journey: JSON.parse(row.body),
      declarations: indexOf(row.fromVersion) + 1,
    })),
  };
}

function lineOf({ kind, name, appliedAt, body }: RecordedEntry): PastLine {
  const parsed: unknown = JSON.parse(body);
  return {
    kind,
    name: kind === 'event' || kind === 'emitted' ? name : null,
    appliedAt,
    body: isObject(parsed) ? parsed : {},
  };
}

/** Which versions of the items that were shown had caps of one customer. */
async function capsOf(
  db: D1Database,
  lines: readonly PastLine[],
): Promise<(kind: string, id: string, version: number) => boolean> {
  const kinds = new Set<'offer' | 'content'>();
  if (lines.some(({ kind }) => kind === 'decision')) kinds.add('offer').add('content');
  const capped = new Set<string>();
  for (const kind of kinds)
    for (const row of await readEveryVersion(db, kind)) {
      const document: unknown = JSON.parse(row.body);
      const caps = isObject(document) ? document['caps'] : null;
      const own = (Array.isArray(caps) ? caps : []).filter((cap) => isObject(cap) && cap['scope'] !== 'all');
      if (own.length > 0) capped.add(`${kind}:${row.id}@${row.version}`);
    }
  return (kind, id, version) => capped.has(`${kind}:${id}@${version}`);
}
