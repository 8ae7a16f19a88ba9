// What OpenAPI has to know of one route, and the groups routes stand in. The lists are openapi-routes.ts (sites),
// openapi-tracking.ts and openapi-admin.ts; openapi.ts makes the document of them.

import type { z } from 'zod';
import type { SchemaName } from './openapi-schemas.ts';

export interface Body {
  readonly schema: SchemaName;
  readonly example: object;
  /** The content type; application/json where it is not said. */
  readonly type?: string;
}

/** JSON of a schema, `also` as another content type, or something else of one of the content types. */
export type Answer =
  | { readonly schema: SchemaName; readonly words: string; readonly also?: string }
  | { readonly types: readonly string[]; readonly words: string };

export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** With `{names}` for parameters. */
  readonly path: string;
  /** The operation's id. */
  readonly id: string;
  readonly tag: Tag;
  /** Takes no key, or takes it as a parameter of its path. */
  readonly open?: true;
  /** Takes a customer token beside the write key, whatever the key's mode. */
  readonly proof?: true;
  readonly summary: string;
  readonly description?: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  /** One body, or one for each content type. */
  readonly body?: Body | readonly Body[] | 'ndjson';
  /** By status. */
  readonly answers: { readonly [status: number]: Answer };
  /** Statuses that are answered with a problem, besides those every route of the tag has. */
  readonly problems: readonly number[];
}

export const TAGS = {
  sites: 'For marketing sites: report what happened and learn what to show. Needs a write key or a server key.',
  tracking:
    'The tracking API that common tracking clients speak. A call answers 200 only when every valid message in it is committed; send it again on 429 and 503.',
  browser:
    'What the browser clients of Segment and RudderStack ask for beside the tracking API. A page names this address, and the client does the rest.',
  people: 'For customers: what a link of a mail opens. The token in the address is all the proof there is.',
  journeys: 'For journey designers: what is published, and publishing.',
  catalog: 'Content, offers and event declarations. Visible to the next request locally, within 5 s when deployed.',
  segments: 'For whoever speaks to groups of customers: who is in which, and how many would be.',
  experiments: 'For whoever answers for results: what is tried, and what it has shown.',
  customers: 'For operators: one customer, the timeline, who stands where.',
  import: 'History: each event is applied at its own time, and nothing is sent.',
  local: 'Local mode only; in a deployment these routes do not exist and answer 404.',
  system: 'Whether it runs, and this document.',
} as const;
export type Tag = keyof typeof TAGS;
