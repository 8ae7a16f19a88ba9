// What a measured worker is to the benchmark, and the subject "floor". A subject knows how to be built, asked, and
// checked; it knows nothing of rounds, clocks or figures (bench.ts, report.ts).

import { join } from 'node:path';
import { bundleWorker } from '../../workers/cli/bundle.ts';
import { type Answer, makeRequest } from './client.ts';
import { type RuntimeConfig, writeConfig } from './config.ts';
import type { SentEvent, Shopper } from './mix.ts';
import { serve } from './workerd.ts';

export interface Server {
  /** The processes that the subject consists of; the first one is the server that keeps the state. */
  pids: number[];
  port: number;
  /** Of all processes: CPU time since the start, user and system, in microseconds; the kernel counts in steps of 10 ms. */
  cpuUs: () => number;
  /** Of all processes: resident memory now, and its peak since the start, in bytes. */
  memoryBytes: () => { now: number; peak: number };
  /** What the processes wrote to their error output, the last lines of it. */
  complaints: () => string;
  stop: () => Promise<void>;
}

export interface Subject {
  name: string;
  /** The CPU counts as idle after this long without use: longer than the subject's slowest deferred work. */
  quietMs: number;
  /** How long after the last answer the subject still has work that was put off, which belongs to its CPU. */
  afterworkMs: number;
  /** Once in a run: builds the worker and whatever state every round starts from, in `folder`. */
  prepare: (folder: string) => Promise<void>;
  /** Once a round: starts the subject on fresh state below the empty `folder`. */
  start: (folder: string) => Promise<Server>;
  /** After the start, before the clock runs. */
  greet: (server: Server) => Promise<void>;
  makeEventRequest: (shopper: Shopper, event: SentEvent) => Buffer;
  isAccepted: (answer: Answer) => boolean;
  /** Asks where a customer stands, and changes nothing. */
  makeReadRequest: (shopper: Shopper) => Buffer;
  isRead: (answer: Answer) => boolean;
  /** Three placements decided; absent where there are no decisions. */
  decisions?: {
    /** With impressions recorded. */
    recorded: (shopper: Shopper) => Buffer;
    /** With nothing recorded. */
    asked: (shopper: Shopper) => Buffer;
    isDecided: (answer: Answer) => boolean;
  };
  /** How many customers the overview for operators shows in a stage; absent where there is no overview. */
  countInStage?: (server: Server, stage: string) => Promise<number>;
  /** Resolves when everything the events caused has left the outboxes; the clock stops then. */
  settled: (server: Server) => Promise<void>;
  /** Returns one sentence for every fault of the final state. `repeats` is how many requests were sent again. */
  check: (server: Server, shoppers: Shopper[], repeats: number) => Promise<string[]>;
}

export function makeFloor(): Subject {
  return makeCounting('floor', 'floor.ts');
}

/** A worker on raw workerd that counts events: POST /{customer} records one, GET /{customer} answers their number. */
export function makeCounting(name: string, entry: string): Subject {
  let script = '';
  const fetchCount = async (server: Server, customer: string): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${server.port}/${customer}`);
    const { events }: { events: number } = JSON.parse(await response.text());
    return events;
  };
  return {
    name,
    quietMs: 1_000,
    afterworkMs: 0,
    prepare: async () => {
      script = await bundleWorker(join(import.meta.dirname, entry));
    },
    start: (folder) => serve(writeConfig(makeConfig(name, script, folder), name, folder)),
    greet: async (server) => {
      await fetchCount(server, 'greeting');
    },
    makeEventRequest: (shopper, event) =>
      makeRequest(
        'POST',
        `/${shopper.userId}`,
        { 'content-type': 'application/json' },
        JSON.stringify({ events: [event] }),
      ),
    isAccepted: ({ status, body }) => status === 200 && body.startsWith('{"events":'),
    makeReadRequest: (shopper) => makeRequest('GET', `/${shopper.userId}`, {}),
    isRead: ({ status, body }) => status === 200 && body.startsWith('{"events":'),
    settled: async () => {},
    check: async (server, shoppers, repeats) => {
      const faults: string[] = [];
      let surplus = 0;
      for (const { userId, events } of shoppers) {
        const count = await fetchCount(server, userId);
        if (count < events.length) faults.push(`${userId} has ${count} of ${events.length} events`);
        surplus += count - events.length;
      }
      if (surplus > repeats) faults.push(`${surplus} events too many, though only ${repeats} requests were repeated`);
      return faults;
    },
  };
}

function makeConfig(name: string, script: string, folder: string): RuntimeConfig {
  const worker = {
    modules: [{ name: `${name}.js`, esModule: script }],
    compatibilityDate: '2026-10-20',
    bindings: [{ name: 'CUSTOMER', durableObjectNamespace: { className: 'Customer' } }],
    durableObjectNamespaces: [{ className: 'Customer', uniqueKey: `${name}-Customer`, enableSql: true }],
    durableObjectStorage: { localDisk: 'storage' },
  };
  const storage = { path: folder, writable: true };
  return {
    services: [
      { name, worker },
      { name: 'storage', disk: storage },
    ],
    extensions: [],
  };
}
