// Every documented route with every kind of key: who is let in is what the document says, and a public key never reads what
// is personal. New routes are covered once they are documented.

import { createHash } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import {
  type Document,
  examplesOf,
  faultOf,
  type Operation,
  pathOf,
  queryOf,
  readDocument,
} from '../contract/document.ts';
import { type Answer, expectProblem, message, openD1, type Problem, track, useServer } from './server.ts';

const server = useServer();

const basic = (key: string) => ({ authorization: `Basic ${btoa(`${key}:`)}` });
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const CALLERS = {
  none: {},
  'wrong write': basic('wk_wrong'),
  'wrong secret': bearer('sk_wrong'),
  write: basic('wk_local'),
  'write, proof required': basic('wk_required'),
  'write as bearer': bearer('wk_local'),
  server: bearer('sv_role'),
  admin: bearer('sk_local'),
} as const;
type Caller = keyof typeof CALLERS;

/** Personal data of the customers whom the document's examples name. */
const SECRETS = ['email-4711@example.com', 'address-4711', 'order-4711'];
const NAMES = ['customer-1', 'visitor-1'];

let document: Document;

beforeAll(async () => {
  const database = openD1(server);
  const insert = database.prepare('INSERT INTO keys VALUES (?, ?, ?, ?, ?, 0)');
  for (const [key, role, mode] of [
    ['sv_role', 'server', 'off'],
    ['wk_required', 'write', 'required'],
  ] as const)
    insert.run(createHash('sha256').update(key).digest('hex'), key, role, mode, 'a secret of thirty-two characters');
  database.close();
  // Keys are read with a new version of the catalog.
  await server.publish({
    id: 'nothing',
    entry: [{ event: 'Never' }],
    initial: 'only',
    stages: { only: { final: true } },
  });
  document = await readDocument(server);
  for (const name of NAMES) {
    const who = name.startsWith('visitor') ? { anonymousId: name } : { userId: name };
    const [email, address, order] = SECRETS;
    await server.ingest([
      message(who, 'identify', { traits: { email, address } }),
      track(who, 'Order Completed', { order_id: order, revenue: 10 }),
    ]);
  }
});

/** An example of the operation, as the document has it, with another key. */
async function ask(operation: Operation, caller: Caller): Promise<Answer<Problem>> {
  const { operations } = document;
  const path = pathOf(operation.path, examplesOf(operation, 'path', operations));
  const [body] = operation.bodies;
  return server.call<Problem>(operation.method, path + queryOf(examplesOf(operation, 'query', operations)), {
    headers: {
      ...examplesOf(operation, 'header', operations),
      ...(body ? { 'content-type': body.type } : {}),
      ...CALLERS[caller],
    },
    ...(body ? { body: body.example } : {}),
  });
}

/** By the document: 401 for who is nobody, 403 for who is somebody else, null for who may. */
function refusalOf({ key, schemes }: Operation, caller: Caller): 401 | 403 | null {
  if (key === 'none') return null;
  if (caller === 'none' || caller.startsWith('wrong')) return 401;
  if (key === 'admin')
    return caller === 'admin' ? null : caller === 'write' || caller === 'write, proof required' ? 401 : 403;
  return schemes.includes('bearer') || caller.startsWith('write') ? null : 401;
}

test.for(Object.keys(CALLERS) as Caller[])('every documented route answers "%s" as documented', async (caller) => {
  const wrong: string[] = [];
  for (const operation of document.operations) {
    if (operation.method === 'DELETE' && caller === 'admin') continue;
    const answer = await ask(operation, caller);
    const refusal = refusalOf(operation, caller);
    const refused = answer.status === 401 || answer.status === 403 ? answer.status : null;
    if (refused !== refusal) wrong.push(`${operation.id} answered ${answer.status}, not ${refusal}: ${answer.text}`);
    if (refused !== null) expectProblem(answer, refused);
    const fault = faultOf(document, operation, answer);
    if (fault !== null) wrong.push(fault);
  }
  expect(wrong).toEqual([]);
});

test('what an operator reads of these customers, no public key reads on any route', async () => {
  const { text } = await server.admin('GET', `/admin/customers/${encodeURIComponent(`u:${NAMES[0]}`)}`);
  expect(text).toContain(SECRETS[0]);
  const told: string[] = [];
  for (const operation of document.operations)
    for (const caller of ['none', 'wrong write', 'write', 'write, proof required', 'write as bearer'] as const) {
      const answer = await ask(operation, caller);
      for (const secret of SECRETS)
        if (answer.text.includes(secret)) told.push(`${operation.id} told "${caller}" ${secret}`);
    }
  expect(told).toEqual([]);
  expect(document.operations.length).toBeGreaterThan(40);
});
