// The deployed Worker (workers/index.ts) with switches that break what stands around it: D1 fails or never answers, an object
// throws or never answers. Routes, objects, queue consumer and D1 are the real ones; the switches are turned by a test, and
// the test is told what happened, so that it need not look again and again.

import { createApp } from '../../workers/api/app.ts';
import type { Env } from '../../workers/api/context.ts';
import { type CustomerEnv, Customer as DeployedCustomer } from '../../workers/customer/customer.ts';
import type { DecideRequest, IngestRequest, Projection } from '../../workers/customer/messages.ts';
import { handleQueue, type QueueBody } from '../../workers/delivery/queue.ts';
import { only } from '../only.ts';

/** What a test may switch. */
export interface Faults {
  readonly d1: 'works' | 'fails' | 'hangs';
  /** Of customers whose id holds the word faulty. */
  readonly objects: 'work' | 'throw' | 'hang';
  /** How many customers have to reach the stage `fired` until the test is told. */
  readonly firedMax: number;
}

/** Told to the process that runs workerd. */
export type Note =
  | { readonly kind: 'folded'; readonly customers: readonly string[] }
  | { readonly kind: 'not folded' }
  | { readonly kind: 'fired'; readonly firings: readonly Firing[] };

/** A timer that an alarm fired: how late, and how often it did. */
export interface Firing {
  readonly customer: string;
  readonly lateMs: number;
  readonly times: number;
}

interface Host {
  readonly HOST: Fetcher;
}

let faults: Faults = { d1: 'works', objects: 'work', firedMax: Number.POSITIVE_INFINITY };
const fired = new Map<string, Firing>();

const NEVER_MS = 3_600_000;
const tell = (env: object, note: Note): Promise<Response> =>
  (env as Host).HOST.fetch('http://host/note', { method: 'POST', body: JSON.stringify(note) });

async function asD1Is<T>(work: () => Promise<T>): Promise<T> {
  if (faults.d1 === 'hangs') await scheduler.wait(NEVER_MS);
  if (faults.d1 !== 'works') throw new Error('D1_ERROR: switched off');
  return work();
}

const statements = new WeakMap<object, D1PreparedStatement>();

// The methods of a statement and of a database that this system calls; the others would fail loudly.
function breakableStatement(real: D1PreparedStatement): D1PreparedStatement {
  const statement = only<D1PreparedStatement>({
    bind: (...values: unknown[]) => breakableStatement(real.bind(...values)),
    first: () => asD1Is(() => real.first()),
    all: () => asD1Is(() => real.all()),
    run: () => asD1Is(() => real.run()),
    raw: () => asD1Is(() => real.raw()),
  });
  statements.set(statement, real);
  return statement;
}

const breakableD1 = (real: D1Database): D1Database =>
  only<D1Database>({
    prepare: (query: string) => breakableStatement(real.prepare(query)),
    batch: (list: D1PreparedStatement[]) =>
      asD1Is(() => real.batch(list.map((statement) => statements.get(statement) ?? statement))),
  });

const breakable = <E extends { readonly DB: D1Database }>(env: E): E => ({ ...env, DB: breakableD1(env.DB) });

export class Customer extends DeployedCustomer {
  constructor(ctx: DurableObjectState, env: CustomerEnv) {
    super(ctx, breakable(env));
  }

  override async ingest(request: IngestRequest): ReturnType<DeployedCustomer['ingest']> {
    await this.#asObjectsAre();
    return super.ingest(request);
  }

  override async decide(request: DecideRequest): ReturnType<DeployedCustomer['decide']> {
    await this.#asObjectsAre();
    return super.decide(request);
  }

  override async fetch(request: Request): Promise<Response> {
    await this.#asObjectsAre();
    return super.fetch(request);
  }

  override async alarm(): Promise<void> {
    await super.alarm();
    if (Number.isFinite(faults.firedMax)) await this.#noteFiring();
  }

  async #asObjectsAre(): Promise<void> {
    if (!this.ctx.id.name?.includes('faulty')) return;
    if (faults.objects === 'throw') throw new Error('switched off');
    if (faults.objects === 'hang') await scheduler.wait(NEVER_MS);
  }

  async #noteFiring(): Promise<void> {
    const now = Date.now();
    const customer = this.ctx.id.name ?? '';
    if (fired.has(customer)) return;
    const entries = (await this.timeline(Number.MAX_SAFE_INTEGER, 20)) ?? [];
    const firings = entries.filter(({ kind, body }) => kind === 'transition' && body.includes('"to":"fired"'));
    const [first] = firings;
    if (!first) return;
    fired.set(customer, { customer, lateMs: now - first.at, times: firings.length });
    if (fired.size === faults.firedMax) await tell(this.env, { kind: 'fired', firings: [...fired.values()] });
  }
}

const app = createApp(null);

export default {
  fetch: async (request, env, execution) => {
    if (new URL(request.url).pathname !== '/switch') return app.fetch(request, breakable(env), execution);
    const turned = await request.json<Partial<Faults>>();
    if (turned.firedMax !== undefined) fired.clear();
    faults = { ...faults, ...turned };
    return new Response(null, { status: 204 });
  },
  queue: async (batch, env) => {
    let retried = false;
    const messages = batch.messages.map((message) => ({
      id: message.id,
      timestamp: message.timestamp,
      attempts: message.attempts,
      body: message.body,
      ack: () => message.ack(),
      retry: (options?: QueueRetryOptions) => {
        retried = true;
        message.retry(options);
      },
    }));
    const watched: typeof batch = {
      queue: batch.queue,
      messages,
      metadata: batch.metadata,
      ackAll: () => batch.ackAll(),
      retryAll: (options) => {
        retried = true;
        batch.retryAll(options);
      },
    };
    await handleQueue(watched, breakable(env));
    const bodies = batch.messages.flatMap(({ body }) => body as readonly Projection[]);
    await tell(
      env,
      retried ? { kind: 'not folded' } : { kind: 'folded', customers: bodies.map(({ customerId }) => customerId) },
    );
  },
} satisfies ExportedHandler<Env, QueueBody>;
