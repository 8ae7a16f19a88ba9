// One `workerd serve` process: started from a configuration file, observed through /proc (Linux only), stopped by its
// pid. Figures are those of the whole process, all threads: what the subject costs, the platform's own work included.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

export interface Server {
  pid: number;
  port: number;
  /** CPU time since the start, user and system, in microseconds; the kernel counts in steps of 10 ms. */
  cpuUs: () => number;
  /** Resident memory now, and its peak since the start, in bytes. */
  memoryBytes: () => { now: number; peak: number };
  /** What the process wrote to its error output, the last lines of it. */
  complaints: () => string;
  stop: () => Promise<void>;
}

const START_MAX_MS = 30_000;
const STOP_MAX_MS = 5_000;
const COMPLAINT_CHARS_MAX = 4_000;
/** The kernel's USER_HZ, the unit of /proc/PID/stat, is 100 on every Linux (proc_pid_stat(5)). */
const US_PER_TICK = 10_000;

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
    pid,
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

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_MAX_MS);
  await exited;
  clearTimeout(deadline);
}

function readCpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field, the program's name in parentheses, may hold spaces; the third comes after the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [userTicks, systemTicks] = [Number(fields[11]), Number(fields[12])];
  return (userTicks + systemTicks) * US_PER_TICK;
}

function readMemoryBytes(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}
