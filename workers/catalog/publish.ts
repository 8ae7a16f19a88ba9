// Publishing: documents are compiled with the vocabulary they will be read with, and written all together or not at
// all. A document that did not change keeps its version, so publishing twice is the same as once.

import { EventDeclarations } from '../../schema/catalog.ts';
import type { DocumentKind } from '../../schema/d1.ts';
import { isObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { Policies } from '../../schema/policies.ts';
import { refusalsOf, surroundingsOf, wordingAmong } from '../check/catalog.ts';
import { type Graded, isError, type Surroundings } from '../check/check.ts';
import type { Wording } from '../decide/fragments.ts';
import { vocabularyOf } from '../engine/compile.ts';
import { computedIn } from '../knowledge/computed.ts';
import { compilePolicies } from '../policies/policies.ts';
import { refresh } from './cache.ts';
import type { Catalog, DocumentRow } from './catalog.ts';
import { readVersions, type Write, writeDocuments } from './store.ts';

export interface Draft {
  readonly kind: DocumentKind;
  readonly id: string;
  /** The document; null takes it out of the catalog. */
  readonly document: unknown;
}

export interface DraftFindings {
  readonly kind: DocumentKind;
  readonly id: string;
  readonly findings: readonly Graded[];
}

export interface Published {
  readonly kind: DocumentKind;
  readonly id: string;
  readonly version: number;
  readonly changed: boolean;
}

export type PublishResult =
  | {
      readonly ok: true;
      readonly catalog: Catalog;
      readonly published: readonly Published[];
      readonly warnings: readonly DraftFindings[];
    }
  | { readonly ok: false; readonly findings: readonly DraftFindings[] };

/** Checks drafts against the catalog they would join: errors, which refuse them all, and warnings. */
export function checkDrafts(catalog: Catalog, drafts: readonly Draft[]): DraftFindings[] {
  const all = [...drafts, ...beside(catalog, drafts)];
  const around = surroundingsOf(all, catalog.vocabulary);
  const wording = wordingAmong(all);
  const crowded = all.filter(isExperiment).length > LIMITS.experimentsMax;
  const own = drafts.flatMap((draft): DraftFindings[] => {
    const found = draft.document === null ? [] : refusalsOf(draft, around, wording);
    const findings = crowded && isExperiment(draft) ? [...found, TOO_MANY_EXPERIMENTS] : found;
    return findings.length > 0 ? [{ kind: draft.kind, id: draft.id, findings }] : [];
  });
  const rewritten = drafts.some(({ kind }) => kind === 'fragment' || kind === 'site');
  const kept = drafts.some(({ kind }) => kind === 'policies')
    ? outliving(beside(catalog, drafts), around, wording)
    : [];
  return [...own, ...kept, ...(rewritten ? brokenBy(beside(catalog, drafts), around, wording) : [])];
}

/** Documents that stay as they are and could no longer be rendered. What they read is known since they were published. */
const brokenBy = (staying: readonly Draft[], around: Surroundings, wording: Wording): DraftFindings[] =>
  staying.filter(isRendered).flatMap((draft): DraftFindings[] => {
    const findings = refusalsOf(draft, around, wording).filter(({ code }) => code !== 'unknown-variable');
    return findings.length > 0 ? [{ kind: draft.kind, id: draft.id, findings }] : [];
  });

/** PV14: documents that stay as they are and ask for more of the history than is kept from now on. */
const outliving = (staying: readonly Draft[], around: Surroundings, wording: Wording): DraftFindings[] =>
  staying.flatMap((draft): DraftFindings[] => {
    const findings = refusalsOf(draft, around, wording).filter(({ code }) => code === 'window-beyond-retention');
    return findings.length > 0 ? [{ kind: draft.kind, id: draft.id, findings }] : [];
  });

const isRendered = ({ kind, document }: Draft): boolean =>
  kind === 'message' ||
  kind === 'fragment' ||
  ((kind === 'content' || kind === 'offer') && JSON.stringify(document).includes('render'));

const isExperiment = ({ kind, document }: Draft): boolean => kind === 'experiment' && document !== null;

const TOO_MANY_EXPERIMENTS: Graded = {
  ...{ code: 'limit', severity: 'error', pointer: '' },
  message: `is one of more than ${LIMITS.experimentsMax} experiments`,
  remedy: 'Take out experiments that are over.',
};

/** Documents that stay as they are. Event declarations are in the catalog's vocabulary already. */
const beside = (catalog: Catalog, drafts: readonly Draft[]): Draft[] =>
  catalog.documents
    .filter((row) => isCurrent(catalog, row) && row.kind !== 'events')
    .filter((row) => !drafts.some(({ kind, id }) => kind === row.kind && id === row.id))
    .map(({ kind, id, body }) => ({ kind, id, document: JSON.parse(body) }));

/** Only findings of one severity. */
function onlyThose(found: readonly DraftFindings[], wanted: (finding: Graded) => boolean): DraftFindings[] {
  return found
    .map((draft) => ({ ...draft, findings: draft.findings.filter(wanted) }))
    .filter(({ findings }) => findings.length > 0);
}

/** Publishes drafts as one catalog version. `now` in milliseconds. @throws when D1 fails; nothing is written then */
export async function publish(
  db: D1Database,
  drafts: readonly Draft[],
  now: number,
  dryRun: boolean,
): Promise<PublishResult> {
  const catalog = await refresh(db);
  const found = checkDrafts(catalog, drafts);
  const findings = onlyThose(found, isError);
  if (findings.length > 0) return { ok: false, findings };
  const warnings = onlyThose(found, (finding) => !isError(finding));
  const bodies = drafts.map((draft) => ({
    draft,
    body: draft.document === null ? null : JSON.stringify(draft.document),
  }));
  const changed = bodies.filter(({ draft, body }) => currentBody(catalog, draft) !== body);
  if (dryRun || changed.length === 0) {
    const published = await Promise.all(
      bodies.map(({ draft, body }) => plannedVersion(db, catalog, draft, currentBody(catalog, draft) !== body)),
    );
    return { ok: true, catalog, published, warnings };
  }
  const writes: Write[] = changed.map(({ draft, body }) => ({ kind: draft.kind, id: draft.id, body }));
  const written = await writeDocuments(
    db,
    writes,
    now,
    mustRouse(
      catalog,
      changed.map(({ draft }) => draft),
    ),
  );
  const fresh = await refresh(db);
  const published = bodies.map(({ draft }) => {
    const index = changed.findIndex((change) => change.draft === draft);
    const version = index >= 0 ? (written.versions[index] ?? 0) : (currentVersion(catalog, draft) ?? 0);
    return { kind: draft.kind, id: draft.id, version, changed: index >= 0 };
  });
  return { ok: true, catalog: fresh, published, warnings };
}

/**
 * SG12, N4, CP11, PV12: calendars may begin runs of customers who are idle, contacts be overdue, what is worked out of
 * histories is another, and lines are to go sooner.
 */
const mustRouse = (catalog: Catalog, changed: readonly Draft[]): boolean =>
  changed.some(({ kind, document }) => {
    if (kind === 'segment') return true;
    if (kind === 'events') return computedBy(document) !== computedBy(catalog.vocabulary.declarations);
    if (kind === 'policies') return keepsOther(document, catalog) || tellsOverdue(document);
    return kind === 'journey' && isObject(document) && JSON.stringify(document['entry']).includes('"schedule"');
  });

const tellsOverdue = (policies: unknown): boolean => Policies.safeParse(policies).data?.pressure?.least !== undefined;

function keepsOther(policies: unknown, catalog: Catalog): boolean {
  const compiled = compilePolicies(policies ?? {}, catalog.vocabulary);
  return compiled.ok && compiled.policies.privacy.retention?.key !== catalog.policies.privacy.retention?.key;
}

/** What the declarations say of computed traits. */
function computedBy(declarations: unknown): string {
  const { data } = EventDeclarations.safeParse(declarations);
  return data ? JSON.stringify(computedIn(vocabularyOf(data)).map(({ source }) => source)) : '';
}

async function plannedVersion(db: D1Database, catalog: Catalog, draft: Draft, changed: boolean): Promise<Published> {
  const version = changed
    ? (await readVersions(db, draft.kind, draft.id)).length + 1
    : (currentVersion(catalog, draft) ?? 0);
  return { kind: draft.kind, id: draft.id, version, changed };
}

const isCurrent = (catalog: Catalog, row: DocumentRow): boolean =>
  row.fromVersion <= catalog.version && (row.toVersion === null || row.toVersion > catalog.version);

const currentRow = (catalog: Catalog, draft: Draft) =>
  catalog.documents.find((row) => row.kind === draft.kind && row.id === draft.id && isCurrent(catalog, row));

const currentBody = (catalog: Catalog, draft: Draft): string | null => currentRow(catalog, draft)?.body ?? null;
const currentVersion = (catalog: Catalog, draft: Draft): number | null => currentRow(catalog, draft)?.version ?? null;

/** The id of the one document of event declarations. */
export const EVENTS_ID = 'events';
