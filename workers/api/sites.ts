// The routes of marketing sites: events in, stages and decisions out. A public write key is enough; so nothing personal
// leaves here without proof. The tracking API, which answers with neither stages nor decisions, is tracking.ts.

import { Hono } from 'hono';
import { customerIdOf } from '../../schema/event.ts';
import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { KeyRow } from '../catalog/catalog.ts';
import { now } from '../clock.ts';
import { defaultDecisions } from '../customer/answer.ts';
import type {
  DecisionRequest,
  Decisions,
  Ingested,
  IngestRequest,
  Recording,
  Reply,
  Standing,
  Wording,
} from '../customer/messages.ts';
import { ASK_BY_RPC, answered, questionUrl, standingBody } from '../customer/standing.ts';
import {
  identifyCaller,
  identifyQuickly,
  instantOf,
  prefixed,
  saysPrivacyControl,
  tokenOf,
  tooManyEvents,
} from './caller.ts';
import { readDecideCall, readEventsCall } from './calls.ts';
import { ERASED, isUnverifiable, mustBeTrusted, NOT_REACHED, unreachable, untrusted } from './commit.ts';
import {
  type AppEnv,
  CATALOG_UNREADABLE,
  type Env,
  type Handler,
  inTime,
  type LocalMode,
  problem,
  reached,
} from './context.ts';
import { type Intake, takeEvent } from './intake.ts';
import { withMembership } from './membership.ts';
import { withPermitted } from './merging.ts';
import { invalid } from './problem.ts';
import { asProven, isVouched, proofOf } from './token.ts';
import { noteDegraded, requestIdOf } from './trace.ts';

/** The calls that make up nearly all of the traffic, by path: POST without a query, from a server or the site's own origin. */
export const busyCalls = (local: LocalMode | null): ReadonlyMap<string, Handler> => {
  return new Map([
    ['/v1/events', events(local)],
    ['/v1/decide', decide(local)],
  ]);
};

export function siteRoutes(busy: ReadonlyMap<string, Handler>): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  for (const [path, handle] of busy) app.post(path, (c) => handle(c.req.raw, c.env, c.executionCtx));
  return app;
}

const events =
  (local: LocalMode | null): Handler =>
  async (request, env, execution) => {
    const startedAt = Date.now();
    const caller = await identifyCaller(request, env, execution, local?.keys ?? null);
    if (caller instanceof Response) return caller;
    const { catalog, key, body } = caller;
    const read = readEventsCall(body);
    if (!read.ok) return problem(invalid(read.issues));
    const { call } = read;
    if (call.events.length > LIMITS.eventsPerCallMax) return problem(tooManyEvents);

    const receivedAt = now();
    const intake: Intake = {
      vocabulary: catalog.vocabulary,
      receivedAt,
      sentAt: instantOf(body['sentAt']),
      privacyControl: saysPrivacyControl(request, key),
    };
    const results = (call.events as Json[]).map((raw) => takeEvent(raw, intake));
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

    const token = tokenOf(key, call.customerToken, request);
    if (isUnverifiable(key, token)) return problem(CATALOG_UNREADABLE, { degraded: true });
    const proof = proofOf(key, token, first.userId, receivedAt);
    const proven = (typeof proof === 'string' ? proof : await proof) === 'proven';
    const vouched = isVouched(key, token, proven);
    const accepted = taken.filter((result) => !mustBeTrusted(caller, result, proven));
    const asked = call.decide ? decisionRequest(call.decide, env, firstContext(body)) : null;
    const said = accepted.map(({ event }) => asProven(event, proven, vouched));
    const speaker = { key, catalog, token, userId: first.userId, proven, at: receivedAt };
    const permitted = withPermitted(said, speaker);
    const events = withMembership(permitted instanceof Promise ? await permitted : permitted, speaker);
    const ingest: IngestRequest = {
      customerId: first.customerId,
      catalogVersion: catalog.version,
      proven,
      events: events instanceof Promise ? await events : events,
      decide: asked,
      ...(asked ? { wording: wordingOf(request, key) } : {}),
    };
    if (accepted.length === 0 && !asked)
      return problem({
        kind: 'invalid',
        errors: taken.map((result) => ({ pointer: `/events/${results.indexOf(result)}`, detail: untrusted(result) })),
      });
    const reply = await reached<Reply<Ingested>>(env.CUSTOMER.getByName(first.customerId).ingest(ingest), NOT_REACHED);
    if (reply.kind !== 'done') {
      const decisions = asked ? defaultDecisions(catalog, asked, receivedAt) : undefined;
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
      const status = reply.statuses[at++];
      const { messageId } = result.event;
      return status === 'erased' ? { messageId, status: 'rejected', errors: [ERASED] } : { messageId, status };
    });
    const customer = { id: reply.customerId, stages: reply.stages };
    const decisions = reply.worded === undefined ? '' : `,"decisions":${reply.worded}`;
    const told = `"results":${JSON.stringify(answers)},"customer":${JSON.stringify(customer)}`;
    return answered(`{${told}${decisions},"degraded":false}`, startedAt, requestIdOf(request));
  };

