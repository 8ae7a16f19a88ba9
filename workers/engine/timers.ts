// When a run wants to be woken: derived from the run, its version and the last activity, never stored beside them, so
// it cannot disagree with them (A1, A2, A4, D1).

import type { DueTimer, Machine, Run } from './machine.ts';

/** Every timer of a run, in the order they would fire (A4). `lastActivityAt` in milliseconds. */
export function timersOf(machine: Machine, run: Run, lastActivityAt: number): DueTimer[] {
  if (run.endedAt !== undefined) return [];
  const timers: DueTimer[] = run.wakeAt === undefined ? [] : [{ kind: 'wait', index: 0, dueAt: run.wakeAt }];
  const after = machine.stages.get(run.stage)?.after ?? [];
  after.forEach((timer, index) => {
    if (run.spent?.includes(index)) return;
    const since = timer.since === 'activity' ? Math.max(run.enteredAt, lastActivityAt) : run.enteredAt;
    timers.push({ kind: 'after', index, dueAt: since + timer.delayMs });
  });
  run.dates?.forEach((dueAt, index) => {
    if (dueAt !== null) timers.push({ kind: 'at', index, dueAt });
  });
  return timers.sort((a, b) => a.dueAt - b.dueAt);
}

/** The timer that fires next, or null. */
export function nextTimer(machine: Machine, run: Run, lastActivityAt: number): DueTimer | null {
  return timersOf(machine, run, lastActivityAt)[0] ?? null;
}
