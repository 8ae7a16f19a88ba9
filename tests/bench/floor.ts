// The floor: the least a worker can do to keep one event of one customer safe on this platform, which is one RPC, one
// transaction, one row inserted and one row updated. Frozen: every figure of the benchmark is a ratio to this file.
// It is no subject to improve: no dedupe, no parsing, no effects, no key. It answers its count, so that the client can
// tell events from repeats after a closed connection.

import { DurableObject } from 'cloudflare:workers';

interface Env {
  CUSTOMER: DurableObjectNamespace<Customer>;
}

export class Customer extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY, events INTEGER NOT NULL);
      INSERT OR IGNORE INTO counter VALUES (1, 0);
    `);
  }

  record(body: string): number {
    const { sql } = this.ctx.storage;
    return this.ctx.storage.transactionSync(() => {
      sql.exec('INSERT INTO event (body) VALUES (?)', body);
      const updated = sql.exec<{ events: number }>(
        'UPDATE counter SET events = events + 1 WHERE id = 1 RETURNING events',
      );
      return updated.one().events;
    });
  }

  count(): number {
    return this.ctx.storage.sql.exec<{ events: number }>('SELECT events FROM counter WHERE id = 1').one().events;
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const customer = env.CUSTOMER.getByName(new URL(request.url).pathname);
    const events = request.method === 'POST' ? await customer.record(await request.text()) : await customer.count();
    return Response.json({ events });
  },
};
