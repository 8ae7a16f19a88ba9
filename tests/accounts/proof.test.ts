// Who may say that a customer acts for an account: with real signatures, as the API asks.

import { SignJWT } from 'jose';
import { expect, it } from 'vitest';
import { withMembership } from '../../workers/api/membership.ts';
import type { KeyRow } from '../../workers/catalog/catalog.ts';
import type { IncomingEvent } from '../../workers/customer/messages.ts';
import { NO_POLICIES } from '../../workers/policies/policies.ts';

const SECRET = 'a secret of at least thirty-two bytes';
const NOW_MS = Date.UTC(2026, 0, 5);

const keyOf = (role: KeyRow['role']): KeyRow => ({
  ...{ hash: role, name: role, role, tokenMode: 'optional', tokenSecret: SECRET, createdAt: 0 },
});

const tokenOf = (claims: Record<string, unknown>, secret = SECRET): Promise<string> =>
  new SignJWT({ sub: 'anna', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(NOW_MS / 1_000 + 60)
    .sign(new TextEncoder().encode(secret));

const event = (type: string, groupId: string | number): IncomingEvent => {
  const body = JSON.stringify({ type, groupId, traits: { plan: 'mine' } });
  return { messageId: 'm', name: type, type, at: NOW_MS, body, merges: null };
};
const EVENTS = [event('track', 'acme'), event('group', 'acme'), event('group', 7)];

async function marked(role: KeyRow['role'], token: string | null, userId: string | null = 'anna', on = true) {
  const catalog = { policies: { ...NO_POLICIES, accounts: { ...NO_POLICIES.accounts, declared: on } } };
  const speaker = { key: keyOf(role), catalog, token, userId, proven: true, at: NOW_MS };
  return (await withMembership(EVENTS, speaker)).map(({ member }) => member ?? false);
}

it('AC1 a secret key proves every group call, and nothing is marked where there are no accounts', async () => {
  expect(await marked('server', null)).toEqual([false, true, true]);
  expect(await marked('admin', null, null)).toEqual([false, true, true]);
  expect(await marked('server', null, 'anna', false)).toEqual([false, false, false]);
});

it('AC1 a token proves the accounts it names, of its own user and no other', async () => {
  expect(await marked('write', await tokenOf({ accounts: ['acme', 'other'] }))).toEqual([false, true, false]);
  expect(await marked('write', await tokenOf({ groupId: '7' }))).toEqual([false, false, true]);
  const nothing = [false, false, false];
  expect(await marked('write', null)).toEqual(nothing);
  expect(await marked('write', await tokenOf({}))).toEqual(nothing);
  expect(await marked('write', await tokenOf({ accounts: ['acme'] }), 'bert')).toEqual(nothing);
  expect(await marked('write', await tokenOf({ accounts: ['acme'] }), null)).toEqual(nothing);
  expect(await marked('write', await tokenOf({ accounts: ['acme'] }, 'another secret, as long as the first'))).toEqual(
    nothing,
  );
});
