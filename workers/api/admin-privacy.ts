// What the law gives a customer, for operators who answer for it: everything that is kept (GDPR Art. 15 and 20), and its
// removal (Art. 17). Also who has read what. The rules: workers/privacy/SPEC.md.

import { Hono } from 'hono';
import { now } from '../clock.ts';
import { linkSecretIn } from '../customer/links.ts';
import { customerHash } from '../customer/sealing.ts';
import { readAccess } from './access.ts';
import type { AdminEnv } from './admin.ts';
import { customerId, noCustomer } from './admin-query.ts';
import { type Env, json, type LocalMode, mapBounded, problem } from './context.ts';
import { exportPieces } from './export.ts';
import { languageOf } from './pages.ts';

const AT_ONCE = 8;

export function adminPrivacyRoutes(local: LocalMode | null): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get('/customers/:id/export', async (c) => {
    const id = customerId(c.req.param('id'));
    const object = id === null ? null : c.env.CUSTOMER.getByName(id);
    const described = await object?.describe();
    if (!object || !described) return noCustomer();
    const format = c.req.query('format') ?? (c.req.header('accept')?.includes('text/html') ? 'html' : 'json');
    if (format !== 'html' && format !== 'json')
      return problem({ kind: 'invalid', errors: [{ pointer: '/format', detail: 'Say json or html.' }] });
    const language = languageOf([c.req.query('language'), c.req.header('accept-language')]);
    const pieces = exportPieces({ object, described, madeAt: now() }, format, language);
    const name = `customer.${format}`;
    return new Response(streamOf(pieces.text), {
      headers: { ...pieces.headers, 'cache-control': 'no-store', 'content-disposition': `inline; filename="${name}"` },
    });
  });

  app.post('/customers/:id/erase', async (c) => {
    const id = customerId(c.req.param('id'));
    if (id === null) return noCustomer();
    const secret = linkSecretIn(c.env);
    if (secret === null)
      return problem({
        kind: 'conflict',
        detail: 'LINK_SECRET is not set; what stands for an erased customer is a hash made with it. Set it first.',
      });
    return json(await erase(c.env, id, secret, local));
  });

  app.get('/access', async (c) => {
    const secret = linkSecretIn(c.env);
    const id = customerId(c.req.query('customer') ?? '');
    const cursor = Number(c.req.query('cursor') ?? Number.MAX_SAFE_INTEGER);
    if (id === null || !Number.isInteger(cursor) || cursor < 1)
      return problem({
        kind: 'invalid',
        errors: [{ pointer: '/customer', detail: 'Name a customer, and a cursor of a page before or none.' }],
      });
    return json(await readAccess(c.env.DB, secret === null ? '' : customerHash(secret, id), cursor));
  });

  return app;
}

/** PV2, PV3: the tombstones first, so that nothing that is late comes back; then the objects, those that lead here first. */
async function erase(env: Env, id: string, secret: string, local: LocalMode | null) {
  const owner = await env.CUSTOMER.getByName(id).owner();
  const ties = await env.CUSTOMER.getByName(owner).ties();
  const ids = [...new Set([id, ...ties, owner])];
  const at = now();
  const hashes = JSON.stringify(ids.map((each) => customerHash(secret, each)));
  await env.DB.prepare('INSERT OR REPLACE INTO erased (hash, erased_at) SELECT value, ? FROM json_each(?)')
    .bind(at, hashes)
    .run();
  // AC11: companies first, because afterwards nobody knows which they were.
  for (const each of ids)
    for (const account of await env.CUSTOMER.getByName(each).accountsOf())
      await env.CUSTOMER.getByName(`g:${account}`).forgetMember(each);
  const others = ids.filter((each) => each !== owner);
  const outcomes = await mapBounded(others, AT_ONCE, (each) => env.CUSTOMER.getByName(each).erase());
  outcomes.push(await env.CUSTOMER.getByName(owner).erase());
  const sum = (of: (removed: (typeof outcomes)[number]['removed']) => number) =>
    outcomes.reduce((total, { removed }) => total + of(removed), 0);
  const rows = await env.DB.batch(
    [
      'customers WHERE id',
      'customer_stages WHERE customer_id',
      'customer_segments WHERE customer_id',
      'experiment_exposures WHERE customer_id',
      'imports WHERE customer_id',
    ].map((where) =>
      env.DB.prepare(`DELETE FROM ${where} IN (SELECT value FROM json_each(?))`).bind(JSON.stringify(ids)),
    ),
  );
  // Who came about while this was under way is among the erased.
  await env.DB.prepare('UPDATE erased SET erased_at = ? WHERE hash IN (SELECT value FROM json_each(?))')
    .bind(now(), hashes)
    .run();
  const keys = outcomes.flatMap((outcome) => outcome.keys);
  const mails = local ? await local.forgetMails(env, keys) : 0;
  return {
    customer: customerHash(secret, owner),
    erasedAt: new Date(at).toISOString(),
    removed: {
      objects: outcomes.filter(({ removed }) => removed.entries + removed.runs > 0).length,
      entries: sum(({ entries }) => entries),
      runs: sum(({ runs }) => runs),
      messages: sum(({ messages }) => messages),
      indexRows: rows.reduce((total, { meta }) => total + meta.changes, 0),
      ...(local ? { mails } : {}),
    },
  };
}

function streamOf(pieces: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    pull: async (controller) => {
      const { done, value } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
  });
}
