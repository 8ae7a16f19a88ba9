// What the tests of merging share: the journey both customers are in, who says that two are one, a network that fails.

import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, vi } from 'vitest';
import type { IncomingEvent } from '../../workers/customer/messages.ts';
import { DAY, describeOf, eventOf, fireAlarm, HOUR, holdQueue, passTime, prepare, timelineOf } from './object.ts';

const stages = {
  first: {
    on: [
      { event: 'Go', to: 'second' },
      { event: 'Finish', to: 'over' },
    ],
    after: [{ delay: 'P2D', to: 'late' }],
  },
  second: { on: [{ event: 'Go', to: 'third' }], after: [{ delay: 'P3D', to: 'late' }] },
  third: {},
  late: {},
  over: { final: true },
};

/** Once a file that tests merging. */
export function prepareMerging(): void {
  beforeAll(() => prepare([{ id: 'shop', entry: [{ event: 'Start' }], initial: 'first', stages }]));
  afterEach(mend);
}

/** Ends what `failing` began. */
export function mend(): void {
  vi.restoreAllMocks();
  holdQueue();
}

/** An identify that says that `anonymous` is this customer. */
export const known = (anonymous: string, traits = {}): IncomingEvent =>
  eventOf('identify', { type: 'identify', merges: anonymous, traits });

export const eventNames = async (id: string): Promise<(string | null)[]> =>
  (await timelineOf(id)).filter((line) => line.kind === 'event').map((line) => line.name);

/** The next `times` calls of a method of an object fail; `after` it has done its work, or before. */
export function failing(
  id: string,
  method: 'handOver' | 'release' | 'restore',
  when: 'before' | 'after',
  times = 1,
): void {
  const getByName = env.CUSTOMER.getByName.bind(env.CUSTOMER);
  let left = times;
  vi.spyOn(env.CUSTOMER, 'getByName').mockImplementation((name) => {
    const stub = getByName(name);
    if (name !== id) return stub;
    return new Proxy(stub, {
      get(target, member) {
        // The object's methods by name; a stub gives a callable for each.
        const call = Reflect.get(target, member) as (...args: unknown[]) => Promise<unknown>;
        if (member !== method || left === 0) return call;
        return async (...args: unknown[]) => {
          if (left === 0) return call(...args);
          left--;
          if (when === 'after') await call(...args);
          throw new Error('the network is gone');
        };
      },
    });
  });
}

/** Lets the time pass in which a merge can be undone: the source forgets what it kept for that. */
export async function letForget(source: string): Promise<void> {
  passTime(9 * DAY);
  await fireAlarm(source);
}

/** Lets the outbox drain: the release of the anonymous object is an effect of the last page. */
export async function settle(id: string): Promise<void> {
  for (let rounds = 0; rounds < 10 && (await describeOf(id)).effectsPending > 0; rounds++) {
    passTime(HOUR);
    await fireAlarm(id);
  }
}
