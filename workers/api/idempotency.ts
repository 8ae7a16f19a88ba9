// Idempotency-Key on admin writes (draft-ietf-httpapi-idempotency-key-header): the first call with a key is carried out and
// its answer kept for a day; the same call again gets that answer, another call with the same key 422, and one that comes
// while the first is under way 409. After a crash in the middle the write may have happened and its answer is not known:
// the key is free again after a minute, and every admin write gives the same state when it is repeated.

import type { MiddlewareHandler } from 'hono';
import { LIMITS } from '../../schema/limits.ts';
import { hashKey } from '../catalog/keys.ts';
import type { AdminEnv } from './admin.ts';
import { bearerOf } from './auth.ts';
import { readRawBytes } from './body.ts';
import { problem } from './problem.ts';

const KEPT_MS = 86_400_000;
const UNDER_WAY_MS = 60_000;
const KEY = /^[\x21-\x7e]{1,255}$/;

interface Kept {
  readonly request: string;
  readonly status: number | null;
  readonly headers: string | null;
  readonly body: string | null;
  readonly made_at: number;
}

export const idempotent: MiddlewareHandler<AdminEnv> = async (c, next) => {
  const given = c.req.header('idempotency-key');
  if (given === undefined || c.req.method === 'GET') return next();
  if (!KEY.test(given))
    return problem({
      kind: 'invalid',
      errors: [{ pointer: '', detail: 'Idempotency-Key must be 1 to 255 visible ASCII characters.' }],
    });
  const read = await readRawBytes(c.req.raw.clone(), LIMITS.importBytesMax);
  if (!read.ok) return problem(read.failure);
  const db = c.env.DB;
  const id = hashKey(`${hashKey(bearerOf(c.req.raw) ?? '')} ${given}`);
  const url = new URL(c.req.url);
  const request = hashKey(`${c.req.method} ${url.pathname}${url.search} ${Buffer.from(read.value).toString('base64')}`);

  const kept = await reserve(db, id, request, Date.now());
  if (kept) return answerFrom(kept, request);
  try {
    await next();
  } catch (error) {
    await release(db, id);
    throw error;
  }
  if (c.res.status >= 500) await release(db, id);
  else await keep(db, id, c.res.clone());
  return undefined;
};

/** Takes the key for this call. @returns what is there if somebody has it */
async function reserve(db: D1Database, id: string, request: string, now: number): Promise<Kept | null> {
  const [, taken, kept] = await db.batch<Kept>([
    db
      .prepare('DELETE FROM idempotency WHERE made_at < ?1 OR (id = ?2 AND status IS NULL AND made_at < ?3)')
      .bind(now - KEPT_MS, id, now - UNDER_WAY_MS),
    db
      .prepare('INSERT INTO idempotency (id, request, made_at) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING')
      .bind(id, request, now),
    db.prepare('SELECT request, status, headers, body, made_at FROM idempotency WHERE id = ?').bind(id),
  ]);
  return (taken?.meta.changes ?? 0) > 0 ? null : (kept?.results[0] ?? null);
}

function answerFrom({ request: first, status, headers, body }: Kept, request: string): Response {
  if (first !== request)
    return problem({
      kind: 'unprocessable',
      detail: 'This Idempotency-Key was used for another call. Take a new one.',
    });
  if (status === null)
    return problem({ kind: 'conflict', detail: 'The first call with this Idempotency-Key is still under way.' });
  const kept: Record<string, string> = JSON.parse(headers ?? '{}');
  return new Response(body, { status, headers: { ...kept, 'idempotency-replayed': 'true' } });
}

const KEPT_HEADERS = ['content-type', 'waymark-catalog'];

async function keep(db: D1Database, id: string, answer: Response): Promise<void> {
  const headers = Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => {
      const value = answer.headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
  await db
    .prepare('UPDATE idempotency SET status = ?, headers = ?, body = ? WHERE id = ?')
    .bind(answer.status, JSON.stringify(headers), await answer.text(), id)
    .run();
}

const release = (db: D1Database, id: string) => db.prepare('DELETE FROM idempotency WHERE id = ?').bind(id).run();
