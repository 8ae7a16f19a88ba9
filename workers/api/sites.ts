// The routes of marketing sites: events in, stages and decisions out. A public write key is enough; so nothing personal
// leaves here without proof. The tracking API, which answers with neither stages nor decisions, is tracking.ts.

import { Hono } from 'hono';
import { z } from 'zod';
import { customerIdOf } from '../../schema/event.ts';
import { isObject, type Json, type JsonObject, pointerOf } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { defaultDecisions } from '../customer/answer.ts';
import { now } from '../customer/clock.ts';
import type { Decided, DecisionRequest, Decisions, Ingested, IngestRequest, Reply } from '../customer/messages.ts';
import { proofOf } from './auth.ts';
import { identifyCaller, instantOf, prefixed, tokenOf, tooManyEvents } from './caller.ts';
import { isUnverifiable, mustBeTrusted, NOT_REACHED, unreachable, untrusted } from './commit.ts';
import {
  type AppEnv,
  CATALOG_UNREADABLE,
  type Env,
  inTime,
  json,
  type LocalMode,
  problem,
  reached,
  timing,
} from './context.ts';
import { type Intake, takeEvent } from './intake.ts';
import type { Failure } from './problem.ts';
import { notedDegraded } from './trace.ts';

const name = z.string().min(1).max(LIMITS.nameCharsMax);
const Placements = z.array(name).max(LIMITS.placementsMax);
const SituationContext = z.record(z.string(), z.unknown()).nullish();

/** The envelope of POST /v1/events; the events themselves are validated one by one. */
export const EventsCall = z.looseObject({
  events: z.array(z.unknown()).min(1),
  decide: z.looseObject({ placements: Placements, context: SituationContext }).nullish(),
  customerToken: z.string().max(8_192).nullish(),
});

export const DecideCall = z.looseObject({
  userId: z.union([z.string().max(LIMITS.idCharsMax), z.number()]).nullish(),
  anonymousId: z.union([z.string().max(LIMITS.idCharsMax), z.number()]).nullish(),
  customerToken: z.string().max(8_192).nullish(),
  placements: Placements,
  context: SituationContext,
});

