// Companies with real objects: several people act for one, what they do moves its journey, what it is they know; repeated
// deliveries, evictions, merges, erasing.

import { beforeAll, beforeEach, expect, it } from 'vitest';
import { NO_MEMBERS, presentIn } from '../../workers/accounts/state.ts';
import type { IncomingEvent } from '../../workers/customer/messages.ts';
import { known, settle } from './merging.ts';
import {
  DAY,
  decide,
  describeOf,
  dump,
  eventOf,
  evict,
  fireAlarm,
  forgetSent,
  freshName,
  ingest,
  insideOf,
  objectOf,
  passTime,
  prepare,
  publishDrafts,
  send,
  timelineOf,
} from './object.ts';

const field = { type: 'number' };
const declarations = {
  events: {
    Order: { properties: { total: field, note: { type: 'string', personal: true } } },
    Seen: {},
  },
  traits: { bought: { type: 'number', computed: { sum: 'Order', of: 'total' } }, plan: { type: 'string' } },
};

beforeAll(async () => {
  await prepare([]);
  await publishDrafts([
    { kind: 'events', id: 'events', document: declarations },
    { kind: 'policies', id: 'policies', document: { accounts: { shares: ['Order'] } } },
    { kind: 'segment', id: 'buyers', document: { id: 'buyers', if: "count('Order') > 0" } },
    {
      ...{ kind: 'journey', id: 'contract' },
      document: {
        ...{ id: 'contract', subject: 'account', entry: [{ event: 'Member Joined' }], initial: 'new' },
        stages: {
          new: {
            on: [{ event: 'Order', if: "count('Order') >= 2", to: 'active' }],
            after: [{ delay: 'P30D', to: 'quiet' }],
          },
          active: { after: [{ delay: 'P30D', to: 'quiet' }] },
          quiet: {},
        },
      },
    },
    {
      ...{ kind: 'journey', id: 'adviser' },
      document: {
        ...{ id: 'adviser', entry: [{ event: 'Account Changed', if: "account.stages.contract == 'active'" }] },
        ...{
          initial: 'told',
          stages: { told: { always: [{ if: 'account.traits.bought > 100.0', to: 'large' }] }, large: {} },
        },
      },
    },
    {
      ...{ kind: 'content', id: 'fleet' },
      document: {
        ...{ id: 'fleet', kind: 'banner', placements: ['hero'], stages: [], audience: "account.traits.plan == 'gold'" },
        locales: { en: { title: 'For your company' } },
      },
    },
  ]);
});

beforeEach(forgetSent);

let groups = 0;
const freshGroup = (): string => `company-${++groups}`;

const group = (groupId: string, more: object = {}): IncomingEvent => {
  const event = eventOf('group', { type: 'group' });
  return { ...event, member: true, body: JSON.stringify({ ...JSON.parse(event.body), groupId, ...more }) };
};
const order = (total: number, note = 'gate 3') => eventOf('Order', { properties: { total, note } });

/** Until nothing is on its way between these. */
async function calm(...ids: string[]): Promise<void> {
  for (let round = 0; round < 4; round++) for (const id of ids) await settle(id);
}

const membersOf = async (account: string): Promise<string[]> =>
  presentIn((await objectOf(`g:${account}`).members()) ?? NO_MEMBERS).sort();

it('AC1 AC3 AC5 AC6 AC7 AC8 what two people do moves the journey of their company, and both know it', async () => {
  const account = freshGroup();
  const [one, two] = [freshName(), freshName()];
  await ingest(one, [group(account, { traits: { plan: 'gold' } })]);
  await ingest(two, [group(account)]);
  await calm(one, two, `g:${account}`);
  expect(await membersOf(account)).toEqual([one, two].sort());
  await ingest(one, [order(60)]);
  await evict(one);
  await ingest(two, [order(50)]);
  await evict(`g:${account}`);
  await calm(one, two, `g:${account}`, one, two);
  const company = await describeOf(`g:${account}`);
  expect(company).toMatchObject({
    stages: { contract: 'active' },
    traits: { plan: 'gold', bought: 110 },
    segments: {},
  });
  const shared = (await timelineOf(`g:${account}`)).filter(({ name }) => name === 'Order');
  const members = Object.entries((await objectOf(`g:${account}`).members())?.members ?? {});
  const aliasOf = (id: string) => members.find(([, { customer }]) => customer === id)?.[0];
  expect(shared.map(({ body }) => Reflect.get(Object(body), 'properties'))).toEqual([
    { total: 60, member: aliasOf(one) },
    { total: 50, member: aliasOf(two) },
  ]);
  for (const id of [one, two]) {
    const described = await describeOf(id);
    expect(described.account).toMatchObject({ id: account });
    expect(described.stages).toEqual({ adviser: 'large' });
    expect(Object.keys(described.segments)).toEqual(['buyers']);
  }
  expect((await decide(two, ['hero'])).decisions['hero']).toMatchObject([{ id: 'fleet' }]);
});

