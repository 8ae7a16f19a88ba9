// `npm run bench -- disk`: how many bytes of state an event leaves: on this disk while the server runs, write-ahead logs
// included, and in the SQLite databases alone once it has ended (Restate has none). A customer's empty object counts in,
// so that few events a customer make many bytes an event.

import { driveLoad } from './client.ts';
import { databaseBytes, diskBytes } from './folder.ts';
import { type Measure, OURS_AND_FLOOR } from './measure.ts';
import { type Column, renderTable, summarize } from './table.ts';
import { type Turn, takeTurns } from './turns.ts';

interface Figures {
  diskPerEvent: number;
  databasePerEvent: number;
}

const columns: Column<Figures>[] = [
  { title: 'on disk, bytes/event', value: ({ diskPerEvent }) => diskPerEvent, digits: 0 },
  { title: 'in databases', value: ({ databasePerEvent }) => databasePerEvent, digits: 0 },
];

export const disk: Measure = {
  name: 'disk',
  subjects: OURS_AND_FLOOR,
  sizes: { customers: 200 },
  run: async (subjects, settings) => {
    const results = await takeTurns(
      subjects,
      settings,
      measureDisk,
      ({ diskPerEvent, databasePerEvent }) =>
        `${diskPerEvent.toFixed(0)} bytes/event on disk, ${databasePerEvent.toFixed(0)} in databases`,
    );
    const lines = Object.entries(results).map(([name, rounds]) => {
      return `${name} disk bytes per event ${summarize(rounds.map(({ diskPerEvent }) => diskPerEvent)).median.toFixed(0)}`;
    });
    return { text: [renderTable(results, columns), '', ...lines].join('\n'), rounds: results };
  },
};

async function measureDisk({ subject, server, shoppers, connections, folder, showPhase }: Turn): Promise<Figures> {
  const before = { disk: diskBytes(folder), database: databaseBytes(folder, 'open') };
  const lanes = shoppers.map((shopper) => shopper.events.map((event) => subject.makeEventRequest(shopper, event)));
  const { latenciesMs } = await driveLoad(lanes, {
    port: server.port,
    connections,
    isAccepted: subject.isAccepted,
    onProgress: (done) => showPhase('events', done),
  });
  const onDisk = diskBytes(folder) - before.disk;
  await server.stop();
  return {
    diskPerEvent: onDisk / latenciesMs.length,
    databasePerEvent: (databaseBytes(folder, 'closed') - before.database) / latenciesMs.length,
  };
}
