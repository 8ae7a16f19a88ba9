// What designers do with journeys: look at what is published, publish a version.

import { Hono } from 'hono';
import { isObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { DocumentRow } from '../catalog/catalog.ts';
import { publish } from '../catalog/publish.ts';
import { readDeclarationsAt, readDocument, readVersions } from '../catalog/store.ts';
import { now } from '../clock.ts';
import type { AdminEnv } from './admin.ts';
import { readJsonObject } from './body.ts';
import { json, problem, withCatalog } from './context.ts';
import { rouseAfter } from './rouse.ts';

export function adminJourneyRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get('/journeys', (c) =>
    json({
      journeys: [...c.var.catalog.machines.values()].map(({ id, version, journey }) => ({
        id,
        version,
        name: journey.name ?? id,
      })),
    }),
  );

  app.get('/journeys/:id', (c) => {
    const row = c.var.catalog.documents.find(
      (candidate) => candidate.kind === 'journey' && candidate.id === c.req.param('id'),
    );
    if (!row) return problem({ kind: 'not-found', detail: 'No journey of that id is published.' });
    return json({ id: row.id, version: row.version, publishedAt: iso(row.publishedAt), journey: JSON.parse(row.body) });
  });

  app.get('/journeys/:id/versions', async (c) => {
    const rows = await readVersions(c.env.DB, 'journey', c.req.param('id'));
    if (rows.length === 0) return problem({ kind: 'not-found', detail: 'No journey of that id was ever published.' });
    return json({ id: c.req.param('id'), versions: rows.map(versionOf) });
  });

  app.get('/journeys/:id/versions/:version', async (c) => {
    const version = Number(c.req.param('version'));
    const row = Number.isSafeInteger(version)
      ? await readDocument(c.env.DB, 'journey', c.req.param('id'), version)
      : null;
    if (!row) return problem({ kind: 'not-found', detail: 'No such version of a journey of that id was published.' });
    const declarations = await readDeclarationsAt(c.env.DB, row.fromVersion);
    return json({
      id: row.id,
      version: row.version,
      publishedAt: iso(row.publishedAt),
      catalogVersion: row.fromVersion,
      journey: JSON.parse(row.body),
      declarations: declarations ? JSON.parse(declarations.body) : { events: {}, traits: {} },
    });
  });

  app.post('/journeys/publish', async (c) => {
    const read = await readJsonObject(c.req.raw, LIMITS.bodyBytesMax);
    if (!read.ok) return problem(read.failure);
    const { journey, migration, dryRun } = read.value;
    if (!isObject(journey))
      return problem({
        kind: 'invalid',
        errors: [{ pointer: '/journey', detail: 'Give the journey as an object in the member journey.' }],
      });
    if (migration !== undefined && migration !== null)
      return problem({
        kind: 'unprocessable',
        detail: 'Runs in flight keep their version.',
        errors: [{ pointer: '/migration', detail: 'A migration cannot be given; leave it out.' }],
      });
    const id = typeof journey['id'] === 'string' ? journey['id'] : '';
    const result = await publish(c.env.DB, [{ kind: 'journey', id, document: journey }], now(), dryRun === true);
    await rouseAfter(c.env, result, dryRun === true);
    if (!result.ok)
      return problem({
        kind: 'unprocessable',
        detail: 'The journey was not published. Each finding names its place and the remedy.',
        findings: result.findings.flatMap((draft) => draft.findings),
      });
    const version = result.published[0]?.version ?? 0;
    const findings = result.warnings.flatMap((draft) => draft.findings);
    const body =
      dryRun === true
        ? { id, version, dryRun: true, findings }
        : { id, version, ...(findings.length > 0 ? { findings } : {}) };
    return withCatalog(json(body, dryRun === true ? 200 : 201), result.catalog.version);
  });

  return app;
}

const iso = (at: number): string => new Date(at).toISOString();

const versionOf = (row: DocumentRow) => ({
  version: row.version,
  publishedAt: iso(row.publishedAt),
  current: row.toVersion === null,
});
