// What operators look at: one customer, the timeline, who stands where. One customer's state comes from the object
// itself; lists and counts come from the index in D1.

import { type Context, Hono } from 'hono';
import { isObject, type JsonObject } from '../../schema/json.ts';
import { registryOf } from '../customer/identifiers.ts';
import type { Entry } from '../customer/storage.ts';
import { normalForm } from '../identity/identifiers.ts';
import { noteReadOf } from './access.ts';
import type { AdminEnv } from './admin.ts';
import { badLimit, badQuery, customerId, cutPage, limitOf, noCustomer, pageOf } from './admin-query.ts';
import { type Env, json, problem } from './context.ts';
import { publishedDocuments } from './past.ts';

export function adminCustomerRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get('/customers', async (c) => {
    const limit = limitOf(c.req.query('limit'));
    if (limit === null) return badLimit();
    const stage = c.req.query('stage');
    const after = c.req.query('cursor') ?? '';
    if (stage !== undefined && !stage.includes(':'))
      return badQuery('stage', 'must be journey:stage, such as lifecycle:usage');
    const identifier = c.req.query('identifier');
    if (identifier !== undefined) {
      if (stage !== undefined || after !== '') return badQuery('identifier', 'stands alone: it finds one customer');
      return findByIdentifier(c, identifier);
    }
    const rows = await listCustomers(c.env, stage, after, limit + 1);
    const page = rows.slice(0, limit);
    return json({
      customers: page.map((row) => ({ id: row.id, createdAt: iso(row.created_at) })),
      next: rows.length > limit ? (page.at(-1)?.id ?? null) : null,
    });
  });

  app.get('/funnel', async (c) => {
    const { results } = await c.env.DB.prepare(
      'SELECT journey, stage, count(*) AS customers FROM customer_stages GROUP BY journey, stage ORDER BY journey, stage',
    ).all<{
      journey: string;
      stage: string;
      customers: number;
    }>();
    const journeys: Record<string, Record<string, number>> = Object.fromEntries(
      [...c.var.catalog.machines.keys()].map((id) => [id, {}]),
    );
    for (const row of results) journeys[row.journey] = { ...journeys[row.journey], [row.stage]: row.customers };
    return json({ journeys });
  });

  app.get('/customers/:id', async (c) => {
    const id = customerId(c.req.param('id'));
    const described = id === null ? null : await c.env.CUSTOMER.getByName(id).describe();
    return described ? json(described) : noCustomer();
  });

  app.get('/customers/:id/timeline', async (c) => {
    const asked = pageOf((name) => c.req.query(name), Number.MAX_SAFE_INTEGER);
    if (asked instanceof Response) return asked;
    const { cursor, limit } = asked;
    const id = customerId(c.req.param('id'));
    const entries = id === null ? null : await c.env.CUSTOMER.getByName(id).timeline(cursor, limit + 1);
    if (!entries) return noCustomer();
    const [page, next] = cutPage(entries, limit, ({ seq }) => seq);
    return json({ entries: page.map(shown), next });
  });

  app.get('/customers/:id/pressure', async (c) => {
    const id = customerId(c.req.param('id'));
    const shown = id === null ? null : await c.env.CUSTOMER.getByName(id).pressure();
    return shown ? json(shown) : noCustomer();
  });

  app.get('/customers/:id/consent-log', async (c) => {
    const asked = pageOf((name) => c.req.query(name), 0);
    if (asked instanceof Response) return asked;
    const { cursor, limit } = asked;
    const id = customerId(c.req.param('id'));
    const log = id === null ? null : await c.env.CUSTOMER.getByName(id).consentLog(cursor, limit + 1);
    if (!log) return noCustomer();
    const { lines, end } = log;
    const next = lines.length > limit ? cursor + limit : null;
    return json({ lines: lines.slice(0, limit).map((line) => JSON.parse(line)), end, next });
  });

  app.get('/customers/:id/record', async (c) => {
    const asked = pageOf((name) => c.req.query(name), 0);
    if (asked instanceof Response) return asked;
    const { cursor, limit } = asked;
    const id = customerId(c.req.param('id'));
    const recorded = id === null ? null : await c.env.CUSTOMER.getByName(id).recorded(cursor, limit + 1);
    if (!recorded) return noCustomer();
    if (recorded.kind !== 'done')
      return problem({ kind: 'unavailable', detail: 'The customer cannot be read right now.', retryAfterSeconds: 2 });
    const { customer, runs } = recorded;
    const [entries, next] = cutPage(recorded.entries, limit, ({ seq }) => seq);
    // What replay needs beside the journeys comes once, with the last page.
    const documents = next === null ? await publishedDocuments(c.env.DB) : [];
    return json({ customer, runs, entries, documents, next });
  });

  return app;
}

