// What members share with their company, over a network that fails before or after the other object has done its work, with
// calls repeated and objects thrown out of memory: each event is there once.

import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { IncomingEvent } from '../../workers/customer/messages.ts';
import { mend, settle } from './merging.ts';
import { describeOf, eventOf, evict, freshName, ingest, prepare, publishDrafts, timelineOf } from './object.ts';

beforeAll(async () => {
  await prepare([]);
  await publishDrafts([
    {
      ...{ kind: 'events', id: 'events' },
      document: { events: { Order: {} }, traits: { orders: { type: 'number', computed: { count: 'Order' } } } },
    },
    { kind: 'policies', id: 'policies', document: { accounts: { shares: ['Order'] } } },
  ]);
});
afterEach(mend);

function group(groupId: string): IncomingEvent {
  const event = eventOf('group', { type: 'group' });
  return { ...event, member: true, body: JSON.stringify({ ...JSON.parse(event.body), groupId }) };
}

type Fault = 'before' | 'after' | null;

/** The next calls of `ingest` at one object go so. @returns how many have failed */
function unreliable(id: string, faults: readonly Fault[]): () => number {
  const getByName = env.CUSTOMER.getByName.bind(env.CUSTOMER);
  let [calls, failed] = [0, 0];
  vi.spyOn(env.CUSTOMER, 'getByName').mockImplementation((name) => {
    const stub = getByName(name);
    if (name !== id) return stub;
    return new Proxy(stub, {
      get(target, member) {
        // The object's methods by name; a stub gives a callable for each.
        const call = Reflect.get(target, member) as (...args: unknown[]) => Promise<unknown>;
        if (member !== 'ingest') return call;
        return async (...args: unknown[]) => {
          const fault = faults[calls++] ?? null;
          if (fault !== null) failed++;
          if (fault === 'before') throw new Error('the network is gone');
          const answer = await call(...args);
          if (fault === 'after') throw new Error('the answer is lost');
          return answer;
        };
      },
    });
  });
  return () => failed;
}

const ROUNDS = 6;
const FAULTS: readonly Fault[] = [
  'before',
  'after',
  null,
  'after',
  'before',
  'after',
  'before',
  null,
  'after',
  'before',
];

it('AC3 AC5 each shared event is there once, though deliveries fail and are repeated and objects leave memory', async () => {
  const [one, other] = [freshName(), freshName()];
  const account = 'g:unreliable';
  for (const id of [one, other]) await ingest(id, [group('unreliable')]);
  for (const id of [one, other, account]) await settle(id);
  const failed = unreliable(account, FAULTS);
  for (let round = 0; round < ROUNDS; round++)
    for (const id of [one, other]) {
      const event = eventOf('Order', { properties: { number: `${id} ${round}` } });
      await ingest(id, [event]);
      if (round % 2 === 0) await ingest(id, [event]);
      if (round === 3) await evict(id);
    }
  for (const id of [one, other, one, other]) await settle(id);
  expect(failed()).toBeGreaterThan(4);
  mend();
  await evict(account);
  for (const id of [one, other]) expect((await describeOf(id)).effectsPending).toBe(0);
  const numbers = (await timelineOf(account)).flatMap(({ name, body }) =>
    name === 'Order' ? [JSON.stringify(body).match(/"number":"(.*?)"/)?.[1]] : [],
  );
  const said = [one, other].flatMap((id) => Array.from({ length: ROUNDS }, (_, round) => `${id} ${round}`));
  expect(numbers.sort()).toEqual(said.sort());
  expect((await describeOf(account)).traits['orders']).toBe(2 * ROUNDS);
});
