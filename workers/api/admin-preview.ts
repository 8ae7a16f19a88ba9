// What an imagined customer would be shown, now or at any other time, and why not the rest: the decision itself, of what
// is published, over traits, stages and a history that somebody makes up. No customer's object is asked, nothing is kept.

import { Hono } from 'hono';
import { z } from 'zod';
import { isObject, type Json, type JsonObject, pointerOf } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { now } from '../clock.ts';
import { decideImagined, decideRemembered } from '../customer/answer.ts';
import type { Reason } from '../decide/decide.ts';
import { REASONS } from '../decide/decide.ts';
import type { AdminEnv } from './admin.ts';
import { badQuery } from './admin-query.ts';
import { readJsonObject } from './body.ts';
import { json, problem } from './context.ts';
import { rememberedAt } from './past.ts';
import type { Failure } from './problem.ts';

const name = z.string().min(1).max(LIMITS.nameCharsMax);
const members = z.record(z.string(), z.unknown());

export const PreviewCall = z.strictObject({
  placements: z.array(name).min(1).max(LIMITS.placementsMax),
  context: members.optional().describe('Of the page: locale, country, device, referrer.'),
  at: z.iso.datetime({ offset: true }).optional().describe('When; now where it is not said.'),
  customerId: z
    .string()
    .max(LIMITS.idCharsMax + 2)
    .regex(/^[ua]:./, 'use u:<userId> or a:<anonymousId>')
    .optional()
    .describe('A real customer, as they stood at `at`, by the catalog of then. Instead of `customer`.'),
  customer: z
    .strictObject({
      id: z.string().max(LIMITS.idCharsMax).optional().describe('What arms of experiments are drawn by.'),
      traits: members.optional(),
      stages: z
        .record(name, name)
        .optional()
        .describe('Of journeys the customer is in; the others as for a new visitor.'),
      events: z
        .array(
          z.strictObject({ event: name, properties: members.optional(), timestamp: z.iso.datetime({ offset: true }) }),
        )
        .max(LIMITS.eventsPerCallMax)
        .optional()
        .describe('The history.'),
    })
    .optional(),
});

const NOT_REMEMBERED: {
  readonly [why in 'unknown' | 'unreadable' | 'later' | 'merged' | 'expired' | 'long']: Failure;
} = {
  unknown: { kind: 'not-found', detail: 'No such customer.' },
  later: { kind: 'not-found', detail: 'This customer was not known at that time.' },
  unreadable: { kind: 'unavailable', detail: 'The customer cannot be read right now.', retryAfterSeconds: 2 },
  merged: {
    kind: 'unprocessable',
    detail: 'This customer has taken over the history of another, so the record does not tell where they stood.',
  },
  expired: {
    kind: 'unprocessable',
    detail:
      'Lines of this customer have left the timeline since, so the record does not tell where they stood. Ask of a later moment.',
  },
  long: { kind: 'unprocessable', detail: 'The record is too long for this call. Use waymark replay.' },
};

const reasons: readonly [Reason, ...Reason[]] = [...REASONS] as [Reason, ...Reason[]];

/** Why a candidate is not shown. */
export const Loss = z.object({
  kind: z.enum(['content', 'offer']),
  id: z.string(),
  version: z.int(),
  reason: z.enum(reasons),
  evidence: members.describe('What the reason was seen by.'),
});

export function adminPreviewRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.post('/decide/preview', async (c) => {
    const read = await readJsonObject(c.req.raw, LIMITS.bodyBytesMax);
    if (!read.ok) return problem(read.failure);
    const call = PreviewCall.safeParse(read.value);
    if (!call.success)
      return problem({
        kind: 'invalid',
        errors: call.error.issues.map((issue) => ({ pointer: pointerOf(issue.path), detail: issue.message })),
      });
    const { placements, context, customer = {}, customerId, at } = call.data;
    const { catalog } = c.var;
    const instant = at === undefined ? now() : Date.parse(at);
    const said = jsonOf(context);
    const locales = [said['locale'], c.env.DEFAULT_LOCALE ?? 'en'].filter((locale) => typeof locale === 'string');
    const request = { placements: [...new Set(placements)], context: said, locales, explain: true };
    if (customerId !== undefined) {
      if (call.data.customer)
        return problem({
          kind: 'invalid',
          errors: [{ pointer: '/customer', detail: 'Give either customer or customerId.' }],
        });
      if (instant > now())
        return problem({
          kind: 'invalid',
          errors: [
            { pointer: '/at', detail: 'Nobody knows where a customer will stand: give an instant that is past.' },
          ],
        });
      const owner = await c.env.CUSTOMER.getByName(customerId).owner();
      const found = await rememberedAt(c.env, catalog, owner, instant);
      if (!found.ok) return problem(NOT_REMEMBERED[found.why]);
      const decided = decideRemembered(found.catalog, request, found.remembered, instant);
      const { stages } = found.remembered;
      const shown = Object.fromEntries(Object.entries(stages).filter(([, stage]) => stage !== ''));
      const who = { id: owner, stages: shown, catalogVersion: found.catalog.version };
      return json({ at: new Date(instant).toISOString(), customer: who, ...decided });
    }
    const history = (customer.events ?? []).map(({ event, properties, timestamp }) => ({
      name: catalog.vocabulary.resolve(event),
      at: Date.parse(timestamp),
      properties: jsonOf(properties),
    }));
    const { decisions, explained } = decideImagined(
      catalog,
      request,
      { id: customer.id ?? '', traits: jsonOf(customer.traits), stages: customer.stages ?? {}, history },
      instant,
    );
    return json({ at: new Date(instant).toISOString(), decisions, explained });
  });

  app.get('/preview', (c) => {
    const { catalog } = c.var;
    const at = c.req.query('at');
    if (at !== undefined && !z.iso.datetime({ offset: true }).safeParse(at).success)
      return badQuery('at', 'must be an instant such as 2026-12-24T18:00:00Z');
    const asked = c.req.queries('placement') ?? [];
    const placements = [...new Set(asked.length > 0 ? asked : catalog.shelf.byPlacement.keys())].sort();
    if (placements.length > LIMITS.pageItemsMax)
      return badQuery('placement', `there are ${placements.length}: name at most ${LIMITS.pageItemsMax}`);
    const stages = (c.req.queries('stage') ?? []).map((place) => place.split(/[.:](.*)/s));
    const odd = stages.find(([journey = '', stage = '']) => !catalog.machines.get(journey)?.journey.stages[stage]);
    if (odd) return badQuery('stage', 'must name a stage of a published journey, such as lifecycle.usage');
    const instant = at === undefined ? now() : Date.parse(at);
    const locales = [c.req.query('locale'), c.env.DEFAULT_LOCALE ?? 'en'].filter((locale) => locale !== undefined);
    const { decisions, explained } = decideImagined(
      catalog,
      { placements, context: {}, locales, explain: true },
      {
        id: '',
        traits: {},
        stages: Object.fromEntries(stages.map(([journey = '', stage = '']) => [journey, stage])),
        history: [],
      },
      instant,
    );
    return json({ at: new Date(instant).toISOString(), decisions, explained });
  });

  return app;
}

/** The body was JSON. */
const jsonOf = (value: unknown): JsonObject => {
  const given = (value ?? {}) as Json;
  return isObject(given) ? given : {};
};
