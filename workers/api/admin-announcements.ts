// An event for everybody in a segment or an audience: what is asked for is kept here, and told page by page by
// delivery/announcing.ts. The caller's id makes the same call twice one announcement.

import { Hono } from 'hono';
import { z } from 'zod';
import { LIMITS } from '../../schema/limits.ts';
import { now } from '../clock.ts';
import { type AnnouncementRow, announcementOf, PEOPLE } from '../delivery/announcing.ts';
import { isSystemEvent } from '../engine/machine.ts';
import { nearest } from '../engine/nearest.ts';
import type { AdminEnv } from './admin.ts';
import { badLimit, limitOf } from './admin-query.ts';
import { readJsonObject } from './body.ts';
import { json, problem } from './context.ts';
import { takeEvent } from './intake.ts';
import type { Failure } from './problem.ts';

const count = z.int().min(0);
const time = z.iso.datetime();
const id = z
  .string()
  .min(1)
  .max(LIMITS.nameCharsMax)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'use letters, digits, dots, dashes and underscores');

export const AnnounceCall = z.strictObject({
  id: id.describe('Of your choice. The same again, with the same event, is the same announcement.'),
  event: z.string().min(1).max(LIMITS.nameCharsMax).describe('One that events.json declares.'),
  properties: z.record(z.string(), z.unknown()).default({}),
});

export const Announcement = z.object({
  id: z.string(),
  segment: z.string(),
  event: z.string(),
  properties: z.record(z.string(), z.unknown()),
  startedAt: time,
  customers: count.describe('Who was in it when it began, by the index.'),
  asked: count.describe('Who has been told, but for those who could not be reached at once: they are told later.'),
  doneAt: time.nullable().describe('null: still under way.'),
});

export const AnnouncementList = z.object({ announcements: z.array(Announcement) });

export function adminAnnouncementRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.post('/segments/:id/events', async (c) => {
    const read = await readJsonObject(c.req.raw, LIMITS.eventBytesMax);
    if (!read.ok) return problem(read.failure);
    const call = AnnounceCall.safeParse(read.value);
    if (!call.success)
      return problem({
        kind: 'invalid',
        errors: call.error.issues.map(({ path, message }) => ({
          pointer: path.map((name) => `/${String(name)}`).join(''),
          detail: message,
        })),
      });
    const { catalog } = c.var;
    const { resolve, declarations } = catalog.vocabulary;
    const event = resolve(call.data.event);
    const fault =
      faultOfEvent(event, Object.keys(declarations.events)) ?? faultOfMessage({ ...call.data, event }, catalog);
    if (fault) return problem(fault);

    const segment = c.req.param('id');
    const properties = JSON.stringify(call.data.properties);
    const at = now();
    const members = `FROM customer_segments WHERE segment = ?1 AND ${PEOPLE}`;
    // Nothing is written for a segment that is not there: the names of audiences are those of their members.
    await c.env.DB.prepare(
      `INSERT INTO announcements (segment, id, event, properties, message_id, started_at, customers)
       SELECT ?1, ?2, ?3, ?4, ?5, ?6, (SELECT count(*) ${members} AND since <= ?6)
       WHERE ?7 OR EXISTS (SELECT 1 ${members}) ON CONFLICT (segment, id) DO NOTHING`,
    )
      .bind(segment, call.data.id, event, properties, crypto.randomUUID(), at, catalog.segments.has(segment) ? 1 : 0)
      .run();
    const row = await announcementOf(c.env.DB, segment, call.data.id);
    if (!row) return problem(NOBODY);
    if (row.event !== event || row.properties !== properties) return problem(OTHER);
    // Said again while it is under way, it goes on where it stopped; who is told twice hears it once.
    if (row.done_at === null)
      await c.env.PROJECTIONS.send({ announce: { segment, id: row.id, version: catalog.version } });
    return json(shown(row), 202);
  });

  app.get('/segments/:id/events', async (c) => {
    const limit = limitOf(c.req.query('limit'));
    if (limit === null) return badLimit();
    const { results } = await c.env.DB.prepare(
      'SELECT * FROM announcements WHERE segment = ? ORDER BY started_at DESC, id LIMIT ?',
    )
      .bind(c.req.param('id'), limit)
      .all<AnnouncementRow>();
    return json({ announcements: results.map(shown) });
  });

  return app;
}

function shown(row: AnnouncementRow): z.infer<typeof Announcement> {
  const { id, segment, event, customers, asked } = row;
  const properties: Record<string, unknown> = JSON.parse(row.properties);
  return {
    ...{ id, segment, event, properties, customers, asked },
    startedAt: new Date(row.started_at).toISOString(),
    doneAt: row.done_at === null ? null : new Date(row.done_at).toISOString(),
  };
}

function faultOfEvent(event: string, declared: readonly string[]): Failure | null {
  if (isSystemEvent(event))
    return unprocessable(`${event} is an event of the system. Declare one of your own in events.json.`);
  if (declared.includes(event)) return null;
  return unprocessable(
    `events.json declares no event ${JSON.stringify(event)}. ${nearest(event, declared)}Correct it, or declare the event.`,
  );
}

/** What no event may be, said before anybody is told: too deep, too large. */
function faultOfMessage(
  { event, properties }: z.infer<typeof AnnounceCall>,
  { vocabulary }: AdminEnv['Variables']['catalog'],
): Failure | null {
  const message = { type: 'track', event, properties, userId: 'x'.repeat(LIMITS.idCharsMax) };
  const taken = takeEvent(JSON.parse(JSON.stringify(message)), { vocabulary, receivedAt: 0, sentAt: undefined });
  return taken.ok ? null : { kind: 'invalid', errors: taken.errors };
}

const unprocessable = (detail: string): Failure => ({
  kind: 'unprocessable',
  detail,
  errors: [{ pointer: '/event', detail }],
});

const NOBODY: Failure = {
  kind: 'not-found',
  detail: 'There is no such segment, and nobody is in such an audience.',
};
const OTHER: Failure = {
  kind: 'unprocessable',
  detail: 'This id was used for another event. Use a new one for each announcement.',
};
