// Segments as an operator sees them: how many customers are in each, who they are, how far a publish has been told, and
// what a condition would come to before it is saved. Documents are written by admin-catalog.ts.

import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { LIMITS } from '../../schema/limits.ts';
import { Segment } from '../../schema/segment.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { refusalsOf, surroundingsOf, wordingAmong } from '../check/catalog.ts';
import { isError } from '../check/check.ts';
import { newestRousing, type RousingRow } from '../delivery/rousing.ts';
import { wilson } from '../knowledge/estimate.ts';
import type { AdminEnv } from './admin.ts';
import { badLimit, limitOf } from './admin-query.ts';
import { readJsonObject } from './body.ts';
import { json, problem } from './context.ts';

const count = z.int().min(0);
const time = z.iso.datetime();

export const SegmentSummary = z.object({
  ...Segment.omit({ $schema: true }).shape,
  version: z.int().min(1),
  customers: count.describe('Who is in it, at most 5 s behind.'),
});

export const SegmentList = z.object({
  segments: z.array(SegmentSummary),
  audiences: z
    .array(z.object({ id: z.string(), customers: count }))
    .describe('Audiences that steps and servers add customers to.'),
  telling: z
    .object({
      catalogVersion: z.int().min(1),
      startedAt: time,
      customers: count.describe('Customers there were when it was published.'),
      asked: count,
      doneAt: time.nullable().describe('null: still under way.'),
    })
    .nullable()
    .describe(
      'How far the last publish that concerns segments, computed traits or calendars has been told to everybody.',
    ),
});

export const SegmentCustomers = z.object({
  customers: z.array(z.object({ id: z.string(), since: time })),
  next: z.string().nullable().describe('The cursor of the next page; null on the last one.'),
});

export const EstimateCall = z.strictObject({
  if: Segment.shape.if,
  sample: z.int().min(1).max(LIMITS.estimateSampleMax).default(LIMITS.estimateSample).describe('Customers to ask.'),
});

export const Estimate = z.object({
  customers: count.describe('How many there are.'),
  sampled: count.describe('How many answered.'),
  matched: count,
  share: z.number().min(0).max(1).nullable().describe('null where there is nobody to ask.'),
  interval: z
    .object({ low: z.number(), high: z.number(), confidence: z.literal(0.95) })
    .nullable()
    .describe('Of the share, by Wilson; null where the number is exact.'),
  estimate: count.describe('Customers it would have.'),
  exact: z.boolean().describe('Everybody was asked.'),
});

const iso = (at: number): string => new Date(at).toISOString();

export function adminSegmentRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get('/segments', async (c) => {
    const [counted, rousing] = await Promise.all([countsOf(c.env.DB), newestRousing(c.env.DB)]);
    const { segments } = c.var.catalog;
    const audiences = [...counted].filter(([id]) => !segments.has(id)).map(([id, customers]) => ({ id, customers }));
    return json({
      segments: summaries(c.var.catalog, counted),
      audiences,
      telling: rousing && tellingOf(rousing),
    });
  });

  app.get('/segments/:id', async (c) => {
    const found = summaries(c.var.catalog, await countsOf(c.env.DB)).find(({ id }) => id === c.req.param('id'));
    return found ? json(found) : problem({ kind: 'not-found', detail: 'There is no such document of kind segment.' });
  });

  app.get('/segments/:id/customers', (c) => members(c, c.req.param('id')));

  app.post('/segments/estimate', async (c) => {
    const read = await readJsonObject(c.req.raw, LIMITS.documentBytesMax);
    if (!read.ok) return problem(read.failure);
    const call = EstimateCall.safeParse(read.value);
    if (!call.success)
      return problem({
        kind: 'invalid',
        errors: call.error.issues.map(({ path, message }) => ({ pointer: `/${path.join('/')}`, detail: message })),
      });
    const { catalog } = c.var;
    const draft = { kind: 'segment' as const, document: { id: 'estimate', if: call.data.if } };
    const found = refusalsOf(draft, surroundingsOf([draft, ...beside(catalog)], catalog.vocabulary), wordingAmong([]));
    const findings = found.map((finding) => ({ ...finding, document: 'segment/estimate' }));
    if (findings.some(isError))
      return problem({
        kind: 'unprocessable',
        detail: 'The condition cannot be asked.',
        findings,
      });
    const estimated = await estimate(c.env, catalog.version, call.data);
    return json({ ...estimated, ...(findings.length > 0 ? { findings } : {}) });
  });

  return app;
}

/** What a condition may name of other documents. */
const beside = ({ documents }: Catalog) =>
  documents.flatMap(({ kind, body, toVersion }) =>
    (kind === 'journey' || kind === 'segment') && toVersion === null
      ? [{ kind, document: JSON.parse(body) as unknown }]
      : [],
  );

async function countsOf(db: D1Database): Promise<Map<string, number>> {
  const { results } = await db
    .prepare('SELECT segment, count(*) AS customers FROM customer_segments GROUP BY segment ORDER BY segment')
    .all<{ segment: string; customers: number }>();
  return new Map(results.map(({ segment, customers }) => [segment, customers]));
}

