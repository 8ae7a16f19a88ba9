// Who owns an identifier: claimed after the commit by the objects, exact when many claim at once, and never a reason to
// join two known customers.

import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { registryOf } from '../../workers/customer/identifiers.ts';
import type { RegistryCalls, RegistryNamespace } from '../../workers/customer/registry.ts';
import { often } from '../prove.ts';
import { known, mend, settle } from './merging.ts';
import {
  decide,
  describeOf,
  eventOf,
  fireAlarm,
  freshName,
  ingest,
  inside,
  objectOf,
  passTime,
  prepare,
  publishDrafts,
  rowsOf,
  send,
  timelineOf,
} from './object.ts';

const POLICIES = {
  identity: {
    identifiers: {
      email: { form: 'email', priority: 10, joins: 'anonymous' },
      number: { trait: 'customerNumber', form: 'code', priority: 1, joins: 'anonymous' },
      card: { form: 'exact' },
      phone: { form: 'phone', unique: false },
    },
  },
};

beforeAll(async () => {
  await prepare([{ id: 'shop', entry: [{ event: 'Start' }], initial: 'first', stages: { first: {} } }]);
  await publishDrafts([{ kind: 'policies', id: 'policies', document: POLICIES }]);
});

// The stub forwards every method by name: the interface says which there are.
const registries = env.REGISTRY as unknown as RegistryNamespace;
function registry(kind: string, value: string): RegistryCalls {
  const found = registryOf({ REGISTRY: registries, LINK_SECRET: env.LINK_SECRET }, kind, value);
  if (!found) throw new Error('there is no secret');
  return found;
}

let addresses = 0;
const freshEmail = (): string => `person${++addresses}@example.at`;

/** Says traits, and lets what follows from them arrive. */
async function state(id: string, traits: JsonObject, vouched = false): Promise<void> {
  const event = eventOf('identify', { type: 'identify', traits });
  await ingest(id, [vouched ? { ...event, vouched: true } : event]);
  await settle(id);
}

const standings = async (id: string): Promise<Record<string, string>> =>
  Object.fromEntries((await describeOf(id)).identifiers.stated.map(({ kind, standing }) => [kind, standing]));
const conflicts = async (id: string) =>
  (await timelineOf(id)).filter(({ kind }) => kind === 'identifier-conflict').map(({ body }) => body);

