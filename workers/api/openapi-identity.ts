// What OpenAPI has to know of who a customer is: the customer's own view, and the devices operators see.

import { z } from 'zod';
import type { Route } from './openapi-route.ts';

const time = z.iso.datetime().describe('ISO 8601, UTC.');
const text = z.string().nullable();

const device = {
  kind: z.enum(['phone', 'tablet', 'computer', 'unknown']),
  system: text.describe('Such as Android; null where the user agent does not say.'),
  browser: text,
  firstSeenAt: time,
  lastSeenAt: time,
};

export const Devices = z
  .array(z.object({ id: z.string(), ...device, events: z.int().min(1) }))
  .describe('Read from the newest events; the one seen last in front.');

export const Identifiers = z
  .array(
    z.object({
      kind: z.string(),
      value: z.string().describe('In normal form.'),
      standing: z
        .enum(['pending', 'stated', 'owned', 'taken'])
        .describe(
          'owned: it is this customer’s. taken: another customer owns it. pending: nobody was asked yet. stated: nobody keeps who owns it.',
        ),
    }),
  )
  .describe('What the customer is known by beside the ids, as policies.json declares it.');

export const Me = z.object({
  id: z.string(),
  language: text,
  stages: z.record(z.string(), z.string()).describe('The stage of each unkeyed journey the customer is in.'),
  identifiers: z
    .array(z.object({ kind: z.string(), value: z.string().describe('Masked.') }))
    .describe('By what else the customer is known.'),
  consents: z.record(z.string(), z.unknown()),
  orders: z
    .array(
      z.object({
        id: z.string(),
        at: time,
        status: z.enum(['placed', 'cancelled', 'refunded', 'partly refunded']),
        total: z.number().nullable(),
        currency: text,
        products: z.array(z.object({ id: text, name: text, quantity: z.number().nullable() })),
      }),
    )
    .describe('The newest first.'),
  tasks: z
    .array(z.object({ task: z.string(), title: text, journey: z.string(), at: time, dueAt: time.nullable() }))
    .describe('What the shop still has to do for the customer, the newest first.'),
  devices: z.array(z.object(device)),
});

export const IDENTITY_ROUTES: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/me',
    id: 'getMe',
    tag: 'sites',
    proof: true,
    summary: 'What the customer sees of themselves',
    description:
      'With a write key and a valid customer token, whatever the key asks for elsewhere; without one it answers 401. The token may also stand in Authorization as Bearer, with the key in the query. Never to be cached. Of somebody of whom nothing is known the lists are empty. The example is of the local mode.',
    headers: z.object({
      'waymark-customer-token': z
        .string()
        .optional()
        .describe('A JWT (HS256, RS256 or ES256) whose sub is the user id.')
        .meta({
          example:
            'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjdXN0b21lci0xIiwiZXhwIjo0MTAyNDQ0ODAwfQ.qR_yYhKaIYSoPwXWcS9NXWkEdacYZIJxY756x_JPKiM',
        }),
    }),
    answers: { 200: { schema: 'Me', words: 'The customer whom the token proves.' } },
    problems: [],
  },
];
