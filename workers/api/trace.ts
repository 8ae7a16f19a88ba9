// How one request is found again: its id, the trace it belongs to, and one line of the log when it fails. The id travels
// on every answer; the rest is looked at only when something went wrong, so that an event pays for a header and no more.
// A line says what failed and where, by route and never by address: no ids of customers, no bodies, no query strings.

import { REQUEST_ID } from '../customer/standing.ts';

/** What a caller may name his request: letters, digits and the signs of UUIDs and base64; an e-mail address is none. */
const SANE_ID = /^[A-Za-z0-9._+/=-]{1,128}$/;

/** Begins the ids of this isolate. Made with the first one: the platform has no randomness before a request. */
let isolate = '';
let requests = 0;

/** The caller's own id if it is sane, else one that no other request has. */
export function requestIdOf(request: Request): string {
  const given = request.headers.get(REQUEST_ID);
  if (given !== null && SANE_ID.test(given)) return given;
  isolate ||= crypto.randomUUID().slice(0, 18);
  return `${isolate}-${(++requests).toString(36)}`;
}

/** The trace a caller's request belongs to, W3C Trace Context, section 3.2; null where there is none or it is not valid. */
export function traceOf(request: Request): { readonly trace: string; readonly parent: string } | null {
  const header = request.headers.get('traceparent');
  const parts = header === null ? null : /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}(-.*)?$/.exec(header);
  if (!parts) return null;
  const [, version, trace = '', parent = '', more] = parts;
  // Version ff is forbidden, 00 has nothing after its flags, and ids of zeros stand for no id.
  if (version === 'ff' || (version === '00' && more !== undefined)) return null;
  if (/^0+$/.test(trace) || /^0+$/.test(parent)) return null;
  return { trace, parent };
}

/** What went wrong inside, told by whoever caught it, by the context of the request, for its line. */
const causes = new WeakMap<object, string>();

export const noteCause = (execution: object, error: unknown): void =>
  void causes.set(execution, error instanceof Error ? error.name : 'unknown');

/** What a line may say of a request beyond its answer; looked at for a failure only. */
export interface Circumstances {
  readonly execution: object;
  /** The route by its pattern. */
  readonly route: () => string;
}

/** Gives an answer its id; a problem gets it inside as well (`instance`, RFC 9457), and a line in the log. */
export function traced(request: Request, response: Response, about: Circumstances): Response | Promise<Response> {
  const requestId = requestIdOf(request);
  if (response.status >= 400) return tracedFailure(request, response, requestId, about);
  if (!response.headers.has(REQUEST_ID)) response.headers.set(REQUEST_ID, requestId);
  return response;
}

async function tracedFailure(
  request: Request,
  response: Response,
  requestId: string,
  about: Circumstances,
): Promise<Response> {
  const { status } = response;
  const headers = new Headers(response.headers);
  headers.set(REQUEST_ID, requestId);
  const said = response.body !== null && headers.get('content-type') === 'application/problem+json';
  const problem = said ? await response.json<object>() : null;
  const kind = problem === null ? null : kindOf(problem);
  const cause = causes.get(about.execution);
  const route = about.route();
  const line = { at: 'edge', what: 'request failed', method: request.method, route, status, kind };
  tell(status >= 500 ? 'error' : 'warn', request, requestId, { ...line, ...(cause === undefined ? {} : { cause }) });
  const body =
    problem === null ? response.body : JSON.stringify({ ...problem, instance: `urn:waymark:request:${requestId}` });
  return new Response(body, { status, headers });
}

/** A request that is answered, and yet not as it should be: a line in the log, with the request's id. */
export function noteDegraded(request: Request, requestId: string, route: string): void {
  tell('warn', request, requestId, { at: 'edge', what: 'degraded', route });
}

function tell(level: 'warn' | 'error', request: Request, requestId: string, line: object): void {
  console[level](JSON.stringify({ ...line, requestId, ...traceOf(request) }));
}

function kindOf(problem: object): string | null {
  const type: unknown = Reflect.get(problem, 'type');
  return typeof type === 'string' ? type.slice(type.lastIndexOf(':') + 1) : null;
}

/** Which route a path belongs to, by its pattern: what may be logged of an address. */
export function routeFinder(routes: () => readonly { readonly method: string; readonly path: string }[]) {
  let patterns: { readonly method: string; readonly path: string; readonly matches: RegExp }[] | null = null;
  return (request: Request): string => {
    patterns ??= routes()
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => ({ method, path, matches: new RegExp(`^${path.replaceAll(/:\w+/g, '[^/]+')}$`) }));
    const path = new URL(request.url).pathname;
    const found = patterns.find(({ method, matches }) => method === request.method && matches.test(path));
    return found?.path ?? 'none';
  };
}
