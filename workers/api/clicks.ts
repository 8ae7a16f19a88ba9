// GET /r/{token}: leads on to the address a link was made for, and records the click as an event of the customer it was
// made for. A reader who looks ahead, and a link that is old, are led on without a word; a customer who cannot be reached
// loses the click, never the way.

import { Hono } from 'hono';
import { LIMITS } from '../../schema/limits.ts';
import { freshCatalog } from '../catalog/cache.ts';
import { now } from '../clock.ts';
import { type Click, linkSecretIn, openClick } from '../customer/links.ts';
import type { Ingested, IngestRequest, Reply } from '../customer/messages.ts';
import { NOT_REACHED } from './commit.ts';
import { type AppEnv, catalogOfRequest, type Env, inTime, problem } from './context.ts';

const MINUTE_MS = 60_000;

export function clickRoutes(): Hono<AppEnv> {
  const app = new Hono<AppEnv>();

  app.get('/r/:token', async (c) => {
    const secret = linkSecretIn(c.env);
    const click = secret === null ? null : openClick(secret, c.req.param('token'));
    if (!click) return problem({ kind: 'not-found', detail: 'This link is not of this system, or is not whole.' });
    const at = now();
    if (c.req.method === 'GET' && !looksAhead(c.req.raw) && at - click.madeAt <= LIMITS.attributionMs) {
      const catalog = freshCatalog() ?? (await catalogOfRequest(c.env, c.executionCtx));
      if (catalog)
        await inTime<Reply<Ingested>>(report(c.env, click, at, catalog.version), LIMITS.decideWaitMs, NOT_REACHED);
    }
    const headers = {
      location: new URL(click.url).href,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    };
    return new Response(null, { status: 302, headers });
  });

  return app;
}

/** Prefetching and previews, by what browsers and readers of messages say of themselves. */
const looksAhead = ({ headers }: Request): boolean =>
  /prefetch|preview/i.test(`${headers.get('purpose')} ${headers.get('sec-purpose')} ${headers.get('x-moz')}`) ||
  /bot\b|crawler|spider|preview/i.test(headers.get('user-agent') ?? '');

/** Two clicks on one decision within a minute are one. */
function report(
  env: Env,
  { customerId, decisionId, kind, id, placement, url }: Click,
  at: number,
  catalogVersion: number,
) {
  const name = kind === 'offer' ? 'Offer Clicked' : 'Content Clicked';
  const messageId = `click/${decisionId}/${Math.floor(at / MINUTE_MS)}`;
  const who = customerId.startsWith('u:') ? { userId: customerId.slice(2) } : { anonymousId: customerId.slice(2) };
  const properties = { [`${kind}_id`]: id, decision_id: decisionId, placement, url };
  const body = JSON.stringify({ type: 'track', event: name, messageId, ...who, properties });
  const request: IngestRequest = {
    ...{ customerId, catalogVersion, proven: false, decide: null },
    events: [{ messageId, name, type: 'track', at, body, merges: null }],
  };
  return env.CUSTOMER.getByName(customerId).ingest(request);
}
