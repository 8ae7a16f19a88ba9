// The system's processes as tests start and end them. The waits there are have a bound: for a process to start or to end.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const ROOT = join(import.meta.dirname, '../..');
/** Where Node keeps compiled modules, which shortens the time to start; none of the system's state. */
const COMPILED = join(ROOT, 'node_modules/.cache/waymark-tests');
export const START_MS_MAX = 60_000;
export const END_MS_MAX = 15_000;
export const RETRY_MS = 25;

export interface Process {
  readonly child: ChildProcess;
  readonly said: () => string;
  /** Resolves once it has printed this text; rejects when it ends before. */
  readonly hears: (text: string) => Promise<void>;
}

/** What `npm start` runs, as a child in a process group of its own. */
export function spawnStart(state: string, port: number, environment: Readonly<Record<string, string>> = {}): Process {
  const path = [join(ROOT, 'node_modules/.bin'), process.env.PATH ?? ''].join(delimiter);
  const child = spawn('node', [join(ROOT, 'workers/cli/start.ts')], {
    cwd: ROOT,
    env: {
      ...process.env,
      PATH: path,
      NODE_COMPILE_CACHE: COMPILED,
      PORT: String(port),
      WAYMARK_STATE: state,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  const hears = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (said.includes(text)) resolve();
      };
      for (const stream of [child.stdout, child.stderr]) stream.on('data', look);
      child.once('close', () => reject(new Error(`it ended and never printed ${text}`)));
      look();
    });
  return { child, said: () => said, hears };
}

export const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

/** A process that has ended and was not yet collected by its parent does not run. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Starts a second system on a folder. @returns its exit code and what it said */
export async function tryStart(state: string): Promise<{ code: number | null; said: string }> {
  const { child, said } = spawnStart(state, await freePort());
  await once(child, 'close', { signal: AbortSignal.timeout(START_MS_MAX) });
  return { code: child.exitCode, said: said() };
}

/** Starts a system and kills its Node the moment workerd is there. @returns what is left behind */
export async function killWhileStarting(state: string): Promise<number[]> {
  const { child } = spawnStart(state, await freePort());
  for (const until = Date.now() + START_MS_MAX; ; await delay(1)) {
    const workerds = child.pid === undefined ? [] : childrenOf(child.pid).filter(isWorkerd);
    if (workerds.length === 0 && Date.now() < until) continue;
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(END_MS_MAX) });
    child.kill('SIGKILL');
    await ended;
    return workerds;
  }
}

function isWorkerd(pid: number): boolean {
  try {
    return basename(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0] ?? '') === 'workerd';
  } catch {
    return false;
  }
}

/** Waits for processes to end. @returns those that still run when the time is over */
export async function survivors(pids: readonly number[]): Promise<number[]> {
  for (const until = Date.now() + END_MS_MAX; ; await delay(RETRY_MS)) {
    const running = pids.filter(isRunning);
    if (running.length === 0 || Date.now() > until) return running;
  }
}
