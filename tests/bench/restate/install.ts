// Puts Restate into the folder of this file when a run asks for it. It is no dependency of the project: server and SDK
// weigh 220 MB, and nobody but this benchmark needs them. Versions are pinned by the lock file beside package.json.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = import.meta.dirname;
const INSTALL_MAX_MS = 600_000;

/** The path of the server's program. */
export function findRestate(): string {
  const program = join(
    FOLDER,
    `node_modules/@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`,
  );
  if (!existsSync(program)) install();
  if (!existsSync(program)) throw new Error(`Restate has no server for ${process.platform} on ${process.arch}`);
  return program;
}

function install(): void {
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(join(FOLDER, 'package.json'), 'utf8'),
  );
  const wanted = Object.entries(dependencies).map(([name, version]) => `${name} ${version}`);
  process.stderr.write(`installing ${wanted.join(' and ')} into tests/bench/restate, once (220 MB)\n`);
  // Install scripts are left out: the only one reports the installation to a third party.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status, error } = spawnSync('npm', args, {
    cwd: FOLDER,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: INSTALL_MAX_MS,
  });
  if (status !== 0) {
    throw new Error(`Restate could not be installed; \`npm ci\` in tests/bench/restate failed`, { cause: error });
  }
}