export function siteRoutes(local: LocalMode | null): Hono<AppEnv> {
  const localKeys = local?.keys ?? null;
  const app = new Hono<AppEnv>();

  app.post('/v1/events', async (c) => {
    const startedAt = Date.now();
    const caller = await identifyCaller(c.req.raw, c.env, c.executionCtx, localKeys);
    if (caller instanceof Response) return caller;
    const { catalog, key, body } = caller;
    const call = EventsCall.safeParse(body);
    if (!call.success) return problem(invalid(call.error.issues));
    if (call.data.events.length > LIMITS.eventsPerCallMax) return problem(tooManyEvents);

    const receivedAt = now();
    const intake: Intake = { vocabulary: catalog.vocabulary, receivedAt, sentAt: instantOf(body['sentAt']) };
    const results = (call.data.events as Json[]).map((raw) => takeEvent(raw, intake));
    const taken = results.filter((result) => result.ok);
    const first = taken[0];
    if (!first)
      return problem({
        kind: 'invalid',
        errors: results.flatMap((result, index) => (result.ok ? [] : prefixed(result.errors, `/events/${index}`))),
      });
    const other = results.findIndex((result) => result.ok && result.customerId !== first.customerId);
    if (other >= 0)
      return problem({
        kind: 'unprocessable',
        detail: 'All events of one call name one customer. Send the others in a call of their own, or use /v1/batch.',
        errors: [
          { pointer: `/events/${other}`, detail: `names another customer than /events/${results.indexOf(first)}` },
        ],
      });

    const token = tokenOf(key, call.data.customerToken, c.req.raw);
    if (isUnverifiable(key, token)) return problem(CATALOG_UNREADABLE, { degraded: true });
    const proof = await proofOf(key, token, first.userId, receivedAt);
    const proven = proof === 'proven';
    const accepted = taken.filter((result) => !mustBeTrusted(caller, result, proven));
    const decide = call.data.decide ? decisionRequest(call.data.decide, c.env, firstContext(body)) : null;
    const request: IngestRequest = {
      customerId: first.customerId,
      catalogVersion: catalog.version,
      proven,
      events: accepted.map((result) => (proven ? result.event : { ...result.event, merges: null })),
      decide,
    };
    if (accepted.length === 0 && !decide)
      return problem({
        kind: 'invalid',
        errors: taken.map((result) => ({ pointer: `/events/${results.indexOf(result)}`, detail: untrusted(result) })),
      });
    const reply = await reached<Reply<Ingested>>(
      c.env.CUSTOMER.getByName(first.customerId).ingest(request),
      NOT_REACHED,
    );
    if (reply.kind !== 'done') {
      const decisions = decide ? defaultDecisions(catalog, decide, receivedAt) : undefined;
      return problem(unreachable(reply), { ...(decisions ? { decisions } : {}), degraded: true });
    }

    let at = 0;
    const answers = results.map((result) => {
      if (!result.ok) return { messageId: result.messageId, status: 'rejected', errors: result.errors };
      if (!accepted.includes(result))
        return {
          messageId: result.event.messageId,
          status: 'rejected',
          errors: [{ pointer: '', detail: untrusted(result) }],
        };
      return { messageId: result.event.messageId, status: reply.statuses[at++] };
    });
    const customer = { id: reply.customerId, stages: reply.stages };
    return json(
      { results: answers, customer, ...(reply.decisions ? { decisions: reply.decisions } : {}), degraded: false },
      200,
      timing(startedAt),
    );
  });

  app.post('/v1/decide', async (c) => {
    const startedAt = Date.now();
    const caller = await identifyCaller(c.req.raw, c.env, c.executionCtx, localKeys);
    if (caller instanceof Response) return caller;
    const { catalog, key, body } = caller;
    const call = DecideCall.safeParse(body);
    if (!call.success) return problem(invalid(call.error.issues));
    const userId = textId(call.data.userId);
    const anonymousId = textId(call.data.anonymousId);
    const customerId = customerIdOf({ userId, anonymousId });
    if (customerId === null)
      return problem({
        kind: 'invalid',
        errors: [{ pointer: '/userId', detail: 'Name the customer by userId or anonymousId.' }],
      });
    const proof = await proofOf(key, tokenOf(key, call.data.customerToken, c.req.raw), userId ?? null, now());
    const decide = decisionRequest(call.data, c.env, {});
    const asked = c.env.CUSTOMER.getByName(customerId).decide({
      customerId,
      catalogVersion: catalog.version,
      proven: proof === 'proven',
      decide,
    });
    // What the catalog took off the page's patience is not given to the object again.
    const waitMs = Math.max(startedAt + LIMITS.decideWaitMs - Date.now(), LIMITS.decideWaitMs / 5);
    const reply = await inTime<Reply<Decided>>(asked, waitMs, NOT_REACHED);
    if (reply.kind === 'done') {
      const customer = { id: reply.customerId, stages: reply.stages };
      return json({ customer, decisions: reply.decisions, degraded: false }, 200, timing(startedAt));
    }
    const decisions = defaultDecisions(catalog, decide, now());
    return json({ customer: { id: customerId, stages: {} }, decisions, degraded: true }, 200, {
      ...timing(startedAt),
      ...notedDegraded(c.req.raw, '/v1/decide'),
    });
  });

  return app;
}

function decisionRequest(
  call: { placements: string[]; context?: Record<string, unknown> | null | undefined },
  env: Env,
  eventContext: JsonObject,
): DecisionRequest {
  const context = isObject(call.context) ? call.context : {};
  const asked = [context['locale'], eventContext['locale']]
    .filter((locale) => typeof locale === 'string')
    .map((locale) => locale.slice(0, 35));
  return { placements: [...new Set(call.placements)], context, locales: [...asked, env.DEFAULT_LOCALE ?? 'en'] };
}

function firstContext(body: JsonObject): JsonObject {
  const events = body['events'];
  const last = Array.isArray(events) ? events.at(-1) : null;
  return isObject(last) && isObject(last['context']) ? last['context'] : {};
}

const textId = (id: string | number | null | undefined): string | undefined =>
  id === null || id === undefined || id === '' ? undefined : String(id);

const invalid = (issues: readonly z.core.$ZodIssue[]): Failure => ({
  kind: 'invalid',
  errors: issues.map((issue) => ({ pointer: pointerOf(issue.path), detail: issue.message })),
});

export type { Decisions };
