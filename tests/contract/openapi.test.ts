// The served OpenAPI document against the system: every example gets what it stands for, and of thousands of requests
// that are made from the document each gets an answer the document promises, and never a 5xx. Seeded (WAYMARK_SEED gives
// others); `npm run prove` sends all of them.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { useServer } from '../api/server.ts';
import { often } from '../prove.ts';
import {
  type Body,
  type Document,
  examplesOf,
  faultOf,
  keyOf,
  type Operation,
  overAll,
  pathOf,
  queryOf,
  readDocument,
} from './document.ts';
import { type Made, requestsOf } from './generate.ts';

const server = useServer();
const SEED = Number(process.env['WAYMARK_SEED'] ?? 20_261_122);
const AT_ONCE = 8;
const REQUESTS = often(800, 10_000);
const TIME_MS_MAX = often(120_000, 1_800_000);

/** What writes stands before what reads it, and what deletes comes last. */
const ORDER = ['PUT', 'POST', 'GET', 'DELETE'];

test('every example gets an answer of success, as the document has it', async () => {
  const document = await readDocument(server);
  const { operations } = document;
  const faults: string[] = [];
  let sent = 0;
  // Somebody acts for the company of the example: a member of one needs a server that says so.
  const joins = { messageId: 'joins', type: 'group', userId: 'customer-1', groupId: 'company-1' };
  await server.admin('POST', '/v1/events', { events: [joins] });
  await server.advance('PT1S');
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

/** The same requests every time, the operations in turn. What deletes comes last: there is to be something to read. */
function requests(document: Document): Made[] {
  const each = Math.ceil(REQUESTS / document.operations.length);
  const lists = document.operations.map((operation, index) =>
    fc.sample(requestsOf(operation, document), { seed: SEED + index, numRuns: each }),
  );
  const inTurn = Array.from({ length: each }, (_, at) => lists.flatMap((made) => made[at] ?? [])).flat();
  const deletes = ({ operation: { method } }: Made) => method === 'DELETE';
  return [...inTurn.filter((made) => !deletes(made)), ...inTurn.filter(deletes)];
}

const shown = ({ kind, path, headers, body }: Made): string =>
  `${kind} ${path} ${JSON.stringify(headers)} ${(body === undefined ? '' : typeof body === 'string' ? body : Buffer.from(body).toString('base64')).slice(0, 600)}`;

test(
  `whatever is sent, the answer is as the document promises (seed ${SEED})`,
  async () => {
    const document = await readDocument(server);
    const made = requests(document);
    expect(made.length).toBeGreaterThanOrEqual(REQUESTS);
    const statuses = new Map<string, Set<number>>();
    const kinds = new Map<Made['kind'], number>();
    const faults = await overAll(made, AT_ONCE, async (request) => {
      const { operation, kind, path, headers, body } = request;
      const answer = await server.call(operation.method, path, { headers, ...(body === undefined ? {} : { body }) });
      const seen = statuses.get(operation.id) ?? new Set();
      statuses.set(operation.id, seen.add(answer.status));
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      const fault = faultOf(document, operation, answer);
      return fault === null ? null : `${fault}\n    sent: ${shown(request)}`;
    });
    expect(faults.slice(0, 20)).toEqual([]);
    // It did its work: nearly every operation did what it is for, and nearly each that takes a body refused some.
    const share = (all: readonly Operation[], seen: (status: number) => boolean) =>
      all.filter(({ id }) => [...(statuses.get(id) ?? [])].some(seen)).length / all.length;
    const { operations } = document;
    expect(share(operations, (status) => status < 300)).toBeGreaterThan(0.85);
    expect(
      share(
        operations.filter(({ bodies }) => bodies.length > 0),
        (status) => status >= 400,
      ),
    ).toBeGreaterThan(0.85);
    for (const kind of ['valid', 'changed', 'garbage', 'closed'] as const)
      expect(kinds.get(kind) ?? 0).toBeGreaterThan(REQUESTS / 30);
    expect((await server.call('GET', '/healthz')).status).toBe(200);
  },
  TIME_MS_MAX,
);
