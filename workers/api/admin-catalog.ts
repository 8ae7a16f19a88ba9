// Content, offers, message templates and event declarations: one route a kind for reading and writing, and one for writing many at once.
// Every write is checked first and is all or nothing.

import { Hono } from 'hono';
import type { DocumentKind } from '../../schema/d1.ts';
import { isObject, type Json } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { DocumentRow } from '../catalog/catalog.ts';
import { type Draft, EVENTS_ID, type PublishResult, publish } from '../catalog/publish.ts';
import { readDocument, readVersions } from '../catalog/store.ts';
import { now } from '../clock.ts';
import type { AdminEnv } from './admin.ts';
import { readJsonObject } from './body.ts';
import { json, problem, withCatalog } from './context.ts';
import { rouseAfter } from './rouse.ts';

const SERVED = [
  { path: 'content', kind: 'content', list: 'content' },
  { path: 'offers', kind: 'offer', list: 'offers' },
  { path: 'messages/templates', kind: 'message', list: 'templates' },
  { path: 'fragments', kind: 'fragment', list: 'fragments' },
] as const;
/** What is written here and read elsewhere (admin-experiments.ts, admin-segments.ts) stands beside it. */
const WRITTEN = [
  ...SERVED,
  { path: 'experiments', kind: 'experiment' },
  { path: 'segments', kind: 'segment' },
] as const;

export function adminCatalogRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  for (const { path, kind, list } of SERVED) {
    app.get(`/${path}`, (c) => {
      const wanted = (row: DocumentRow): boolean => isWanted(parsed(row), (name) => c.req.query(name));
      const rows = rowsOf(c.var.catalog.documents, kind).filter((row) => !ITEMS.includes(kind) || wanted(row));
      return json({ [list]: rows.map((row) => ({ ...parsed(row), version: row.version })) });
    });

    app.get(`/${path}/:id`, (c) => {
      const row = rowsOf(c.var.catalog.documents, kind).find((candidate) => candidate.id === c.req.param('id'));
      return row ? json({ ...parsed(row), version: row.version }) : problem(absent(kind));
    });

    app.get(`/${path}/:id/versions`, async (c) => {
      const id = c.req.param('id');
      const rows = await readVersions(c.env.DB, kind, id);
      return rows.length > 0 ? json({ id, versions: rows.map(versionOf) }) : problem(absent(kind));
    });

    app.get(`/${path}/:id/versions/:version`, async (c) => {
      const version = Number(c.req.param('version'));
      const row = Number.isSafeInteger(version) ? await readDocument(c.env.DB, kind, c.req.param('id'), version) : null;
      return row ? json({ ...parsed(row), version: row.version }) : problem(absent(kind));
    });
  }

  for (const { path, kind } of WRITTEN) {
    app.put(`/${path}/:id`, async (c) => {
      const id = c.req.param('id');
      const read = await readJsonObject(c.req.raw, LIMITS.documentBytesMax);
      if (!read.ok) return problem(read.failure);
      const { version: _, ...document } = read.value;
      if (document['id'] !== undefined && document['id'] !== id)
        return problem({
          kind: 'unprocessable',
          detail: 'The document names another id than the path.',
          errors: [{ pointer: '/id', detail: `must be ${id}` }],
        });
      const result = await publish(
        c.env.DB,
        [{ kind, id, document: { ...document, id } }],
        now(),
        c.req.query('dryRun') === 'true',
      );
      if (kind === 'segment') await rouseAfter(c.env, result, c.req.query('dryRun') === 'true');
      return answer(result, (published) => ({ id, version: published[0]?.version ?? 0 }));
    });

    app.delete(`/${path}/:id`, async (c) => {
      const id = c.req.param('id');
      if (!rowsOf(c.var.catalog.documents, kind).some((row) => row.id === id)) return problem(absent(kind));
      const result = await publish(c.env.DB, [{ kind, id, document: null }], now(), false);
      if (kind === 'segment') await rouseAfter(c.env, result, false);
      return answer(result, () => ({ id, deleted: true }));
    });
  }

  app.get('/events', (c) => {
    const row = rowsOf(c.var.catalog.documents, 'events').find((candidate) => candidate.toVersion === null);
    return row ? json({ ...parsed(row), version: row.version }) : problem(absent('events'));
  });

  app.put('/events', async (c) => {
    const read = await readJsonObject(c.req.raw, LIMITS.documentBytesMax);
    if (!read.ok) return problem(read.failure);
    const { version: _, ...document } = read.value;
    const result = await publish(
      c.env.DB,
      [{ kind: 'events', id: EVENTS_ID, document }],
      now(),
      c.req.query('dryRun') === 'true',
    );
    await rouseAfter(c.env, result, c.req.query('dryRun') === 'true');
    return answer(result, (published) => ({ id: EVENTS_ID, version: published[0]?.version ?? 0 }));
  });

  app.post('/catalog', async (c) => {
    const read = await readJsonObject(c.req.raw, LIMITS.importBytesMax);
    if (!read.ok) return problem(read.failure);
    const drafts = draftsOf(read.value);
    if (drafts instanceof Response) return drafts;
    const dryRun = read.value['dryRun'] === true;
    const result = await publish(c.env.DB, drafts, now(), dryRun);
    await rouseAfter(c.env, result, dryRun);
    return answer(result, (published) => ({ published }));
  });

  return app;
}

