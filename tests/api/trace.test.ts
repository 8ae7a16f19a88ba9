// Request ids and traces as functions, and what reaches the log.

import { afterEach, describe, expect, it, vi } from 'vitest';
import { logAnswer, requestIdOf, traceIdOf, withRequestId } from '../../workers/api/trace.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

afterEach(() => void vi.restoreAllMocks());

describe('the request id', () => {
  it.each(['abc', 'A.b_c-1', 'x'.repeat(128)])('%s is taken', (id) => {
    expect(requestIdOf(new Headers({ 'x-request-id': id }))).toBe(id);
  });

  it.each(['', 'x'.repeat(129), 'a b', 'a,b', 'u:4711', '{"a":1}', 'ä'])('%j is not, and a new one is made', (id) => {
    expect(requestIdOf(new Headers({ 'x-request-id': id }))).toMatch(UUID_V7);
  });

  it('stands on the answer, also on one that cannot be changed', () => {
    expect(withRequestId(new Response('x'), 'one').headers.get('x-request-id')).toBe('one');
    const fixed = Response.redirect('https://shop.example/', 302);
    const copy = withRequestId(fixed, 'two');
    expect([copy.status, copy.headers.get('x-request-id'), copy.headers.get('location')]).toEqual([
      302,
      'two',
      'https://shop.example/',
    ]);
  });
});

describe('the trace', () => {
  it.each([
    `00-${TRACE}-00f067aa0ba902b7-01`,
    `00-${TRACE}-00f067aa0ba902b7-00`,
    `cc-${TRACE}-00f067aa0ba902b7-01-more`,
  ])('%s is one', (traceparent) => expect(traceIdOf(traceparent)).toBe(TRACE));

  it.each([
    null,
    '',
    'nonsense',
    `ff-${TRACE}-00f067aa0ba902b7-01`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${TRACE}-00f067aa0ba902b7`,
  ])('%j is none', (traceparent) => expect(traceIdOf(traceparent)).toBeNull());
});

describe('the log', () => {
  const log = (status: number, path: string) => {
    const lines = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const headers = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01`, authorization: 'Bearer secret' };
    logAnswer(new Request(`https://edge.example${path}`, { headers }), status, 'r1');
    return lines.mock.calls.flat().map((line) => JSON.parse(String(line)));
  };

  it('has a line for what was turned away, without customer, key or query', () => {
    expect(log(503, '/admin/customers/u%3Aanna%40example.com/timeline?email=anna%40example.com')).toEqual([
      { at: 'answer', method: 'GET', route: '/admin/customers', status: 503, request: 'r1', trace: TRACE },
    ]);
  });

  it.each([200, 201, 302, 400, 401, 404, 422])('has none for %i', (status) =>
    expect(log(status, '/v1/events')).toEqual([]),
  );
  it.each([429, 500, 503])('has one for %i', (status) => expect(log(status, '/v1/events')).toHaveLength(1));
});
