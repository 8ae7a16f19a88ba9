// `npm run bench -- decisions`: three placements decided for customers who are in memory, with 500 offers and 2,000 pieces of
// content that may be shown, and with ten times the catalog. Impressions recorded with the answer are held against the
// floor's events, decisions that leave no trace against its reads.

import { driveLoad, type Phase } from './client.ts';
import type { Measure } from './measure.ts';
import { type Column, quantile, renderSummary, renderTable, summarizeRatio } from './table.ts';
import { type Turn, takeTurns } from './turns.ts';

interface Figures {
  recordedPerSecond: number;
  recordedP50Ms: number;
  recordedP99Ms: number;
  askedPerSecond: number;
  askedP50Ms: number;
  askedP99Ms: number;
  cpuUsPerAsked: number;
}

/** Of every customer, in each of the two phases. */
const TIMES = 20;
const [FLOOR, OURS, TENFOLD] = ['floor', 'shelf', 'shelf-10'];

const columns: Column<Figures>[] = [
  { title: 'recorded/s', value: ({ recordedPerSecond }) => recordedPerSecond, digits: 0 },
  { title: 'p50 ms', value: ({ recordedP50Ms }) => recordedP50Ms, digits: 1 },
  { title: 'p99 ms', value: ({ recordedP99Ms }) => recordedP99Ms, digits: 1 },
  { title: 'asked/s', value: ({ askedPerSecond }) => askedPerSecond, digits: 0 },
  { title: 'p50 ms', value: ({ askedP50Ms }) => askedP50Ms, digits: 1 },
  { title: 'p99 ms', value: ({ askedP99Ms }) => askedP99Ms, digits: 1 },
  { title: 'CPU us/asked', value: ({ cpuUsPerAsked }) => cpuUsPerAsked, digits: 0 },
];

const spread = (p99: number, p50: number): number => p99 / p50;

export const decisions: Measure = {
  name: 'decisions',
  subjects: [FLOOR, OURS, TENFOLD],
  sizes: { customers: 300 },
  run: async (subjects, settings) => {
    const results = await takeTurns(
      subjects,
      settings,
      measureDecisions,
      ({ recordedPerSecond, askedPerSecond }) =>
        `${recordedPerSecond.toFixed(0)} recorded/s, ${askedPerSecond.toFixed(0)} asked/s`,
    );
    const lines = [renderTable(results, columns), ''];
    const of = (name: string) => results[name] ?? [];
    const say = (words: string, one: string, base: string, value: (figures: Figures) => number) => {
      if (of(one).length > 0 && of(base).length > 0)
        lines.push(`${words}: ${renderSummary(summarizeRatio(of(one), of(base), value), 2)}`);
    };
    say('recorded against the floor’s events', OURS, FLOOR, ({ recordedPerSecond }) => recordedPerSecond);
    say('asked against the floor’s reads', OURS, FLOOR, ({ askedPerSecond }) => askedPerSecond);
    say('recorded, p99 to p50 against the floor’s', OURS, FLOOR, (f) => spread(f.recordedP99Ms, f.recordedP50Ms));
    say('asked, p99 to p50 against the floor’s', OURS, FLOOR, (f) => spread(f.askedP99Ms, f.askedP50Ms));
    say('ten times the catalog, time of one asked', OURS, TENFOLD, ({ askedPerSecond }) => askedPerSecond);
    say('ten times the catalog, time of one recorded', OURS, TENFOLD, ({ recordedPerSecond }) => recordedPerSecond);
    return { text: lines.join('\n'), rounds: results };
  },
};

async function measureDecisions({ subject, server, shoppers, connections, showPhase }: Turn): Promise<Figures> {
  const drive = (phase: string, lanes: Buffer[][], isAccepted: typeof subject.isAccepted): Promise<Phase> =>
    driveLoad(lanes, { port: server.port, connections, isAccepted, onProgress: (done) => showPhase(phase, done) });
  const first = shoppers.map((shopper) =>
    shopper.events.slice(0, 1).map((event) => subject.makeEventRequest(shopper, event)),
  );
  await drive('events', first, subject.isAccepted);
  const decided = subject.decisions;
  const recording = shoppers.map((shopper) => {
    const [event] = shopper.events;
    if (!event) throw new Error('a customer without events');
    return decided ? decided.recorded(shopper) : subject.makeEventRequest(shopper, event);
  });
  const asking = shoppers.map((shopper) => (decided ? decided.asked(shopper) : subject.makeReadRequest(shopper)));
  const many = (requests: Buffer[]) => requests.map((request) => Array.from({ length: TIMES }, () => request));
  await drive('warming', [...recording.map((request) => [request]), ...asking.map((request) => [request])], accepted);
  const recorded = await drive('recorded', many(recording), decided?.isDecided ?? subject.isAccepted);
  const cpuBeforeUs = server.cpuUs();
  const asked = await drive('asked', many(asking), decided?.isDecided ?? subject.isRead);
  const perSecond = ({ latenciesMs, durationMs }: Phase): number => (latenciesMs.length * 1_000) / durationMs;
  return {
    recordedPerSecond: perSecond(recorded),
    recordedP50Ms: quantile(recorded.latenciesMs, 0.5),
    recordedP99Ms: quantile(recorded.latenciesMs, 0.99),
    askedPerSecond: perSecond(asked),
    askedP50Ms: quantile(asked.latenciesMs, 0.5),
    askedP99Ms: quantile(asked.latenciesMs, 0.99),
    cpuUsPerAsked: (server.cpuUs() - cpuBeforeUs) / asked.latenciesMs.length,
  };
}

const accepted = ({ status }: { status: number }): boolean => status === 200;
