// The catalog of one version, compiled: what a request needs to know without asking D1. Built from documents; parts that
// did not change since the version before are taken over as they are.

import type { WrittenDeclarations } from '../../schema/catalog.ts';
import type { documents, keys, tokenKeys } from '../../schema/d1.ts';
import type { PlacementRules } from '../decide/decide.ts';
import { type Wording, wordingOf } from '../decide/fragments.ts';
import { compileItem, type Item } from '../decide/items.ts';
import { compileMessage, type MessageTemplate } from '../decide/messages.ts';
import { compilePlacements } from '../decide/placements.ts';
import { type Shelf, shelve } from '../decide/shelf.ts';
import { compileJourney, EMPTY_VOCABULARY, type Vocabulary, vocabularyOf } from '../engine/compile.ts';
import type { Machine } from '../engine/machine.ts';
import { type Openings, openingsOf } from '../engine/traveller.ts';
import { compileTrial, type Trial } from '../experiments/compile.ts';
import { type Trials, trialsOf } from '../experiments/screen.ts';
import type { Snapshot } from '../experiments/snapshot.ts';
import { learnerAt } from '../knowledge/learner.ts';
import { type CompiledSegment, compileSegment } from '../knowledge/segments.ts';
import { compilePolicies, NO_POLICIES, type Policies } from '../policies/policies.ts';

export type DocumentRow = typeof documents.$inferSelect;
export type TokenKeyRow = typeof tokenKeys.$inferSelect;
/** An access key, with what customer tokens presented with it may be signed with. */
export type KeyRow = typeof keys.$inferSelect & { readonly tokenKeys?: readonly TokenKeyRow[] };

export interface Catalog extends Openings {
  readonly version: number;
  /** The catalog version with which its youngest journey was published: since then the same journeys may begin. */
  readonly openingsVersion: number;
  readonly documents: readonly DocumentRow[];
  readonly vocabulary: Vocabulary;
  /** Events a public key may only report with a customer token, where one is required. */
  readonly trusted: ReadonlySet<string>;
  readonly machines: ReadonlyMap<string, Machine>;
  /** Where an unknown visitor stands: the initial stage of every journey. */
  readonly initialStages: { readonly [journey: string]: string };
  readonly shelf: Shelf;
  /** Placements that are declared. */
  readonly placements: ReadonlyMap<string, PlacementRules>;
  /** What accounts may begin, and what is worked out of their histories (AC6, AC7). */
  readonly accounts: Openings;
  readonly policies: Policies;
  readonly segments: ReadonlyMap<string, CompiledSegment>;
  readonly messages: ReadonlyMap<string, MessageTemplate>;
  readonly trials: Trials;
  /** What each experiment has learned; of the newest version this isolate has seen. */
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  readonly keys: ReadonlyMap<string, KeyRow>;
  /** Compiled parts by document version, for the next catalog to take over. */
  readonly parts: ReadonlyMap<string, Part>;
}

type Part =
  | { readonly kind: 'journey'; readonly machine: Machine }
  | { readonly kind: 'item'; readonly item: Item }
  | { readonly kind: 'message'; readonly message: MessageTemplate }
  | { readonly kind: 'experiment'; readonly trial: Trial }
  | { readonly kind: 'placements'; readonly placements: ReadonlyMap<string, PlacementRules> }
  | { readonly kind: 'policies'; readonly policies: Policies }
  | { readonly kind: 'segment'; readonly segment: CompiledSegment };

/** A document that renders fragments changes with them, one with languages with the site. */
const partKey = (row: DocumentRow, declarations: number, written: { fragments: string; site: string }): string =>
  [
    `${row.kind}/${row.id}@${row.version}/${declarations}/${written.site}`,
    ...(row.body.includes('render') ? [written.fragments] : []),
  ].join('/');

/**
 * @param rows the documents true at `version`, and every version of the event declarations
 * A document that no longer compiles (it did when it was published) is left out: one bad row must not stop the rest.
 */
