// What wrangler.toml means to Miniflare. Wrangler itself reads it, and loading wrangler takes longer than anything else a
// start does; so what it said is kept beside the packages until one of the files it read, or wrangler, is another.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { unstable_getMiniflareWorkerOptions as Read } from 'wrangler';

const ROOT = join(import.meta.dirname, '../..');
const KEPT = join(ROOT, 'node_modules/.cache/waymark');
const READ = ['wrangler.toml', '.dev.vars', '.env', '.env.local', 'node_modules/wrangler/package.json'];

type WorkerOptions = ReturnType<typeof Read>['workerOptions'];

/** @throws where wrangler.toml is not valid, in wrangler's words */
export async function readWorkerOptions(): Promise<WorkerOptions> {
  const hash = createHash('sha256').update(ROOT);
  for (const name of READ) {
    const file = join(ROOT, name);
    hash.update(`\0${name}\0`).update(existsSync(file) ? readFileSync(file) : 'none');
  }
  const kept = join(KEPT, `wrangler-${hash.digest('hex').slice(0, 16)}.json`);
  try {
    return JSON.parse(readFileSync(kept, 'utf8'));
  } catch {
    const { unstable_getMiniflareWorkerOptions } = await import('wrangler');
    const { workerOptions } = unstable_getMiniflareWorkerOptions(join(ROOT, 'wrangler.toml'));
    mkdirSync(KEPT, { recursive: true });
    const next = `${kept}.${process.pid}`;
    writeFileSync(next, JSON.stringify(workerOptions));
    renameSync(next, kept);
    return workerOptions;
  }
}
