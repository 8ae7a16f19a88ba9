// History import: NDJSON in, each event applied at its own time by its customer's object, nothing sent. Customers are
// registered before they are touched, so that finish reaches every one of them whatever happened in between.

import { Hono } from 'hono';
import { parseJsonText } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { now } from '../clock.ts';
import { linkSecretIn } from '../customer/links.ts';
import type { EventStatus, Fired, IncomingEvent, Projection, Reply } from '../customer/messages.ts';
import { confirmProjections, foldProjections } from '../delivery/projections.ts';
import type { AdminEnv } from './admin.ts';
import { readBytes } from './body.ts';
import { ERASED } from './commit.ts';
import { type Env, json, mapBounded, problem } from './context.ts';
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
    const filled = text
      .split('\n')
      .map((line, index) => ({ line: index + 1, text: line.trim() }))
      .filter((line) => line.text !== '');
    if (filled.length > LIMITS.eventsPerCallMax)
      return problem({
        kind: 'too-large',
        detail: `More than ${LIMITS.eventsPerCallMax} events in one call. Send them in parts.`,
      });

    const catalog = c.var.catalog;
    const intake = { vocabulary: catalog.vocabulary, receivedAt: now(), sentAt: undefined };
    const rejected: { line: number; errors: readonly ProblemError[] }[] = [];
    const lines: Line[] = [];
    const lineOf = new Map<IncomingEvent, number>();
    for (const { line, text: source } of filled) {
      const taken = takeLine(source, intake);
      if (taken.ok) {
        lines.push({ customerId: taken.customerId, event: taken.event });
        lineOf.set(taken.event, line);
      } else rejected.push({ line, errors: taken.errors });
    }
    const owned = await withOwners(c.env, lines);
    await register(c.env.DB, [...new Set(owned.map(({ customerId }) => customerId))]);
    let accepted = 0;
    let duplicates = 0;
    let failed = false;
    await mapBounded(lanesOf(owned), AT_ONCE, async (lane) => {
      for (const { customerId, events } of lane) {
        const statuses = await applyEvents(c.env, catalog.version, customerId, events);
        if (!statuses) {
          failed = true;
          return;
        }
        for (const [index, status] of statuses.entries()) {
          const event = events[index];
          if (status === 'accepted') accepted++;
          else if (status === 'erased' && event) rejected.push({ line: lineOf.get(event) ?? 0, errors: [ERASED] });
          else duplicates++;
        }
      }
    });
    if (failed)
      return problem({
        kind: 'unavailable',
        detail: 'Not every event was applied. Send the same call again: what was applied counts as duplicate.',
        retryAfterSeconds: 2,
      });
    return json({ accepted, duplicates, rejected: rejected.sort((one, other) => one.line - other.line) });
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
      await foldProjections(c.env.DB, projections, linkSecretIn(c.env));
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
  const at = statedTime(taken.event.body);
  if (at === null)
    return { ok: false, errors: [{ pointer: '/timestamp', detail: 'an imported event needs a timestamp' }] };
  if (at > intake.receivedAt)
    return { ok: false, errors: [{ pointer: '/timestamp', detail: 'lies in the future of the system’s clock' }] };
  return { ...taken, event: { ...taken.event, at } };
}

/** When an event of the past happened, milliseconds, as it says itself: no receipt is there to correct it by (`sentAt`). */
function statedTime(body: string): number | null {
  const message = JSON.parse(body) as { timestamp?: unknown; originalTimestamp?: unknown };
  for (const stated of [message.timestamp, message.originalTimestamp]) {
    if (typeof stated === 'number') return stated;
    if (typeof stated === 'string' && stated !== '') return Date.parse(stated);
  }
  return null;
}

interface Line {
  readonly customerId: string;
  readonly event: IncomingEvent;
}

/** Visitors who became known in an earlier call are named by who they are now. */
async function withOwners(env: Env, lines: readonly Line[]): Promise<Line[]> {
  const visitors = [...new Set(lines.map(({ customerId }) => customerId))].filter((id) => id.startsWith('a:'));
  const owners = await mapBounded(visitors, AT_ONCE, (id) => env.CUSTOMER.getByName(id).owner());
  const ownerOf = new Map(visitors.map((id, index) => [id, owners[index] ?? id]));
  return lines.map((line) => ({ ...line, customerId: ownerOf.get(line.customerId) ?? line.customerId }));
}

/**
 * What has to be applied one after the other: the lines of one customer, and of customers who become one within the
 * call, in the order of the lines. Lanes do not touch each other.
 */
function lanesOf(lines: readonly Line[]): { customerId: string; events: IncomingEvent[] }[][] {
  const joined = new Map<string, string>();
  const laneOf = (id: string): string => {
    const next = joined.get(id);
    return next === undefined ? id : laneOf(next);
  };
  for (const { customerId, event } of lines) {
    for (const source of [event.merges ?? []].flat()) {
      const [from, to] = [laneOf(source), laneOf(customerId)];
      if (from !== to) joined.set(from, to);
    }
  }
  const lanes = new Map<string, { customerId: string; events: IncomingEvent[] }[]>();
  for (const { customerId, event } of lines) {
    const lane = lanes.get(laneOf(customerId)) ?? [];
    lanes.set(laneOf(customerId), lane);
    const last = lane.at(-1);
    if (last?.customerId === customerId) last.events.push(event);
    else lane.push({ customerId, events: [event] });
  }
  return [...lanes.values()];
}

/** Follows a customer who becomes another one meanwhile. Null: not everything was applied, the call is to be repeated. */
async function applyEvents(
  env: Env,
  catalogVersion: number,
  customerId: string,
  events: readonly IncomingEvent[],
): Promise<readonly EventStatus[] | null> {
  const reply = await env.CUSTOMER.getByName(customerId)
    .importEvents(catalogVersion, events)
    .catch(() => null);
  if (reply?.kind === 'done') return reply.statuses;
  if (reply?.kind !== 'moved') return null;
  await register(env.DB, [reply.to]);
  return applyEvents(env, catalogVersion, reply.to, events);
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