const decide =
  (local: LocalMode | null): Handler =>
  async (request, env, execution) => {
    const startedAt = Date.now();
    const caller = await identifyQuickly(request, env, execution, local?.keys ?? null);
    if (caller instanceof Response) return caller;
    const { catalog, key, body } = caller;
    const read = readDecideCall(body);
    if (!read.ok) return problem(invalid(read.issues));
    const { call } = read;
    const userId = textId(call.userId);
    const anonymousId = textId(call.anonymousId);
    const customerId = customerIdOf({ userId, anonymousId });
    if (customerId === null)
      return problem({
        kind: 'invalid',
        errors: [{ pointer: '/userId', detail: 'Name the customer by userId or anonymousId.' }],
      });
    const proof = proofOf(key, tokenOf(key, call.customerToken, request), userId ?? null, now());
    const proven = (typeof proof === 'string' ? proof : await proof) === 'proven';
    const plain = decisionRequest(call, env, {});
    const asked = call.explain ? { ...plain, explain: true } : plain;
    const object = env.CUSTOMER.getByName(customerId);
    // What the catalog took off the page's patience is not given to the object again.
    const waitMs = Math.max(startedAt + LIMITS.decideWaitMs - Date.now(), LIMITS.decideWaitMs / 5);
    const requestId = requestIdOf(request);
    const wording = wordingOf(request, key);
    const alone = asked.placements.length === 0;
    const decided = alone ? null : { request: asked, wording };
    const url = questionUrl({ catalogVersion: catalog.version, proven, startedAt, requestId, decide: decided });
    const quick = url === null ? null : await inTime<Response | null>(object.fetch(url), waitMs, null);
    if (quick?.status === 200) return quick;
    if (url === null || quick?.status === ASK_BY_RPC) {
      const plainly = { customerId, catalogVersion: catalog.version, proven, decide: asked };
      const reply = await inTime<Standing>(
        alone ? object.standing(catalog.version, proven) : object.answer(plainly, wording),
        waitMs,
        NOT_REACHED,
      );
      if (typeof reply === 'string') return answered(alone ? standingBody(reply) : reply, startedAt, requestId);
    }
    const decisions = defaultDecisions(catalog, asked, now());
    noteDegraded(request, requestId, '/v1/decide');
    const customer = { id: customerId, stages: {} };
    return answered(JSON.stringify({ customer, decisions, degraded: true }), startedAt, requestId);
  };

/** Links lie below the address the site called. */
const wordingOf = (request: Request, key: KeyRow): Wording => ({
  origin: request.url.slice(0, request.url.indexOf('/', 8)),
  evidence: key.role !== 'write',
});

function decisionRequest(
  call: {
    placements: string[];
    context?: Record<string, unknown> | null | undefined;
    record?: 'decision' | Recording | null | undefined;
  },
  env: Env,
  eventContext: JsonObject,
): DecisionRequest {
  const context = isObject(call.context) ? call.context : {};
  const asked = [context['locale'], eventContext['locale']]
    .filter((locale) => typeof locale === 'string')
    .map((locale) => locale.slice(0, 35));
  const { record } = call;
  return {
    placements: [...new Set(call.placements)],
    context,
    locales: [...asked, env.DEFAULT_LOCALE ?? 'en'],
    ...(record && record !== 'decision' ? { record } : {}),
  };
}

function firstContext(body: JsonObject): JsonObject {
  const events = body['events'];
  const last = Array.isArray(events) ? events.at(-1) : null;
  return isObject(last) && isObject(last['context']) ? last['context'] : {};
}

const textId = (id: string | number | null | undefined): string | undefined =>
  id === null || id === undefined || id === '' ? undefined : String(id);

export type { Decisions };
