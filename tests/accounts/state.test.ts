// Who acts for which account: words of members that come twice and out of order, against the plainest reading of what was said;
// and what conditions of a member see.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { compileAccounts } from '../../workers/accounts/policy.ts';
import {
  ACCOUNT_EVENTS,
  hearAccount,
  hearMember,
  MEMBER_EVENTS,
  type Members,
  type Membership,
  NO_MEMBERS,
  presentIn,
  viewOf,
} from '../../workers/accounts/state.ts';
import { compileJourney } from '../../workers/engine/compile.ts';
import { compileCondition } from '../../workers/engine/conditions.ts';
import { factsOf } from '../../workers/engine/facts.ts';
import { scopeOf } from '../../workers/engine/scope.ts';
import { NO_EVENT } from '../../workers/engine/step.ts';
import { vocabulary } from '../engine/driver.ts';
import { often } from '../prove.ts';

const said = (name: string, properties: object, type = 'track') => ({ name, type, properties: { ...properties } });

describe('a person', () => {
  it('AC2 acts for one account at a time; joining again changes nothing, leaving another neither', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('joined', 'left'), fc.constantFrom('a', 'b', 'c')), { maxLength: 20 }),
        (words) => {
          let membership: Membership | null = null;
          let current: string | null = null;
          let turns = 0;
          for (const [at, [word, account]] of words.entries()) {
            const before: Membership | null = membership;
            const name = word === 'joined' ? ACCOUNT_EVENTS.joined : ACCOUNT_EVENTS.left;
            membership = hearAccount(before, said(name, { account }), at);
            const next: string | null = word === 'joined' ? account : current === account ? null : current;
            if (next !== current) turns++;
            else expect(membership).toBe(before);
            current = next;
            expect([membership?.account ?? null, membership?.turn ?? 0]).toEqual([current, turns]);
          }
        },
      ),
      { numRuns: often(100, 5_000) },
    );
  });

  it('AC8 an older word, one of another account and one that is not the system’s change nothing', () => {
    const joined = hearAccount(null, said(ACCOUNT_EVENTS.joined, { account: 'a' }), 1);
    const word = (revision: number, more: object = {}, type = 'account') =>
      said(
        ACCOUNT_EVENTS.changed,
        { account: 'a', revision, traits: { plan: revision }, stages: { x: 's' }, ...more },
        type,
      );
    const second = hearAccount(joined, word(2), 2);
    expect(viewOf(second)).toEqual({ id: 'a', traits: { plan: 2 }, stages: { x: 's' } });
    expect(hearAccount(second, word(1), 3)).toBe(second);
    expect(hearAccount(second, word(2), 3)).toBe(second);
    expect(hearAccount(second, word(3, { account: 'b' }), 3)).toBe(second);
    expect(hearAccount(second, word(3, {}, 'track'), 3)).toBe(second);
    expect(viewOf(hearAccount(second, said(ACCOUNT_EVENTS.left, { account: 'a' }), 4))).toBeUndefined();
  });
});

describe('an account', () => {
  it('AC3 AC4 words of its members, repeated and in any order, come to the last one each has said', () => {
    const member = fc.constantFrom('u:1', 'u:2', 'a:3');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(member, fc.boolean()), { minLength: 1, maxLength: 15 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (words, order) => {
          const turns = new Map<string, number>();
          const spoken = words.map(([who, joins]) => {
            const turn = (turns.get(who) ?? 0) + 1;
            turns.set(who, turn);
            return said(joins ? MEMBER_EVENTS.joined : MEMBER_EVENTS.left, {
              member: `alias of ${who}`,
              customer: who,
              turn,
            });
          });
          const last = new Map(words.map(([who, joins]) => [who, joins]));
          let members: Members = NO_MEMBERS;
          for (const index of [...order.map((pick) => pick % spoken.length), ...spoken.keys()]) {
            const next = hearMember(members, spoken[index] ?? said('', {}), index);
            if (next !== 'full') members = next;
          }
          expect(presentIn(members).sort()).toEqual([...last].flatMap(([who, joins]) => (joins ? [who] : [])).sort());
        },
      ),
      { numRuns: often(200, 10_000) },
    );
  });

  it('AC4 has room for so many', () => {
    let members: Members = NO_MEMBERS;
    for (let index = 0; index < LIMITS.accountMembersMax; index++) {
      const next = hearMember(
        members,
        said(MEMBER_EVENTS.joined, { member: `${index}`, customer: `u:${index}`, turn: 1 }),
        0,
      );
      if (next === 'full') throw new Error('full too early');
      members = next;
    }
    expect(hearMember(members, said(MEMBER_EVENTS.joined, { member: 'more', customer: 'u:more', turn: 1 }), 0)).toBe(
      'full',
    );
    expect(hearMember(members, said(MEMBER_EVENTS.joined, { member: '1', customer: 'u:1', turn: 2 }), 0)).not.toBe(
      'full',
    );
  });
});

describe('what is declared', () => {
  const words = vocabulary({ events: { Order: { properties: { total: { type: 'number' } } } } });
  const asked = (source: string, account: Parameters<typeof viewOf>[0]) => {
    const compiled = compileCondition(source, '', { ...words, event: null });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.fault));
    return compiled.condition.evaluate(scopeOf(NO_EVENT, { ...factsOf([], {}), account: viewOf(account) }, 0));
  };
  const acting: Membership = {
    ...{ account: 'acme', since: 0, turn: 1, alias: 'x', revision: 1 },
    ...{ traits: { plan: 'gold', seats: 5 }, stages: { contract: 'renewal' } },
  };

  it.each([
    ["account.id == 'acme'", true, false],
    ["account.traits.plan == 'gold' && account.traits.seats >= 5", true, false],
    ["account.stages.contract == 'renewal'", true, false],
    ['account.traits.absent == null && account.stages.absent == null', true, true],
    // The library, not the closures.
    ["['gold', 'silver'].exists(plan, plan == account.traits.plan)", true, false],
    ["string(account.traits.absent) == 'null' || account.id == null", false, true],
  ])('AC8 %s', (source, within, without) => {
    const plain = (answer: ReturnType<typeof asked>) => answer.ok && answer.value === true;
    expect([plain(asked(source, acting)), plain(asked(source, null))]).toEqual([within, without]);
  });

  it('AC6 a journey of an account cannot send', () => {
    const journey = {
      ...{ id: 'j', subject: 'account', entry: [{ event: 'Order' }], initial: 'first' },
      stages: { first: { steps: [{ send: 'hello', channel: 'email', purpose: 'service' }] } },
    };
    const compiled = compileJourney(journey, 1, words);
    expect(compiled.ok ? [] : compiled.findings).toMatchObject([
      { code: 'account-send', pointer: '/stages/first/steps' },
    ]);
  });

  it('AC5 what is shared has to be declared, and what is personal in it is known', () => {
    const declared = vocabulary({
      events: { Order: { properties: { total: { type: 'number' }, name: { type: 'string', personal: true } } } },
    });
    const compiled = compileAccounts({ shares: ['Order'] }, declared);
    expect(compiled.ok && compiled.rules.shares).toEqual(new Map([['Order', new Set(['name'])]]));
    const wrong = compileAccounts({ shares: ['Ordr'] }, declared);
    expect(wrong.ok ? [] : wrong.findings).toMatchObject([{ code: 'account-event', pointer: '/accounts/shares/0' }]);
  });
});
