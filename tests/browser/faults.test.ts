// Random visits over a bad network in a real browser: calls that do not arrive, answers that are lost, faults of the system,
// time offline, pages that are left in the middle. Whatever the page was told to report is in the timeline once. Seeded
// (WAYMARK_SEED gives others); `npm run prove` makes more and longer visits.

import fc from 'fast-check';
import type { Browser, BrowserContext, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SNIPPET } from '../../schema/limits.ts';
import { fresh, useServer } from '../api/server.ts';
import { often } from '../prove.ts';
import { HAS_BROWSER, launch, sayIfMissing } from './chromium.ts';
import { newCounter } from './counter.ts';
import { openShop, pageWith, type Shop } from './shop.ts';
import { openTap, type Tap } from './tap.ts';

sayIfMissing();
const SEED = Number(process.env['WAYMARK_SEED'] ?? 20_261_123);
const VISITS = often(3, 60);
const VISIT_MS_MAX = 40_000;
const server = useServer();
let browser: Browser;
let shop: Shop;
let tap: Tap;
/** Beacons that were answered: their sender hears nothing of it. */
const beacons = newCounter('beacons');

beforeAll(async () => {
  if (!HAS_BROWSER) return;
  [browser, shop, tap] = await Promise.all([launch(), openShop(), openTap(server.address())]);
  const hear = async (): Promise<void> => {
    beacons.add(await tap.next('/beacon/'));
    return hear();
  };
  void hear();
});
afterAll(async () => {
  await browser?.close();
  await shop?.close();
  await tap?.close();
});

/** Events told at once, and steps of a visit: no more than may wait in all. */
const TOLD_MAX = 4;
const STEPS_MAX = SNIPPET.queueMax / TOLD_MAX;

/** What becomes of the next call: nothing, it is lost on its way, its answer is, or the system refuses it for now. */
const FATES = ['fine', 'lost', 'unheard', 'fault'] as const;

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('track' as const), count: fc.integer({ min: 1, max: TOLD_MAX }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('fate' as const),
      fates: fc.array(fc.constantFrom(...FATES), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('offline' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('online' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const REFUSED = { status: 503, headers: { 'access-control-allow-origin': '*' }, json: { detail: 'not now' } };

/** Makes one visit. @returns what the page was told to report, and what is in the timeline in the end */
async function visit(context: BrowserContext, steps: readonly Step[]) {
  const address = `${shop.origin}/${fresh('page')}`;
  shop.write(new URL(address).pathname, pageWith(tap.address, 'data-consent="given" data-manual', ''));
  // The count survives its page.
  await context.addInitScript(`{
    const send = navigator.sendBeacon.bind(navigator);
    navigator.sendBeacon = (...given) => {
      const sent = send(...given);
      if (sent) localStorage.beacons = Number(localStorage.beacons ?? 0) + 1;
      return sent;
    };
  }`);
  const before = beacons.count();
  const page = await context.newPage();
  const fates: (typeof FATES)[number][] = [];
  let faults = 0;
  await page.route(`${tap.address}/v1/events`, async (route: Route) => {
    const fate = fates.shift() ?? 'fine';
    if (fate !== 'fine') faults++;
    if (fate === 'fault') return route.fulfill(REFUSED);
    if (fate === 'unheard') await route.fetch().catch(() => undefined);
    return fate === 'fine' ? route.continue() : route.abort();
  });
  const arrive = async () => {
    await page.goto(address);
    await page.waitForFunction('window.waymark?.version');
  };
  const told: string[] = [];
  let offline = false;
  const go = async (away: boolean) => {
    await context.setOffline(away);
    offline = away;
  };
  await arrive();
  for (const each of steps) {
    if (each.kind === 'track') {
      const names = Array.from({ length: each.count }, (_, index) => `Told ${told.length + index}`);
      told.push(...names);
      await page.evaluate(`for (const name of ${JSON.stringify(names)}) waymark.track(name)`);
    } else if (each.kind === 'fate') fates.push(...each.fates);
    else if (each.kind === 'wait') await page.evaluate(`waymark.decide(['nothing'])`);
    else if (each.kind === 'leave' && !offline) await arrive();
    else if (each.kind !== 'leave') await go(each.kind === 'offline');
  }
  fates.splice(0);
  await go(false);
  await arrive();
  told.push('Told last');
  await page.evaluate(`waymark.track('Told last')`);
  await page.waitForFunction(`JSON.parse(localStorage.waymark).q.length === 0`);
  const { a, sent } = await page.evaluate<{ a: string; sent: number }>(
    '({ ...JSON.parse(localStorage.waymark), sent: Number(localStorage.beacons ?? 0) })',
  );
  await beacons.reached(before + sent);
  await page.close();
  const events = (await server.timeline(`a:${a}`)).filter(({ kind }) => kind === 'event');
  return { told, faults, beacons: sent, arrived: events.map(({ event }) => String(event)) };
}

describe.runIf(HAS_BROWSER)('over a bad network', () => {
  test(
    `SN14 SN16 SN17 what a page was told to report arrives once (seed ${SEED}, visits: ${VISITS})`,
    async () => {
      const visits = fc.sample(fc.array(step, { minLength: 10, maxLength: STEPS_MAX }), {
        seed: SEED,
        numRuns: VISITS,
      });
      let faults = 0;
      let count = 0;
      let left = 0;
      for (const steps of visits) {
        const context = await browser.newContext();
        const outcome = await visit(context, steps);
        await context.close();
        expect([...outcome.arrived].sort(), JSON.stringify(steps)).toEqual([...outcome.told].sort());
        faults += outcome.faults;
        count += outcome.told.length;
        left += outcome.beacons;
      }
      // It did its work.
      expect(left).toBeGreaterThan(0);
      expect(count).toBeGreaterThan(VISITS * 5);
      expect(faults).toBeGreaterThan(VISITS);
    },
    VISIT_MS_MAX * VISITS,
  );
});
