// What a measured worker is to the benchmark, and the subject "floor". A subject knows how to be built, asked, and
// checked; it knows nothing of rounds, clocks or figures (bench.ts, report.ts).

import { join } from 'node:path';
import { bundleWorker } from '../../workers/cli/bundle.ts';
import { type Answer, makeRequest } from './client.ts';
import { type RuntimeConfig, writeConfig } from './config.ts';
import type { ShopEvent, Shopper } from './mix.ts';
import type { Server } from './workerd.ts';

export interface Subject {
  name: string;
  /** The CPU counts as idle after this long without use: longer than the subject's slowest deferred work. */
  quietMs: number;
  /** How long after the last answer the subject still has work that was put off, which belongs to its CPU. */
  afterworkMs: number;
  /** Once in a run: builds the worker and whatever state every round starts from, in `folder`. */
  prepare: (folder: string) => Promise<void>;
  /** Once a round: writes the configuration and the state into the empty `folder`, returns the configuration's path. */
  setUp: (folder: string) => Promise<string>;
  /** After the start, before the clock runs. */
  greet: (server: Server) => Promise<void>;
  makeEventRequest: (shopper: Shopper, event: ShopEvent) => Buffer;
  isAccepted: (answer: Answer) => boolean;
  /** Resolves when everything the events caused has left the outboxes; the clock stops then. */
  settled: (server: Server) => Promise<void>;
  /** Returns one sentence for every fault of the final state. `repeats` is how many requests were sent again. */
  check: (server: Server, shoppers: Shopper[], repeats: number) => Promise<string[]>;
}

const FLOOR_SERVICE = 'floor';

export function makeFloor(): Subject {
  let script = '';
  const fetchCount = async (server: Server, name: string): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${server.port}/${name}`);
    const { events }: { events: number } = JSON.parse(await response.text());
    return events;
  };
  return {
    name: 'floor',
    quietMs: 1_000,
    afterworkMs: 0,
    prepare: async () => {
      script = await bundleWorker(join(import.meta.dirname, 'floor.ts'));
    },
    setUp: async (folder) => writeConfig(makeFloorConfig(script, folder), FLOOR_SERVICE, folder),
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

function makeFloorConfig(script: string, folder: string): RuntimeConfig {
  const worker = {
    modules: [{ name: 'floor.js', esModule: script }],
    compatibilityDate: '2026-10-20',
    bindings: [{ name: 'CUSTOMER', durableObjectNamespace: { className: 'Customer' } }],
    durableObjectNamespaces: [{ className: 'Customer', uniqueKey: 'floor-Customer', enableSql: true }],
    durableObjectStorage: { localDisk: 'storage' },
  };
  const storage = { path: folder, writable: true };
  return {
    services: [
      { name: FLOOR_SERVICE, worker },
      { name: 'storage', disk: storage },
    ],
    extensions: [],
  };
}
