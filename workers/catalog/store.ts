// What the catalog asks of D1, and what publishing writes: every statement about documents, the version row and keys.
// A publish is one D1 batch, which is one transaction: the version goes up, old rows are closed, new rows are added.

import { and, asc, eq, gt, isNull, lte, max, or, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { catalogHead, customers, type DocumentKind, documents, keys, rousings, tokenKeys } from '../../schema/d1.ts';
import type { DocumentRow, KeyRow } from './catalog.ts';

const HEAD_ID = 1;
const PAGE_ROWS = 500;

/** The newest versions of the catalog and of what experiments have learned; 0 before the first. */
export interface Head {
  readonly version: number;
  readonly snapshots: number;
}

export async function readHead(db: D1Database): Promise<Head> {
  const row = await db
    .prepare(
      `SELECT (SELECT version FROM catalog_head WHERE id = 1) AS version,
         (SELECT max(version) FROM experiment_snapshots) AS snapshots`,
    )
    .first<{ version: number | null; snapshots: number | null }>();
  return { version: row?.version ?? 0, snapshots: row?.snapshots ?? 0 };
}

/** The documents true at a version, and every version of the event declarations, in pages. */
export async function readDocuments(db: D1Database, version: number): Promise<DocumentRow[]> {
  const orm = drizzle(db);
  const rows: DocumentRow[] = [];
  for (;;) {
    const page = await orm
      .select()
      .from(documents)
      .where(
        or(
          eq(documents.kind, 'events'),
          and(lte(documents.fromVersion, version), or(isNull(documents.toVersion), gt(documents.toVersion, version))),
        ),
      )
      .orderBy(asc(documents.kind), asc(documents.id), asc(documents.version))
      .limit(PAGE_ROWS)
      .offset(rows.length);
    rows.push(...page);
    if (page.length < PAGE_ROWS) return rows;
  }
}

export async function readKeys(db: D1Database): Promise<KeyRow[]> {
  const d1 = drizzle(db);
  const [rows, signing] = await d1.batch([d1.select().from(keys), d1.select().from(tokenKeys)]);
  const byKey = Map.groupBy(signing, ({ keyHash }) => keyHash);
  return rows.map((row) => ({ ...row, tokenKeys: byKey.get(row.hash) ?? [] }));
}

/** One version of one document, whether it is still true or not. */
export async function readDocument(
  db: D1Database,
  kind: DocumentKind,
  id: string,
  version: number,
): Promise<DocumentRow | null> {
  const rows = await drizzle(db)
    .select()
    .from(documents)
    .where(and(eq(documents.kind, kind), eq(documents.id, id), eq(documents.version, version)));
  return rows[0] ?? null;
}

export async function readVersions(db: D1Database, kind: DocumentKind, id: string): Promise<DocumentRow[]> {
  return drizzle(db)
    .select()
    .from(documents)
    .where(and(eq(documents.kind, kind), eq(documents.id, id)))
    .orderBy(asc(documents.version));
}

/** The newest catalog version that was published by an instant, milliseconds; 0 before the first. */
export async function versionAt(db: D1Database, at: number): Promise<number> {
  const rows = await drizzle(db)
    .select({ version: max(documents.fromVersion) })
    .from(documents)
    .where(lte(documents.publishedAt, at));
  return rows[0]?.version ?? 0;
}

/** Every version of every document of a kind, with the catalog versions they were true for. */
export async function readEveryVersion(db: D1Database, kind: DocumentKind): Promise<DocumentRow[]> {
  return drizzle(db)
    .select()
    .from(documents)
    .where(eq(documents.kind, kind))
    .orderBy(asc(documents.fromVersion), asc(documents.id));
}

/** The event declarations as they stood at a catalog version. */
export async function readDeclarationsAt(db: D1Database, version: number): Promise<DocumentRow | null> {
  const rows = await drizzle(db)
    .select()
    .from(documents)
    .where(
      and(
        eq(documents.kind, 'events'),
        lte(documents.fromVersion, version),
        or(isNull(documents.toVersion), gt(documents.toVersion, version)),
      ),
    );
  return rows[0] ?? null;
}

export interface Write {
  readonly kind: DocumentKind;
  readonly id: string;
  /** The document as JSON; null takes it out of the catalog. */
  readonly body: string | null;
}

export interface Written {
  readonly catalogVersion: number;
  /** The version each written document got, in the order of the writes; 0 for one that was taken out. */
  readonly versions: readonly number[];
}

/** Publishes all or nothing. `now` in milliseconds. `rouses`: every customer has to hear of it (SG12). Documents whose body did not change must be left out by the caller. */
export async function writeDocuments(
  db: D1Database,
  writes: readonly Write[],
  now: number,
  rouses = false,
): Promise<Written> {
  const orm = drizzle(db);
  const head = sql`(SELECT ${catalogHead.version} FROM ${catalogHead} WHERE ${catalogHead.id} = ${HEAD_ID})`;
  const statements = writes.flatMap((write) => {
    const same = and(eq(documents.kind, write.kind), eq(documents.id, write.id));
    const close = orm
      .update(documents)
      .set({ toVersion: head })
      .where(and(same, isNull(documents.toVersion)));
    if (write.body === null) return [close];
    const next = sql`(SELECT coalesce(max(${documents.version}), 0) + 1 FROM ${documents} WHERE ${same})`;
    const { kind, id, body } = write;
    return [
      close,
      orm
        .insert(documents)
        .values({ kind, id, version: next, fromVersion: head, toVersion: null, body, publishedAt: now }),
    ];
  });
  const raise = orm
    .insert(catalogHead)
    .values({ id: HEAD_ID, version: 1 })
    .onConflictDoUpdate({ target: catalogHead.id, set: { version: sql`${catalogHead.version} + 1` } });
  const readBack = orm.select({ version: catalogHead.version }).from(catalogHead);
  const there = sql`(SELECT count(*) FROM ${customers} WHERE ${customers.gone} = 0)`;
  const rouse = rouses ? [orm.insert(rousings).values({ version: head, startedAt: now, customers: there })] : [];
  const results = await orm.batch([raise, ...statements, ...rouse, readBack]);
  const catalogVersion = (results.at(-1) as { version: number }[])[0]?.version ?? 0;
  const written = await orm.select().from(documents).where(eq(documents.fromVersion, catalogVersion));
  return {
    catalogVersion,
    versions: writes.map(
      (write) => written.find((row) => row.kind === write.kind && row.id === write.id)?.version ?? 0,
    ),
  };
}

/** The newest revision the index has of a customer, or null. */
export async function indexedRevision(db: D1Database, customerId: string): Promise<number | null> {
  const row = await db
    .prepare('SELECT revision FROM customers WHERE id = ?')
    .bind(customerId)
    .first<{ revision: number }>();
  return row?.revision ?? null;
}
