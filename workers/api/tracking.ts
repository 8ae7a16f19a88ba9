// The tracking API that common tracking clients speak: single calls whose path names the type, and batches. A call answers
// 200 only when every valid message in it is committed; a passing fault is never a 4xx, because clients drop what gets
// one. The browser clients' own paths to the same handlers are browser.ts.

import { type Context, Hono } from 'hono';
import { EVENT_TYPES, type EventType } from '../../schema/event.ts';
import { isObject, type Json } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { now } from '../customer/clock.ts';
import type { Ingested, Reply } from '../customer/messages.ts';
import { type Keys, proofOf } from './auth.ts';
import {
  type Caller,
  identifyCaller,
  instantOf,
  mustBeTrusted,
  NEEDS_TOKEN,
  NOT_REACHED,
  prefixed,
  tooManyEvents,
  unreachable,
} from './caller.ts';
import { type AppEnv, type Env, json, type LocalMode, mapBounded, problem, reached } from './context.ts';
import { type Intake, type Taken, takeEvent } from './intake.ts';
import type { ProblemError } from './problem.ts';

export type Handler = (c: Context<AppEnv>) => Promise<Response>;

export function trackingRoutes(local: LocalMode | null): Hono<AppEnv> {
  const keys = local?.keys ?? null;
  const app = new Hono<AppEnv>();
  for (const type of EVENT_TYPES) app.post(`/v1/${type}`, trackOne(type, keys));
  app.post('/v1/batch', trackBatch(keys));
  return app;
}

/** One message, of the type that the path says. */
export const trackOne =
  (type: EventType, localKeys: Keys | null): Handler =>
  async (c) => {
    const caller = await identifyCaller(c.req.raw, c.env, c.executionCtx, localKeys);
    if (caller instanceof Response) return caller;
    return track(c.env, caller, [caller.body], type, undefined, c.req.raw);
  };

/** Messages of any customers, at most `LIMITS.eventsPerCallMax`. */
export const trackBatch =
  (localKeys: Keys | null): Handler =>
  async (c) => {
    const caller = await identifyCaller(c.req.raw, c.env, c.executionCtx, localKeys);
    if (caller instanceof Response) return caller;
    const { body } = caller;
    const batch = body['batch'];
    if (!Array.isArray(batch))
      return problem({
        kind: 'invalid',
        errors: [{ pointer: '/batch', detail: 'batch must be an array of messages.' }],
      });
    if (batch.length > LIMITS.eventsPerCallMax) return problem(tooManyEvents);
    const shared = body['context'];
    const messages = isObject(shared)
      ? batch.map((message) =>
          isObject(message)
            ? { ...message, context: { ...shared, ...(isObject(message['context']) ? message['context'] : {}) } }
            : message,
        )
      : batch;
    return track(c.env, caller, messages, undefined, instantOf(body['sentAt']), c.req.raw);
  };

/** The tracking API: every valid message is committed, or the call answers 503 and is sent again whole. */
async function track(
  env: Env,
  caller: Caller,
  messages: readonly Json[],
  type: string | undefined,
  batchSentAt: number | undefined,
  request: Request,
): Promise<Response> {
  const { catalog, key, body } = caller;
  const receivedAt = now();
  const intake: Intake = {
    vocabulary: catalog.vocabulary,
    receivedAt,
    sentAt: batchSentAt,
    ...(type === undefined ? {} : { type }),
  };
  const token =
    typeof body['customerToken'] === 'string' ? body['customerToken'] : request.headers.get('waymark-customer-token');
  const rejected: { index: number; errors: readonly ProblemError[] }[] = [];
  const byCustomer = new Map<string, Taken[]>();
  const proofs = new Map<string | null, boolean>();
  for (const [index, raw] of messages.entries()) {
    const result = takeEvent(raw, intake);
    if (!result.ok) {
      rejected.push({ index, errors: result.errors });
      continue;
    }
    const proven = proofs.get(result.userId) ?? (await proofOf(key, token, result.userId, receivedAt)) === 'proven';
    proofs.set(result.userId, proven);
    if (mustBeTrusted(caller, result, proven)) rejected.push({ index, errors: [{ pointer: '', detail: NEEDS_TOKEN }] });
    else byCustomer.set(result.customerId, [...(byCustomer.get(result.customerId) ?? []), result]);
  }
  if (byCustomer.size === 0 && rejected.length > 0)
    return problem({
      kind: 'invalid',
      errors: rejected.flatMap(({ index, errors }) => prefixed(errors, type === undefined ? `/batch/${index}` : '')),
    });

  const send = async (taken: Taken[]): Promise<boolean> => {
    const first = taken[0];
    if (!first) return true;
    const proven = proofs.get(first.userId) ?? false;
    const events = taken.map((result) => (proven ? result.event : { ...result.event, merges: null }));
    const reply = await reached<Reply<Ingested>>(
      env.CUSTOMER.getByName(first.customerId).ingest({
        customerId: first.customerId,
        catalogVersion: catalog.version,
        proven,
        events,
        decide: null,
      }),
      NOT_REACHED,
    );
    return reply.kind === 'done';
  };
  // Anonymous customers first: a later message of the same batch may turn one of them into a known customer.
  const groups = [...byCustomer.entries()];
  const anonymous = groups.filter(([id]) => id.startsWith('a:')).map(([, taken]) => taken);
  const known = groups.filter(([id]) => !id.startsWith('a:')).map(([, taken]) => taken);
  const committed = [...(await mapBounded(anonymous, 32, send)), ...(await mapBounded(known, 32, send))];
  if (committed.includes(false)) return problem(unreachable(NOT_REACHED));
  return json({ success: true, ...(rejected.length > 0 ? { rejected } : {}) });
}
