// The subjects "event" and "decide": our worker as wrangler.toml describes it, for plain events and with a decision in
// the answer. Two places know how the worker is set up and asked: `prepareWaymark` (journeys and keys before a run) and
// `untilSettled` (when are the outboxes empty). The rate limit of write keys is left out: it would measure itself;
// so is the mail binding, whose local stand-in needs Miniflare's folders: the mix sends no mail.

import { randomUUID } from 'node:crypto';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { hashKey } from '../../workers/catalog/keys.ts';
import { bundleWorker } from '../../workers/cli/bundle.ts';
import { readSources } from '../../workers/cli/files.ts';
import { readWorkerOptions } from '../../workers/cli/options.ts';
import { type Document, makeAssortment, PLACEMENTS } from './assortment.ts';
import { type Answer, makeRequest } from './client.ts';
import { moveDisks, type RuntimeConfig, writeConfig } from './config.ts';
import { expectStage } from './lifecycle.ts';
import type { Shopper } from './mix.ts';
import { prepareState, type Seeding } from './prepare.ts';
import type { Server, Subject } from './subject.ts';
import { serve } from './workerd.ts';

interface Keys {
  writeKey: string;
  adminKey: string;
}

const ROOT = join(import.meta.dirname, '../..');
/** Longer than the 30 s after which an object checks that the index has what it was told. */
const AFTERWORK_MS = 32_000;
const TIMELINE_PAGES_MAX = 100;

/**
 * Seeds the state every round starts from: a write key and an admin key by their hashes, then all of journeys/.
 * `state.fetch` asks the worker over HTTP, `state.database` is its D1 with all migrations applied.
 */
async function prepareWaymark(state: Seeding): Promise<Keys> {
  const keys = { writeKey: `wk_${randomUUID()}`, adminKey: `sk_${randomUUID()}` };
  const insert = state.database.prepare(
    "INSERT INTO keys (hash, name, role, token_mode, created_at) VALUES (?, 'bench', ?, 'off', 0)",
  );
  await state.database.batch([
    insert.bind(hashKey(keys.writeKey), 'write'),
    insert.bind(hashKey(keys.adminKey), 'admin'),
  ]);
  const { sources } = readSources(join(ROOT, 'journeys'));
  const of = (kind: string) => sources.filter((source) => source.kind === kind).map((source) => source.document);
  const published = await state.fetch('/admin/catalog', {
    method: 'POST',
    headers: { authorization: `Bearer ${keys.adminKey}` },
    body: JSON.stringify({
      events: of('events')[0],
      policies: of('policies')[0],
      journeys: of('journey'),
      content: of('content'),
      offers: of('offer'),
      experiments: of('experiment'),
    }),
  });
  if (published.status !== 200) throw new Error(`publishing answered ${published.status}: ${published.body}`);
  return keys;
}

const ROWS_A_BATCH = 500;

/** Puts a large catalog beside what is published, and publishes one more document, so that isolates load it. */
async function stock(state: Seeding, documents: readonly Document[], { adminKey }: Keys): Promise<void> {
  const insert = state.database.prepare(
    'INSERT INTO documents (kind, id, version, from_version, body, published_at) VALUES (?, ?, 1, 1, ?, 0)',
  );
  for (let at = 0; at < documents.length; at += ROWS_A_BATCH)
    await state.database.batch(
      documents.slice(at, at + ROWS_A_BATCH).map(({ kind, id, body }) => insert.bind(kind, id, JSON.stringify(body))),
    );
  const answer = await state.fetch('/admin/content/last', {
    method: 'PUT',
    headers: { authorization: `Bearer ${adminKey}` },
    body: JSON.stringify({ kind: 'tip', placements: ['elsewhere'], stages: [], locales: { en: { title: 'Last' } } }),
  });
  if (answer.status !== 200) throw new Error(`publishing answered ${answer.status}: ${answer.body}`);
}

/** `counted` is the same as `event`, with everything counted that is paid for (counting.ts). */
export type Variant = 'event' | 'decide' | 'counted' | 'shelf' | 'shelf-10';

