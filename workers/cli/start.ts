// `npm start`: the whole system on this machine, without an account. Builds, migrates, publishes journeys/, serves,
// prints where, with which keys, and one line to try, and publishes again what a designer changes.

import { join, resolve } from 'node:path';
import { JOURNEYS, showRefusals } from './publish.ts';
import { LOCAL_ADMIN, startSystem } from './system.ts';
import { watchFolder } from './watch.ts';

const ROOT = join(import.meta.dirname, '../..');
const TICK_MS = 1_000;

const wantedPort = Number(process.env['PORT'] ?? 8787);
if (!Number.isInteger(wantedPort) || wantedPort < 0 || wantedPort > 65_535)
  fail(`PORT must be a port number, not ${process.env['PORT']}.`);
const state = resolve(process.env['WAYMARK_STATE'] ?? join(ROOT, '.wrangler/state'));

const journeys = resolve(process.env['WAYMARK_JOURNEYS'] ?? JOURNEYS);

const { host, port, publish } = await startSystem({ state, port: wantedPort, journeys }).catch((error: unknown) =>
  fail(error instanceof Error ? error.message : String(error)),
);
printGreeting();

const watching = watchFolder(journeys, async () => {
  const outcome = await publish();
  if (outcome.ok) {
    if (outcome.changed.length > 0)
      console.log(`Published: ${outcome.changed.map(({ document }) => document).join(', ')}.`);
    return;
  }
  showRefusals(outcome.refusals);
  console.error('Not published; what was published before goes on.');
});

const ticking = setInterval(() => {
  host.ask('/admin/clock/tick', { method: 'POST', headers: LOCAL_ADMIN }).catch(() => undefined);
}, TICK_MS);
const parent = process.ppid;
const attending = setInterval(() => {
  if (process.ppid !== parent) void stop();
}, TICK_MS);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void stop());

async function stop(): Promise<void> {
  clearInterval(ticking);
  clearInterval(attending);
  watching.stop();
  await host.stop();
  process.exit(0);
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
  journeys    ${journeys}   watched: a valid change is published, another one explained

Try:
curl -s -u wk_local: ${address}/v1/events -d '${event}'
`);
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
