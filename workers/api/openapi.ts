// The OpenAPI 3.1 document, made from the Zod schemas and the list of routes by the registry of @hono/zod-openapi. The
// handlers stay plain Hono: events are validated one by one, which a schema in front of a route cannot do.
// Made at the first request and kept: it never changes while an isolate lives.

import { OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import { IDEMPOTENCY } from '../../schema/limits.ts';
import { NDJSON_EXAMPLE } from './openapi-examples.ts';
import { type Answer, type Body, type Route, TAGS, type Tag } from './openapi-route.ts';
import { ROUTES } from './openapi-routes.ts';
import { jsonSchemas, type SchemaName, schemaRef } from './openapi-schemas.ts';

let made: object | null = null;

export function openApiDocument(): object {
  made ??= makeDocument();
  return made;
}

const WRITE_KEY: RouteConfig['security'] = [{ writeKey: [] }, { writeKeyInQuery: [] }, { bearer: [] }];
/** For settings, which name the key to whoever asks: a secret one is none of these. */
const PUBLIC_KEY: RouteConfig['security'] = [{ writeKey: [] }, { writeKeyInQuery: [] }];
/** And the customer has to be proven. */
const WITH_TOKEN: RouteConfig['security'] = [
  { writeKey: [], customerToken: [] },
  { writeKeyInQuery: [], customerToken: [] },
];
const ADMIN_KEY: RouteConfig['security'] = [{ bearer: [] }];

interface Audience {
  readonly security: RouteConfig['security'];
  /** Statuses every route of the tag may answer with a problem. */
  readonly problems: readonly number[];
  /** Headers of an answer that is no problem. */
  readonly headers: readonly HeaderName[];
}

const SITE: Audience = { security: WRITE_KEY, problems: [400, 401, 413, 429, 503], headers: [] };
const ADMIN: Audience = { security: ADMIN_KEY, problems: [401, 403, 503], headers: ['Waymark-Catalog'] };

/** What every write under /admin takes and may answer because of it. */
const IDEMPOTENT = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[!-~]+$/)
    .max(IDEMPOTENCY.keyCharsMax)
    .optional()
    .describe(
      'A UUID, best in double quotes. For 24 hours the same call under it gets the same answer and does nothing again; another call gets 422, the same one while it is under way 409.',
    ),
});
const IDEMPOTENT_PROBLEMS = [400, 409, 413, 422];

const AUDIENCES: Readonly<Record<Tag, Audience>> = {
  sites: { ...SITE, headers: ['Server-Timing'] },
  tracking: SITE,
  browser: { security: PUBLIC_KEY, problems: [503], headers: [] },
  people: { security: [], problems: [503], headers: [] },
  journeys: ADMIN,
  catalog: ADMIN,
  experiments: ADMIN,
  segments: ADMIN,
  customers: ADMIN,
  import: ADMIN,
  local: ADMIN,
  system: { security: [], problems: [503], headers: [] },
};

const PROBLEMS: { readonly [status: number]: string } = {
  400: 'The body is not usable JSON, or the request is not valid; each error names its place.',
  401: 'The key is missing or not known.',
  403: 'The key is known and is not an admin key.',
  404: 'There is no such thing.',
  409: 'It cannot be done as things stand: the same call is under way, or its fate is unknown; the clock of a system with customers cannot be set.',
  410: 'It is not there any more; a link that is too old.',
  413: 'Larger than the limits allow; send it in parts.',
  415: 'The content type is none that this call takes.',
  422: 'The content cannot be accepted; errors or findings say why.',
  429: 'Too many calls with this key, or too many events of one customer. Send it again after Retry-After.',
  503: 'Something this call needs does not answer. Send it again after Retry-After.',
};

const HEADERS = {
  'Waymark-Catalog': { description: 'The catalog version this answer was made with.', schema: { type: 'integer' } },
  'Server-Timing': { description: 'How long the call took, in milliseconds.', schema: { type: 'string' } },
  'Retry-After': { description: 'Seconds to wait before the call is repeated.', schema: { type: 'integer' } },
  RateLimit: {
    description: 'What is left of the limit that was passed, and the seconds until it is renewed.',
    schema: { type: 'string', example: '"customer";r=0;t=1' },
  },
  'RateLimit-Policy': {
    description: 'The limit that was passed: its quota, and its window in seconds.',
    schema: { type: 'string', example: '"key";q=5000;w=10' },
  },
  'X-Request-Id': {
    description: 'Names this request: the X-Request-Id it came with, else one made here. The log knows it.',
    schema: { type: 'string' },
  },
  'WWW-Authenticate': { description: 'The schemes a key may be sent by.', schema: { type: 'string' } },
} as const;
type HeaderName = keyof typeof HEADERS;

const PROBLEM_HEADERS: { readonly [status: number]: readonly HeaderName[] } = {
  401: ['WWW-Authenticate'],
  429: ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
  503: ['Retry-After'],
};

