// Admin writes that may be sent twice: the first answer to an Idempotency-Key is kept in D1 and given again for a day
// (draft-ietf-httpapi-idempotency-key-header-07). Another request under the same key is 422; the same one while the first
// is under way, 409. A passing fault (429, 5xx) is not kept: the next attempt does the work.
//
// The write and its answer are two commits of D1, because an answer is made of what the write gave. Killed before the
// write: after `claimMs` the same call does it. Killed between the two: nobody can tell from outside, so after `claimMs`
// the same call is done again if the catalog stands where it stood or the call adds nothing by being repeated (an import
// knows its message ids), and else refused with 409: it must not undo what somebody published since.

import { and, eq, isNull, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { Context, MiddlewareHandler } from 'hono';
import { catalogHead, idempotency } from '../../schema/d1.ts';
import { IDEMPOTENCY, LIMITS } from '../../schema/limits.ts';
import { hashKey } from '../catalog/keys.ts';
import type { AdminEnv } from './admin.ts';
import { readRawBytes } from './body.ts';
import { problem } from './context.ts';
import type { Failure } from './problem.ts';

type Row = typeof idempotency.$inferSelect;

const WRITES = ['POST', 'PUT', 'DELETE'];

export const idempotent: MiddlewareHandler<AdminEnv> = async (c, next) => {
  const header = c.req.header('idempotency-key');
  if (header === undefined || !WRITES.includes(c.req.method)) {
    await next();
    return undefined;
  }
  const key = keyOfHeader(header);
  if (key === null) return problem(BAD_KEY);
  const body = await readRawBytes(c.req.raw, LIMITS.importBytesMax);
  if (!body.ok) return problem(body.failure);
  const { raw } = c.req;
  const { pathname, search } = new URL(raw.url);
  const asked: Asked = {
    id: hashKey(`${c.var.key.hash} ${key}`),
    fingerprint: hashKey(`${raw.method} ${pathname}${search} ${hashKey(body.value)}`),
    claim: crypto.randomUUID(),
    repeatable: pathname.startsWith('/admin/import'),
  };
  const found = await claim(c.env.DB, asked, Date.now());
  if (found.kind === 'answered') return replay(found.row);
  if (found.kind === 'refused') return problem(found.failure);

  // The body was read for the fingerprint, so the route gets it anew.
  c.req.raw = new Request(raw, { body: raw.method === 'DELETE' ? null : body.value });
  await next();
  await keepAnswer(c, asked);
  return undefined;
};

interface Asked {
  readonly id: string;
  readonly fingerprint: string;
  readonly claim: string;
  /** Done twice, it does no more than done once, whatever happened in between. */
  readonly repeatable: boolean;
}

type Found =
  | { readonly kind: 'ours' }
  | { readonly kind: 'answered'; readonly row: Row & { readonly status: number } }
  | { readonly kind: 'refused'; readonly failure: Failure };

/** A string of structured fields (RFC 9651) in its quotes, or the same text without them. Null where it is neither. */
function keyOfHeader(header: string): string | null {
  const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(header);
  const key = quoted?.[1] ?? (/^[\x21\x23-\x7e]+$/.test(header) ? header : '');
  return key.length > 0 && key.length <= IDEMPOTENCY.keyCharsMax ? key : null;
}

/** One transaction: what is old goes, the key is claimed if nobody has it, and who has it is read. */
async function claim(db: D1Database, asked: Asked, now: number): Promise<Found> {
  const orm = drizzle(db);
  const version = sql<number>`coalesce((SELECT ${catalogHead.version} FROM ${catalogHead} WHERE ${catalogHead.id} = 1), 0)`;
  const { id, fingerprint, claim: by } = asked;
  const [, , , rows, [head]] = await orm.batch([
    orm.delete(idempotency).where(sql`${idempotency.expiresAt} <= ${now}`),
    orm
      .delete(idempotency)
      .where(
        sql`${idempotency.id} IN (SELECT id FROM ${idempotency} ORDER BY expires_at DESC LIMIT -1 OFFSET ${IDEMPOTENCY.keysMax - 1}) AND ${idempotency.id} <> ${id}`,
      ),
    orm
      .insert(idempotency)
      .values({
        id,
        fingerprint,
        claim: by,
        claimedAt: now,
        catalogVersion: version,
        expiresAt: now + IDEMPOTENCY.keptMs,
      })
      .onConflictDoNothing(),
    orm.select().from(idempotency).where(eq(idempotency.id, id)),
    orm.select({ version: catalogHead.version }).from(catalogHead).where(eq(catalogHead.id, 1)),
  ]);
  const [row] = rows;
  if (!row) throw new Error('broken invariant: a key that was claimed is there');
  if (row.fingerprint !== fingerprint) return { kind: 'refused', failure: OTHER_REQUEST };
  if (row.claim === by) return { kind: 'ours' };
  const { status } = row;
  if (status !== null) return { kind: 'answered', row: { ...row, status } };
  if (now - row.claimedAt < IDEMPOTENCY.claimMs) return { kind: 'refused', failure: UNDER_WAY };
  if (!asked.repeatable && row.catalogVersion !== (head?.version ?? 0)) return { kind: 'refused', failure: UNKNOWN };
  const taken = await orm
    .update(idempotency)
    .set({ claim: by, claimedAt: now })
    .where(and(eq(idempotency.id, id), eq(idempotency.claim, row.claim)))
    .returning({ id: idempotency.id });
  return taken.length > 0 ? { kind: 'ours' } : { kind: 'refused', failure: UNDER_WAY };
}

/** Never fails a call that was done: an answer that cannot be kept leaves a claim that runs out. */
async function keepAnswer(c: Context<AdminEnv>, { id, claim: by }: Asked): Promise<void> {
  const ours = and(eq(idempotency.id, id), eq(idempotency.claim, by), isNull(idempotency.status));
  const { status, headers } = c.res;
  const orm = drizzle(c.env.DB);
  try {
    const body = await c.res.clone().text();
    if (status >= 500 || status === 429 || body.length > IDEMPOTENCY.answerCharsMax) {
      await orm.delete(idempotency).where(ours);
      return;
    }
    const answeredVersion = Number(headers.get('waymark-catalog') ?? c.var.catalog.version);
    await orm
      .update(idempotency)
      .set({ status, answeredVersion, contentType: headers.get('content-type'), body })
      .where(ours);
  } catch (error) {
    console.error(JSON.stringify({ at: 'idempotency', error: error instanceof Error ? error.name : 'unknown' }));
  }
}

function replay(row: Row & { readonly status: number }): Response {
  const headers = new Headers({ 'content-type': row.contentType ?? 'application/json' });
  headers.set('waymark-catalog', String(row.answeredVersion ?? row.catalogVersion));
  return new Response(row.body, { status: row.status, headers });
}

const BAD_KEY: Failure = {
  kind: 'invalid',
  errors: [
    {
      pointer: '',
      detail: `Idempotency-Key must be 1 to ${IDEMPOTENCY.keyCharsMax} printable ASCII characters, best a UUID in double quotes.`,
    },
  ],
};
const OTHER_REQUEST: Failure = {
  kind: 'unprocessable',
  detail: 'This Idempotency-Key was used for another request. Use a new one for each request.',
};
const UNDER_WAY: Failure = {
  kind: 'conflict',
  detail: 'The same call is under way. Send it again when it is over.',
  retryAfterSeconds: 2,
};
const UNKNOWN: Failure = {
  kind: 'conflict',
  detail:
    'An earlier attempt ended without an answer, and the catalog has changed since. Look at what is published, then send it under a new Idempotency-Key if it is still wanted.',
};
