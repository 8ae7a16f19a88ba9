// Who may call what: every operation of the document with every kind of key. What a key may not do is refused before
// anything is done, and whatever a public key is answered holds nothing personal of a known customer.

import { createHash } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { message, openD1, useServer } from '../api/server.ts';
import { examplesOf, type Operation, pathOf, queryOf, readDocument } from './document.ts';

const server = useServer();

const ROLES = { none: null, wrong: 'sk_wrong', write: 'wk_role', server: 'ss_role', admin: 'sk_role' } as const;
type Role = keyof typeof ROLES;
const SECRETS = ['anna.secret@example.com', 'Geheimgasse'];

beforeAll(async () => {
  const database = openD1(server);
  const insert = database.prepare('INSERT INTO keys VALUES (?, ?, ?, ?, NULL, 0)');
  for (const [role, mode] of [
    ['write', 'required'],
    ['server', 'off'],
    ['admin', 'off'],
  ] as const)
    insert.run(createHash('sha256').update(ROLES[role]).digest('hex'), role, role, mode);
  database.close();
  // Keys are read with a new version of the catalog.
  await server.publish({
    id: 'roles',
    entry: [{ event: 'Never' }],
    initial: 'only',
    stages: { only: { final: true } },
  });
  const traits = { email: SECRETS[0], address: { street: SECRETS[1] } };
  await server.ingest([message({ userId: 'customer-1', anonymousId: 'visitor-1' }, 'identify', { traits })]);
});

/** A secret key has no place in a browser, so it is not known there. */
const PUBLIC_KEY_ONLY = '/sourceConfig/';

/** What the document promises: statuses that refuse a role, or null where it may call. */
function refusalOf(operation: Operation, role: Role): readonly number[] | null {
  if (operation.key === 'none') return null;
  if (role === 'none' || role === 'wrong') return [401];
  if (operation.key === 'write') return operation.path === PUBLIC_KEY_ONLY && role !== 'write' ? [401] : null;
  return role === 'admin' ? null : [403];
}

const headersOf = (role: Role, how: 'bearer' | 'basic'): Record<string, string> => {
  const key = ROLES[role];
  if (key === null) return {};
  return { authorization: how === 'basic' ? `Basic ${btoa(`${key}:`)}` : `Bearer ${key}` };
};

test('role by route: each is refused or let in as the document says, and a public key reads nothing personal', async () => {
  const { operations } = await readDocument(server);
  const faults: string[] = [];
  let calls = 0;
  // What deletes comes last, so that every route finds what it needs.
  const ordered = [...operations].sort((a, b) => Number(a.method === 'DELETE') - Number(b.method === 'DELETE'));
  for (const operation of ordered)
    for (const role of Object.keys(ROLES) as Role[])
      for (const how of ['bearer', 'basic'] as const) {
        if (operation.key === 'admin' && how === 'basic' && role !== 'none') continue;
        const [body] = operation.bodies;
        const path = pathOf(operation.path, examplesOf(operation, 'path', operations));
        const answer = await server.call(operation.method, path + queryOf(examplesOf(operation, 'query', operations)), {
          headers: {
            ...headersOf(role, how),
            ...examplesOf(operation, 'header', operations),
            ...(body ? { 'content-type': body.type } : {}),
          },
          ...(body ? { body: body.example } : {}),
        });
        calls++;
        const refusal = refusalOf(operation, role);
        const said = `${role} (${how}) ${operation.method} ${operation.path}: ${answer.status}`;
        const refused = answer.status === 401 || answer.status === 403;
        if (refusal ? !refusal.includes(answer.status) : refused) faults.push(said);
        if (role !== 'admin' && SECRETS.some((secret) => answer.text.includes(secret)))
          faults.push(`${said} tells secrets`);
      }
  expect(faults).toEqual([]);
  expect(calls).toBeGreaterThan(300);
});

test('an admin key in the place of a user name, or a write key as Bearer, opens nothing under /admin', async () => {
  for (const authorization of [
    `Basic ${btoa('sk_local:')}`,
    `Basic ${btoa(':sk_local')}`,
    'Bearer wk_local',
    'bearer',
    'Bearer ',
  ])
    expect((await server.call('GET', '/admin/journeys', { headers: { authorization } })).status).toBeGreaterThanOrEqual(
      401,
    );
  for (const query of ['?writeKey=sk_local', '?key=sk_local', '?access_token=sk_local'])
    expect((await server.call('GET', `/admin/journeys${query}`)).status).toBe(401);
});
