// What is limited for all customers together: how much of an offer's or a content's totals is left, and single-use codes
// brought in or made for a pool. What the counts mean: workers/totals/SPEC.md.

import { Hono } from 'hono';
import { z } from 'zod';
import { LIMITS } from '../../schema/limits.ts';
import { now } from '../clock.ts';
import { potsIn } from '../decide/claims.ts';
import { poolPot } from '../decide/totals.ts';
import { makeCodes } from '../totals/codes.ts';
import type { AdminEnv } from './admin.ts';
import { readJsonObject } from './body.ts';
import { json, mapBounded, problem } from './context.ts';
import { invalid } from './problem.ts';

const count = z.int();

const Counts = {
  most: count.describe('Units in all; hundredths of the currency for money.'),
  free: count.describe('Below nothing where more was spent than there was.'),
  reserved: count.describe('Shown to somebody, and waiting for what makes it final.'),
  confirmed: count,
};

export const PotCounts = z.object({
  pot: z.string(),
  unit: z.enum(['pieces', 'money', 'codes']),
  event: z.enum(['decision', 'impression', 'click', 'redemption']),
  placement: z.string().nullable(),
  ...Counts,
});
export const ItemTotals = z.object({ id: z.string(), totals: z.array(PotCounts) });
export const Pool = z.object({ id: z.string(), ...Counts });
export const PoolAdded = z.object({
  id: z.string(),
  added: z.int().min(0),
  duplicates: z.int().min(0).describe('Were in the pool before, and stay as they are.'),
  codes: z.int().min(0).describe('In the pool now.'),
});

const code = z
  .string()
  .min(1)
  .max(LIMITS.codeCharsMax)
  .regex(/^[\x21-\x7e]+$/, 'use visible ASCII characters without spaces');
export const CodesDraft = z
  .strictObject({
    codes: z.array(code).min(1).max(LIMITS.codesPerCallMax).optional(),
    generate: z
      .strictObject({
        count: z.int().min(1).max(LIMITS.codesPerCallMax),
        prefix: z
          .string()
          .max(20)
          .regex(/^[A-Za-z0-9-]*$/, 'use letters, digits and dashes')
          .default(''),
      })
      .optional(),
  })
  .refine(
    ({ codes, generate }) => (codes === undefined) !== (generate === undefined),
    'give either codes, or generate with a count',
  );

const POOL_ID = /^[a-z0-9][a-z0-9._-]{0,199}$/;
const OVERVIEWS_AT_ONCE = 5;

export function adminTotalsRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  for (const [path, kind] of [
    ['offers', 'offer'],
    ['content', 'content'],
  ] as const)
    app.get(`/${path}/:id/totals`, async (c) => {
      const id = c.req.param('id');
      const placements = c.var.catalog.shelf.byPlacement;
      const item = [...placements.values()].flat().find((candidate) => candidate.kind === kind && candidate.id === id);
      if (!item) return problem({ kind: 'not-found', detail: `There is no published ${kind} of this id.` });
      const at = now();
      const pots = item.totals.flatMap((total) => potsIn([total], total.placement ?? '', at));
      const totals = await mapBounded(pots, OVERVIEWS_AT_ONCE, async ({ pot, unit, event, placement, most }) => {
        const { shards: _, ...counts } = await c.env.TOTALS.getByName(pot).overview();
        // A pot nobody has claimed from knows nothing of its limit yet.
        const known = counts.most === 0 && unit !== 'codes' ? { ...counts, most, free: most } : counts;
        return { pot, unit, event, placement, ...known };
      });
      return json({ id, totals });
    });

  app.get('/pools/:id', async (c) => {
    const id = c.req.param('id');
    if (!POOL_ID.test(id)) return problem(NO_POOL);
    const { shards: _, ...counts } = await c.env.TOTALS.getByName(poolPot(id)).overview();
    return counts.most === 0 ? problem(NO_POOL) : json({ id, ...counts });
  });

  app.post('/pools/:id/codes', async (c) => {
    const id = c.req.param('id');
    if (!POOL_ID.test(id)) return problem(NO_POOL);
    const read = await readJsonObject(c.req.raw, LIMITS.importBytesMax);
    if (!read.ok) return problem(read.failure);
    const draft = CodesDraft.safeParse(read.value);
    if (!draft.success) return problem(invalid(draft.error.issues));
    const { codes, generate } = draft.data;
    const added = await c.env.TOTALS.getByName(poolPot(id)).addCodes(codes ?? makeCodes(generate ?? NONE));
    return json({ id, ...added }, 201);
  });

  return app;
}

const NONE = { count: 0, prefix: '' };
const NO_POOL = {
  kind: 'not-found',
  detail:
    'There is no such pool. POST /admin/pools/{id}/codes makes one; an id has lower-case letters, digits, . _ and -.',
} as const;
