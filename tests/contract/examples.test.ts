// Every example of the OpenAPI document, sent as it stands there: the system answers with success, as documented.

import { expect, test } from 'vitest';
import { useServer } from '../api/server.ts';
import { type Body, examplesOf, faultOf, keyOf, pathOf, queryOf, readDocument } from './document.ts';

const server = useServer();
/** What writes stands before what reads it, and what deletes comes last. */
const ORDER = ['PUT', 'POST', 'GET', 'DELETE'];

test('every example gets an answer of success, as the document has it', async () => {
  const document = await readDocument(server);
  const { operations } = document;
  const faults: string[] = [];
  let sent = 0;
  for (const method of ORDER)
    for (const operation of operations.filter((candidate) => candidate.method === method)) {
      const path = pathOf(operation.path, examplesOf(operation, 'path', operations));
      const query = queryOf(examplesOf(operation, 'query', operations));
      const bodies: readonly (Body | null)[] = operation.bodies.length > 0 ? operation.bodies : [null];
      for (const body of bodies) {
        if (body?.example === null) faults.push(`${operation.id} has no example of ${body.type}`);
        const answer = await server.call(operation.method, path + query, {
          headers: {
            ...keyOf(operation),
            ...examplesOf(operation, 'header', operations),
            ...(body ? { 'content-type': body.type } : {}),
          },
          ...(body ? { body: body.example } : {}),
        });
        sent++;
        const fault = faultOf(document, operation, answer);
        if (fault !== null) faults.push(fault);
        else if (answer.status >= 400) faults.push(`${operation.id} answered ${answer.status}: ${answer.text}`);
      }
    }
  expect(faults).toEqual([]);
  expect(operations.every(({ method }) => ORDER.includes(method))).toBe(true);
  expect(sent).toBeGreaterThanOrEqual(operations.length);
});

test('the judgement sees an answer that is not documented', async () => {
  const document = await readDocument(server);
  const health = document.operations.find(({ path }) => path === '/healthz');
  if (!health) throw new Error('the document has no /healthz');
  const answer = await server.call('GET', '/healthz');
  expect(faultOf(document, health, answer)).toBeNull();
  expect(faultOf(document, health, { ...answer, status: 500 })).toContain('500');
  expect(faultOf(document, health, { ...answer, status: 204 })).toContain('not documented');
  expect(faultOf(document, health, { ...answer, body: { status: 'bad' } })).toContain('#/status');
  const html = new Headers({ 'content-type': 'text/html' });
  expect(faultOf(document, health, { ...answer, headers: html })).toContain('as text/html');
});
