// How fast a function of this process is: counted in this thread's own CPU time, so that what else the machine does changes
// the figures little, and checked on the way, so that a subject which does nothing cannot win.

/** Takes `count` events and gives the number of moves they caused. */
export type Subject = (count: number) => number;

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

/**
 * Runs a subject for about `durationMs`.
 * @param share of the events that move it on
 * @returns events per second of CPU time
 * @throws where another share of the events moves it
 */
export function paceOf(subject: Subject, share: number, durationMs: number): number {
  let count = 1_000;
  for (;;) {
    const startedAt = cpuMs();
    const moves = subject(count);
    const took = cpuMs() - startedAt;
    if (moves !== count * share)
      throw new Error(`${moves} of ${count} events moved the subject on, not ${share} of them`);
    if (took >= durationMs) return (count / took) * 1_000;
    count = 2 * Math.ceil((count * Math.min(20, (1.1 * durationMs) / Math.max(took, 0.1))) / 2);
  }
}

export const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;

export const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
