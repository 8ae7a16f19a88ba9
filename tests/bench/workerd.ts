// One `workerd serve` process: started from a configuration file, observed through /proc (Linux only), stopped by its
// pid. Figures are those of the whole process, all threads: what the subject costs, the platform's own work included.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { readCpuUs, readMemoryBytes } from './proc.ts';
import type { Server } from './subject.ts';

const START_MAX_MS = 30_000;
const STOP_MAX_MS = 5_000;
const COMPLAINT_CHARS_MAX = 4_000;

const workerd: { default: string } = createRequire(import.meta.url)('workerd');

export async function serve(configPath: string): Promise<Server> {
  const args = ['serve', '--experimental', '--control-fd=3', configPath];
  const child = spawn(workerd.default, args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
  process.once('exit', () => child.kill('SIGKILL'));
  let complaints = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-COMPLAINT_CHARS_MAX);
  });
  const port = await untilListening(child).catch((cause: unknown) => {
    child.kill('SIGKILL');
    throw new Error(`workerd did not start: ${complaints}`, { cause });
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('workerd listens, but has no pid');
  return {
    pids: [pid],
    port,
    cpuUs: () => readCpuUs(pid),
    memoryBytes: () => readMemoryBytes(pid),
    complaints: () => complaints,
    stop: () => stop(child),
  };
}

/** The port that the kernel chose, which workerd reports on its control pipe once it accepts connections. */
async function untilListening(child: ChildProcess): Promise<number> {
  const control = child.stdio[3];
  if (!(control instanceof Readable)) throw new Error('the control pipe is missing');
  const lines = createInterface(control);
  const abort = AbortSignal.timeout(START_MAX_MS);
  abort.addEventListener('abort', () => lines.close());
  for await (const line of lines) {
    const message: { event?: string; socket?: string; port?: number } = JSON.parse(line);
    if (message.event === 'listen' && message.socket === 'http' && message.port !== undefined) return message.port;
  }
  throw new Error(abort.aborted ? `not ready after ${START_MAX_MS} ms` : 'it ended');
}

/** Ends a process: asks first, and kills what has not ended after 5 s. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_MAX_MS);
  await exited;
  clearTimeout(deadline);
}
