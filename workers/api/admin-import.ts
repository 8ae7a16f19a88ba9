// History import: NDJSON in, each event applied at its own time by its customer's object, nothing sent. Customers are
// registered before they are touched, so that finish reaches every one of them whatever happened in between.

import { Hono } from 'hono';
import { parseJsonText } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { now } from '../customer/clock.ts';
import type { Fired, IncomingEvent, Projection, Reply } from '../customer/messages.ts';
import { confirmProjections, foldProjections } from '../delivery/projections.ts';
import type { AdminEnv } from './admin.ts';
import { readBytes } from './body.ts';
import { json, mapBounded, problem } from './context.ts';
import { type Taken, takeEvent } from './intake.ts';
import type { ProblemError } from './problem.ts';

/** Objects asked at once. */
const AT_ONCE = 32;
/** Customers finished in one call; the answer says how many remain. */
const FINISH_MAX = 20_000;
const FINISH_PAGE = 500;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

export function adminImportRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.post('/import', async (c) => {
    const bytes = await readBytes(c.req.raw, LIMITS.importBytesMax);
    if (!bytes.ok) return problem(bytes.failure);
    let text: string;
    try {
      text = decoder.decode(bytes.value);
    } catch {
      return problem({ kind: 'bad-json', pointer: '', detail: 'The body is not valid UTF-8.' });
    }
    const lines = text.split('\n').map((line, index) => ({ line: index + 1, text: line.trim() }));
    const filled = lines.filter((line) => line.text !== '');
    if (filled.length > LIMITS.eventsPerCallMax)
      return problem({
        kind: 'too-large',
        detail: `More than ${LIMITS.eventsPerCallMax} events in one call. Send them in parts.`,
      });

    const catalog = c.var.catalog;
    const intake = { vocabulary: catalog.vocabulary, receivedAt: now(), sentAt: undefined };
    const rejected: { line: number; errors: readonly ProblemError[] }[] = [];
    const byCustomer = new Map<string, { line: number; event: IncomingEvent }[]>();
    for (const { line, text: source } of filled) {
      const taken = takeLine(source, intake);
      if (!taken.ok) rejected.push({ line, errors: taken.errors });
      else
        byCustomer.set(taken.customerId, [...(byCustomer.get(taken.customerId) ?? []), { line, event: taken.event }]);
    }
    await register(c.env.DB, [...byCustomer.keys()]);
    let accepted = 0;
    let duplicates = 0;
    let failed = false;
    await mapBounded([...byCustomer.entries()], AT_ONCE, async ([customerId, list]) => {
      const reply = await c.env.CUSTOMER.getByName(customerId)
        .importEvents(
          catalog.version,
          list.map(({ event }) => event),
        )
        .catch(() => null);
      if (reply?.kind !== 'done') {
        failed = true;
        return;
      }
      for (const status of reply.statuses) {
        if (status === 'accepted') accepted++;
        else duplicates++;
      }
    });
    if (failed)
      return problem({
        kind: 'unavailable',
        detail: 'Not every event was applied. Send the same call again: what was applied counts as duplicate.',
        retryAfterSeconds: 2,
      });
    return json({ accepted, duplicates, rejected: rejected.sort((a, b) => a.line - b.line) });
  });

  app.post('/import/finish', async (c) => {
    const { catalog } = c.var;
    let customers = 0;
    let timersFired = 0;
    while (customers < FINISH_MAX) {
      const ids = await registered(c.env.DB, FINISH_PAGE);
      if (ids.length === 0) break;
      const replies = await mapBounded(ids, AT_ONCE, (id) =>
        c.env.CUSTOMER.getByName(id)
          .finishImport(catalog.version)
          .catch((): Reply<Fired> => ({ kind: 'unavailable', detail: '' })),
      );
      const projections: Projection[] = [];
      for (const reply of replies) {
        if (reply.kind !== 'done')
          return problem({
            kind: 'unavailable',
            detail: 'Not every customer was finished. Call finish again.',
            retryAfterSeconds: 2,
          });
        timersFired += reply.timersFired;
        if (reply.projection) projections.push(reply.projection);
      }
      await foldProjections(c.env.DB, projections);
      await confirmProjections(c.env.CUSTOMER, projections);
      await unregister(c.env.DB, ids);
      customers += ids.length;
    }
    const remaining = await c.env.DB.prepare('SELECT count(*) AS n FROM imports').first<{ n: number }>();
    return json({ customers, timersFired, ...(remaining && remaining.n > 0 ? { remaining: remaining.n } : {}) });
  });

  return app;
}

type TakenLine = Taken | { readonly ok: false; readonly errors: readonly ProblemError[] };

function takeLine(source: string, intake: Parameters<typeof takeEvent>[1]): TakenLine {
  const parsed = parseJsonText(source);
  if (!parsed.ok) return { ok: false, errors: [parsed.fault] };
  const taken = takeEvent(parsed.value, intake);
  if (!taken.ok) return taken;
  const stated = statedTime(taken.event.body);
  if (stated === null)
    return { ok: false, errors: [{ pointer: '/timestamp', detail: 'an imported event needs a timestamp' }] };
  if (stated > intake.receivedAt)
    return { ok: false, errors: [{ pointer: '/timestamp', detail: 'lies in the future of the system’s clock' }] };
  return taken;
}

function statedTime(body: string): number | null {
  const message = JSON.parse(body) as { timestamp?: unknown; originalTimestamp?: unknown };
  const stated = message.originalTimestamp ?? message.timestamp;
  return typeof stated === 'string' ? Date.parse(stated) : typeof stated === 'number' ? stated : null;
}

/** Sent as one JSON parameter: D1 takes at most 100 parameters a statement. */
async function register(db: D1Database, ids: readonly string[]): Promise<void> {
  if (ids.length > 0)
    await db
      .prepare('INSERT OR IGNORE INTO imports (customer_id) SELECT value FROM json_each(?)')
      .bind(JSON.stringify(ids))
      .run();
}

async function registered(db: D1Database, limit: number): Promise<string[]> {
  const { results } = await db
    .prepare('SELECT customer_id FROM imports ORDER BY customer_id LIMIT ?')
    .bind(limit)
    .all<{ customer_id: string }>();
  return results.map((row) => row.customer_id);
}

async function unregister(db: D1Database, ids: readonly string[]): Promise<void> {
  await db
    .prepare('DELETE FROM imports WHERE customer_id IN (SELECT value FROM json_each(?))')
    .bind(JSON.stringify(ids))
    .run();
}
