// The gate of everything under /admin: closed unless a secret admin key is presented, no CORS, the catalog at hand.

import { Hono } from 'hono';
import { ADMIN_WAIT_MS } from '../../schema/limits.ts';
import type { Catalog, KeyRow } from '../catalog/catalog.ts';
import { noteAccess } from './access.ts';
import { adminAccountRoutes } from './admin-accounts.ts';
import { adminAnnouncementRoutes } from './admin-announcements.ts';
import { adminCatalogRoutes } from './admin-catalog.ts';
import { adminCustomerRoutes } from './admin-customers.ts';
import { adminExperimentRoutes } from './admin-experiments.ts';
import { adminImportRoutes } from './admin-import.ts';
import { adminJourneyRoutes } from './admin-journeys.ts';
import { adminMergeRoutes } from './admin-merges.ts';
import { adminMessageRoutes } from './admin-messages.ts';
import { adminPreviewRoutes } from './admin-preview.ts';
import { adminPrivacyRoutes } from './admin-privacy.ts';
import { adminSegmentRoutes } from './admin-segments.ts';
import { adminSimulateRoutes } from './admin-simulate.ts';
import { adminTotalsRoutes } from './admin-totals.ts';
import { bearerOf, findKey } from './auth.ts';
import {
  type AppEnv,
  CATALOG_UNREADABLE,
  catalogOfRequest,
  inTime,
  type LocalMode,
  problem,
  withCatalog,
} from './context.ts';
import { idempotent } from './idempotency.ts';
import type { Failure } from './problem.ts';

export interface AdminEnv extends AppEnv {
  Variables: { catalog: Catalog; key: KeyRow };
}

const D1_LATE: Failure = {
  kind: 'unavailable',
  detail: 'It did not answer in time. A write may still come through: send it again with the same Idempotency-Key.',
  retryAfterSeconds: 5,
};

/** Calls that take as long as there is to do. */
const UNBOUNDED = /^\/admin\/(?:import|clock)(?:\/|$)/;

/** Waits for the route, but not for ever: a D1 that hangs answers nothing. @returns whether it ended */
async function ended(path: string, work: Promise<void>): Promise<boolean> {
  const done = work.then(() => true);
  return UNBOUNDED.test(path) ? done : inTime(done, ADMIN_WAIT_MS, false);
}

export function adminRoutes(local: LocalMode | null): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.use('*', async (c, next) => {
    const catalog = await catalogOfRequest(c.env, c.executionCtx);
    const key = findKey(bearerOf(c.req.raw), catalog, local?.keys ?? null);
    if (!key)
      return problem(
        catalog ? { kind: 'unauthorized', detail: 'Send the admin key as Authorization: Bearer.' } : CATALOG_UNREADABLE,
      );
    if (key.role !== 'admin') return problem({ kind: 'forbidden', detail: 'This key is not an admin key.' });
    if (!catalog) return problem(CATALOG_UNREADABLE);
    c.set('catalog', catalog);
    c.set('key', key);
    if (!(await ended(c.req.path, next()))) return problem(D1_LATE);
    if (!c.res.headers.has('waymark-catalog')) withCatalog(c.res, catalog.version);
    return undefined;
  });
  app.use('*', idempotent);
  for (const path of ['/customers/:id/*', '/accounts/:id', '/messages']) app.use(path, noteAccess);
  app.route('/', adminMergeRoutes());
  app.route('/', adminJourneyRoutes());
  app.route('/', adminCatalogRoutes());
  app.route('/', adminAccountRoutes());
  app.route('/', adminExperimentRoutes());
  app.route('/', adminSegmentRoutes());
  app.route('/', adminAnnouncementRoutes());
  app.route('/', adminCustomerRoutes());
  app.route('/', adminMessageRoutes());
  app.route('/', adminImportRoutes());
  app.route('/', adminSimulateRoutes());
  app.route('/', adminPreviewRoutes());
  app.route('/', adminTotalsRoutes());
  app.route('/', adminPrivacyRoutes(local));
  return app;
}
