// Errors as the outside sees them: RFC 9457 problem+json, one map from what went wrong to status and words. Never a
// stack, never a 500 for bad input.

import type { z } from 'zod';
import { pointerOf } from '../../schema/json.ts';
import { CUSTOMER_RATE, KEY_RATE } from '../../schema/limits.ts';

export interface ProblemError {
  readonly pointer: string;
  readonly detail: string;
}

export type Failure =
  | { readonly kind: 'bad-json'; readonly pointer: string; readonly detail: string }
  | { readonly kind: 'invalid'; readonly errors: readonly ProblemError[] }
  | {
      readonly kind: 'unprocessable';
      readonly detail: string;
      readonly errors?: readonly ProblemError[];
      readonly findings?: readonly object[];
    }
  | { readonly kind: 'unauthorized'; readonly detail: string }
  | { readonly kind: 'forbidden'; readonly detail: string }
  | { readonly kind: 'not-found'; readonly detail: string }
  | { readonly kind: 'gone'; readonly detail: string }
  | { readonly kind: 'conflict'; readonly detail: string; readonly retryAfterSeconds?: number }
  | { readonly kind: 'too-large'; readonly detail: string }
  | { readonly kind: 'unsupported-type'; readonly detail: string }
  | { readonly kind: 'too-many'; readonly limit: RateLimitName; readonly retryAfterSeconds: number }
  | { readonly kind: 'unavailable'; readonly detail: string; readonly retryAfterSeconds: number };

/** What a schema found, each with its place. */
export const invalid = (issues: readonly z.core.$ZodIssue[]): Failure => ({
  kind: 'invalid',
  errors: issues.map((issue) => ({ pointer: pointerOf(issue.path), detail: issue.message })),
});

/** The limits that can be passed: calls with one public key, events of one customer. */
export type RateLimitName = 'key' | 'customer';

/** As `RateLimit-Policy` names them: quota and window in seconds (draft-ietf-httpapi-ratelimit-headers-11, section 3). */
const POLICIES: Readonly<Record<RateLimitName, string>> = {
  key: `"key";q=${KEY_RATE.requests};w=${KEY_RATE.periodSeconds}`,
  // The registry of units has no events: a parameter of our own says what is counted.
  customer: `"customer";q=${CUSTOMER_RATE.burstEvents};w=${CUSTOMER_RATE.burstEvents / CUSTOMER_RATE.eventsPerSecond};waymark-unit="events"`,
};

const TITLES: Readonly<Record<Failure['kind'], readonly [number, string]>> = {
  'bad-json': [400, 'The body is not usable JSON'],
  invalid: [400, 'The request is not valid'],
  unprocessable: [422, 'The content cannot be accepted'],
  unauthorized: [401, 'A valid key is needed'],
  forbidden: [403, 'This key may not do that'],
  'not-found': [404, 'Not found'],
  gone: [410, 'Not any more'],
  conflict: [409, 'Conflict'],
  'too-large': [413, 'Too large'],
  'unsupported-type': [415, 'The content type is not supported'],
  'too-many': [429, 'Too many requests'],
  unavailable: [503, 'Not available right now'],
};

/** `more` adds members to the problem, such as the decisions that a page still gets. */
export function problem(failure: Failure, more: object = {}): Response {
  const [status, title] = TITLES[failure.kind];
  const body = { type: `urn:waymark:problem:${failure.kind}`, title, status, ...detailsOf(failure), ...more };
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  if (failure.kind === 'unauthorized') headers.set('www-authenticate', 'Bearer realm="waymark", Basic realm="waymark"');
  if ('retryAfterSeconds' in failure) headers.set('retry-after', String(failure.retryAfterSeconds));
  if (failure.kind === 'too-many') {
    headers.set('ratelimit-policy', POLICIES[failure.limit]);
    headers.set('ratelimit', `"${failure.limit}";r=0;t=${failure.retryAfterSeconds}`);
  }
  return new Response(JSON.stringify(body), { status, headers });
}

const TOO_MANY: Readonly<Record<RateLimitName, string>> = {
  key: 'Too many calls with this key.',
  customer: 'Too many events of one customer; with the same messageId nothing is counted twice.',
};

function detailsOf(failure: Failure): object {
  switch (failure.kind) {
    case 'bad-json':
      return { detail: failure.detail, errors: [{ pointer: failure.pointer, detail: failure.detail }] };
    case 'invalid':
      return {
        detail: `${failure.errors.length === 1 ? 'One fault' : `${failure.errors.length} faults`}; each names its place.`,
        errors: failure.errors,
      };
    case 'unprocessable':
      return {
        detail: failure.detail,
        errors: failure.errors ?? [],
        ...(failure.findings ? { findings: failure.findings } : {}),
      };
    case 'too-many':
      return { detail: `${TOO_MANY[failure.limit]} Try again in ${failure.retryAfterSeconds} s.` };
    default:
      return { detail: failure.detail };
  }
}
