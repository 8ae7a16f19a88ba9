// The subjects "restate", as it is shipped, and "restate-1", with one partition: the same events over its HTTP ingress.

import { makeRequest } from '../client.ts';
import { expectStage } from '../lifecycle.ts';
import type { Shopper } from '../mix.ts';
import type { Server, Subject } from '../subject.ts';
import { findRestate } from './install.ts';
import { startRestate } from './server.ts';

const HEADERS = { 'content-type': 'application/json' };
/** Counting in the store of all partitions, as operators of Restate do. */
const COUNT = "SELECT count(*) AS n FROM state WHERE service_name = 'Customer' AND value_utf8 LIKE ";

/** @param partitions null: as shipped */
export function makeRestate(name: string, partitions: number | null): Subject {
  let adminPort = 0;
  return {
    name,
    // Its nodes talk to each other all the time, so its CPU is never idle: it is read a second after the last answer.
    quietMs: 0,
    afterworkMs: 1_000,
    prepare: async () => {
      findRestate();
    },
    start: async (folder) => {
      const server = await startRestate(folder, partitions);
      adminPort = server.adminPort;
      return server;
    },
    greet: async (server) => {
      await readCustomer(server, 'greeting');
    },
    makeEventRequest: ({ userId }, event) =>
      makeRequest('POST', `/Customer/${userId}/event`, HEADERS, JSON.stringify(event)),
    isAccepted: ({ status, body }) => status === 200 && body.startsWith('{"status":'),
    makeReadRequest: ({ userId }) => makeRequest('POST', `/Customer/${userId}/stages`, {}),
    isRead: ({ status, body }) => status === 200 && body.startsWith('{"stages":'),
    countInStage: async (_server, stage) => {
      const response = await fetch(`http://127.0.0.1:${adminPort}/query`, {
        method: 'POST',
        headers: { ...HEADERS, accept: 'application/json' },
        body: JSON.stringify({ query: `${COUNT}'{"stage":"${stage}"%'` }),
      });
      if (!response.ok) throw new Error(`the query answered ${response.status}: ${await response.text()}`);
      const { rows }: { rows: { n: number }[] } = JSON.parse(await response.text());
      return rows[0]?.n ?? 0;
    },
    settled: async () => {},
    check,
  };
}

interface Stored {
  stages: { lifecycle: string | null };
  events: number;
}

async function readCustomer(server: Server, userId: string): Promise<Stored> {
  const response = await fetch(`http://127.0.0.1:${server.port}/Customer/${userId}/stages`, { method: 'POST' });
  if (!response.ok) throw new Error(`${userId} answered ${response.status}: ${await response.text()}`);
  const stored: Stored = JSON.parse(await response.text());
  return stored;
}

async function check(server: Server, shoppers: Shopper[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { userId, events } of shoppers) {
    const stored = await readCustomer(server, userId);
    const expected = expectStage(events) ?? null;
    if (stored.stages.lifecycle !== expected) {
      faults.push(`${userId} is in ${stored.stages.lifecycle}, expected in ${expected}`);
    }
    if (stored.events !== events.length) faults.push(`${userId} has ${stored.events} of ${events.length} events`);
  }
  return faults;
}
