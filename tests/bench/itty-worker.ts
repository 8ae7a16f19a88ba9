// The floor's task done with itty-durable as its documentation shows: state in properties of a class, persisted after
// every call, called through the library's proxy. Runs in workerd, as a subject of the benchmark (itty.ts) and of
// itty.test.ts; nothing that is deployed imports it.

import { createDurable, proxyDurable } from 'itty-durable';

interface Env {
  CUSTOMER: DurableObjectNamespace;
}

/** What the library's class gives; its own types say nothing of it. */
interface Durable {
  events: number;
  bodies: string[];
  persist: () => Promise<void>;
  setAlarm: (at: number) => Promise<void>;
}
type DurableClass = new (state: DurableObjectState, env: Env) => Durable;

const Base = createDurable({ autoPersist: true }) as unknown as DurableClass;

export class Customer extends Base {
  override events = 0;
  override bodies: string[] = [];

  record(body: string): number {
    this.bodies.push(body);
    this.events += 1;
    return this.events;
  }

  count(): number {
    return this.events;
  }

  /** Changes the state, then fails: what a handler does that finds out too late. */
  recordAndThrow(body: string): never {
    this.record(body);
    throw new Error('the handler failed');
  }

  wakeAt(at: number): Promise<void> {
    return this.setAlarm(at);
  }

  /** An alarm that records what it did, the way a timer of a journey would. */
  async alarm(): Promise<void> {
    this.record('alarm');
    await this.persist();
  }
}

interface Stub {
  record: (body: string) => Promise<number>;
  count: () => Promise<number>;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const proxied = proxyDurable(env.CUSTOMER, { parse: true });
    const customer: Stub = proxied.get(new URL(request.url).pathname);
    const events = request.method === 'POST' ? await customer.record(await request.text()) : await customer.count();
    return Response.json({ events });
  },
};