export function makeWaymark(variant: Variant): Subject {
  let keys: Keys = { writeKey: '', adminKey: '' };
  let base: { config: RuntimeConfig; userService: string; stateFolder: string } | undefined;
  const times = variant === 'shelf' ? 1 : variant === 'shelf-10' ? 10 : 0;
  const decide = variant === 'decide' ? { decide: { placements: ['hero'] } } : {};
  const makeHeaders = () => ({
    'content-type': 'application/json',
    authorization: `Basic ${Buffer.from(`${keys.writeKey}:`).toString('base64')}`,
  });

  const decisionRequest = ({ userId }: Shopper, record: string): Buffer =>
    makeRequest('POST', '/v1/decide', makeHeaders(), JSON.stringify({ userId, placements: PLACEMENTS, record }));

  return {
    name: variant,
    quietMs: 1_000,
    afterworkMs: AFTERWORK_MS,
    prepare: async (folder) => {
      const {
        modulesRules: _rules,
        ratelimits: _limits,
        email: _mail,
        assets: _docs,
        ...worker
      } = await readWorkerOptions();
      const stateFolder = join(folder, `${variant}-state`);
      const prepared = await prepareState({
        name: 'waymark',
        script: await bundleWorker(join(ROOT, variant === 'counted' ? 'tests/bench/counting.ts' : 'workers/index.ts')),
        worker,
        databaseBinding: 'DB',
        migrationsFolder: join(ROOT, 'schema/migrations'),
        stateFolder,
        seed: async (state) => {
          keys = await prepareWaymark(state);
          if (times > 0) await stock(state, makeAssortment(times), keys);
        },
      });
      base = { ...prepared, stateFolder };
    },
    start: async (folder) => {
      if (base === undefined) throw new Error('the subject was not prepared');
      await cp(base.stateFolder, folder, { recursive: true });
      return serve(writeConfig(moveDisks(base.config, base.stateFolder, folder), base.userService, folder));
    },
    greet: async (server) => {
      const response = await fetch(`http://127.0.0.1:${server.port}/healthz`);
      if (!response.ok) throw new Error(`/healthz answered ${response.status}: ${await response.text()}`);
    },
    makeEventRequest: (_shopper, event) =>
      makeRequest('POST', '/v1/events', makeHeaders(), JSON.stringify({ events: [event], ...decide })),
    isAccepted: (answer) => isAccepted(answer, variant),
    makeReadRequest: ({ userId }) =>
      makeRequest('POST', '/v1/decide', makeHeaders(), JSON.stringify({ userId, placements: [] })),
    isRead: ({ status, body }) => status === 200 && body.includes('"stages":{') && body.includes('"degraded":false'),
    ...(times === 0
      ? {}
      : {
          decisions: {
            recorded: (shopper) => decisionRequest(shopper, 'impression'),
            asked: (shopper) => decisionRequest(shopper, 'nothing'),
            isDecided: ({ status, body }) =>
              status === 200 &&
              body.includes('"degraded":false') &&
              PLACEMENTS.every((name) => body.includes(`"${name}":[{`)),
          },
        }),
    countInStage: (server, stage) => countInStage(server, stage, keys),
    // The mix has no effect that goes out; `check` proves that every outbox is empty.
    settled: async () => undefined,
    check: (server, shoppers) => check(server, shoppers, keys),
  };
}

/** By substring: parsing 5,000 answers would cost the client more than sending them. */
function isAccepted({ status, body }: Answer, variant: Variant): boolean {
  if (status !== 200 || !body.includes('"degraded":false')) return false;
  if (!body.includes('"status":"accepted"') && !body.includes('"status":"duplicate"')) return false;
  return variant !== 'decide' || body.includes('"hero":[{');
}

/** From the index that operators ask, which is told after the commit. */
async function countInStage(server: Server, stage: string, keys: Keys): Promise<number> {
  const headers = { authorization: `Bearer ${keys.adminKey}` };
  const response = await fetch(`http://127.0.0.1:${server.port}/admin/funnel`, { headers });
  if (!response.ok) throw new Error(`/admin/funnel answered ${response.status}: ${await response.text()}`);
  const { journeys }: { journeys: { lifecycle?: Record<string, number> } } = JSON.parse(await response.text());
  return journeys.lifecycle?.[stage] ?? 0;
}

/** Every customer stands where the lifecycle's table puts them, and has one entry for each event sent, no more. */
async function check(server: Server, shoppers: Shopper[], keys: Keys): Promise<string[]> {
  const read = async <T>(path: string): Promise<T> => {
    const headers = { authorization: `Bearer ${keys.adminKey}` };
    const response = await fetch(`http://127.0.0.1:${server.port}/admin/customers/${path}`, { headers });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    const body: T = JSON.parse(await response.text());
    return body;
  };
  const faults: string[] = [];
  for (const { userId, events } of shoppers) {
    const id = encodeURIComponent(`u:${userId}`);
    const { stages, effectsPending } = await read<{ stages: { lifecycle?: string }; effectsPending: number }>(id);
    if (effectsPending !== 0) faults.push(`${userId} has ${effectsPending} effects that were not delivered`);
    const expected = expectStage(events);
    if (stages.lifecycle !== expected) faults.push(`${userId} is in ${stages.lifecycle}, expected in ${expected}`);
    const recorded: string[] = [];
    let cursor: string | undefined = '';
    for (let page = 0; cursor !== undefined && page < TIMELINE_PAGES_MAX; page++) {
      const query = cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`;
      const timeline: Timeline = await read<Timeline>(`${id}/timeline${query}`);
      for (const entry of timeline.entries) if (entry.kind === 'event') recorded.push(entry.messageId ?? '');
      cursor = timeline.next ?? undefined;
    }
    const sent = events.map(({ messageId }) => messageId).sort();
    if (recorded.sort().join() !== sent.join()) {
      faults.push(`${userId} sent ${sent.length} events, its timeline holds ${recorded.length}, and not just the same`);
    }
  }
  return faults;
}

interface Timeline {
  entries: { kind: string; messageId?: string }[];
  next?: string | null;
}
