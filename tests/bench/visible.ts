// `npm run bench -- visible`: how long after its answer an event is seen: in the overview that operators ask (ours is
// told by a queue, Restate's is a query on its store), and by the next read of the same customer. One customer after the
// other, each with one event, a page view, which leads into awareness.

import { setTimeout as pause } from 'node:timers/promises';
import { openConnection } from './client.ts';
import type { Measure } from './measure.ts';
import type { Shopper } from './mix.ts';
import type { Server, Subject } from './subject.ts';
import { type Column, quantile, renderTable, summarize } from './table.ts';
import { type Turn, takeTurns } from './turns.ts';

interface Figures {
  overviewP50Ms: number;
  overviewMaxMs: number;
  readP50Ms: number;
  /** The share of reads that began after the answer and saw the event. */
  readsThatSaw: number;
}

const STAGE = 'awareness';
const VISIBLE_MAX_MS = 15_000;
const POLL_MS = 5;

const columns: Column<Figures>[] = [
  { title: 'overview p50 ms', value: ({ overviewP50Ms }) => overviewP50Ms, digits: 0 },
  { title: 'overview max ms', value: ({ overviewMaxMs }) => overviewMaxMs, digits: 0 },
  { title: 'next read p50 ms', value: ({ readP50Ms }) => readP50Ms, digits: 1 },
  { title: 'reads that saw it', value: ({ readsThatSaw }) => readsThatSaw, digits: 2 },
];

export const visible: Measure = {
  name: 'visible',
  subjects: ['event'],
  sizes: { customers: 30, eventsPerCustomer: 1, connections: 1 },
  run: async (subjects, settings) => {
    const results = await takeTurns(
      subjects,
      settings,
      measureVisible,
      ({ overviewP50Ms, readP50Ms }) =>
        `overview after ${overviewP50Ms.toFixed(0)} ms, next read ${readP50Ms.toFixed(1)} ms`,
    );
    const lines = Object.entries(results).map(([name, rounds]) => {
      return `${name} visible after ms ${summarize(rounds.map(({ overviewP50Ms }) => overviewP50Ms)).median.toFixed(0)}`;
    });
    return { text: [renderTable(results, columns), '', ...lines].join('\n'), rounds: results };
  },
};

async function measureVisible({ subject, server, shoppers, showPhase }: Turn): Promise<Figures> {
  const overviewMs: number[] = [];
  const readMs: number[] = [];
  let saw = 0;
  for (const [index, shopper] of shoppers.entries()) {
    const seen = await measureOne(subject, server, shopper, index);
    overviewMs.push(seen.overviewMs);
    readMs.push(seen.readMs);
    if (seen.saw) saw += 1;
    showPhase('looking', index + 1);
  }
  return {
    overviewP50Ms: quantile(overviewMs, 0.5),
    overviewMaxMs: Math.max(...overviewMs),
    readP50Ms: quantile(readMs, 0.5),
    readsThatSaw: saw / shoppers.length,
  };
}

async function measureOne(
  subject: Subject,
  server: Server,
  shopper: Shopper,
  before: number,
): Promise<{ overviewMs: number; readMs: number; saw: boolean }> {
  const [event] = shopper.events;
  const { countInStage } = subject;
  if (event === undefined || countInStage === undefined) throw new Error(`${subject.name} has no overview to look at`);
  const { event: _event, ...rest } = event;
  const connection = openConnection(server.port);
  try {
    const answer = await connection.send(
      subject.makeEventRequest(shopper, { ...rest, type: 'page', name: 'Home', properties: { path: '/' } }),
    );
    if (!subject.isAccepted(answer)) throw new Error(`answered ${answer.status}: ${answer.body}`);
    const answeredAt = performance.now();
    const read = connection.send(subject.makeReadRequest(shopper)).then(({ body }) => ({
      readMs: performance.now() - answeredAt,
      saw: body.includes(`"lifecycle":"${STAGE}"`),
    }));
    while ((await countInStage(server, STAGE)) <= before) {
      if (performance.now() - answeredAt > VISIBLE_MAX_MS) throw new Error(`not visible after ${VISIBLE_MAX_MS} ms`);
      await pause(POLL_MS);
    }
    const overviewMs = performance.now() - answeredAt;
    return { overviewMs, ...(await read) };
  } finally {
    connection.close();
  }
}
