// GET /v1/decide: what a visitor nobody knows is shown, as an answer that caches may keep. It follows from the catalog, the
// address and the time alone: no customer is asked, and the same question has the same answer and the same ETag.

import { createHash } from 'node:crypto';
import { Hono } from 'hono';
import { z } from 'zod';
import { pointerOf } from '../../schema/json.ts';
import { KEY_RATE, LIMITS } from '../../schema/limits.ts';
import { freshCatalog } from '../catalog/cache.ts';
import { now } from '../clock.ts';
import { defaultDecisions } from '../customer/answer.ts';
import { findKey, keyOf } from './auth.ts';
import { unknownKey } from './caller.ts';
import { type AppEnv, CATALOG_UNREADABLE, catalogOfRequest, type LocalMode, problem, timing } from './context.ts';

/** How long a cache may give it without asking, and while it asks, in seconds. */
const FRESH_SECONDS = 60;
const STALE_SECONDS = 600;

const name = z.string().min(1).max(LIMITS.nameCharsMax);

/** Query parameters. Others but writeKey are refused, because they would make one answer many. */
export const AnonymousQuery = z.strictObject({
  placements: z
    .string()
    .transform((list) => [...new Set(list.split(','))])
    .pipe(z.array(name).min(1).max(LIMITS.placementsMax)),
  locale: z.string().max(35).optional(),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, 'use an ISO 3166 code such as AT')
    .optional(),
  device: z.enum(['mobile', 'tablet', 'desktop']).optional(),
});

export function cacheableRoutes(local: LocalMode | null): Hono<AppEnv> {
  const app = new Hono<AppEnv>();

  app.get('/v1/decide', async (c) => {
    const startedAt = Date.now();
    const { raw } = c.req;
    const catalog = freshCatalog() ?? (await catalogOfRequest(c.env, c.executionCtx));
    if (!catalog) return problem(CATALOG_UNREADABLE, { degraded: true });
    const key = findKey(keyOf(raw, undefined), catalog, local?.keys ?? null);
    if (!key) return problem(unknownKey());
    if (c.env.KEY_RATE && !local && key.role === 'write' && !(await c.env.KEY_RATE.limit({ key: key.hash })).success)
      return problem({ kind: 'too-many', limit: 'key', retryAfterSeconds: KEY_RATE.periodSeconds });
    const { writeKey: _, ...query } = c.req.query();
    const read = AnonymousQuery.safeParse(query);
    if (!read.success)
      return problem({
        kind: 'invalid',
        errors: read.error.issues.map((issue) => ({
          pointer: '',
          detail: `query parameter ${pointerOf(issue.path).slice(1) || 'unknown'}: ${issue.message}`,
        })),
      });
    const { placements, locale, country, device } = read.data;
    const context = { ...(country ? { country } : {}), ...(device ? { device: { type: device } } : {}) };
    const locales = [...(locale ? [locale] : []), c.env.DEFAULT_LOCALE ?? 'en'];
    const decided = defaultDecisions(catalog, { placements, context, locales }, now());
    // Of nobody, so it is one for all: nothing that happens later can be told apart by it.
    const decisions = Object.fromEntries(
      Object.entries(decided).map(([placement, list]) => [
        placement,
        list.map((each) => ({ ...each, decisionId: `anonymous-${catalog.version}-${placement}-${each.id}` })),
      ]),
    );
    const body = JSON.stringify({ decisions, degraded: false });
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
    const headers = {
      'content-type': 'application/json',
      'cache-control': `public, max-age=${FRESH_SECONDS}, stale-while-revalidate=${STALE_SECONDS}`,
      etag,
      ...timing(startedAt),
    };
    if (matches(raw.headers.get('if-none-match'), etag)) return new Response(null, { status: 304, headers });
    return new Response(body, { headers });
  });

  return app;
}

/** RFC 9110, section 13.1.2; weak comparison. */
export const matches = (header: string | null, etag: string): boolean =>
  header?.split(',').some((each) => [etag, '*'].includes(each.trim().replace(/^W\//, ''))) === true;
