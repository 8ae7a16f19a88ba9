// Publishing: documents are compiled with the vocabulary they will be read with, and written all together or not at
// all. A document that did not change keeps its version, so publishing twice is the same as once.

import { EventDeclarations } from '../../schema/catalog.ts';
import type { DocumentKind } from '../../schema/d1.ts';
import { compileItem } from '../decide/items.ts';
import { compileMessage } from '../decide/messages.ts';
import { compileJourney, type Vocabulary, vocabularyOf } from '../engine/compile.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';
import { refresh } from './cache.ts';
import type { Catalog } from './catalog.ts';
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
  readonly findings: readonly Finding[];
}

export interface Published {
  readonly kind: DocumentKind;
  readonly id: string;
  readonly version: number;
  readonly changed: boolean;
}

export type PublishResult =
  | { readonly ok: true; readonly catalog: Catalog; readonly published: readonly Published[] }
  | { readonly ok: false; readonly findings: readonly DraftFindings[] };

/** Checks drafts against the catalog they would join. */
export function checkDrafts(catalog: Catalog, drafts: readonly Draft[]): DraftFindings[] {
  const vocabulary = vocabularyFor(catalog, drafts);
  return drafts.flatMap((draft) => {
    const findings = draft.document === null ? [] : findingsOfDraft(draft, vocabulary);
    return findings.length > 0 ? [{ kind: draft.kind, id: draft.id, findings }] : [];
  });
}

/** Event declarations among the drafts count for the others. */
function vocabularyFor(catalog: Catalog, drafts: readonly Draft[]): Vocabulary {
  const declarations = drafts.find((draft) => draft.kind === 'events');
  const parsed = declarations ? EventDeclarations.safeParse(declarations.document) : null;
  return parsed?.success ? vocabularyOf(parsed.data) : catalog.vocabulary;
}

function findingsOfDraft(draft: Draft, vocabulary: Vocabulary): readonly Finding[] {
  switch (draft.kind) {
    case 'journey': {
      const compiled = compileJourney(draft.document, 0, vocabulary);
      return compiled.ok ? [] : compiled.findings;
    }
    case 'events': {
      const parsed = EventDeclarations.safeParse(draft.document);
      return parsed.success ? [] : findingsOf(parsed.error.issues, draft.document);
    }
    case 'message': {
      const compiled = compileMessage(draft.document, 0);
      return compiled.ok ? [] : compiled.findings;
    }
    default: {
      const compiled = compileItem(draft.kind, draft.document, 0, vocabulary);
      return compiled.ok ? [] : compiled.findings;
    }
  }
}

/** Publishes drafts as one catalog version. `now` in milliseconds. @throws when D1 fails; nothing is written then */
export async function publish(
  db: D1Database,
  drafts: readonly Draft[],
  now: number,
  dryRun: boolean,
): Promise<PublishResult> {
  const catalog = await refresh(db);
  const findings = checkDrafts(catalog, drafts);
  if (findings.length > 0) return { ok: false, findings };
  const bodies = drafts.map((draft) => ({
    draft,
    body: draft.document === null ? null : JSON.stringify(draft.document),
  }));
  const changed = bodies.filter(({ draft, body }) => currentBody(catalog, draft) !== body);
  if (dryRun || changed.length === 0) {
    const published = await Promise.all(
      bodies.map(({ draft, body }) => plannedVersion(db, catalog, draft, currentBody(catalog, draft) !== body)),
    );
    return { ok: true, catalog, published };
  }
  const writes: Write[] = changed.map(({ draft, body }) => ({ kind: draft.kind, id: draft.id, body }));
  const written = await writeDocuments(db, writes, now);
  const fresh = await refresh(db);
  const published = bodies.map(({ draft }) => {
    const index = changed.findIndex((change) => change.draft === draft);
    const version = index >= 0 ? (written.versions[index] ?? 0) : (currentVersion(catalog, draft) ?? 0);
    return { kind: draft.kind, id: draft.id, version, changed: index >= 0 };
  });
  return { ok: true, catalog: fresh, published };
}

async function plannedVersion(db: D1Database, catalog: Catalog, draft: Draft, changed: boolean): Promise<Published> {
  const version = changed
    ? (await readVersions(db, draft.kind, draft.id)).length + 1
    : (currentVersion(catalog, draft) ?? 0);
  return { kind: draft.kind, id: draft.id, version, changed };
}

const currentRow = (catalog: Catalog, draft: Draft) =>
  catalog.documents.find(
    (row) =>
      row.kind === draft.kind &&
      row.id === draft.id &&
      row.fromVersion <= catalog.version &&
      (row.toVersion === null || row.toVersion > catalog.version),
  );

const currentBody = (catalog: Catalog, draft: Draft): string | null => currentRow(catalog, draft)?.body ?? null;
const currentVersion = (catalog: Catalog, draft: Draft): number | null => currentRow(catalog, draft)?.version ?? null;

/** The id of the one document of event declarations. */
export const EVENTS_ID = 'events';