describe('a claim', () => {
  it('ID4 is made after the commit, once for each value', async () => {
    const [id, email] = [freshName(), freshEmail()];
    await state(id, { email: ` ${email.toUpperCase()} `, phone: '+43 664 1234567' });
    expect((await describeOf(id)).identifiers.stated).toEqual([
      { kind: 'email', value: email, standing: 'owned' },
      { kind: 'phone', value: '+436641234567', standing: 'stated' },
    ]);
    expect(await registry('email', email).owner()).toBe(id);
    const before = await rowsOf(
      id,
      'SELECT name, body FROM parts WHERE name >= ? AND name < ?',
      'identifier:',
      'identifier;',
    );
    await send(id, 'identify', { type: 'identify', traits: { email, city: 'Linz' } });
    await send(id, 'Start');
    await decide(id, []);
    expect((await describeOf(id)).effectsPending).toBe(0);
    expect(
      await rowsOf(id, 'SELECT name, body FROM parts WHERE name >= ? AND name < ?', 'identifier:', 'identifier;'),
    ).toEqual(before);
  });

  it('ID4 costs its event two rows, and nothing where the same is stated again', async () => {
    const [id, email] = [freshName(), freshEmail()];
    // A registry that does not answer: what follows from its answer is not counted.
    const silent = { claim: () => new Promise<never>(() => undefined) };
    vi.spyOn(env.REGISTRY, 'getByName').mockReturnValue(silent as unknown as DurableObjectStub);
    const rows = async (traits: JsonObject): Promise<number> => {
      let written = 0;
      const spy = await inside(id, ({ sql }) => {
        const exec = sql.exec.bind(sql);
        return vi.spyOn(sql, 'exec').mockImplementation((query, ...bindings) => {
          const cursor = exec(query, ...bindings);
          written += cursor.rowsWritten;
          return cursor;
        });
      });
      await ingest(id, [eventOf('identify', { type: 'identify', traits })]);
      spy.mockRestore();
      return written;
    };
    await send(id, 'Start');
    const plain = await rows({ city: 'Linz' });
    expect(await rows({ email })).toBe(plain + 2);
    expect(await rows({ email })).toBe(plain);
    mend();
  });

  it('ID4 no event waits for it, and it arrives when the registry is back', async () => {
    const [id, email] = [freshName(), freshEmail()];
    vi.spyOn(env.REGISTRY, 'getByName').mockImplementation(() => {
      throw new Error('the network is gone');
    });
    const reply = await ingest(id, [eventOf('identify', { type: 'identify', traits: { email } })]);
    expect(reply.statuses).toEqual(['accepted']);
    passTime(60_000);
    await fireAlarm(id);
    expect(await standings(id)).toEqual({ email: 'pending' });
    mend();
    await settle(id);
    expect(await standings(id)).toEqual({ email: 'owned' });
    expect(await registry('email', email).owner()).toBe(id);
  });

  it('ID5 of many at once one is first, and all others know it', async () => {
    const email = freshEmail();
    const ids = Array.from({ length: often(8, 60) }, () => freshName());
    await Promise.all(ids.map((id) => ingest(id, [eventOf('identify', { type: 'identify', traits: { email } })])));
    await Promise.all(ids.map(settle));
    const owner = await registry('email', email).owner();
    const found = await Promise.all(ids.map(async (id) => (await standings(id))['email']));
    expect(ids).toContain(owner);
    expect(found).toEqual(ids.map((id) => (id === owner ? 'owned' : 'taken')));
  });

  it('ID5 ID7 a voucher takes it from who only said so, and both have it in the timeline, masked', async () => {
    const [squatter, owner, email] = [freshName(), freshName(), freshEmail()];
    await state(squatter, { email });
    await state(owner, { email }, true);
    expect([await standings(squatter), await standings(owner)]).toEqual([{ email: 'taken' }, { email: 'owned' }]);
    expect(await conflicts(squatter)).toEqual([{ identifier: 'email', value: 'p***@example.at', owner }]);
    const third = freshName();
    await state(third, { email }, true);
    expect(await standings(third)).toEqual({ email: 'taken' });
    expect(await conflicts(third)).toEqual([{ identifier: 'email', value: 'p***@example.at', owner }]);
    expect(JSON.stringify(await conflicts(third))).not.toContain(email);
    for (const id of [squatter, owner, third]) {
      const described = await describeOf(id);
      expect([described.id, described.identifiers.anonymousIds]).toEqual([id, []]);
    }
  });

  it('ID5 what is stated again with a voucher is vouched for from then on', async () => {
    const [first, second, email] = [freshName(), freshName(), freshEmail()];
    await state(first, { email });
    await state(first, { email }, true);
    await state(second, { email }, true);
    expect([await standings(first), await standings(second)]).toEqual([{ email: 'owned' }, { email: 'taken' }]);
  });

  it('ID8 is given back when another value, or none, is stated', async () => {
    const [id, other, one, two] = [freshName(), freshName(), freshEmail(), freshEmail()];
    await state(id, { email: one });
    await state(id, { email: two });
    expect([await registry('email', one).owner(), await registry('email', two).owner()]).toEqual([null, id]);
    await state(other, { email: one });
    expect(await standings(other)).toEqual({ email: 'owned' });
    await state(id, { email: null });
    expect(await registry('email', two).owner()).toBeNull();
    expect((await describeOf(id)).identifiers.stated).toEqual([]);
    await state(id, { email: 'no address' });
    expect((await describeOf(id)).identifiers.stated).toEqual([]);
  });

  it('ID8 that was another’s is not given back by who never owned it', async () => {
    const [owner, other, email] = [freshName(), freshName(), freshEmail()];
    await state(owner, { email });
    await state(other, { email });
    await state(other, { email: freshEmail() });
    expect(await registry('email', email).owner()).toBe(owner);
  });
});

