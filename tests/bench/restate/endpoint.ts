// What a user of Restate writes for the same task: a virtual object for each customer that finds duplicates, moves the
// customer through the shipped lifecycle and answers where it stands. A process of its own, started by server.ts, which
// it tells its port. Kept as cheap as is honest: one read and one write of state an event, no history, no timers.
// The SDK is installed beside this file and only on demand, so what is used of it is declared here.

import { createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { advance, type Customer, type Incoming, newCustomer } from './customer.ts';

interface ReadContext {
  get: (name: string) => Promise<Customer | null>;
}
interface WriteContext extends ReadContext {
  set: (name: string, value: Customer) => void;
}
interface Definition {
  readonly name: string;
}
interface Sdk {
  object: (definition: { name: string; handlers: Record<string, unknown> }) => Definition;
  handlers: { object: { shared: (handler: (ctx: ReadContext) => Promise<unknown>) => unknown } };
  createEndpointHandler: (options: {
    services: Definition[];
  }) => (request: Http2ServerRequest, response: Http2ServerResponse) => void;
}

const packageName: string = '@restatedev/restate-sdk';
const restate: Sdk = await import(packageName);
const STATE = 'customer';

const customer = restate.object({
  name: 'Customer',
  handlers: {
    event: async (ctx: WriteContext, event: Incoming) => {
      const before = (await ctx.get(STATE)) ?? newCustomer();
      const after = advance(before, event);
      if (after !== null) ctx.set(STATE, after);
      return {
        status: after === null ? 'duplicate' : 'accepted',
        stages: { lifecycle: (after ?? before).stage },
      };
    },
    stages: restate.handlers.object.shared(async (ctx) => {
      const { stage, events } = (await ctx.get(STATE)) ?? newCustomer();
      return { stages: { lifecycle: stage }, events };
    }),
  },
});

const server = createServer(restate.createEndpointHandler({ services: [customer] }));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.send?.({ port: address.port });
});
process.once('disconnect', () => process.exit(0));
