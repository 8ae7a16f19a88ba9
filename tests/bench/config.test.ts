// The figures of the benchmark are worth nothing if raw workerd serves less than production would: these tests prove
// that in the generated configuration the object's storage, D1 and Queues are real, and that the state Miniflare
// prepared is the state workerd finds.

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleWorker } from '../../workers/cli/bundle.ts';
import { moveDisks, type RuntimeConfig, reduceConfig, writeConfig } from './config.ts';
import { prepareState } from './prepare.ts';
import type { Server } from './subject.ts';
import { serve } from './workerd.ts';

const probe = {
  compatibilityDate: '2026-10-20',
  compatibilityFlags: ['nodejs_compat'],
  durableObjects: { CUSTOMER: { className: 'Customer', useSQLite: true } },
  d1Databases: { DB: { id: 'probe-database' } },
  queueProducers: { PROJECTIONS: { queueName: 'probe-projections' } },
  queueConsumers: { 'probe-projections': { maxBatchSize: 10, maxBatchTimeout: 0 } },
};

describe('a worker with D1 and Queues on raw workerd', () => {
  const folder = mkdtempSync(join(tmpdir(), 'waymark-bench-test-'));
  let prepared: { config: RuntimeConfig; userService: string };
  let server: Server;

  const ask = async (path: string, init?: { method: string; body: string }): Promise<unknown> =>
    (await fetch(`http://127.0.0.1:${server.port}${path}`, init)).json();

  const start = async (): Promise<Server> => {
    const moved = moveDisks(prepared.config, join(folder, 'state'), join(folder, 'round'));
    return serve(writeConfig(moved, prepared.userService, join(folder, 'round')));
  };

  beforeAll(async () => {
    const migrationsFolder = join(folder, 'migrations');
    mkdirSync(migrationsFolder);
    const statements = ['CREATE TABLE note (text TEXT NOT NULL);', 'CREATE INDEX note_by_text ON note (text);'];
    writeFileSync(join(migrationsFolder, '0000_note.sql'), statements.join('\n--> statement-breakpoint\n'));
    prepared = await prepareState({
      name: 'probe',
      script: await bundleWorker(join(import.meta.dirname, 'probe.ts')),
      worker: probe,
      databaseBinding: 'DB',
      migrationsFolder,
      stateFolder: join(folder, 'state'),
      seed: async ({ database }) => {
        await database.prepare('INSERT INTO note VALUES (?)').bind('a: from the seed').run();
      },
    });
    cpSync(join(folder, 'state'), join(folder, 'round'), { recursive: true });
    rmSync(join(folder, 'state'), { recursive: true });
    server = await start();
  }, 60_000);

  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a queue consumer writes into the database that was migrated, seeded and copied', async () => {
    await ask('/ada', { method: 'POST', body: 'b: from ada' });
    expect(await ask('/ada')).toEqual({ object: ['b: from ada'], database: ['a: from the seed', 'b: from ada'] });
  });

  test('objects and D1 lie on disk and are found by the next process', async () => {
    await server.stop();
    server = await start();
    await ask('/ada', { method: 'POST', body: 'c: from ada again' });
    expect(await ask('/ada')).toEqual({
      object: ['b: from ada', 'c: from ada again'],
      database: ['a: from the seed', 'b: from ada', 'c: from ada again'],
    });
  });

  test('nothing of the configuration leads back to the process that generated it', () => {
    expect(JSON.stringify(prepared.config)).not.toContain('loopback"');
  });
});

test('a configuration that names a missing service is refused', () => {
  const worker = { bindings: [{ name: 'DB', service: { name: 'gone' } }] };
  expect(() => reduceConfig({ services: [{ name: 'user', worker }], extensions: [] }, 'user')).toThrow('gone');
});
