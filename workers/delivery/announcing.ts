// An event for everybody in a segment or an audience, page by page of the index. Each customer has it once, however often
// pages are repeated, by its message id; what follows from it their journeys decide, which ask for consent and pressure.
// How far it has come is a row that only who did the page moves on, so that of two who do the same page one goes on. Who
// cannot be reached with a page is a message of their own: nobody holds up the others.

import { LIMITS } from '../../schema/limits.ts';
import type { Announcing, CustomerNamespace, IncomingEvent } from '../customer/messages.ts';

export interface AnnouncingEnv {
  readonly DB: D1Database;
  readonly CUSTOMER: CustomerNamespace;
  readonly PROJECTIONS: { send(message: Announcing): Promise<unknown> };
}

export interface AnnouncementRow {
  readonly segment: string;
  readonly id: string;
  readonly event: string;
  /** JSON. */
  readonly properties: string;
  readonly message_id: string;
  readonly started_at: number;
  readonly customers: number;
  readonly asked: number;
  readonly cursor: string;
  readonly done_at: number | null;
}

/** Of members: an event of somebody's own is told to people, not to accounts. */
export const PEOPLE = "NOT (customer_id >= 'g:' AND customer_id < 'g;')";

/** Objects asked at once. */
const AT_ONCE = 32;

/**
 * Tells the next page, or the one customer it names. Does nothing for an announcement that is done or was never made.
 * @param now milliseconds, when it happened for those customers
 * @throws where D1 or the queue fails, or the one customer cannot be reached: then it is to be done again
 */
export async function announce({ announce: word }: Announcing, env: AnnouncingEnv, now: number): Promise<void> {
  const row = await announcementOf(env.DB, word.segment, word.id);
  if (!row) return;
  const { version, customerId } = word;
  if (customerId !== undefined) {
    if (!(await tell(row, customerId, version, env, now))) throw new Error('a customer could not be reached');
    return;
  }
  if (row.done_at !== null) return;
  const ids = await pageOf(env.DB, row);
  const late: string[] = [];
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const some = ids.slice(start, start + AT_ONCE);
    const told = await Promise.all(some.map((id) => tell(row, id, version, env, now)));
    late.push(...some.filter((_, index) => !told[index]));
  }
  for (const id of late) await env.PROJECTIONS.send({ announce: { ...word, customerId: id } });
  const isLast = ids.length < LIMITS.announcedPageMax;
  // Done, it names nobody: the cursor is a customer's id.
  const { meta } = await env.DB.prepare(
    `UPDATE announcements SET asked = asked + ?, cursor = ?, done_at = ?
     WHERE segment = ? AND id = ? AND cursor = ? AND done_at IS NULL`,
  )
    .bind(ids.length, isLast ? '' : (ids.at(-1) ?? ''), isLast ? now : null, row.segment, row.id, row.cursor)
    .run();
  if (meta.changes > 0 && !isLast) await env.PROJECTIONS.send({ announce: word });
}

/** Who was in it when it began, and is, behind the cursor, in the order of their ids. */
async function pageOf(db: D1Database, { segment, cursor, started_at: startedAt }: AnnouncementRow): Promise<string[]> {
  const { results } = await db
    .prepare(
      `SELECT customer_id AS id FROM customer_segments
       WHERE segment = ? AND customer_id > ? AND since <= ? AND ${PEOPLE} ORDER BY customer_id LIMIT ?`,
    )
    .bind(segment, cursor, startedAt, LIMITS.announcedPageMax)
    .all<{ id: string }>();
  return results.map(({ id }) => id);
}

/** @returns whether the customer has it now, or is one who gets nothing any more */
async function tell(
  row: AnnouncementRow,
  customerId: string,
  catalogVersion: number,
  env: AnnouncingEnv,
  at: number,
): Promise<boolean> {
  const request = { customerId, catalogVersion, proven: true, decide: null, events: [eventOf(row, customerId, at)] };
  try {
    return (await env.CUSTOMER.getByName(customerId).ingest(request)).kind === 'done';
  } catch {
    // An object that was moved or overthrown while it was asked.
    return false;
  }
}

function eventOf(row: AnnouncementRow, customerId: string, at: number): IncomingEvent {
  const { event, message_id: messageId, segment, id } = row;
  const who = customerId.startsWith('a:') ? { anonymousId: customerId.slice(2) } : { userId: customerId.slice(2) };
  const properties: unknown = JSON.parse(row.properties);
  const context = { announcement: { segment, id } };
  const body = JSON.stringify({ type: 'track', messageId, ...who, event, properties, context });
  return { messageId, name: event, type: 'track', at, body, merges: null };
}

export const announcementOf = (db: D1Database, segment: string, id: string): Promise<AnnouncementRow | null> =>
  db.prepare('SELECT * FROM announcements WHERE segment = ? AND id = ?').bind(segment, id).first<AnnouncementRow>();

/** Those that are not done, the oldest first: for who does by hand what the queue would do. */
export async function announcementsUnderWay(db: D1Database): Promise<Pick<AnnouncementRow, 'segment' | 'id'>[]> {
  const { results } = await db
    .prepare('SELECT segment, id FROM announcements WHERE done_at IS NULL ORDER BY started_at')
    .all<AnnouncementRow>();
  return results;
}
