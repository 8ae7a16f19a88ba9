// What the kernel says of a process, through /proc (Linux only): CPU time and memory of all its threads. Knows nothing of
// what the process is.

import { readFileSync } from 'node:fs';

/** The kernel's USER_HZ, the unit of /proc/PID/stat, is 100 on every Linux (proc_pid_stat(5)). */
const US_PER_TICK = 10_000;

export function readCpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field, the program's name in parentheses, may hold spaces; the third comes after the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [userTicks, systemTicks] = [Number(fields[11]), Number(fields[12])];
  return (userTicks + systemTicks) * US_PER_TICK;
}

export function readMemoryBytes(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}
