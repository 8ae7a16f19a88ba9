// Who has read a customer as an operator (PV8). Written after the answer, so that no read waits for it; the customer stands
// there by a keyed hash.

import type { Context, MiddlewareHandler } from 'hono';
import { now } from '../clock.ts';
import { linkSecretIn } from '../customer/links.ts';
import { customerHash } from '../customer/sealing.ts';
import type { AdminEnv } from './admin.ts';
import { requestIdOf } from './trace.ts';

const PAGE = 100;
/** One in so many looks also forgets what is too old. */
const FORGETS_EVERY = 500;

export const noteAccess: MiddlewareHandler<AdminEnv> = async (c, next) => {
  await next();
  const { id } = c.req.param() as { id?: string };
  const customer = id ?? c.req.query('customer');
  if (c.res.status !== 200 || customer === undefined) return;
  const requestId = noteReadOf(c, customer);
  if (requestId !== null) c.res.headers.set('x-request-id', requestId);
};

/** Notes that this call has shown a customer. @returns the request's id as it stands there; null where nothing is logged */
export function noteReadOf(c: Context<AdminEnv>, customer: string): string | null {
  const secret = linkSecretIn(c.env);
  if (secret === null) return null;
  const route = `${c.req.method} ${c.req.path.replace(/^(\/admin\/customers\/)[^/]+/, '$1{id}')}`;
  const requestId = requestIdOf(c.req.raw);
  const row = [now(), customerHash(secret, customer), c.var.key.name, route, requestId] as const;
  const keptMs = c.var.catalog.policies.privacy.accessLogMs;
  c.executionCtx.waitUntil(write(c.env.DB, row, keptMs).catch(tellLost));
  return requestId;
}

async function write(db: D1Database, row: readonly (string | number)[], keptMs: number): Promise<void> {
  const { meta } = await db
    .prepare('INSERT INTO access_log (at, customer_hash, key, route, request_id) VALUES (?, ?, ?, ?, ?)')
    .bind(...row)
    .run();
  if (meta.last_row_id % FORGETS_EVERY !== 0) return;
  await db
    .prepare('DELETE FROM access_log WHERE at < ?')
    .bind(now() - keptMs)
    .run();
}

const tellLost = (error: unknown): void =>
  console.error(
    JSON.stringify({ at: 'access', what: 'not logged', cause: error instanceof Error ? error.name : 'unknown' }),
  );

interface Access {
  readonly id: number;
  readonly at: number;
  readonly key: string;
  readonly route: string;
  readonly request_id: string;
}

/** A page, newest first; `before` is exclusive. */
export async function readAccess(db: D1Database, hash: string, before: number) {
  const { results } = await db
    .prepare(
      'SELECT id, at, key, route, request_id FROM access_log WHERE customer_hash = ? AND id < ? ORDER BY id DESC LIMIT ?',
    )
    .bind(hash, before, PAGE + 1)
    .all<Access>();
  const page = results.slice(0, PAGE);
  return {
    reads: page.map(({ at, key, route, request_id }) => ({
      at: new Date(at).toISOString(),
      key,
      route,
      requestId: request_id,
    })),
    next: results.length > PAGE ? (page.at(-1)?.id ?? null) : null,
  };
}