/** What is shown on pages, and may be looked for by where. */
const ITEMS: readonly DocumentKind[] = ['content', 'offer'];

/** Lists by `placement`, `stage` (an item without stages is for each) and `kind`. */
function isWanted(document: object, query: (name: string) => string | undefined): boolean {
  const listed = (member: string): readonly unknown[] => {
    const value: unknown = Reflect.get(document, member);
    return Array.isArray(value) ? value : [];
  };
  const [placement, stage, kind] = [query('placement'), query('stage'), query('kind')];
  const stages = listed('stages');
  return (
    (placement === undefined || listed('placements').includes(placement)) &&
    (stage === undefined || stages.length === 0 || stages.includes(stage)) &&
    (kind === undefined || (Reflect.get(document, 'kind') ?? 'offer') === kind)
  );
}

function rowsOf(documents: readonly DocumentRow[], kind: DocumentKind): DocumentRow[] {
  return documents.filter((row) => row.kind === kind);
}

const parsed = (row: DocumentRow): object => JSON.parse(row.body) as object;

const versionOf = ({ version, publishedAt, fromVersion, toVersion }: DocumentRow) => ({
  version,
  publishedAt: new Date(publishedAt).toISOString(),
  catalogVersion: fromVersion,
  current: toVersion === null,
});

const absent = (kind: DocumentKind) =>
  ({ kind: 'not-found', detail: `There is no such document of kind ${kind}.` }) as const;

function answer(
  result: PublishResult,
  body: (published: Extract<PublishResult, { ok: true }>['published']) => object,
): Response {
  const told = (result.ok ? result.warnings : result.findings).flatMap((draft) =>
    draft.findings.map((finding) => ({ ...finding, document: `${draft.kind}/${draft.id}` })),
  );
  if (result.ok) {
    const warnings = told.length > 0 ? { findings: told } : {};
    return withCatalog(json({ ...body(result.published), ...warnings }), result.catalog.version);
  }
  const several = result.findings.length > 1 || result.findings.some((draft) => draft.id === '');
  return problem({
    kind: 'unprocessable',
    detail: `${several ? 'Nothing was written.' : 'The document was not written.'} Each finding names its place and the remedy.`,
    findings: told,
  });
}

/** `{ events?, placements?, journeys?: [], content?: [], offers?: [], messages?: [], experiments?: [], fragments?: [], segments?: [], site?, policies? }` */
function draftsOf(body: { [member: string]: Json }): Draft[] | Response {
  const drafts: Draft[] = [];
  const lists: [string, DocumentKind][] = [
    ['journeys', 'journey'],
    ['content', 'content'],
    ['offers', 'offer'],
    ['messages', 'message'],
    ['experiments', 'experiment'],
    ['fragments', 'fragment'],
    ['segments', 'segment'],
  ];
  // Null is absent, as it is for the lists: a draft without a document would take the declarations out.
  if ((body['events'] ?? null) !== null) drafts.push({ kind: 'events', id: EVENTS_ID, document: body['events'] });
  if ((body['site'] ?? null) !== null) drafts.push({ kind: 'site', id: 'site', document: body['site'] });
  if ((body['policies'] ?? null) !== null)
    drafts.push({ kind: 'policies', id: 'policies', document: body['policies'] });
  if ((body['placements'] ?? null) !== null)
    drafts.push({ kind: 'placements', id: 'placements', document: body['placements'] });
  for (const [member, kind] of lists) {
    const list = body[member] ?? [];
    if (!Array.isArray(list))
      return problem({ kind: 'invalid', errors: [{ pointer: `/${member}`, detail: 'must be an array of documents' }] });
    for (const [index, document] of list.entries()) {
      const id = isObject(document) ? document['id'] : undefined;
      if (typeof id !== 'string')
        return problem({
          kind: 'invalid',
          errors: [{ pointer: `/${member}/${index}/id`, detail: 'a document needs an id' }],
        });
      if (drafts.some((draft) => draft.kind === kind && draft.id === id))
        return problem({
          kind: 'invalid',
          errors: [{ pointer: `/${member}/${index}/id`, detail: `${id} is given twice` }],
        });
      drafts.push({ kind, id, document });
    }
  }
  if (drafts.length === 0)
    return problem({
      kind: 'invalid',
      errors: [
        {
          pointer: '',
          detail:
            'Give at least one of events, placements, journeys, content, offers, messages, experiments, fragments, segments, site, policies.',
        },
      ],
    });
  return drafts;
}
