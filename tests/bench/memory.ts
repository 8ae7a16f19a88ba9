// `npm run bench -- memory`: resident memory of a fresh server after the first event of 2,000 customers within 8 s, which
// is before the platform puts the first of them out of memory, so that all objects are alive at once. Memory does not
// depend on the disk: where the disk is too slow for 8 s, `--folder /dev/shm` takes it out.

import { driveLoad } from './client.ts';
import { type Measure, OURS_AND_FLOOR } from './measure.ts';
import { type Column, renderSummary, renderTable, summarizeRatio } from './table.ts';
import { type Turn, takeTurns } from './turns.ts';

interface Figures {
  bytes: number;
  peakBytes: number;
  startBytes: number;
  touchedMs: number;
}

const MIB = 2 ** 20;
const WITHIN_MS = 8_000;

const columns: Column<Figures>[] = [
  { title: 'RSS MiB', value: ({ bytes }) => bytes / MIB, digits: 0 },
  { title: 'peak MiB', value: ({ peakBytes }) => peakBytes / MIB, digits: 0 },
  { title: 'before MiB', value: ({ startBytes }) => startBytes / MIB, digits: 0 },
  { title: 'touched in ms', value: ({ touchedMs }) => touchedMs, digits: 0 },
];

export const memory: Measure = {
  name: 'memory',
  subjects: OURS_AND_FLOOR,
  sizes: { customers: 2_000, eventsPerCustomer: 1 },
  run: async (subjects, settings) => {
    const results = await takeTurns(
      subjects,
      settings,
      measureMemory,
      ({ bytes, touchedMs }) => `${(bytes / MIB).toFixed(0)} MiB, touched in ${touchedMs.toFixed(0)} ms`,
    );
    const lines = [renderTable(results, columns), ''];
    for (const [name, rounds] of Object.entries(results)) {
      const late = rounds.filter(({ touchedMs }) => touchedMs > WITHIN_MS).length;
      if (late > 0) {
        lines.push(`${name} took longer than ${WITHIN_MS} ms in ${late} rounds: objects left memory meanwhile`);
      }
    }
    const [ours, floor] = [results['event'] ?? [], results['floor'] ?? []];
    if (ours.length > 0 && floor.length > 0) {
      const ratio = summarizeRatio(ours, floor, ({ peakBytes }) => peakBytes);
      lines.push(
        `peak memory against the floor: ${renderSummary(ratio, 2)}`,
        `memory ratio ${ratio.median.toFixed(2)}`,
      );
    }
    return { text: lines.join('\n'), rounds: results };
  },
};

async function measureMemory({ subject, server, shoppers, connections, showPhase }: Turn): Promise<Figures> {
  const startBytes = server.memoryBytes().now;
  const lanes = shoppers.map((shopper) =>
    shopper.events.slice(0, 1).map((event) => subject.makeEventRequest(shopper, event)),
  );
  const { durationMs } = await driveLoad(lanes, {
    port: server.port,
    connections,
    isAccepted: subject.isAccepted,
    onProgress: (done) => showPhase('touching', done),
  });
  const { now, peak } = server.memoryBytes();
  return { bytes: now, peakBytes: peak, startBytes, touchedMs: durationMs };
}
