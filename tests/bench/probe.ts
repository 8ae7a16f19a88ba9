// The smallest worker that needs what the measured worker needs: an event reaches its object, goes on to a queue, and
// the consumer writes it to D1. It proves the generated configuration (config.test.ts) and measures nothing.

import { DurableObject } from 'cloudflare:workers';

interface Env {
  CUSTOMER: DurableObjectNamespace<Customer>;
  DB: D1Database;
  PROJECTIONS: Queue<Note>;
}

interface Note {
  customer: string;
  text: string;
}

export class Customer extends DurableObject<Env> {
  #deliver: (() => void) | undefined;
  #delivered = new Promise<void>((resolve) => {
    this.#deliver = resolve;
  });

  async record(note: Note): Promise<void> {
    this.ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS note (text TEXT NOT NULL)');
    this.ctx.storage.sql.exec('INSERT INTO note VALUES (?)', note.text);
    await this.env.PROJECTIONS.send(note);
  }

  list(): string[] {
    return this.ctx.storage.sql
      .exec<{ text: string }>('SELECT text FROM note')
      .toArray()
      .map(({ text }) => text);
  }

  confirm(): void {
    this.#deliver?.();
  }

  async waitForDelivery(): Promise<void> {
    await this.#delivered;
  }
}

export default {
  /** POST /{customer} records the body; GET /{customer} waits for its delivery and lists what was stored where. */
  async fetch(request, env): Promise<Response> {
    const customer = new URL(request.url).pathname.slice(1);
    const object = env.CUSTOMER.getByName(customer);
    if (request.method === 'POST') {
      await object.record({ customer, text: await request.text() });
      return Response.json({});
    }
    await object.waitForDelivery();
    const { results } = await env.DB.prepare('SELECT text FROM note ORDER BY text').all<{ text: string }>();
    return Response.json({ object: await object.list(), database: results.map(({ text }) => text) });
  },

  async queue(batch, env): Promise<void> {
    for (const { body } of batch.messages) {
      await env.DB.prepare('INSERT INTO note VALUES (?)').bind(body.text).run();
      await env.CUSTOMER.getByName(body.customer).confirm();
    }
  },
} satisfies ExportedHandler<Env, Note>;
