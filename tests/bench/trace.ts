// Counts the calls by which a process asks the kernel to make its writes durable, by strace(1) on all of its threads.
// The traced process runs slower, so nothing else is measured meanwhile.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Trace {
  /** Calls since the trace began. */
  count: () => number;
  stop: () => Promise<void>;
}

const ATTACH_MAX_MS = 10_000;

/** @throws when there is no strace, or no right to trace the process */
export async function traceSyncs(pid: number): Promise<Trace> {
  const args = ['-f', '-e', 'trace=fsync,fdatasync', '-e', 'signal=none', '-p', String(pid)];
  const child = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  process.once('exit', () => child.kill('SIGTERM'));
  let syncs = 0;
  let complaint = '';
  const attached = new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('strace did not attach')), ATTACH_MAX_MS);
    child.once('error', (cause) => reject(new Error('the program strace is needed for this', { cause })));
    child.once('exit', () => reject(new Error(`strace ended: ${complaint}`)));
    createInterface(child.stderr).on('line', (line) => {
      if (isSync(line)) syncs += 1;
      else if (/^strace: Process \d+ attached/.test(line)) {
        clearTimeout(late);
        resolve();
      } else if (!line.includes('resumed')) complaint = line;
    });
  });
  await attached;
  return {
    count: () => syncs,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** A call has one line of its own, or two when another thread's came between: the second is not a call. */
export const isSync = (line: string): boolean => /\bf(data)?sync\(/.test(line);