describe('a visitor', () => {
  it('ID6 of whom a secret key states what a known customer owns becomes that customer', async () => {
    const [visitor, owner, email] = [freshName('a'), freshName(), freshEmail()];
    await state(owner, { email }, true);
    await send(visitor, 'Start');
    await state(visitor, { email }, true);
    const described = await describeOf(owner);
    expect(described.identifiers.anonymousIds).toEqual([visitor.slice(2)]);
    expect(described.stages).toEqual({ shop: 'first' });
    expect((await describeOf(visitor)).id).toBe(owner);
    await settle(owner);
    expect(await registry('email', email).owner()).toBe(owner);
    expect(await standings(owner)).toEqual({ email: 'owned' });
  });

  it('ID6 is not given to whoever only said first that the identifier is theirs', async () => {
    const [visitor, squatter, email] = [freshName('a'), freshName(), freshEmail()];
    await state(squatter, { email });
    await state(visitor, { email }, true);
    expect((await describeOf(visitor)).id).toBe(visitor);
    expect([await standings(visitor), await standings(squatter)]).toEqual([{ email: 'owned' }, { email: 'taken' }]);
  });

  it('ID6 who only says so stays apart, and so does one whose identifier never joins', async () => {
    const [visitor, owner, email] = [freshName('a'), freshName(), freshEmail()];
    await state(owner, { email, card: email }, true);
    await state(visitor, { email });
    expect((await describeOf(visitor)).id).toBe(visitor);
    expect(await standings(visitor)).toEqual({ email: 'taken' });
    const other = freshName('a');
    await state(other, { card: email }, true);
    expect((await describeOf(other)).id).toBe(other);
    expect(await standings(other)).toEqual({ card: 'taken' });
    expect((await describeOf(owner)).identifiers.anonymousIds).toEqual([]);
  });

  it('ID6 joins by what is most important where identifiers name different owners', async () => {
    const [visitor, byEmail, byNumber, email] = [freshName('a'), freshName(), freshName(), freshEmail()];
    await state(byEmail, { email }, true);
    await state(byNumber, { customerNumber: `k-${email}` }, true);
    await state(visitor, { email, customerNumber: `K ${email}` }, true);
    expect((await describeOf(visitor)).id).toBe(byNumber);
    expect((await describeOf(byEmail)).identifiers.anonymousIds).toEqual([]);
    await settle(byNumber);
    expect(await standings(byNumber)).toEqual({ email: 'taken', number: 'owned' });
  });

  it('ID8 ID9 takes identifiers along, but what the known customer states stays', async () => {
    const [visitor, customer, one, two] = [freshName('a'), freshName(), freshEmail(), freshEmail()];
    await state(visitor, { email: one, customerNumber: one });
    await state(customer, { email: two });
    await ingest(customer, [known(visitor)]);
    await settle(customer);
    await settle(visitor);
    expect((await describeOf(customer)).identifiers.stated).toEqual([
      { kind: 'email', value: two, standing: 'owned' },
      { kind: 'number', value: one.toUpperCase().replace(/\W/g, ''), standing: 'owned' },
    ]);
    expect(await registry('email', one).owner()).toBeNull();
    expect(await registry('number', one.toUpperCase().replace(/\W/g, '')).owner()).toBe(customer);
  });
});

it('ID8 an erased customer gives back everything, also what a merge has brought', async () => {
  const [visitor, customer, other, one, two] = [freshName('a'), freshName(), freshName(), freshEmail(), freshEmail()];
  await state(visitor, { email: one });
  await state(customer, { email: two, card: two }, true);
  await ingest(customer, [known(visitor)]);
  await objectOf(customer).erase();
  expect(await Promise.all([registry('email', two).owner(), registry('card', two).owner()])).toEqual([null, null]);
  await objectOf(customer).erase();
  await state(other, { email: two });
  expect(await standings(other)).toEqual({ email: 'owned' });
  expect(await registry('email', one).owner()).toBeNull();
});

it('ID8 a claim that arrives after its customer was erased is given back', async () => {
  const [customer, email] = [freshName(), freshEmail()];
  const getByName = env.REGISTRY.getByName.bind(env.REGISTRY);
  const released = Promise.withResolvers<string>();
  vi.spyOn(env.REGISTRY, 'getByName').mockImplementation((name) => {
    const real = getByName(name) as unknown as RegistryCalls;
    const calls: RegistryCalls = {
      owner: () => real.owner(),
      release: async (id) => {
        await real.release(id);
        if ((await objectOf(customer).describe()) === null) released.resolve(id);
      },
      claim: async (claim) => {
        const owned = await real.claim(claim);
        await objectOf(customer).erase();
        await real.claim(claim);
        return owned;
      },
    };
    return calls as unknown as ReturnType<typeof getByName>;
  });
  await ingest(customer, [eventOf('identify', { type: 'identify', traits: { email } })]);
  expect(await released.promise).toBe(customer);
  mend();
  expect(await registry('email', email).owner()).toBeNull();
  expect(await objectOf(customer).describe()).toBeNull();
});

