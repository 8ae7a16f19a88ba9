// Versions of journeys and the isolate's copy of the catalog: a run keeps its version (V1), D1 may be away, a change of
// the catalog is seen in time.

import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CATALOG_FRESH_MS, CATALOG_STALE_MS } from '../../schema/limits.ts';
import { catalogFor, freshCatalog, refresh } from '../../workers/catalog/cache.ts';
import {
  catalogVersion,
  DAY,
  d1,
  describeOf,
  eventOf,
  evict,
  fireAlarm,
  freshName,
  holdQueue,
  ingest,
  objectOf,
  passTime,
  prepare,
  publishDrafts,
  publishJourneys,
  send,
} from './object.ts';

let journeys = 0;
interface Versions {
  readonly id: string;
  readonly start: string;
  readonly go: string;
  readonly publish: (to: string) => Promise<void>;
}
/** A journey of its own for each test, in versions that differ in where they lead. */
function journey(): Versions {
  const id = `journey-${++journeys}`;
  const [start, go] = [`Start ${id}`, `Go ${id}`];
  const publish = (to: string) =>
    publishJourneys([
      {
        id,
        entry: [{ event: start }],
        initial: 'first',
        stages: { first: { on: [{ event: go, to }], after: [{ delay: 'P1D', to }] }, [to]: {} },
      },
    ]);
  return { id, start, go, publish };
}

beforeAll(() => prepare([]));

beforeEach(() => refresh(env.DB));
afterEach(() => {
  vi.restoreAllMocks();
  holdQueue();
});

function breakD1(): void {
  const gone = (): never => {
    throw new Error('D1 is not there');
  };
  vi.spyOn(env.DB, 'prepare').mockImplementation(gone);
  vi.spyOn(env.DB, 'batch').mockImplementation(gone);
}

describe('V1 a run goes on with the version it began with', () => {
  it('V1 by an event, after a new version was published', async () => {
    const { id, start, go, publish } = journey();
    await publish('old');
    const [before, after] = [freshName(), freshName()];
    await send(before, start);
    await publish('new');
    await send(after, start);
    expect((await send(before, go)).stages).toEqual({ [id]: 'old' });
    expect((await send(after, go)).stages).toEqual({ [id]: 'new' });
    expect((await describeOf(before)).runs).toMatchObject([{ version: 1 }]);
    expect((await describeOf(after)).runs).toMatchObject([{ version: 2 }]);
  });

  it('V1 by a timer, after eviction and three more versions', async () => {
    const { id, start, publish } = journey();
    await publish('old');
    const customer = freshName();
    await send(customer, start);
    await evict(customer);
    for (const to of ['two', 'three', 'four']) await publish(to);
    passTime(DAY);
    await fireAlarm(customer);
    expect((await describeOf(customer)).stages).toEqual({ [id]: 'old' });
  });

  it('V1 the old version is read from D1, once for all its customers', async () => {
    const { id, start, go, publish } = journey();
    await publish('old');
    const customers = [freshName(), freshName(), freshName()];
    for (const customer of customers) await send(customer, start);
    await publish('new');
    const asked = vi.spyOn(env.DB, 'prepare');
    for (const customer of customers) {
      await evict(customer);
      expect((await send(customer, go)).stages).toEqual({ [id]: 'old' });
    }
    const reads = asked.mock.calls.filter(([query]) => /from "documents" where .*"version" = \?/.test(query));
    expect(reads).toHaveLength(1);
  });

  it('V1 the old version cannot be read: the call says so, nothing is lost, and the next one goes on', async () => {
    const { id, start, go, publish } = journey();
    await publish('old');
    const customer = freshName();
    await send(customer, start);
    await publish('new');
    await evict(customer);
    breakD1();
    const request = { customerId: customer, catalogVersion: catalogVersion(), proven: true, decide: null };
    const event = eventOf(go);
    const reply = await answerOf(objectOf(customer).ingest({ ...request, events: [event] }));
    expect(reply).not.toMatchObject({ kind: 'done' });
    vi.restoreAllMocks();
    holdQueue();
    expect(await ingest(customer, [event])).toMatchObject({ statuses: ['accepted'], stages: { [id]: 'old' } });
  });

  it('V1 a journey taken out of the catalog lets its runs go on and takes in nobody', async () => {
    const { id, start, go, publish } = journey();
    await publish('old');
    const [before, after] = [freshName(), freshName()];
    await send(before, start);
    await publishDrafts([{ kind: 'journey', id, document: null }]);
    await send(after, start);
    expect((await describeOf(after)).stages).toEqual({});
    await evict(before);
    expect((await send(before, go)).stages).toEqual({ [id]: 'old' });
  });

  it('publishing the same again makes no version', async () => {
    const { id, publish } = journey();
    await publish('old');
    const version = catalogVersion();
    await publish('old');
    expect(catalogVersion()).toBe(version);
    expect(await d1('SELECT version FROM documents WHERE id = ?', id)).toEqual([{ version: 1 }]);
  });
});

