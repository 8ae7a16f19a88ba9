// The floor's task done with itty-durable as its documentation shows: state in properties of a class, persisted after
// every call, called through the library's proxy. A subject of the benchmark (itty.ts); its faults are the matter of
// itty.test.ts. Nothing that is deployed imports it.

import { createDurable, proxyDurable } from 'itty-durable';

interface Env {
  CUSTOMER: DurableObjectNamespace;
}

/** The library's own types say nothing of what the class is. */
type DurableClass = new (state: DurableObjectState, env: Env) => object;

const Base = createDurable({ autoPersist: true }) as unknown as DurableClass;

export class Customer extends Base {
  events = 0;
  bodies: string[] = [];

  record(body: string): number {
    this.bodies.push(body);
    this.events += 1;
    return this.events;
  }

  count(): number {
    return this.events;
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
