// The turn of one subject at events, on a fresh process and fresh state: the cold phase (every customer's first event),
// the warm phase (all others), the wait for empty outboxes that stops the clock, the wait for an idle CPU, the check.
// Every figure of the report (report.ts) is taken here.

import { setTimeout as pause } from 'node:timers/promises';
import { driveLoad, type Phase } from './client.ts';
import type { Server } from './subject.ts';
import { quantile } from './table.ts';
import type { Turn } from './turns.ts';

export interface Figures {
  eventsPerSecond: number;
  coldEventsPerSecond: number;
  warmEventsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  coldP99Ms: number;
  warmP99Ms: number;
  /** From the last answer to empty outboxes, on the clock. */
  settleMs: number;
  cpuUsPerEvent: number;
  residentBytes: number;
  peakBytes: number;
  repeats: number;
}

const SAMPLE_MS = 250;
const IDLE_WAIT_MAX_MS = 120_000;
/** A resting workerd wakes now and then; less than this in one sample counts as rest. */
const RESTING_CPU_US = 20_000;

export async function measureEvents({ subject, server, shoppers, connections, showPhase }: Turn): Promise<Figures> {
  const lanes = shoppers.map((shopper) => shopper.events.map((event) => subject.makeEventRequest(shopper, event)));
  const load = { port: server.port, connections, isAccepted: subject.isAccepted };

  const cpuBeforeUs = server.cpuUs();
  const startedAt = performance.now();
  const coldLanes = lanes.map((lane) => lane.slice(0, 1));
  const cold = await driveLoad(coldLanes, { ...load, onProgress: (done) => showPhase('cold', done) });
  const warmLanes = lanes.map((lane) => lane.slice(1));
  const warm = await driveLoad(warmLanes, { ...load, onProgress: (done) => showPhase('warm', done) });
  const answeredAt = performance.now();
  showPhase('settling', 0);
  await subject.settled(server);
  const settledAt = performance.now();

  showPhase('resting', 0);
  await pause(subject.afterworkMs);
  const cpuUs = (await waitForRest(server, subject.quietMs)) - cpuBeforeUs;
  const memory = server.memoryBytes();
  showPhase('checking', 0);
  const repeats = cold.repeats + warm.repeats;
  const faults = await subject.check(server, shoppers, repeats);
  if (faults.length > 0) {
    throw new Error(`the final state is wrong in ${faults.length} points: ${faults.slice(0, 5).join('; ')}`);
  }

  const events = cold.latenciesMs.length + warm.latenciesMs.length;
  const all = [...cold.latenciesMs, ...warm.latenciesMs];
  return {
    eventsPerSecond: (events * 1_000) / (settledAt - startedAt),
    coldEventsPerSecond: ratePerSecond(cold),
    warmEventsPerSecond: ratePerSecond(warm),
    p50Ms: quantile(all, 0.5),
    p99Ms: quantile(all, 0.99),
    coldP99Ms: quantile(cold.latenciesMs, 0.99),
    warmP99Ms: quantile(warm.latenciesMs, 0.99),
    settleMs: settledAt - answeredAt,
    cpuUsPerEvent: cpuUs / events,
    residentBytes: memory.now,
    peakBytes: memory.peak,
    repeats,
  };
}

/** Returns the process's CPU time at the end of its work, without what it used while resting. */
async function waitForRest(server: Server, quietMs: number): Promise<number> {
  const deadline = performance.now() + IDLE_WAIT_MAX_MS;
  let workedUs = server.cpuUs();
  let sampledUs = workedUs;
  let workedAt = performance.now();
  while (performance.now() - workedAt < quietMs) {
    if (performance.now() > deadline) throw new Error(`the server is still busy after ${IDLE_WAIT_MAX_MS} ms`);
    await pause(SAMPLE_MS);
    const nowUs = server.cpuUs();
    if (nowUs - sampledUs >= RESTING_CPU_US) {
      workedUs = nowUs;
      workedAt = performance.now();
    }
    sampledUs = nowUs;
  }
  return workedUs;
}

function ratePerSecond({ latenciesMs, durationMs }: Phase): number {
  return (latenciesMs.length * 1_000) / durationMs;
}
