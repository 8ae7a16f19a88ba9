// The worker of itty.test.ts: a customer by itty-durable and one by the platform alone, with the same handlers. Each
// records; each has a handler that records and then fails; each is woken by an alarm that records once the instance that
// set it is gone, and then tells the test. POST /{class}/{method}/{customer}.

import { DurableObject } from 'cloudflare:workers';
import { createDurable, proxyDurable } from 'itty-durable';

interface Env {
  ITTY: DurableObjectNamespace;
  NATIVE: DurableObjectNamespace<Native>;
  BELL: DurableObjectNamespace<Bell>;
}

/** What the library's class gives; its own types say nothing of it. */
interface Durable {
  state: DurableObjectState & { initialized: boolean };
  persist: () => Promise<void>;
}
type DurableClass = new (state: DurableObjectState, env: Env) => Durable;

/** Milliseconds; an alarm that finds the instance that set it waits as long again, so no test depends on it. */
const ALARM_MS = 50;
const BELL = 'bell';
const FAILURE = 'the handler failed';

const IttyBase = createDurable({ autoPersist: true }) as unknown as DurableClass;

export class Itty extends IttyBase {
  entries: string[] = [];
  readonly #bell: { ring: () => Promise<void> };

  constructor(state: DurableObjectState, env: Env) {
    // The library changes the bindings it is given into proxies of its own.
    const bell = env.BELL.getByName(BELL);
    super(state, env);
    this.#bell = bell;
  }

  record(entry: string): number {
    this.entries.push(entry);
    return this.entries.length;
  }

  list(): string[] {
    return this.entries;
  }

  recordAndFail(entry: string): never {
    this.entries.push(entry);
    throw new Error(FAILURE);
  }

  async wake(): Promise<number> {
    await this.state.storage.setAlarm(Date.now() + ALARM_MS);
    return 0;
  }

  async alarm(): Promise<void> {
    if (this.state.initialized) return this.state.storage.setAlarm(Date.now() + ALARM_MS);
    this.entries.push('alarm');
    await this.persist();
    await this.#bell.ring();
  }
}

/** Says to the test that an alarm has done its work. */
export class Bell extends DurableObject {
  #rung = Promise.withResolvers<void>();

  ring(): void {
    this.#rung.resolve();
  }

  async wait(): Promise<void> {
    await this.#rung.promise;
    this.#rung = Promise.withResolvers<void>();
  }
}

export class Native extends DurableObject<Env> {
  #setHere = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS entry (text TEXT NOT NULL)');
  }

  record(entry: string): number {
    this.ctx.storage.sql.exec('INSERT INTO entry VALUES (?)', entry);
    return this.list().length;
  }

  list(): string[] {
    return this.ctx.storage.sql
      .exec<{ text: string }>('SELECT text FROM entry ORDER BY rowid')
      .toArray()
      .map(({ text }) => text);
  }

  recordAndFail(entry: string): never {
    return this.ctx.storage.transactionSync(() => {
      this.record(entry);
      throw new Error(FAILURE);
    });
  }

  async wake(): Promise<number> {
    this.#setHere = true;
    await this.ctx.storage.setAlarm(Date.now() + ALARM_MS);
    return 0;
  }

  override async alarm(): Promise<void> {
    if (this.#setHere) return this.ctx.storage.setAlarm(Date.now() + ALARM_MS);
    this.record('alarm');
    await this.env.BELL.getByName(BELL).ring();
  }
}

interface Customer {
  record: (entry: string) => Promise<number>;
  list: () => Promise<string[]>;
  recordAndFail: (entry: string) => Promise<never>;
  wake: () => Promise<number>;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, kind, method = '', name = ''] = new URL(request.url).pathname.split('/');
    const customer: Customer =
      kind === 'itty' ? proxyDurable(env.ITTY, { parse: true }).get(name) : env.NATIVE.getByName(name);
    try {
      switch (method) {
        case 'record':
        case 'recordAndFail':
          return Response.json(await customer[method](await request.text()));
        case 'awaitAlarm':
          await env.BELL.getByName(BELL).wait();
          return Response.json(null);
        case 'wake':
        case 'list':
          return Response.json(await customer[method]());
        default:
          return new Response(null, { status: 404 });
      }
    } catch (error) {
      return Response.json({ error: String(error) }, { status: 500 });
    }
  },
};
