// Thousands of timers due at once, or within a minute, by real alarms on a real workerd: `npm run prove`. A fraction of it
// runs in pressure.test.ts, while D1 does not answer. One local workerd holds about 6,000 live objects (schema/STORAGE.md);
// what is idle for 10 s leaves memory, so 10,000 have to be spread. State in memory: each firing is several commits on one
// machine's one disk, which a deployment spreads over many; what is asked here is whether the system keeps up.

import { describe, expect, test } from 'vitest';
import { PROVE } from '../prove.ts';
import { useDeployed } from './deployed.ts';
import { expectOnTime, firings, importTimed, timedJourney } from './timed.ts';

/** Imports the customers and waits until all have fired. Those of one instant begin now, the others have begun before. */
async function fire(
  customers: number,
  delayS: number,
  spreadMs: number,
  lateMsMax: number,
  system: ReturnType<typeof useDeployed>,
) {
  const journey = timedJourney('timed', delayS);
  const published = await system.call('POST', '/admin/journeys/publish', { key: 'admin', body: { journey } });
  expect(published.status, published.text).toBe(201);
  const all = await firings(system, customers);
  const beganAt = Date.now() - spreadMs;
  await importTimed(system, 'timed', customers, (index) => beganAt + Math.floor((index * spreadMs) / customers));
  const importedMs = Date.now() - beganAt - spreadMs;
  const fired = await all();
  const lateMs = fired.map((firing) => firing.lateMs).sort((a, b) => a - b);
  console.log(
    `${customers} over ${spreadMs} ms, imported in ${importedMs} ms: median ${lateMs[customers >> 1]} ms late, the last ${lateMs.at(-1)}`,
  );
  expectOnTime(fired, customers, lateMsMax);
  expect((await system.call('GET', '/healthz')).status).toBe(200);
}

describe.runIf(PROVE)('5,000 timers due at one instant', () => {
  const system = useDeployed('memory');
  test('all fire by their alarms, once each, at most 10 s late', () => fire(5_000, 90, 0, 10_000, system));
});

describe.runIf(PROVE)('10,000 timers over 60 s', () => {
  const system = useDeployed('memory');
  test('all fire by their alarms, once each, and the system serves on', () =>
    fire(10_000, 210, 60_000, Number.POSITIVE_INFINITY, system));
});
