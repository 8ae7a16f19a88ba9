// The local system: workerd by Miniflare on a folder, our worker bundled, D1 migrated. Owns the process's side of local
// mode (the clock's offset and the mails sent in files, the list of objects with alarms) and that a folder has one system at a time.

import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { drizzle } from 'drizzle-orm/d1';
import { migrate } from 'drizzle-orm/d1/migrator';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type V4MiniflareOptions } from 'miniflare';
import { isObject } from '../../schema/json.ts';
import { bundleWorker } from './bundle.ts';
import { filesBelow } from './files.ts';
import { endOrphans, guardRun } from './guard.ts';
import { holdState } from './lock.ts';
import { readWorkerOptions } from './options.ts';

const ROOT = join(import.meta.dirname, '../..');

export interface Host {
  /** Where it serves, on 127.0.0.1. */
  readonly port: number;
  /** Asks the worker without going over the network. */
  ask: (
    path: string,
    init?: { method?: string; headers?: Record<string, string>; body?: string },
  ) => Promise<{ status: number; text: string }>;
  stop: () => Promise<void>;
}

export interface HostOptions {
  /** Folder with all state. */
  readonly state: string;
  /** Port on 127.0.0.1; 0 for a free one. */
  readonly port: number;
}

/** Starts the system on `state`; a second start on the same folder finds everything that was there. */
export async function startHost({ state, port }: HostOptions): Promise<Host> {
  mkdirSync(state, { recursive: true });
  const release = holdState(state);
  endOrphans(state);
  const endGuard = guardRun(state);
  const script = bundleWorker(join(ROOT, 'workers/local/worker.ts'));
  const { modulesRules: _rules, ratelimits: _limits, assets, ...worker } = await readWorkerOptions();
  const options: V4MiniflareOptions = {
    ...worker,
    name: 'waymark',
    modules: true,
    script: await script,
    bindings: { ...(worker.bindings ?? {}), CLOCK_OFFSET_MS: readOffset(state) },
    serviceBindings: {
      // The files as they lie there: the router that a deployment has in front of the worker would cost every event.
      ASSETS: { disk: { path: directoryOf(assets), writable: false } },
      HOST: (request: { url: string; method: string; text: () => Promise<string> }) => serveHost(state, request),
    },
    resourcePersistencePath: state,
    cf: false,
    telemetry: { enabled: false },
    port: 0,
    host: '127.0.0.1',
    unsafeDirectSockets: [{ host: '127.0.0.1', port }],
    log: new Log(LogLevel.WARN),
  };
  const miniflare = new Miniflare(convertV4MiniflareOptions(options));
  await miniflare.ready;
  await migrate(drizzle(await miniflare.getD1Database('DB')), { migrationsFolder: join(ROOT, 'schema/migrations') });
  const served = await miniflare.unsafeGetDirectURL('waymark');
  return {
    port: Number(served.port),
    ask: async (path, init) => {
      const response = await miniflare.dispatchFetch(`http://127.0.0.1${path}`, init);
      return { status: response.status, text: await response.text() };
    },
    stop: async () => {
      await miniflare.dispose();
      endGuard();
      release();
    },
  };
}

function directoryOf(assets: unknown): string {
  const directory = isObject(assets) ? assets['directory'] : null;
  if (typeof directory === 'string') return directory;
  throw new Error('wrangler.toml names no directory of assets.');
}

/** The largest instant a row can hold. */
const LATEST = 2n ** 63n - 1n;

const clockFile = (state: string): string => join(state, 'clock.json');

function readOffset(state: string): number {
  if (!existsSync(clockFile(state))) return 0;
  const kept: { offsetMs?: number } = JSON.parse(readFileSync(clockFile(state), 'utf8'));
  return kept.offsetMs ?? 0;
}

async function serveHost(
  state: string,
  request: { url: string; method: string; text: () => Promise<string> },
): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === '/clock' && request.method === 'PUT') {
    const next = `${clockFile(state)}.next`;
    writeFileSync(next, JSON.stringify({ offsetMs: Number(await request.text()) }), { flush: true });
    renameSync(next, clockFile(state));
    return new Response('kept');
  }
  if (pathname === '/mail') {
    if (request.method === 'DELETE')
      return Response.json({ forgotten: forgetMails(state, JSON.parse(await request.text())) });
    if (request.method === 'POST') appendFileSync(mailFile(state), `${await request.text()}\n`, { flush: true });
    return Response.json(request.method === 'POST' ? {} : keptMails(state));
  }
  if (pathname === '/alarms') return Response.json(objectsWithAlarms(state, searchParams.get('until')));
  return new Response('not found', { status: 404 });
}

/** One mail a line, as JSON, in the order sent. */
export const mailFile = (state: string): string => join(state, 'mail.ndjson');
const MAILS_SHOWN = 200;

/** Writes the file anew without the mails of these keys. @returns how many they were */
function forgetMails(state: string, keys: readonly string[]): number {
  if (!existsSync(mailFile(state))) return 0;
  const gone = new Set(keys);
  const lines = readFileSync(mailFile(state), 'utf8').split('\n').filter(Boolean);
  const kept = lines.filter((line) => !gone.has((JSON.parse(line) as { key: string }).key));
  const next = `${mailFile(state)}.next`;
  writeFileSync(next, kept.map((line) => `${line}\n`).join(''), { flush: true });
  renameSync(next, mailFile(state));
  return lines.length - kept.length;
}

/** The newest mails; a last line that a crash cut short is left out. */
function keptMails(state: string): object[] {
  if (!existsSync(mailFile(state))) return [];
  const lines = readFileSync(mailFile(state), 'utf8').split('\n').slice(0, -1);
  return lines
    .slice(-MAILS_SHOWN)
    .reverse()
    .map((line) => JSON.parse(line) as object);
}

/**
 * Objects that have an alarm set (for `until` or earlier, milliseconds), by class and hexadecimal id: workerd keeps
 * them in metadata.sqlite of the namespace, a folder named worker-Class, with their instants in nanoseconds.
 */
function objectsWithAlarms(state: string, until: string | null): { kind: string; id: string }[] {
  const latest = until === null ? LATEST : BigInt(until) * 1_000_000n;
  return filesBelow(join(state, 'do'), 'metadata.sqlite').flatMap((file) => {
    const database = new DatabaseSync(file, { readOnly: true });
    const kind = basename(dirname(file)).replace(/^.*-/, '');
    try {
      return database
        .prepare('SELECT actor_id FROM _cf_ALARM WHERE scheduled_time <= ?')
        .all(latest)
        .map((row) => ({ kind, id: String(row['actor_id']) }));
    } finally {
      database.close();
    }
  });
}