it('AC1 AC9 a group call nobody vouches for is an event and nothing else', async () => {
  const account = freshGroup();
  const id = freshName();
  const { member: _, ...unproven } = group(account, { traits: { plan: 'gold' } });
  await ingest(id, [unproven]);
  await calm(id);
  expect((await describeOf(id)).account).toBeNull();
  expect(await objectOf(`g:${account}`).members()).toBeNull();
  expect((await timelineOf(id)).map(({ name }) => name)).toEqual(['group']);
});

it('AC1 an id that is a number is the text of it', async () => {
  const id = freshName();
  await ingest(id, [group('', { groupId: 4_711 })]);
  await calm(id);
  expect((await describeOf(id)).account).toMatchObject({ id: '4711' });
});

it('AC3 what is delivered again changes nothing', async () => {
  const account = freshGroup();
  const id = freshName();
  await ingest(id, [group(account), order(5)]);
  const waiting = (await dump(id))['parts']?.filter(({ name }) => String(name).startsWith('effect:account/')) ?? [];
  await calm(id, `g:${account}`);
  const before = await describeOf(`g:${account}`);
  for (const { body } of waiting) {
    const { event } = JSON.parse(JSON.parse(String(body)).body);
    await ingest(`g:${account}`, [event]);
  }
  expect(waiting.length).toBeGreaterThan(0);
  await calm(id, `g:${account}`);
  expect((await describeOf(`g:${account}`)).events).toBe(before.events);
  expect((await describeOf(`g:${account}`)).traits).toEqual({ bought: 5 });
});

it('AC2 joining another company leaves the one before; what is done then counts for the new one', async () => {
  const [first, second] = [freshGroup(), freshGroup()];
  const id = freshName();
  await ingest(id, [group(first), order(1), group(second), order(2)]);
  await calm(id, `g:${first}`, `g:${second}`);
  expect([await membersOf(first), await membersOf(second)]).toEqual([[], [id]]);
  const bought = async (account: string) => (await describeOf(`g:${account}`)).traits['bought'];
  expect([await bought(first), await bought(second)]).toEqual([1, 2]);
  await send(id, 'Account Left', { properties: { account: second } });
  await calm(id, `g:${second}`);
  expect([await membersOf(second), (await describeOf(id)).account]).toEqual([[], null]);
});

it('AC8 time moves the company, and its members hear of it', async () => {
  const account = freshGroup();
  const id = freshName();
  await ingest(id, [group(account)]);
  await calm(id, `g:${account}`);
  passTime(30 * DAY);
  await fireAlarm(`g:${account}`);
  await calm(`g:${account}`, id);
  const changed = (await timelineOf(id)).filter(({ name }) => name === 'Account Changed').at(-1);
  expect(Reflect.get(Object(changed?.body), 'properties')).toMatchObject({ account, stages: { contract: 'quiet' } });
});

it('AC10 who becomes known brings the company along, unless they have one', async () => {
  const account = freshGroup();
  const [visitor, customer] = [freshName('a'), freshName()];
  await ingest(visitor, [group(account)]);
  await calm(visitor, `g:${account}`);
  await ingest(customer, [known(visitor)]);
  await calm(customer, `g:${account}`, customer);
  expect((await describeOf(customer)).account).toMatchObject({ id: account });
  expect(await membersOf(account)).toContain(customer);
});

it('AC11 of a member who is erased the company keeps what was bought and not by whom', async () => {
  const account = freshGroup();
  const id = freshName();
  await ingest(id, [group(account), order(7, 'for Ada')]);
  await calm(id, `g:${account}`);
  expect(await objectOf(id).accountsOf()).toEqual([account]);
  await objectOf(`g:${account}`).forgetMember(id);
  await insideOf(id, (object) => object.erase());
  const kept = JSON.stringify(await dump(`g:${account}`));
  expect([kept.includes(`"${id}"`), kept.includes(`${id}/`), kept.includes('Ada')]).toEqual([false, false, false]);
  expect((await describeOf(`g:${account}`)).traits['bought']).toBe(7);
});
