// `npm start`: the whole system on this machine, without an account. Builds, migrates, publishes journeys/, serves,
// and prints where, with which keys, and one line to try.

import { join, resolve } from 'node:path';
import { readSources } from './files.ts';
import { type Host, startHost } from './host.ts';

const ROOT = join(import.meta.dirname, '../..');
const ADMIN = { authorization: 'Bearer sk_local', 'content-type': 'application/json' };
const TICK_MS = 1_000;

const port = Number(process.env['PORT'] ?? 8787);
if (!Number.isInteger(port) || port < 0 || port > 65_535)
  fail(`PORT must be a port number, not ${process.env['PORT']}.`);
const state = resolve(process.env['WAYMARK_STATE'] ?? join(ROOT, '.wrangler/state'));

const host = await startHost({ state, port }).catch((error: unknown) =>
  fail(error instanceof Error ? error.message : String(error)),
);
await publishSources(host, join(ROOT, 'journeys'));
await host.ask('/admin/ready', { method: 'POST', headers: ADMIN });
printGreeting();

const ticking = setInterval(() => {
  host.ask('/admin/clock/tick', { method: 'POST', headers: ADMIN }).catch(() => undefined);
}, TICK_MS);
const parent = process.ppid;
const watching = setInterval(() => {
  if (process.ppid !== parent) void stop();
}, TICK_MS);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void stop());

async function stop(): Promise<void> {
  clearInterval(ticking);
  clearInterval(watching);
  await host.stop();
  process.exit(0);
}

async function publishSources(system: Host, folder: string): Promise<void> {
  const { sources, faults } = readSources(folder);
  for (const fault of faults) console.error(`journeys/${fault.path}:${fault.line}  ${fault.detail}`);
  if (faults.length > 0) fail('Nothing was published: correct the files above.');
  const of = (kind: string) => sources.filter((source) => source.kind === kind).map((source) => source.document);
  const [events] = of('events');
  const body = JSON.stringify({
    ...(events ? { events } : {}),
    journeys: of('journey'),
    content: of('content'),
    offers: of('offer'),
  });
  const answer = await system.ask('/admin/catalog', { method: 'POST', headers: ADMIN, body });
  if (answer.status === 200) return;
  const problem: {
    detail?: string;
    findings?: { document: string; pointer: string; code: string; message: string; remedy: string }[];
  } = JSON.parse(answer.text);
  for (const finding of problem.findings ?? [])
    console.error(`${finding.document} ${finding.pointer}  ${finding.code}: ${finding.message}. ${finding.remedy}`);
  console.error(`${problem.detail ?? answer.text} What was published before goes on.`);
}

function printGreeting(): void {
  const address = `http://127.0.0.1:${port}`;
  const event =
    '{"events":[{"messageId":"m-1","type":"page","anonymousId":"visitor-1","properties":{"path":"/"}}],"decide":{"placements":["hero"]}}';
  console.log(`
Waymark is ready at ${address}

  write key   wk_local   for sites: Basic-auth user name, or writeKey in the body
  admin key   sk_local   for /admin: Authorization: Bearer sk_local
  state       ${state}

Try:
curl -s -u wk_local: ${address}/v1/events -d '${event}'
`);
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
