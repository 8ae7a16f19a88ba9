// workers/identity/SPEC.md, GM2: who may say that two customers are one, for every role, mode, proof and policy there is.

import { describe, expect, it } from 'vitest';
import { mergedIdsOf, readEvent } from '../../schema/event.ts';
import { withPermitted } from '../../workers/api/merging.ts';
import type { KeyRow } from '../../workers/catalog/catalog.ts';
import type { IncomingEvent } from '../../workers/customer/messages.ts';
import { NO_POLICIES } from '../../workers/policies/policies.ts';
import { claims, hs, NOW_MS, row, SECRET, token, tokenKey } from './signing.ts';

const merging = (merges: IncomingEvent['merges']): IncomingEvent => ({
  ...{ messageId: 'm', name: 'alias', type: 'alias', at: NOW_MS, body: '{}' },
  merges,
});
const said = [merging(['a:old', 'u:old']), merging(['a:v']), merging(null)];

const signed = (sub: string) => token({ alg: 'HS256' }, { ...claims, sub }, hs(SECRET));

interface Call {
  readonly role: KeyRow['role'];
  readonly aliasByToken: boolean;
  readonly proven: boolean;
  readonly token: string | null;
  readonly userId: string | null;
}

async function permitted({ role, aliasByToken, proven, token: text, userId }: Call) {
  const key = row([tokenKey('HS256', SECRET)], { role, tokenMode: 'optional' });
  const policies = { ...NO_POLICIES, identity: { ...NO_POLICIES.identity, aliasByToken } };
  const speaker = { key, catalog: { policies }, token: text, userId, proven, at: NOW_MS };
  return (await withPermitted(said, speaker)).map(({ merges }) => merges);
}

describe('who may say that two are one', () => {
  const roles: readonly KeyRow['role'][] = ['write', 'server', 'admin'].map((role) => role as KeyRow['role']);
  const calls = roles.flatMap((role) =>
    [true, false].flatMap((aliasByToken) =>
      [true, false].flatMap((proven) =>
        [null, signed('u1'), signed('u2'), `${signed('u1')}x`].flatMap((text) =>
          ['u1', null].map((userId): Call => ({ role, aliasByToken, proven, token: text, userId })),
        ),
      ),
    ),
  );

  it('GM2 nobody without proof; of users a server key, or a token that proves the target where the policy says so', async () => {
    const seen = { all: 0, visitors: 0, none: 0 };
    for (const call of calls) {
      const { role, aliasByToken, proven, token: text, userId } = call;
      const byToken = aliasByToken && userId === 'u1' && text === signed('u1');
      const answer = !proven ? 'none' : role !== 'write' || byToken ? 'all' : 'visitors';
      seen[answer]++;
      const expected = {
        all: [['a:old', 'u:old'], ['a:v'], null],
        visitors: [['a:old'], ['a:v'], null],
        none: [null, null, null],
      }[answer];
      expect(await permitted(call), JSON.stringify(call)).toEqual(expected);
    }
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
  });

  it('GM2 an alias names a visitor and a user of that id, an identify a visitor', () => {
    const read = (message: object) => {
      const event = readEvent({ messageId: 'm', ...message });
      return event.ok ? mergedIdsOf(event.event) : 'refused';
    };
    expect(read({ type: 'alias', userId: 'new', previousId: 'old' })).toEqual(['a:old', 'u:old']);
    expect(read({ type: 'alias', userId: 'same', previousId: 'same' })).toBeNull();
    expect(read({ type: 'identify', userId: 'new', anonymousId: 'v' })).toEqual(['a:v']);
    expect(read({ type: 'track', event: 'Go', userId: 'new', anonymousId: 'v' })).toBeNull();
  });
});
