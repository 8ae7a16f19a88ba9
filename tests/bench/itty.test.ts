// Why the customer's object is no itty-durable (schema/DECISIONS.md, 1): two faults of version 2.4.1, reproduced in
// workerd, beside an object of the platform's own that does the same and has neither.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestHarness } from 'wrangler';

let harness: ReturnType<typeof createTestHarness>;

beforeAll(async () => {
  harness = createTestHarness({
    root: import.meta.dirname,
    workers: [
      {
        config: {
          name: 'itty-faults',
          main: 'itty-faults.ts',
          compatibility_date: '2026-10-20',
          durable_objects: {
            bindings: [
              { name: 'ITTY', class_name: 'Itty' },
              { name: 'NATIVE', class_name: 'Native' },
              { name: 'BELL', class_name: 'Bell' },
            ],
          },
          migrations: [{ tag: 'v1', new_sqlite_classes: ['Itty', 'Native', 'Bell'] }],
        },
      },
    ],
  });
  await harness.listen();
});

afterAll(async () => {
  await harness.close();
});

async function ask(kind: string, method: string, body = ''): Promise<{ status: number; answer: unknown }> {
  const response = await harness.fetch(`/${kind}/${method}/ada`, { method: 'POST', body });
  return { status: response.status, answer: await response.json() };
}

const evict = (kind: string): Promise<void> =>
  harness.getWorker().evictDurableObject(kind === 'itty' ? 'Itty' : 'Native', { name: 'ada' });

describe.each([
  { kind: 'itty', afterAlarm: ['alarm'], afterFailure: ['alarm', 'half'], what: 'itty-durable' },
  { kind: 'native', afterAlarm: ['first', 'second', 'alarm'], afterFailure: null, what: 'an object of the platform' },
])('$what', ({ kind, afterAlarm, afterFailure }) => {
  test(`${kind === 'itty' ? 'loses' : 'keeps'} what was stored when an alarm comes first after an eviction`, async () => {
    await ask(kind, 'record', 'first');
    await ask(kind, 'record', 'second');
    await evict(kind);
    expect((await ask(kind, 'list')).answer).toEqual(['first', 'second']);

    await ask(kind, 'wake');
    await evict(kind);
    await ask(kind, 'awaitAlarm');
    await evict(kind);
    expect((await ask(kind, 'list')).answer).toEqual(afterAlarm);
  });

  test(`${kind === 'itty' ? 'keeps' : 'takes back'} the state of a handler that threw`, async () => {
    expect(await ask(kind, 'recordAndFail', 'half')).toMatchObject({ status: 500 });
    await evict(kind);
    expect((await ask(kind, 'list')).answer).toEqual(afterFailure ?? afterAlarm);
  });
});
