// The system as it is deployed, in a real workerd on this machine: the program without local mode, keys in D1, the rate of
// write keys on, and switches for what can fail around it (faulty-worker.ts). What happens inside is told, not looked for.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/d1';
import { migrate } from 'drizzle-orm/d1/migrator';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type V4MiniflareOptions } from 'miniflare';
import { afterAll, beforeAll } from 'vitest';
import { keys } from '../../schema/d1.ts';
import { hashKey } from '../../workers/catalog/keys.ts';
import { bundleWorker } from '../../workers/cli/bundle.ts';
import { readWorkerOptions } from '../../workers/cli/options.ts';
import type { Faults, Note } from './faulty-worker.ts';
import type { Answer } from './server.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Calls of a write key that pass in a minute: few, so that a test reaches it. A server key has no such limit. */
export const WRITE_KEY_CALLS = 20;
export const KEYS = { write: 'wk_deployed', server: 'sv_deployed', admin: 'sk_deployed' } as const;

export interface Deployed {
  readonly port: () => number;
  readonly call: <T>(
    method: string,
    path: string,
    call?: { body?: unknown; key?: keyof typeof KEYS; headers?: Record<string, string> },
  ) => Promise<Answer<T> & { readonly ms: number }>;
  readonly turn: (faults: Partial<Faults>) => Promise<void>;
  /** The next note from now on that is meant. */
  readonly noted: <T extends Note>(isMeant: (note: Note) => note is T) => Promise<T>;
}

/** A folder in memory where the machine has one: there a commit costs no disk. */
const MEMORY = '/dev/shm';

/** One system for the tests of a file, its state on disk or, for what a disk would decide, in memory. */
export function useDeployed(place: 'disk' | 'memory' = 'disk'): Deployed {
  const folder = place === 'memory' && existsSync(MEMORY) ? MEMORY : tmpdir();
  const state = mkdtempSync(join(folder, 'waymark-deployed-'));
  const waiting = new Set<(note: Note) => void>();
  let miniflare: Miniflare | null = null;
  let port = 0;

  const serveHost = async (request: { text: () => Promise<string> }): Promise<Response> => {
    const note: Note = JSON.parse(await request.text());
    for (const hear of [...waiting]) hear(note);
    return new Response('heard');
  };

  beforeAll(async () => {
    const { modulesRules: _rules, ratelimits: _limits, assets: _assets, ...worker } = await readWorkerOptions();
    const options: V4MiniflareOptions = {
      ...worker,
      name: 'waymark',
      modules: true,
      script: await bundleWorker(join(import.meta.dirname, 'faulty-worker.ts')),
      ratelimits: { KEY_RATE: { namespace_id: '1', simple: { limit: WRITE_KEY_CALLS, period: 60 } } },
      serviceBindings: { HOST: serveHost },
      resourcePersistencePath: state,
      cf: false,
      telemetry: { enabled: false },
      port: 0,
      host: '127.0.0.1',
      unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
      log: new Log(LogLevel.NONE),
      handleStructuredLogs: () => undefined,
    };
    miniflare = new Miniflare(convertV4MiniflareOptions(options));
    await miniflare.ready;
    const db = drizzle(await miniflare.getD1Database('DB'));
    await migrate(db, { migrationsFolder: join(ROOT, 'schema/migrations') });
    const row = { tokenMode: 'off', tokenSecret: null, createdAt: 0 } as const;
    const rows = Object.entries(KEYS).map(([role, key]) => ({ ...row, hash: hashKey(key), name: role }));
    await db.insert(keys).values(rows.map((entry) => ({ ...entry, role: entry.name as keyof typeof KEYS })));
    port = Number((await miniflare.unsafeGetDirectURL('waymark')).port);
  });
  afterAll(async () => {
    await miniflare?.dispose();
    rmSync(state, { recursive: true, force: true });
  });

  const call: Deployed['call'] = async <T>(
    method: string,
    path: string,
    {
      body,
      key = 'server',
      headers = {},
    }: { body?: unknown; key?: keyof typeof KEYS; headers?: Record<string, string> } = {},
  ) => {
    const startedAt = performance.now();
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { authorization: `Bearer ${KEYS[key]}`, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const ms = performance.now() - startedAt;
    // A test says what it expects of a body; where that is not so, what it asserts fails.
    return { status: response.status, headers: response.headers, text, body: JSON.parse(text || 'null') as T, ms };
  };

  return {
    port: () => port,
    call,
    turn: async (faults) => {
      await fetch(`http://127.0.0.1:${port}/switch`, { method: 'POST', body: JSON.stringify(faults) });
    },
    noted: <T extends Note>(isMeant: (note: Note) => note is T) =>
      new Promise<T>((resolve) => {
        const hear = (note: Note) => {
          if (!isMeant(note)) return;
          waiting.delete(hear);
          resolve(note);
        };
        waiting.add(hear);
      }),
  };
}
