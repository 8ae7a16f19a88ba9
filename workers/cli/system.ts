// Starts a local system whole: host up, journeys/ published, open for events. What `npm start` and the demo share.

import { join } from 'node:path';
import { readSources } from './files.ts';
import { type Host, type HostOptions, startHost } from './host.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Local mode's admin key; it exists nowhere else. */
export const LOCAL_ADMIN = { authorization: 'Bearer sk_local', 'content-type': 'application/json' };

/** @throws with words for the person at the terminal */
export async function startSystem(options: HostOptions): Promise<{ host: Host; port: number }> {
  const host = await startHost(options);
  await publishSources(host, join(ROOT, 'journeys'));
  await host.ask('/admin/ready', { method: 'POST', headers: LOCAL_ADMIN });
  return { host, port: host.port };
}

async function publishSources(system: Host, folder: string): Promise<void> {
  const { sources, faults } = readSources(folder);
  for (const fault of faults) console.error(`journeys/${fault.path}:${fault.line}  ${fault.detail}`);
  if (faults.length > 0) throw new Error('Nothing was published: correct the files above.');
  const of = (kind: string) => sources.filter((source) => source.kind === kind).map((source) => source.document);
  const [events] = of('events');
  const body = JSON.stringify({
    ...(events ? { events } : {}),
    journeys: of('journey'),
    content: of('content'),
    offers: of('offer'),
  });
  const answer = await system.ask('/admin/catalog', { method: 'POST', headers: LOCAL_ADMIN, body });
  if (answer.status === 200) return;
  const problem: {
    detail?: string;
    findings?: { document: string; pointer: string; code: string; message: string; remedy: string }[];
  } = JSON.parse(answer.text);
  for (const finding of problem.findings ?? [])
    console.error(`${finding.document} ${finding.pointer}  ${finding.code}: ${finding.message}. ${finding.remedy}`);
  console.error(`${problem.detail ?? answer.text} What was published before goes on.`);
}