function summaries({ documents, segments }: Catalog, counted: ReadonlyMap<string, number>) {
  return documents
    .filter((row) => row.kind === 'segment' && segments.has(row.id))
    .map((row): z.infer<typeof SegmentSummary> => {
      const { $schema: _, ...document } = JSON.parse(row.body) as Segment;
      return { ...document, version: row.version, customers: counted.get(row.id) ?? 0 };
    });
}

const tellingOf = ({ version, started_at: startedAt, customers, asked, done_at: doneAt }: RousingRow) => ({
  ...{ catalogVersion: version, startedAt: iso(startedAt), customers, asked },
  doneAt: doneAt === null ? null : iso(doneAt),
});

/** Of a segment or an audience, in the order of their ids. */
async function members(c: Context<AdminEnv>, segment: string): Promise<Response> {
  const limit = limitOf(c.req.query('limit'));
  if (limit === null) return badLimit();
  const { results } = await c.env.DB.prepare(
    'SELECT customer_id AS id, since FROM customer_segments WHERE segment = ? AND customer_id > ? ORDER BY customer_id LIMIT ?',
  )
    .bind(segment, c.req.query('cursor') ?? '', limit + 1)
    .all<{ id: string; since: number }>();
  if (results.length === 0 && !c.var.catalog.segments.has(segment) && c.req.query('cursor') === undefined)
    return problem({ kind: 'not-found', detail: 'There is no such segment, and nobody is in such an audience.' });
  const page = results.slice(0, limit);
  return json({
    customers: page.map(({ id, since }) => ({ id, since: iso(since) })),
    next: results.length > limit ? (page.at(-1)?.id ?? null) : null,
  });
}

/** Objects asked at once. */
const AT_ONCE = 32;

/** SG11. */
export async function estimate(
  env: Pick<AdminEnv['Bindings'], 'DB' | 'CUSTOMER'>,
  version: number,
  { if: condition, sample }: z.infer<typeof EstimateCall>,
): Promise<z.infer<typeof Estimate>> {
  const row = await env.DB.prepare(`SELECT count(*) AS n FROM customers WHERE gone = 0 AND ${PEOPLE}`).first<{
    n: number;
  }>();
  const customers = row?.n ?? 0;
  const ids = await sampleOf(env.DB, customers, sample);
  const answers: boolean[] = [];
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const asked = ids.slice(start, start + AT_ONCE).map((id) => env.CUSTOMER.getByName(id).asks(condition, version));
    for (const answer of await Promise.all(asked)) if (answer !== null) answers.push(answer);
  }
  const [sampled, matched] = [answers.length, answers.filter(Boolean).length];
  const exact = sampled >= customers;
  if (sampled === 0) return { customers, sampled, matched, share: null, interval: null, estimate: 0, exact };
  const { share, low, high } = wilson(matched, sampled);
  const interval = exact ? null : { low, high, confidence: 0.95 as const };
  return { customers, sampled, matched, share, interval, estimate: Math.round(share * customers), exact };
}

/** Segments are of people, not of accounts. */
const PEOPLE = "NOT (id >= 'g:' AND id < 'g;')";

/** How often numbers of rows are drawn; rows that are gone are drawn again. */
const ROUNDS_MAX = 20;

/** SG11: everybody, or customers drawn by the number of their row, each as likely. Not more often than once each. */
async function sampleOf(db: D1Database, customers: number, sample: number): Promise<string[]> {
  if (customers <= sample) {
    const { results } = await db.prepare(`SELECT id FROM customers WHERE gone = 0 AND ${PEOPLE}`).all<{ id: string }>();
    return results.map(({ id }) => id);
  }
  const bounds = await db.prepare('SELECT min(rowid) AS low, max(rowid) AS high FROM customers').first<{
    low: number;
    high: number;
  }>();
  const { low = 0, high = 0 } = bounds ?? {};
  const drawn = new Set<string>();
  for (let round = 0; round < ROUNDS_MAX && drawn.size < sample; round++) {
    const numbers = Array.from({ length: 2 * sample }, () => low + Math.floor(Math.random() * (high - low + 1)));
    const { results } = await db
      .prepare(`SELECT id FROM customers WHERE rowid IN (SELECT value FROM json_each(?)) AND gone = 0 AND ${PEOPLE}`)
      .bind(JSON.stringify(numbers))
      .all<{ id: string }>();
    // In the order of the table: all of a round count, or those that come first would be likelier.
    const found = shuffled(results.map(({ id }) => id).filter((id) => !drawn.has(id)));
    for (const id of found.slice(0, sample - drawn.size)) drawn.add(id);
  }
  return [...drawn];
}

function shuffled<T>(items: readonly T[]): T[] {
  const list = [...items];
  for (let last = list.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    const [a, b] = [list[last], list[other]];
    if (a !== undefined && b !== undefined) [list[last], list[other]] = [b, a];
  }
  return list;
}
