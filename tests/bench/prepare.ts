// What must happen before a raw workerd can serve a worker that has D1 and Queues: start the bundle once in Miniflare
// on the same state folder, apply the D1 migrations, let the caller seed, take the configuration Miniflare generated,
// stop Miniflare. Raw workerd then finds the same objects: their ids follow from the namespace's
// unique key and the object's name, both of which stand in that configuration.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare, type V4MiniflareOptions } from 'miniflare';
import { type RuntimeConfig, reduceConfig } from './config.ts';

/** What a seeding function may use: the worker itself, over HTTP, and its database. */
export interface Seeding {
  fetch: (path: string, init?: { method?: string; headers?: Record<string, string>; body?: string }) => Promise<Answer>;
  database: D1Database;
}

interface Answer {
  status: number;
  body: string;
}

export interface StateOptions {
  /** The worker's name, part of its objects' unique keys. */
  name: string;
  script: string;
  /** Bindings, queues and compatibility, in the form that wrangler makes of wrangler.toml. */
  worker: Record<string, unknown>;
  databaseBinding: string;
  migrationsFolder: string;
  stateFolder: string;
  seed: (seeding: Seeding) => Promise<void>;
}

/** The services that raw workerd needs; `userService` among them takes the requests. */
export async function prepareState(options: StateOptions): Promise<{ config: RuntimeConfig; userService: string }> {
  mkdirSync(options.stateFolder, { recursive: true });
  const dumpPath = join(options.stateFolder, 'miniflare.json');
  // Miniflare writes the configuration it generates to this path; it reads the variable when it starts.
  process.env.MINIFLARE_WORKERD_CONFIG_DEBUG = dumpPath;
  const miniflare = new Miniflare(makeMiniflareOptions(options));
  try {
    const url = await miniflare.ready;
    const database = await miniflare.getD1Database(options.databaseBinding);
    await applyMigrations(database, options.migrationsFolder);
    await options.seed({
      database,
      fetch: async (path, init) => {
        const response = await fetch(new URL(path, url), init);
        return { status: response.status, body: await response.text() };
      },
    });
  } finally {
    delete process.env.MINIFLARE_WORKERD_CONFIG_DEBUG;
    await miniflare.dispose();
  }
  const dumped: RuntimeConfig = JSON.parse(readFileSync(dumpPath, 'utf8'));
  const userService = `core:user:${options.name}`;
  return { config: reduceConfig(dumped, userService), userService };
}

function makeMiniflareOptions(options: StateOptions): ReturnType<typeof convertV4MiniflareOptions> {
  const v4: V4MiniflareOptions = {
    ...options.worker,
    name: options.name,
    modules: true,
    script: options.script,
    resourcePersistencePath: options.stateFolder,
    cf: false,
    telemetry: { enabled: false },
  };
  return convertV4MiniflareOptions(v4);
}

/** Drizzle's files, in the order of their names, each in one batch. */
async function applyMigrations(database: D1Database, folder: string): Promise<void> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  for (const file of files.sort()) {
    const statements = readFileSync(join(folder, file), 'utf8').split('--> statement-breakpoint');
    await database.batch(statements.map((statement) => database.prepare(statement)));
  }
}
