// What connects an answer with the logs: a request id, taken from the caller or made, on every answer; the trace a caller
// is in (W3C Trace Context); one line of JSON for each answer that is no success of ours, without anything personal.

import { v7 as uuid } from 'uuid';

const ID = /^[A-Za-z0-9._-]{1,128}$/;
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

/** The caller's own id where it is one that can stand in a log, else a new one. */
export function requestIdOf(headers: Headers): string {
  const given = headers.get('x-request-id');
  return given !== null && ID.test(given) ? given : uuid();
}

/** The trace id of a well-formed traceparent; anything else is ignored. */
export const traceIdOf = (traceparent: string | null): string | null =>
  TRACEPARENT.exec(traceparent ?? '')?.[1] ?? null;

/** Puts the id on the answer; one that cannot be changed, such as a static file's, is copied. */
export function withRequestId(response: Response, id: string): Response {
  try {
    response.headers.set('x-request-id', id);
    return response;
  } catch {
    const copy = new Response(response.body, response);
    copy.headers.set('x-request-id', id);
    return copy;
  }
}

/**
 * Logs an answer that turned somebody away for a passing reason: 429 and everything from 500. The path is cut to its
 * first two parts, because what follows may name a customer or a key.
 */
export function logAnswer(request: Request, status: number, id: string): void {
  if (status !== 429 && status < 500) return;
  const route = new URL(request.url).pathname.split('/').slice(0, 3).join('/');
  const trace = traceIdOf(request.headers.get('traceparent'));
  const line = {
    at: 'answer',
    method: request.method,
    route,
    status,
    request: id,
    ...(trace === null ? {} : { trace }),
  };
  console.warn(JSON.stringify(line));
}
