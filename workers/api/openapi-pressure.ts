// What OpenAPI has to know of contact pressure, as operators see it of one customer.

import { z } from 'zod';
import type { Route } from './openapi-route.ts';

const time = z.iso.datetime().describe('ISO 8601, UTC.');

export const Pressure = z.object({
  zone: z.string().describe('In which days, weeks and quiet hours are read.'),
  wish: z
    .string()
    .nullable()
    .describe('How often the customer wants to hear at most, as chosen in the preference centre.'),
  rules: z
    .array(
      z.object({
        rule: z.string().describe('Of policies.json; own-wish is the customer’s.'),
        window: z
          .object({ from: time, to: time.describe('Exclusive.') })
          .nullable()
          .describe('What it counts in now; null for a rule that counts nothing.'),
        most: z.int().nullable(),
        used: z.int().nullable().describe('Contacts in the window.'),
        room: z.int().nullable(),
        distanceMs: z.int().nullable(),
        quiet: z.object({ from: z.string(), to: z.string() }).nullable().describe('Hours of the customer’s zone.'),
        freeAt: time.describe('The first instant from now on that this rule does not forbid.'),
      }),
    )
    .describe('In the order of policies.json.'),
  least: z
    .array(z.object({ rule: z.string(), purpose: z.string(), channel: z.string(), since: time, overdueAt: time }))
    .describe('Contacts that will be overdue if there is none before.'),
  waiting: z
    .array(
      z.object({
        key: z.string(),
        journey: z.string(),
        message: z.string(),
        channel: z.string(),
        purpose: z.string(),
        priority: z.number(),
        since: time,
        until: time.nullable().describe('When it is asked for again; null: it is about to be.'),
        rule: z.string().nullable().describe('The first rule that leaves no room now.'),
      }),
    )
    .describe('Messages nobody has in hand, in the order they were made.'),
});

export const PRESSURE_ROUTES: readonly Route[] = [
  {
    method: 'get',
    path: '/admin/customers/{id}/pressure',
    id: 'getPressure',
    tag: 'customers',
    summary: 'How it stands with contact pressure: what is used, what is left, what waits',
    description:
      'Of each rule what it counts in, what is left and when there is room again; of each waiting message until when and why.',
    params: z.object({
      id: z.string().describe('u:<userId> or a:<anonymousId>, URL-encoded.').meta({ example: 'u:customer-1' }),
    }),
    answers: { 200: { schema: 'Pressure', words: 'At this instant.' } },
    problems: [404],
  },
];
