// The short way of the most frequent question, where a customer stands: asked by fetch and answered whole, so that the
// Worker passes the object's answer on without unpacking it (an RPC, and headers made a second time, cost a read a
// quarter of its time). It answers only what needs no waiting; for anything else there is `Customer.standing`.

/** What the Worker asks with. `startedAt`: when the call came in, milliseconds. */
export interface StandingQuestion {
  readonly catalogVersion: number;
  readonly proven: boolean;
  readonly startedAt: number;
  readonly requestId: string;
}

/** Says that the short way does not do: the question is to be asked again by RPC. */
export const ASK_BY_RPC = 421;

const BASE = 'https://customer/standing/';

export const standingUrl = ({ catalogVersion, proven, startedAt, requestId }: StandingQuestion): string =>
  `${BASE}${catalogVersion}/${proven ? 1 : 0}/${startedAt}/${encodeURIComponent(requestId)}`;

/** The question of an address that `standingUrl` made; null for any other. */
export function readStandingUrl(url: string): StandingQuestion | null {
  if (!url.startsWith(BASE)) return null;
  const [version, proven, startedAt, requestId] = url.slice(BASE.length).split('/');
  if (requestId === undefined) return null;
  return {
    catalogVersion: Number(version),
    proven: proven === '1',
    startedAt: Number(startedAt),
    requestId: decodeURIComponent(requestId),
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
