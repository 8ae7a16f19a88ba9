// The short way of a question to a customer's object: asked by fetch and answered whole, so that the Worker passes the
// object's answer on without unpacking it (an RPC, and headers made a second time, cost a read a quarter of its time). It
// answers only what needs no waiting; for anything else there is the same by RPC.

import type { DecisionRequest, Wording } from './messages.ts';

/** What the Worker asks with. `startedAt`: when the call came in, milliseconds. */
export interface Question {
  readonly catalogVersion: number;
  readonly proven: boolean;
  readonly startedAt: number;
  readonly requestId: string;
  /** Null: only where the customer stands. */
  readonly decide: { readonly request: DecisionRequest; readonly wording: Wording } | null;
}

/** Says that the short way does not do: the question is to be asked again by RPC. */
export const ASK_BY_RPC = 421;

const BASE = 'https://customer/';
/** A longer question goes by RPC. */
const ADDRESS_CHARS_MAX = 4_000;

/** Null for a question that is too long for an address. */
export function questionUrl({ catalogVersion, proven, startedAt, requestId, decide }: Question): string | null {
  const asked = decide ? encodeURIComponent(JSON.stringify(decide)) : '';
  if (asked.length > ADDRESS_CHARS_MAX) return null;
  return `${BASE}${catalogVersion}/${proven ? 1 : 0}/${startedAt}/${encodeURIComponent(requestId)}/${asked}`;
}

/** The question of an address that `questionUrl` made; null for any other. */
export function readQuestionUrl(url: string): Question | null {
  const [version, proven, startedAt, requestId, asked, ...more] = url.slice(BASE.length).split('/');
  if (!url.startsWith(BASE) || requestId === undefined || asked === undefined || more.length > 0) return null;
  return {
    catalogVersion: Number(version),
    proven: proven === '1',
    startedAt: Number(startedAt),
    requestId: decodeURIComponent(requestId),
    decide: asked === '' ? null : (JSON.parse(decodeURIComponent(asked)) as NonNullable<Question['decide']>),
  };
}

/** The body of an answer to a decide call without placements. */
export const standingBody = (customer: string): string => `{"customer":${customer},"decisions":{},"degraded":false}`;

/** Filled for each answer and copied by it: headers made one by one cost a read a tenth of its time. */
const answerHeaders = new Headers({ 'content-type': 'application/json' });

/** A 200 of the busy calls, made with its timing and its id, so that neither is added later. */
export function answered(body: string, startedAt: number, requestId: string): Response {
  answerHeaders.set(SERVER_TIMING, timed(startedAt));
  answerHeaders.set(REQUEST_ID, requestId);
  return new Response(body, { headers: answerHeaders });
}

export const REQUEST_ID = 'x-request-id';
export const SERVER_TIMING = 'server-timing';

/** How long the call took. The platform's clock stands still between I/O, and two machines' clocks may differ a little. */
export const timed = (startedAt: number): string => `total;dur=${Math.max(0, Date.now() - startedAt)}`;
