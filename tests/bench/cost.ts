// `npm run bench -- cost`: what a million events cost at public prices (prices.ts), from units counted over the mix
// (counting.ts) with all that follows within half a minute; what an included quota would save is not taken off. Worker
// CPU is that of the whole process, objects and database included, which is more than is billed. What the events go on
// costing where they are stored is a line of its own. Timers that fall due weeks later are not in it.

import { setTimeout as pause } from 'node:timers/promises';
import { driveLoad } from './client.ts';
import type { Counts } from './counts.ts';
import { databaseBytes } from './folder.ts';
import type { Measure } from './measure.ts';
import { OBJECT_GB, PRICES, priceEvents, STORED_GB_MONTH, type Unit } from './prices.ts';
import type { Server } from './subject.ts';
import { renderSummary, summarize } from './table.ts';
import { type Turn, takeTurns } from './turns.ts';

interface Figures {
  perEvent: Record<Unit, number>;
  alarmsPerEvent: number;
  storedBytesPerEvent: number;
  dollars: number;
}

const GIGABYTE = 1e9;

export const cost: Measure = {
  name: 'cost',
  subjects: ['counted'],
  // Few connections: time in which an object waits for others of this machine would be billed to it.
  sizes: { customers: 200, connections: 4 },
  run: async (subjects, settings) => {
    const results = await takeTurns(subjects, settings, measureCost, ({ dollars }) => `${dollars.toFixed(2)} dollars`);
    const rounds = Object.values(results).flat();
    const units = Object.keys(PRICES) as Unit[];
    const lines = units.map((unit) => {
      const perEvent = summarize(rounds.map((figures) => figures.perEvent[unit]));
      const dollars = summarize(rounds.map((figures) => figures.perEvent[unit] * PRICES[unit].perMillion));
      return [
        PRICES[unit].what,
        renderSummary(perEvent, 4),
        String(PRICES[unit].perMillion),
        dollars.median.toFixed(3),
      ];
    });
    const header = ['median (min-max)', 'an event', 'dollars/million', 'dollars/million events'];
    const widths = header.map((title, index) =>
      Math.max(title.length, ...lines.map((line) => line[index]?.length ?? 0)),
    );
    const table = [header, ...lines].map((line) =>
      line.map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0))),
    );
    const total = summarize(rounds.map(({ dollars }) => dollars));
    const alarms = summarize(rounds.map(({ alarmsPerEvent }) => alarmsPerEvent));
    const stored = summarize(rounds.map(({ storedBytesPerEvent }) => storedBytesPerEvent));
    const aMonth = (stored.median * 1_000_000 * STORED_GB_MONTH.dollars) / GIGABYTE;
    const text = [
      ...table.map((line) => line.join('  ')),
      `of the rows written, alarms: ${renderSummary(alarms, 3)}`,
      `stored, bytes an event: ${renderSummary(stored, 0)}, for a million events ${aMonth.toFixed(2)} dollars a month`,
      `dollars for a million events: ${renderSummary(total, 2)}`,
      `cost per million events ${total.median.toFixed(2)}`,
    ];
    return { text: text.join('\n'), rounds: results };
  },
};

async function measureCost({ subject, server, shoppers, connections, folder, showPhase }: Turn): Promise<Figures> {
  const lanes = shoppers.map((shopper) => shopper.events.map((event) => subject.makeEventRequest(shopper, event)));
  const bytesBefore = databaseBytes(folder, 'open');
  await takeCounts(server);
  const cpuBeforeUs = server.cpuUs();
  const { latenciesMs } = await driveLoad(lanes, {
    port: server.port,
    connections,
    isAccepted: subject.isAccepted,
    onProgress: (done) => showPhase('events', done),
  });
  showPhase('resting', 0);
  await pause(subject.afterworkMs);
  const counts = await takeCounts(server);
  const cpuMs = (server.cpuUs() - cpuBeforeUs) / 1_000;
  const faults = await subject.check(server, shoppers, 0);
  if (faults.length > 0) throw new Error(`the final state is wrong: ${faults.slice(0, 5).join('; ')}`);
  await server.stop();

  const events = latenciesMs.length;
  const { objectActiveMs, alarmsSet, ...counted } = counts;
  const totals: Record<Unit, number> = {
    ...counted,
    workerCpuMs: cpuMs,
    objectGbSeconds: (objectActiveMs / 1_000) * OBJECT_GB,
  };
  const units = Object.entries(totals).map(([unit, total]) => [unit, total / events]);
  const perEvent: Record<Unit, number> = Object.fromEntries(units);
  return {
    perEvent,
    alarmsPerEvent: alarmsSet / events,
    storedBytesPerEvent: (databaseBytes(folder, 'closed') - bytesBefore) / events,
    dollars: priceEvents(perEvent).dollars,
  };
}

/** Since the last time they were taken. */
async function takeCounts(server: Server): Promise<Counts> {
  const response = await fetch(`http://127.0.0.1:${server.port}/bench/counts`);
  const counts: Counts = JSON.parse(await response.text());
  return counts;
}
