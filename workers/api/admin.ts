// The gate of everything under /admin: closed unless a secret admin key is presented, no CORS, the catalog at hand.

import { Hono } from 'hono';
import type { Catalog } from '../catalog/catalog.ts';
import { adminCatalogRoutes } from './admin-catalog.ts';
import { adminCustomerRoutes } from './admin-customers.ts';
import { adminImportRoutes } from './admin-import.ts';
import { adminJourneyRoutes } from './admin-journeys.ts';
import { adminMessageRoutes } from './admin-messages.ts';
import { bearerOf, findKey } from './auth.ts';
import { type AppEnv, CATALOG_UNREADABLE, catalogOfRequest, type LocalMode, problem, withCatalog } from './context.ts';
import { idempotent } from './idempotency.ts';

export interface AdminEnv extends AppEnv {
  Variables: { catalog: Catalog };
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
    await next();
    if (!c.res.headers.has('waymark-catalog')) withCatalog(c.res, catalog.version);
    return undefined;
  });
  app.use('*', idempotent);
  app.route('/', adminJourneyRoutes());
  app.route('/', adminCatalogRoutes());
  app.route('/', adminCustomerRoutes());
  app.route('/', adminMessageRoutes());
  app.route('/', adminImportRoutes());
  return app;
}