describe('the isolate’s copy of the catalog', () => {
  /** What a request does, and what it leaves to be done behind it. */
  async function request(): Promise<{ version: number | null; behind: Promise<unknown>[] }> {
    const behind: Promise<unknown>[] = [];
    const catalog = await catalogFor(env.DB, (work) => behind.push(work));
    return { version: catalog?.version ?? null, behind };
  }

  /** Another isolate publishes: D1 has moved on, this copy has not heard. */
  async function publishElsewhere(): Promise<number> {
    await env.DB.prepare('UPDATE catalog_head SET version = version + 1').run();
    const [row] = await d1('SELECT version FROM catalog_head');
    return Number(row?.['version']);
  }

  beforeAll(() => journey().publish('somewhere'));

  it('while it is fresh, D1 is not asked', async () => {
    const asked = vi.spyOn(env.DB, 'prepare');
    passTime(CATALOG_FRESH_MS - 1);
    const { version, behind } = await request();
    expect([version, behind, asked.mock.calls]).toEqual([catalogVersion(), [], []]);
  });

  it('past that a request is served from it and D1 is asked behind it', async () => {
    const before = catalogVersion();
    const moved = await publishElsewhere();
    passTime(CATALOG_FRESH_MS);
    const first = await request();
    expect(first.version).toBe(before);
    await Promise.all(first.behind);
    expect((await request()).version).toBe(moved);
  });

  it('once it is stale a request waits for D1, so a change is seen in time', async () => {
    const moved = await publishElsewhere();
    passTime(CATALOG_STALE_MS);
    expect((await request()).version).toBe(moved);
  });

  it('a version that did not move costs one small row', async () => {
    const asked = vi.spyOn(env.DB, 'prepare');
    passTime(CATALOG_STALE_MS);
    const { behind } = await request();
    await Promise.all(behind);
    expect(asked.mock.calls).toEqual([[expect.stringContaining('SELECT version FROM catalog_head WHERE id = 1')]]);
  });

  it('while D1 fails it goes on serving, however old it gets, and sees the change when D1 is back', async () => {
    const before = catalogVersion();
    const moved = await publishElsewhere();
    breakD1();
    for (const age of [CATALOG_FRESH_MS, CATALOG_STALE_MS, DAY, 30 * DAY]) {
      passTime(age);
      const { version, behind } = await request();
      expect(version).toBe(before);
      await Promise.all(behind);
    }
    vi.restoreAllMocks();
    passTime(CATALOG_STALE_MS);
    expect((await request()).version).toBe(moved);
  });

  it('while D1 fails customers go on: events, decisions, timers', async () => {
    const { id, start, publish } = journey();
    await publish('late');
    const customer = freshName();
    breakD1();
    expect((await send(customer, start)).stages).toEqual({ [id]: 'first' });
    passTime(DAY);
    await fireAlarm(customer);
    expect((await describeOf(customer)).stages).toEqual({ [id]: 'late' });
  });

  it('an object is served a copy at least as new as its Worker saw', async () => {
    const { id, start, publish } = journey();
    await publish('old');
    const moved = await publishElsewhere();
    const customer = freshName();
    const request = { customerId: customer, catalogVersion: moved, proven: true, decide: null };
    expect(await objectOf(customer).ingest({ ...request, events: [eventOf(start)] })).toMatchObject({
      stages: { [id]: 'first' },
    });
    expect(freshCatalog()?.version).toBe(moved);
  });

  it('two requests at once do not share what D1 answers one of them', async () => {
    passTime(CATALOG_STALE_MS);
    const [one, two] = await Promise.all([request(), request()]);
    expect([one.version, two.version]).toEqual([catalogVersion(), catalogVersion()]);
  });
});

/** A reply, or the error that came in its place. */
async function answerOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return error;
  }
}
