// `npm run bench -- fsyncs`: how often an event makes the server wait for the disk, counted by strace. Counted are the
// warm events, that is all but a customer's first, from the first request until all are answered and what followed at
// once has settled; and, apart from that, what was put off for longer, such as the check of the index.

import { setTimeout as pause } from 'node:timers/promises';
import { driveLoad } from './client.ts';
import { type Measure, OURS_AND_FLOOR } from './measure.ts';
import { type Column, renderTable, summarize } from './table.ts';
import { traceSyncs } from './trace.ts';
import { type Turn, takeTurns } from './turns.ts';

interface Figures {
  perEvent: number;
  perEventLater: number;
}

/** Word to the index is on its way for 250 ms, then up to a second in the queue. */
const SETTLE_MS = 3_000;

const columns: Column<Figures>[] = [
  { title: 'fsyncs/event', value: ({ perEvent }) => perEvent, digits: 3 },
  { title: 'put off', value: ({ perEventLater }) => perEventLater, digits: 3 },
];

export const fsyncs: Measure = {
  name: 'fsyncs',
  subjects: OURS_AND_FLOOR,
  sizes: { customers: 200 },
  run: async (subjects, settings) => {
    const results = await takeTurns(
      subjects,
      settings,
      measureSyncs,
      ({ perEvent, perEventLater }) => `${perEvent.toFixed(3)} fsyncs/event, ${perEventLater.toFixed(3)} put off`,
    );
    const lines = Object.entries(results).map(([name, rounds]) => {
      return `${name} fsyncs per event ${summarize(rounds.map(({ perEvent }) => perEvent)).median.toFixed(2)}`;
    });
    return { text: [renderTable(results, columns), '', ...lines].join('\n'), rounds: results };
  },
};

async function measureSyncs({ subject, server, shoppers, connections, showPhase }: Turn): Promise<Figures> {
  const lanes = shoppers.map((shopper) => shopper.events.map((event) => subject.makeEventRequest(shopper, event)));
  const load = { port: server.port, connections, isAccepted: subject.isAccepted };
  const coldLanes = lanes.map((lane) => lane.slice(0, 1));
  await driveLoad(coldLanes, { ...load, onProgress: (done) => showPhase('cold', done) });
  await pause(SETTLE_MS);
  const [pid] = server.pids;
  if (pid === undefined) throw new Error(`${subject.name} has no process`);
  const trace = await traceSyncs(pid);
  try {
    const warmLanes = lanes.map((lane) => lane.slice(1));
    const { latenciesMs } = await driveLoad(warmLanes, { ...load, onProgress: (done) => showPhase('warm', done) });
    await pause(SETTLE_MS);
    const syncs = trace.count();
    showPhase('resting', 0);
    await pause(subject.afterworkMs);
    return {
      perEvent: syncs / latenciesMs.length,
      perEventLater: (trace.count() - syncs) / latenciesMs.length,
    };
  } finally {
    await trace.stop();
  }
}
