// The isolate's copy of the catalog. Plain data in module memory, shared by the Worker and the customer objects that
// live in the same isolate. D1 is asked for its version row every few seconds and for documents only when that moved;
// when D1 does not answer, the copy at hand goes on serving. Promises are never shared between requests.

import type { WrittenDeclarations } from '../../schema/catalog.ts';
import { CATALOG_FRESH_MS, CATALOG_STALE_MS } from '../../schema/limits.ts';
import { compileJourney, EMPTY_VOCABULARY, vocabularyOf } from '../engine/compile.ts';
import type { Machine } from '../engine/machine.ts';
import { buildCatalog, type Catalog } from './catalog.ts';
import { readCopy, saveCopy } from './copy.ts';
import { readSnapshots } from './snapshots.ts';
import { readDeclarationsAt, readDocument, readDocuments, readHead, readKeys } from './store.ts';

let current: Catalog | null = null;
/** When D1 was last asked, by the real clock, whatever it answered. */
let askedAt = 0;
/** The copy came from the location's cache: without secrets, so D1's own takes its place as soon as it answers. */
let borrowed = false;

/** Whether the copy at hand is without secrets, so that no customer token can be told from a false one. */
export const lacksSecrets = (): boolean => borrowed;

/** How long a request waits for D1 while it has a copy to serve from, and while it has none. */
const WAIT_WITH_COPY_MS = 150;
const WAIT_WITHOUT_COPY_MS = 2_000;

/** The copy, if it is fresh: what nearly every request takes, without waiting for anything. */
export const freshCatalog = (): Catalog | null => (Date.now() - askedAt < CATALOG_FRESH_MS ? current : null);

/**
 * The catalog for a request. With a fresh copy: at once. With an ageing one: at once, and D1 is asked in the background.
 * With a stale one: D1 is asked first, briefly. Null when there is no copy and D1 does not answer.
 */
export async function catalogFor(
  db: D1Database,
  inBackground: (work: Promise<unknown>) => void,
): Promise<Catalog | null> {
  const age = Date.now() - askedAt;
  if (current && age < CATALOG_FRESH_MS) return current;
  if (current && age < CATALOG_STALE_MS) {
    askedAt = Date.now();
    inBackground(refresh(db).catch(() => undefined));
    return current;
  }
  askedAt = Date.now();
  const copy = current;
  const asked = refresh(db).catch(() => copy);
  inBackground(asked);
  const found = await within(asked, copy ? WAIT_WITH_COPY_MS : WAIT_WITHOUT_COPY_MS, copy);
  return found ?? catalogFromCopy();
}

/** D1 does not answer and this isolate has seen nothing yet: what the location saw last. */
async function catalogFromCopy(): Promise<Catalog | null> {
  const rows = await readCopy().catch(() => null);
  if (rows && !current) {
    current = buildCatalog(rows.version, rows.documents, rows.keys, null);
    borrowed = true;
  }
  return current;
}

/** The copy at hand if it is as new as that: what nearly every input meets, without waiting for anything. */
export const catalogInMemory = (version: number): Catalog | null =>
  current && current.version >= version ? current : null;

/** A copy at least as new as `version`, for an object whose Worker saw that version; null when D1 does not answer. */
export async function catalogAtLeast(db: D1Database, version: number): Promise<Catalog | null> {
  const copy = catalogInMemory(version);
  if (copy) return copy;
  const asked = refresh(db).catch(() => current);
  return (await within(asked, WAIT_WITHOUT_COPY_MS, current)) ?? catalogFromCopy();
}

/** Asks D1 now; a version that moved is loaded and compiled. */
export async function refresh(db: D1Database): Promise<Catalog> {
  const { version, snapshots } = await readHead(db);
  if (!current || borrowed || current.version < version || version === 0) {
    const [rows, keyRows] = await Promise.all([readDocuments(db, version), readKeys(db)]);
    const built = buildCatalog(version, rows, keyRows, current);
    if (!current || current.version <= built.version) {
      current = built;
      borrowed = false;
    }
    await saveCopy({ version, documents: rows, keys: keyRows }).catch(() => undefined);
  }
  if (snapshots > learned) await learn(db, snapshots);
  askedAt = Date.now();
  return current;
}

/** The version of snapshots that the copy at hand has. */
let learned = 0;

/** Takes over what experiments have learned up to `version`. Without it arms go by weight, so failing is no failure. */
async function learn(db: D1Database, version: number): Promise<void> {
  const found = await readSnapshots(db).catch(() => null);
  if (!found || !current || version <= learned) return;
  current = { ...current, snapshots: found };
  learned = version;
}

/** The result, or `otherwise` when it takes longer than `ms`: a D1 that hangs never answers. */
export async function within<T>(work: Promise<T>, ms: number, otherwise: T): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), ms);
  });
  const result = await Promise.race([work, late]);
  clearTimeout(timer);
  return result;
}

/** Machines of versions that are no longer the newest: runs in flight keep theirs (V1). Immutable, so kept for good. */
const older = new Map<string, Machine>();
const OLDER_MAX = 1_000;

/** The machine of a version if it is in memory. */
export function machineInMemory(catalog: Catalog, journey: string, version: number): Machine | null {
  const newest = catalog.machines.get(journey);
  if (newest?.version === version) return newest;
  return older.get(`${journey}@${version}`) ?? null;
}

/** Brings one older version into memory. @returns false when D1 does not answer in time or has no such version */
export const loadMachine = (db: D1Database, journey: string, version: number): Promise<boolean> =>
  within(
    readMachine(db, journey, version).catch(() => false),
    WAIT_WITHOUT_COPY_MS,
    false,
  );

async function readMachine(db: D1Database, journey: string, version: number): Promise<boolean> {
  const row = await readDocument(db, 'journey', journey, version);
  if (!row) return false;
  const declarations = await readDeclarationsAt(db, row.fromVersion);
  const vocabulary = declarations
    ? vocabularyOf(JSON.parse(declarations.body) as WrittenDeclarations)
    : EMPTY_VOCABULARY;
  const compiled = compileJourney(JSON.parse(row.body), version, vocabulary);
  if (!compiled.ok) return false;
  if (older.size >= OLDER_MAX) older.delete(older.keys().next().value ?? '');
  older.set(`${journey}@${version}`, compiled.machine);
  return true;
}