it('ID5 the object of an identifier holds and is named by nothing that tells it', async () => {
  const names: string[] = [];
  const spied: RegistryNamespace = {
    getByName: (name) => {
      names.push(name);
      return registries.getByName(name);
    },
  };
  for (const secret of ['one', 'one', 'two'])
    registryOf({ REGISTRY: spied, LINK_SECRET: secret }, 'email', 'anna@example.at');
  registryOf({ REGISTRY: spied, LINK_SECRET: 'two', IDENTIFIER_SECRET: 'one' }, 'email', 'anna@example.at');
  registryOf({ REGISTRY: spied, LINK_SECRET: 'one' }, 'card', 'anna@example.at');
  const [first, again, other, own, kind] = names;
  expect([again, own]).toEqual([first, first]);
  expect(new Set([first, other, kind]).size).toBe(3);
  expect(names.join()).not.toMatch(/anna|example/);
  expect(await objectOf(freshName()).describe()).toBeNull();
});

describe('external ids', () => {
  /** An event with external ids, as it comes from intake, and what follows from it. */
  async function external(
    id: string,
    ids: Record<string, string>,
    vouched = false,
    more: JsonObject = {},
  ): Promise<void> {
    const externalIds = Object.entries(ids).map(([type, value]) => ({
      ...{ id: value, type, collection: 'users', encoding: 'none' },
    }));
    const event = eventOf('Product Viewed');
    const body = JSON.stringify({ ...JSON.parse(event.body), ...more, context: { externalIds } });
    const type = typeof more['type'] === 'string' ? more['type'] : event.type;
    await ingest(id, [{ ...event, type, body, externalIds: true, ...(vouched ? { vouched: true } : {}) }]);
    await settle(id);
  }
  const stated = async (id: string) =>
    Object.fromEntries((await describeOf(id)).identifiers.stated.map(({ kind, value }) => [kind, value]));

  it('ID10 of any event are claimed as traits are, and said again they write nothing', async () => {
    const [id, email] = [freshName(), freshEmail()];
    await external(id, { email, card: 'c-1', unknown: 'x' });
    expect(await stated(id)).toEqual({ email, card: 'c-1' });
    expect(await registry('email', email).owner()).toBe(id);
    const parts = () =>
      rowsOf(id, 'SELECT name, body FROM parts WHERE name >= ? AND name < ?', 'identifier:', 'identifier;');
    const before = await parts();
    await external(id, { email, card: 'c-1' });
    expect(await parts()).toEqual(before);
    // They are no traits.
    expect((await describeOf(id)).traits).toEqual({});
  });

  it('ID10 a trait of the same event goes before', async () => {
    const [id, email] = [freshName(), freshEmail()];
    await external(id, { email: freshEmail(), card: 'c-2' }, false, { type: 'identify', traits: { email } });
    expect(await stated(id)).toEqual({ email, card: 'c-2' });
  });

  it('ID10 ID5 without a voucher none takes the place of one that has a voucher', async () => {
    const [id, email, other] = [freshName(), freshEmail(), freshEmail()];
    await external(id, { email }, true);
    await external(id, { email: other });
    expect(await stated(id)).toEqual({ email });
    expect(await registry('email', other).owner()).toBeNull();
    await external(id, { email: other }, true);
    expect(await stated(id)).toEqual({ email: other });
    expect(await registry('email', email).owner()).toBeNull();
  });

  it('ID10 ID6 join a visitor to the known owner where both are vouched for, and otherwise nobody', async () => {
    const [owner, email, card] = [freshName(), freshEmail(), `card${freshEmail()}`];
    await external(owner, { email, card }, true);
    const [visitor, stranger, user] = [freshName('a'), freshName('a'), freshName()];
    await external(stranger, { email });
    await external(stranger, { card }, true);
    await external(user, { email }, true);
    expect([await objectOf(stranger).owner(), await objectOf(user).owner()]).toEqual([stranger, user]);
    expect((await standings(stranger))['email']).toBe('taken');
    expect(await conflicts(user)).toHaveLength(1);
    await external(visitor, { email }, true);
    expect(await objectOf(visitor).owner()).toBe(owner);
  });
});
