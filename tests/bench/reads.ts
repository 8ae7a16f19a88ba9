// `npm run bench -- reads`: how often a second a subject says where a customer stands. Ours is POST /v1/decide without
// placements, Restate's a shared handler, which may run beside others of the same customer; the floor's is its counter.
// Every customer has had one event and one read before the clock runs.

import { driveLoad } from './client.ts';
import { bestOf } from './events.ts';
import type { Measure } from './measure.ts';
import { RESTATES } from './subjects.ts';
import { type Column, quantile, renderSummary, renderTable, summarizeRatio } from './table.ts';
import { type Turn, takeTurns } from './turns.ts';

interface Figures {
  readsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  cpuUsPerRead: number;
}

const OURS = 'event';
/** Of every customer. */
const READS = 40;

const columns: Column<Figures>[] = [
  { title: 'reads/s', value: ({ readsPerSecond }) => readsPerSecond, digits: 0 },
  { title: 'p50 ms', value: ({ p50Ms }) => p50Ms, digits: 1 },
  { title: 'p99 ms', value: ({ p99Ms }) => p99Ms, digits: 1 },
  { title: 'CPU us/read', value: ({ cpuUsPerRead }) => cpuUsPerRead, digits: 0 },
];

export const reads: Measure = {
  name: 'reads',
  subjects: ['floor', OURS, ...RESTATES],
  sizes: {},
  run: async (subjects, settings) => {
    const results = await takeTurns(
      subjects,
      settings,
      measureReads,
      ({ readsPerSecond }) => `${readsPerSecond.toFixed(0)} reads/s`,
    );
    const lines = [renderTable(results, columns), ''];
    const ours = results[OURS] ?? [];
    const perSecond = ({ readsPerSecond }: Figures): number => readsPerSecond;
    for (const [title, base] of [
      ['the floor', results['floor'] ?? []],
      ['the better Restate', bestOf(results, RESTATES, perSecond)],
    ] as const) {
      if (ours.length === 0 || base.length === 0) continue;
      const ratio = summarizeRatio(ours, base, perSecond);
      lines.push(`reads against ${title}: ${renderSummary(ratio, 2)}`);
      if (title !== 'the floor') lines.push(`reads ratio ${ratio.median.toFixed(2)}`);
    }
    return { text: lines.join('\n'), rounds: results };
  },
};

async function measureReads({ subject, server, shoppers, connections, showPhase }: Turn): Promise<Figures> {
  const load = { port: server.port, connections };
  const first = shoppers.map((shopper) =>
    shopper.events.slice(0, 1).map((event) => subject.makeEventRequest(shopper, event)),
  );
  await driveLoad(first, { ...load, isAccepted: subject.isAccepted, onProgress: (done) => showPhase('events', done) });
  const requests = shoppers.map((shopper) => subject.makeReadRequest(shopper));
  const reading = {
    ...load,
    isAccepted: subject.isRead,
    onProgress: (done: number): void => showPhase('reads', done),
  };
  await driveLoad(
    requests.map((request) => [request]),
    reading,
  );
  const cpuBeforeUs = server.cpuUs();
  const { latenciesMs, durationMs } = await driveLoad(
    requests.map((request) => Array.from({ length: READS }, () => request)),
    reading,
  );
  return {
    readsPerSecond: (latenciesMs.length * 1_000) / durationMs,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    cpuUsPerRead: (server.cpuUs() - cpuBeforeUs) / latenciesMs.length,
  };
}
