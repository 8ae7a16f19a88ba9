// The tracking API that common tracking clients speak: single calls whose path names the type, and batches. A call answers
// 200 only when every valid message in it is committed; a passing fault is never a 4xx, because clients drop what gets
// one. The browser clients' own paths to the same handlers are browser.ts.

import { type Context, Hono } from 'hono';
import { EVENT_TYPES, type EventType } from '../../schema/event.ts';
import { isObject, type Json } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { now } from '../clock.ts';
import type { Keys } from './auth.ts';
import { type Caller, identifyCaller, instantOf, prefixed, saysPrivacyControl, tooManyEvents } from './caller.ts';
import { commitEvents } from './commit.ts';
import { type AppEnv, type Env, json, type LocalMode, problem } from './context.ts';
import { type Intake, takeEvent } from './intake.ts';

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
  const { catalog, body } = caller;
  const intake: Intake = {
    vocabulary: catalog.vocabulary,
    receivedAt: now(),
    sentAt: batchSentAt,
    privacyControl: saysPrivacyControl(request, caller.key),
    ...(type === undefined ? {} : { type }),
  };
  const token =
    typeof body['customerToken'] === 'string' ? body['customerToken'] : request.headers.get('waymark-customer-token');
  const results = messages.map((raw) => takeEvent(raw, intake));
  const outcomes = await commitEvents(env, caller, results, token, intake.receivedAt);
  if ('kind' in outcomes) return problem(outcomes);
  const rejected = outcomes.flatMap(({ errors }, index) => (errors ? [{ index, errors }] : []));
  if (rejected.length > 0 && rejected.length === outcomes.length)
    return problem({
      kind: 'invalid',
      errors: rejected.flatMap(({ index, errors }) => prefixed(errors, type === undefined ? `/batch/${index}` : '')),
    });
  return json({ success: true, ...(rejected.length > 0 ? { rejected } : {}) });
}
