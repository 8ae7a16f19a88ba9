// Publishes journeys/ to a system: everything in one call, so all of it or nothing; what is refused is explained with
// its file and place. `npm run publish-journeys` does it to a running system, the local start to its own.

import { join } from 'node:path';
import { readSources, type SourceFile } from './files.ts';
import { type System, systemFromEnvironment } from './http.ts';

const FOLDER = join(import.meta.dirname, '../../journeys');

export type Post = (path: string, body: string) => Promise<{ status: number; text: string }>;

interface Refusal {
  readonly detail?: string;
  readonly findings?: readonly { document: string; pointer: string; code: string; message: string; remedy: string }[];
}

/** @returns how many documents are published, or null when nothing was; the reasons stand on standard error then */
export async function publishJourneys(post: Post): Promise<{ documents: number; changed: number } | null> {
  const { sources, faults } = readSources(FOLDER);
  for (const fault of faults) console.error(`journeys/${fault.path}:${fault.line}  ${fault.detail}`);
  if (faults.length > 0) return null;
  const of = (kind: SourceFile['kind']) =>
    sources.filter((source) => source.kind === kind).map((source) => source.document);
  const [events] = of('events');
  const catalog = {
    ...(events ? { events } : {}),
    journeys: of('journey'),
    content: of('content'),
    offers: of('offer'),
    messages: of('message'),
  };
  const answer = await post('/admin/catalog', JSON.stringify(catalog));
  if (answer.status === 200) {
    const { published }: { published: { changed: boolean }[] } = JSON.parse(answer.text);
    return { documents: published.length, changed: published.filter((document) => document.changed).length };
  }
  const refusal: Refusal = JSON.parse(answer.text);
  for (const finding of refusal.findings ?? [])
    console.error(
      `${fileOf(sources, finding.document)} ${finding.pointer}  ${finding.code}: ${finding.message}. ${finding.remedy}`,
    );
  console.error(refusal.detail ?? answer.text);
  return null;
}

/** The file a finding's document (`content/first-steps`) came from. */
function fileOf(sources: readonly SourceFile[], document: string): string {
  const [kind, id] = [document.slice(0, document.indexOf('/')), document.slice(document.indexOf('/') + 1)];
  const source = sources.find(
    (candidate) =>
      candidate.kind === kind && (kind === 'events' || Reflect.get(Object(candidate.document), 'id') === id),
  );
  return source ? `journeys/${source.path}` : document;
}

function postTo(system: System): Post {
  return async (path, body) => {
    const headers = { authorization: `Bearer ${system.adminKey}`, 'content-type': 'application/json' };
    const response = await fetch(system.address + path, { method: 'POST', headers, body });
    return { status: response.status, text: await response.text() };
  };
}

if (import.meta.main) {
  const system = systemFromEnvironment();
  const result = await publishJourneys(postTo(system)).catch((error: unknown) => {
    console.error(
      `Nothing answers at ${system.address} (${error instanceof Error ? error.message : error}). Is the system running?`,
    );
    return null;
  });
  if (result)
    console.log(`${result.documents} documents published to ${system.address}, ${result.changed} of them changed.`);
  else process.exitCode = 1;
}
