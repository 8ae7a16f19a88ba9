// Thousands of timers due at once, or within a minute, by real alarms on a real workerd: `npm run prove`. A fraction of it
// runs in pressure.test.ts, while D1 does not answer. One local workerd holds about 6,000 live objects (schema/STORAGE.md);
// what is idle for 10 s leaves memory, so 10,000 have to be spread.

import { beforeAll, describe, expect, test } from 'vitest';
import { PROVE } from '../prove.ts';
import { useDeployed } from './deployed.ts';
import { expectOnTime, firings, importTimed, timedJourney } from './timed.ts';

describe.runIf(PROVE)('by real alarms', () => {
  const system = useDeployed();
  const publish = async (journey: object) => {
    const answer = await system.call('POST', '/admin/journeys/publish', { key: 'admin', body: { journey } });
    expect(answer.status, answer.text).toBe(201);
  };
  beforeAll(() => publish(timedJourney('warm', 3_600)));

  test('5,000 timers due at one instant all fire, once each, at most 10 s late', async () => {
    await publish(timedJourney('instant', 120));
    const all = await firings(system, 5_000);
    const beganAt = Date.now();
    await importTimed(system, 'instant', 5_000, () => beganAt);
    const fired = await all();
    console.log(`5,000 at once: the last ${Math.max(...fired.map(({ lateMs }) => lateMs))} ms late`);
    expectOnTime(fired, 5_000, 10_000);
  });

  test('10,000 timers over 60 s all fire, once each, and the system serves on', async () => {
    await publish(timedJourney('spread', 240));
    const all = await firings(system, 10_000);
    const beganAt = Date.now() - 60_000;
    await importTimed(system, 'spread', 10_000, (index) => beganAt + index * 6);
    const fired = await all();
    console.log(`10,000 over 60 s: the last ${Math.max(...fired.map(({ lateMs }) => lateMs))} ms late`);
    expectOnTime(fired, 10_000, 10_000);
    expect((await system.call('GET', '/healthz')).status).toBe(200);
  });
});