/** ID9: the customer who owns an identifier, written `kind:value` in any form its kind takes. */
async function findByIdentifier(c: Context<AdminEnv>, identifier: string): Promise<Response> {
  const { env } = c;
  const rules = c.var.catalog.policies.identity;
  const colon = identifier.indexOf(':');
  const [kind, stated] = [identifier.slice(0, Math.max(0, colon)), identifier.slice(colon + 1)];
  const rule = rules.identifiers.find((each) => each.kind === kind && each.unique);
  if (!rule) {
    const kinds = rules.identifiers.filter(({ unique }) => unique).map((each) => each.kind);
    const declared = kinds.length === 0 ? 'none is declared in policies.json' : `kinds are ${kinds.join(', ')}`;
    return badQuery('identifier', `must be kind:value, such as email:anna@example.com; ${declared}`);
  }
  const value = normalForm(rule.form, stated, rules.callingCode);
  if (value === null) return badQuery('identifier', `the value is no ${kind}`);
  const registry = registryOf(env, kind, value);
  if (!registry)
    return problem({
      kind: 'unprocessable',
      detail: 'Identifiers are not registered here: set the secret IDENTIFIER_SECRET (wrangler secret put).',
    });
  const owner = await registry.owner();
  const described = owner === null ? null : await env.CUSTOMER.getByName(owner).describe();
  if (!described) return json({ customers: [], next: null });
  const requestId = noteReadOf(c, described.id);
  const found = { customers: [{ id: described.id, createdAt: described.createdAt }], next: null };
  return json(found, 200, requestId === null ? {} : { 'x-request-id': requestId });
}

interface CustomerRow {
  readonly id: string;
  readonly created_at: number;
}

async function listCustomers(
  env: Env,
  stage: string | undefined,
  after: string,
  limit: number,
): Promise<CustomerRow[]> {
  const columns = 'c.id, c.created_at';
  const statement =
    stage === undefined
      ? env.DB.prepare(
          `SELECT ${columns} FROM customers c WHERE c.id > ? AND c.gone = 0 AND NOT (c.id >= 'g:' AND c.id < 'g;') ORDER BY c.id LIMIT ?`,
        ).bind(after, limit)
      : env.DB.prepare(
          `SELECT ${columns} FROM customer_stages s JOIN customers c ON c.id = s.customer_id WHERE s.journey = ? AND s.stage = ? AND s.customer_id > ? ORDER BY s.customer_id LIMIT ?`,
        ).bind(stage.slice(0, stage.indexOf(':')), stage.slice(stage.indexOf(':') + 1), after, limit);
  return (await statement.all<CustomerRow>()).results;
}

const iso = (at: number): string => new Date(at).toISOString();

/** An entry as operators read it: what was recorded, with our own members on top. */
function shown(entry: Entry): JsonObject {
  const body: unknown = JSON.parse(entry.body);
  const own: JsonObject = { seq: entry.seq, at: iso(entry.at), kind: entry.kind };
  return { ...(isObject(body) ? body : {}), ...own };
}
