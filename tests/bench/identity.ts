// `npm run bench -- identity`: what it costs that a customer is known. The same warm events go to customers who only have
// an anonymous id, to customers who have identified themselves, and to the anonymous ids that those have left behind, in
// one process and by turns, so that none of the three has the colder caches or the slower disk.

import { driveLoad, type Phase } from './client.ts';
import type { Measure } from './measure.ts';
import type { ShopEvent, Shopper } from './mix.ts';
import type { Subject } from './subject.ts';
import { type Column, renderSummary, renderTable, summarize } from './table.ts';
import { type Turn, takeTurns } from './turns.ts';

const KINDS = ['anonymous', 'identified', 'forwarded'] as const;
type Kind = (typeof KINDS)[number];
/** Of one kind of customer. */
interface Cost {
  readonly perSecond: number;
  readonly cpuUs: number;
}
type Figures = Record<Kind, Cost>;

const OURS = 'event';
/** Each kind comes first once, last once and in the middle once. */
const ORDERS: readonly (readonly Kind[])[] = [
  ['anonymous', 'identified', 'forwarded'],
  ['identified', 'forwarded', 'anonymous'],
  ['forwarded', 'anonymous', 'identified'],
];

const columns: Column<Figures>[] = KINDS.flatMap((kind) => [
  { title: `${kind}/s`, value: (figures: Figures) => figures[kind].perSecond, digits: 0 },
  { title: 'CPU us', value: (figures: Figures) => figures[kind].cpuUs, digits: 0 },
]);

export const identity: Measure = {
  name: 'identity',
  subjects: [OURS],
  sizes: { customers: 200, eventsPerCustomer: 16 },
  run: async (subjects, settings) => {
    const results = await takeTurns(
      subjects,
      settings,
      measureIdentity,
      ({ anonymous, identified }) =>
        `${anonymous.perSecond.toFixed(0)} anonymous/s, ${identified.perSecond.toFixed(0)} identified/s`,
    );
    const rounds = results[OURS] ?? [];
    const lines = [renderTable(results, columns), ''];
    for (const kind of ['identified', 'forwarded'] as const) {
      const dearer = (value: (cost: Cost) => number) =>
        renderSummary(summarize(rounds.map((round) => value(round[kind]) / value(round.anonymous))), 2);
      lines.push(
        `${kind} against anonymous: time of an event ${dearer(({ perSecond }) => 1 / perSecond)}, CPU ${dearer(({ cpuUs }) => cpuUs)}`,
      );
    }
    return { text: lines.join('\n'), rounds: results };
  },
};

async function measureIdentity({ subject, server, shoppers, connections, showPhase }: Turn): Promise<Figures> {
  const load = { port: server.port, connections, isAccepted: subject.isAccepted };
  const drive = (phase: string, lanes: Buffer[][]): Promise<Phase> =>
    driveLoad(lanes, { ...load, onProgress: (done) => showPhase(phase, done) });
  const of = (kind: Kind, from: number, to: number): Buffer[][] =>
    shoppers.map((shopper) => shopper.events.slice(from, to).map((event) => requestOf(subject, shopper, event, kind)));

  // Everybody has a first event; who is known has been anonymous before, so that an id is left behind.
  await drive('anonymous', of('anonymous', 0, 1));
  await drive('left behind', of('forwarded', 0, 1));
  await drive(
    'identify',
    shoppers.map((shopper) => [identifyRequest(subject, shopper)]),
  );

  const spent = new Map<Kind, { events: number; ms: number; cpuUs: number }>();
  const size = Math.floor((Math.min(...shoppers.map(({ events }) => events.length)) - 1) / ORDERS.length);
  for (const [slice, order] of ORDERS.entries())
    for (const kind of order) {
      const from = 1 + slice * size;
      const lanes = of(kind, from, from + size);
      const before = server.cpuUs();
      const { latenciesMs, durationMs } = await drive(kind, lanes);
      const sum = spent.get(kind) ?? { events: 0, ms: 0, cpuUs: 0 };
      spent.set(kind, {
        events: sum.events + latenciesMs.length,
        ms: sum.ms + durationMs,
        cpuUs: sum.cpuUs + server.cpuUs() - before,
      });
    }
  const costOf = (kind: Kind): Cost => {
    const { events = 0, ms = 0, cpuUs = 0 } = spent.get(kind) ?? {};
    return { perSecond: (events * 1_000) / ms, cpuUs: cpuUs / events };
  };
  return { anonymous: costOf('anonymous'), identified: costOf('identified'), forwarded: costOf('forwarded') };
}

/** The same event, from a customer of the given kind. Who is known sends both ids, as tracking clients do. */
function requestOf(subject: Subject, shopper: Shopper, event: ShopEvent, kind: Kind): Buffer {
  const { userId, ...rest } = event;
  const messageId = `${event.messageId}-${kind}`;
  const anonymousId = kind === 'anonymous' ? `visitor-${event.anonymousId}` : event.anonymousId;
  const named = kind === 'identified' ? { ...rest, userId } : rest;
  return subject.makeEventRequest(shopper, { ...named, messageId, anonymousId });
}

function identifyRequest(subject: Subject, shopper: Shopper): Buffer {
  const [event] = shopper.events;
  if (!event) throw new Error('a customer without events');
  const { event: _event, name: _name, properties: _properties, ...rest } = event;
  return subject.makeEventRequest(shopper, {
    ...rest,
    type: 'identify',
    messageId: `${event.messageId}-identify`,
    userId: shopper.userId,
  });
}
