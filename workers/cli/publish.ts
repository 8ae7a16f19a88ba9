// Publishes a folder of documents to a system: everything in one call, so all of it or nothing; what is refused is
// explained with its file and place. Used by `waymark publish`, by the local start and by its watch.

import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readSources, type SourceFile } from './files.ts';
import type { System } from './http.ts';
import { locatorOf } from './locate.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Where designers work. */
export const JOURNEYS = join(ROOT, 'journeys');

export type Post = (path: string, body: string) => Promise<{ status: number; text: string }>;

/** Why a document, or the whole, was refused. */
export interface Refusal {
  /** Relative to the project, with the line where it is known; or the name of a document nobody sent. */
  readonly place: string;
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

export type Outcome =
  | {
      readonly ok: true;
      readonly documents: number;
      /** Such as `content/first-steps`, with the version it has now, or would have. */
      readonly changed: readonly { readonly document: string; readonly version: number }[];
      readonly warnings: readonly Refusal[];
    }
  | { readonly ok: false; readonly refusals: readonly Refusal[] };

interface Answer {
  readonly published?: readonly { kind: string; id: string; version: number; changed: boolean }[];
  readonly detail?: string;
  readonly findings?: readonly {
    document: string;
    pointer: string;
    line?: number;
    code: string;
    message: string;
    remedy: string;
  }[];
}

/** @param dryRun everything is checked, nothing is written. @throws where the system cannot be reached */
export async function publishFolder(folder: string, post: Post, dryRun = false): Promise<Outcome> {
  const { sources, faults } = readSources(folder);
  const shown = (path: string): string => relative(ROOT, join(folder, path));
  if (faults.length > 0)
    return {
      ok: false,
      refusals: faults.map(({ path, line, detail }) => ({
        place: `${shown(path)}:${line}`,
        pointer: '',
        code: 'json',
        message: `is not JSON: ${detail}`,
        remedy: 'Correct the file at this line.',
      })),
    };
  const of = (kind: SourceFile['kind']) =>
    sources.filter((source) => source.kind === kind).map((source) => source.document);
  const [events] = of('events');
  const [placements] = of('placements');
  const [site] = of('site');
  const [policies] = of('policies');
  const catalog = {
    ...(events ? { events } : {}),
    ...(placements ? { placements } : {}),
    ...(site ? { site } : {}),
    ...(policies ? { policies } : {}),
    ...(dryRun ? { dryRun } : {}),
    journeys: of('journey'),
    content: of('content'),
    offers: of('offer'),
    messages: of('message'),
    experiments: of('experiment'),
    fragments: of('fragment'),
    segments: of('segment'),
  };
  const answer = await post('/admin/catalog', JSON.stringify(catalog));
  const said: Answer = JSON.parse(answer.text);
  const placeOf = (path: string, pointer: string): string => {
    const { line, column } = locatorOf(readFileSync(join(folder, path), 'utf8'))(pointer);
    return `${shown(path)}:${line}:${column}`;
  };
  const refusals = (said.findings ?? []).map(({ document, pointer, code, message, remedy }) => {
    const source = sourceOf(sources, document);
    return { place: source ? placeOf(source.path, pointer) : document, pointer, code, message, remedy };
  });
  if (answer.status === 200) {
    const { published = [] } = said;
    const changed = published.filter((document) => document.changed);
    return {
      ok: true,
      documents: published.length,
      changed: changed.map(({ kind, id, version }) => ({ document: `${kind}/${id}`, version })),
      warnings: refusals,
    };
  }
  if (refusals.length > 0) return { ok: false, refusals };
  const message = said.detail ?? answer.text;
  return { ok: false, refusals: [{ place: '', pointer: '', code: String(answer.status), message, remedy: '' }] };
}

/** The file a finding's document (`content/first-steps`) came from. */
function sourceOf(sources: readonly SourceFile[], document: string): SourceFile | undefined {
  const slash = document.indexOf('/');
  const [kind, id] = [document.slice(0, slash), document.slice(slash + 1)];
  return sources.find(
    (candidate) =>
      candidate.kind === kind &&
      (kind === 'events' ||
        kind === 'placements' ||
        kind === 'site' ||
        kind === 'policies' ||
        Reflect.get(Object(candidate.document), 'id') === id),
  );
}

/** On standard error, one a line. */
export function showRefusals(refusals: readonly Refusal[]): void {
  for (const { place, pointer, code, message, remedy } of refusals)
    console.error([place, pointer, ` ${code}: ${message}.`, remedy].filter(Boolean).join(' '));
}

/** @param system where it is and with which key */
export function postTo(system: System): Post {
  return async (path, body) => {
    const headers = { authorization: `Bearer ${system.adminKey}`, 'content-type': 'application/json' };
    const response = await fetch(system.address + path, { method: 'POST', headers, body });
    return { status: response.status, text: await response.text() };
  };
}