function makeDocument(): object {
  const app = new OpenAPIHono();
  const registry = app.openAPIRegistry;
  // The registry's type of a schema is narrower than JSON Schema 2020-12, which is what OpenAPI 3.1 takes.
  for (const [name, schema] of jsonSchemas()) registry.registerComponent('schemas', name, schema as object);
  for (const [name, header] of Object.entries(HEADERS)) registry.registerComponent('headers', name, header);
  for (const [status, words] of Object.entries(PROBLEMS))
    registry.registerComponent('responses', responseName(status), {
      description: words,
      headers: headersOf(PROBLEM_HEADERS[Number(status)] ?? []),
      content: { 'application/problem+json': { schema: reference('Problem') } },
    });
  registry.registerComponent('securitySchemes', 'writeKey', {
    type: 'http',
    scheme: 'basic',
    description: 'The write key as user name, without a password. It may stand in the body as writeKey instead.',
  });
  registry.registerComponent('securitySchemes', 'writeKeyInQuery', {
    type: 'apiKey',
    in: 'query',
    name: 'writeKey',
    description: 'The write key in the query, for clients that cannot send headers.',
  });
  registry.registerComponent('securitySchemes', 'customerToken', {
    type: 'apiKey',
    in: 'header',
    name: 'Waymark-Customer-Token',
    description:
      'A JWT (HS256, RS256 or ES256) that the shop has signed, with sub and exp. It may be sent as Bearer instead.',
  });
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description:
      'A secret key: an admin key under /admin, a server key elsewhere. Elsewhere a write key is taken as well, and an admin key counts as a server key.',
  });
  for (const route of ROUTES) registry.registerPath(operationOf(route));
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Waymark',
      version: '1',
      description:
        'Journey orchestration: sites report events and learn what to show; designers publish journeys, content and offers; operators see customers. Errors are application/problem+json (RFC 9457). Bodies are read as JSON whatever their content type (that of a CloudEvent tells its mode), gzip included. Every call takes X-Request-Id (up to 128 letters, digits and . _ + / = -; no personal data) and a traceparent of W3C Trace Context; both stand in the log where a call fails.',
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
  });
}

function operationOf(route: Route): RouteConfig {
  const { method, path, id, tag, open, proof, summary, description, params, query, headers, body } = route;
  const audience = AUDIENCES[tag];
  const security = open ? [] : proof ? WITH_TOKEN : audience.security;
  const writes = audience === ADMIN && method !== 'get';
  const responses: RouteConfig['responses'] = {};
  for (const status of [...audience.problems, ...route.problems, ...(writes ? IDEMPOTENT_PROBLEMS : [])])
    responses[status] = { $ref: `#/components/responses/${responseName(status)}` };
  for (const [status, answer] of Object.entries(route.answers))
    responses[status] = responseOf(answer, status, audience);
  return {
    method,
    path,
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(security === undefined ? {} : { security }),
    request: {
      ...(params ? { params } : {}),
      ...(query ? { query } : {}),
      ...(headers || writes ? { headers: writes ? IDEMPOTENT : headers } : {}),
      ...(body ? { body: bodyOf(body) } : {}),
    },
    responses,
  };
}

function responseOf(answer: Answer, status: string, audience: Audience): RouteConfig['responses'][string] {
  if ('types' in answer)
    return {
      description: answer.words,
      headers: headersOf([]),
      content: Object.fromEntries(answer.types.map((type) => [type, {}])),
    };
  const isProblem = Number(status) >= 400;
  const type = isProblem ? 'application/problem+json' : 'application/json';
  return {
    description: answer.words,
    headers: headersOf(isProblem ? (PROBLEM_HEADERS[Number(status)] ?? []) : audience.headers),
    content: { [type]: { schema: reference(answer.schema) }, ...(answer.also ? { [answer.also]: {} } : {}) },
  };
}

/** The bodies of a route as a list; none where it takes lines. */
export const bodiesOf = ({ body }: Pick<Route, 'body'>): readonly Body[] =>
  body === undefined || body === 'ndjson' ? [] : [body].flat();

const bodyOf = (body: NonNullable<Route['body']>) => ({
  required: true,
  content:
    body === 'ndjson'
      ? { 'application/x-ndjson': { schema: { type: 'string' as const }, example: NDJSON_EXAMPLE } }
      : Object.fromEntries(
          bodiesOf({ body }).map(({ type = 'application/json', schema, example }) => [
            type,
            { schema: reference(schema), example },
          ]),
        ),
});

const reference = (name: SchemaName) => ({ $ref: schemaRef(name) });

/** The headers of an answer; every answer has the id of its request. */
const headersOf = (names: readonly HeaderName[]) =>
  Object.fromEntries(
    [...names, 'X-Request-Id' as const].map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );

const responseName = (status: string | number): string => `Problem${status}`;
