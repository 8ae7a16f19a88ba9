// Runs `waymark` as a shell would: a process of its own, what it prints and the code it ends with.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const WAYMARK = join(import.meta.dirname, '../../workers/cli/waymark.ts');

export interface Ran {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** @param environment what the process gets beyond that of the tests */
export async function runCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const child = spawn(process.execPath, [WAYMARK, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, output, errors };
}