export function buildCatalog(
  version: number,
  rows: readonly DocumentRow[],
  keyRows: readonly KeyRow[],
  before: Catalog | null,
): Catalog {
  const declarations = rows.filter((row) => row.kind === 'events').sort((a, b) => a.version - b.version);
  const vocabularies = new Map<number, Vocabulary>();
  /** A document means what it meant when it was published: with the declarations of that moment (I6). */
  const vocabularyAt = (fromVersion: number): { version: number; vocabulary: Vocabulary } => {
    const row = declarations.findLast((candidate) => candidate.fromVersion <= fromVersion);
    if (!row) return { version: 0, vocabulary: EMPTY_VOCABULARY };
    const vocabulary = vocabularies.get(row.version) ?? vocabularyOf(JSON.parse(row.body) as WrittenDeclarations);
    vocabularies.set(row.version, vocabulary);
    return { version: row.version, vocabulary };
  };

  const bodiesOf = (wanted: DocumentRow['kind']): unknown[] =>
    rows.flatMap(({ kind, body }) => (kind === wanted ? [JSON.parse(body)] : []));
  const wording = wordingOf(bodiesOf('fragment'), bodiesOf('site')[0]);
  const versionsOf = (wanted: DocumentRow['kind']): string =>
    rows.flatMap(({ kind, id, version: of }) => (kind === wanted ? [`${id}@${of}`] : [])).join();
  const written = { fragments: versionsOf('fragment'), site: versionsOf('site') };
  const parts = new Map<string, Part>();
  const machines = new Map<string, Machine>();
  const publishedAt = new Map<string, number>();
  let openingsVersion = 0;
  let placements: ReadonlyMap<string, PlacementRules> = new Map();
  let policies = NO_POLICIES;
  const items: Item[] = [];
  const messages = new Map<string, MessageTemplate>();
  const trials: Trial[] = [];
  const segments: (DocumentRow & { readonly segment: CompiledSegment })[] = [];
  for (const row of rows) {
    if (row.kind === 'events' || WORDING.includes(row.kind)) continue;
    const { version: declared, vocabulary } = vocabularyAt(row.fromVersion);
    const key = partKey(row, declared, written);
    const part = before?.parts.get(key) ?? compilePart(row, vocabulary, wording);
    if (!part) continue;
    parts.set(key, part);
    if (part.kind === 'journey') {
      machines.set(row.id, part.machine);
      publishedAt.set(row.id, row.publishedAt);
      openingsVersion = Math.max(openingsVersion, row.fromVersion);
    } else if (part.kind === 'message') messages.set(row.id, part.message);
    else if (part.kind === 'experiment') trials.push(part.trial);
    else if (part.kind === 'placements') placements = part.placements;
    else if (part.kind === 'policies') policies = part.policies;
    else if (part.kind === 'segment') segments.push({ ...row, segment: part.segment });
    else items.push(part.item);
  }
  const { vocabulary } = vocabularyAt(version);
  const [people, companies] = (['customer', 'account'] as const).map((subject) =>
    [...machines.values()].filter((machine) => machine.subject === subject),
  );
  const initialStages = Object.fromEntries((people ?? []).map((machine) => [machine.id, machine.initial]));
  const declared = declarations.findLast(({ fromVersion }) => fromVersion <= version);
  const made = learnerAt(declared ? { ...declared, vocabulary } : null, segments, initialStages);
  const learner = before?.learner.key === made.key ? before.learner : made;
  const ofAccounts = learnerAt(declared ? { ...declared, vocabulary } : null, [], {});
  const counting = before?.accounts.learner.key === ofAccounts.key ? before.accounts.learner : ofAccounts;
  const since = ({ id }: Machine): number => publishedAt.get(id) ?? Number.POSITIVE_INFINITY;
  return {
    version,
    openingsVersion,
    documents: rows,
    vocabulary,
    trusted: new Set(
      Object.entries(vocabulary.declarations.events).flatMap(([name, event]) => (event.trusted ? [name] : [])),
    ),
    machines,
    ...openingsOf(people ?? [], since, learner),
    accounts: openingsOf(companies ?? [], since, counting),
    initialStages,
    shelf: shelve(items),
    placements,
    policies,
    segments: new Map(segments.map(({ id, segment }) => [id, segment])),
    messages,
    trials: trialsOf(trials),
    snapshots: before?.snapshots ?? new Map(),
    keys: new Map(keyRows.map((row) => [row.hash, row])),
    parts,
  };
}

/** What documents are written with; it is no part by itself. */
const WORDING: readonly DocumentRow['kind'][] = ['fragment', 'site'];

function compilePart(row: DocumentRow, vocabulary: Vocabulary, wording: Wording): Part | null {
  const document: unknown = JSON.parse(row.body);
  switch (row.kind) {
    case 'journey': {
      const compiled = compileJourney(document, row.version, vocabulary);
      return compiled.ok ? { kind: 'journey', machine: compiled.machine } : null;
    }
    case 'message': {
      const compiled = compileMessage(document, row.version, wording);
      return compiled.ok ? { kind: 'message', message: compiled.message } : null;
    }
    case 'experiment': {
      const compiled = compileTrial(document, row.version, vocabulary);
      return compiled.ok ? { kind: 'experiment', trial: compiled.trial } : null;
    }
    case 'placements': {
      const compiled = compilePlacements(document);
      return compiled.ok ? { kind: 'placements', placements: compiled.placements } : null;
    }
    case 'policies': {
      const compiled = compilePolicies(document, vocabulary, row.publishedAt);
      return compiled.ok ? { kind: 'policies', policies: compiled.policies } : null;
    }
    case 'segment': {
      const compiled = compileSegment(document, row.version, vocabulary);
      return compiled.ok ? { kind: 'segment', segment: compiled.segment } : null;
    }
    case 'events':
    case 'fragment':
    case 'site':
      return null;
    default: {
      const compiled = compileItem(row.kind, document, row.version, vocabulary, wording);
      return compiled.ok ? { kind: 'item', item: compiled.item } : null;
    }
  }
}
