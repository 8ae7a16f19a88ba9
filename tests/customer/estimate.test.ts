// Estimates against the truth, on real objects: exact where everybody is asked, and by a sample as good as its interval says.

import { env } from 'cloudflare:workers';
import { beforeAll, expect, it } from 'vitest';
import { estimate } from '../../workers/api/admin-segments.ts';
import { often } from '../prove.ts';
import { catalogVersion, deliver, eventOf, ingest, namespace, objectOf, prepare, publishDrafts } from './object.ts';

const CUSTOMERS = often(100, 500);
const SAMPLE = CUSTOMERS / 5;
const DRAWS = 20;
const CONDITION = "count('Order') >= 2";

/** Orders of the customer of that number: those who came first have more, so a draw that prefers anybody is seen. */
const ordersOf = (n: number): number => (n < CUSTOMERS * 0.4 ? 2 + (n % 2) : n % 2);
const matches = Array.from({ length: CUSTOMERS }, (_, n) => ordersOf(n) >= 2).filter(Boolean).length;

beforeAll(async () => {
  await prepare([]);
  await publishDrafts([{ kind: 'events', id: 'events', document: { events: { Order: {} } } }]);
  for (let n = 0; n < CUSTOMERS; n++) {
    const id = `u:estimated-${n}`;
    await ingest(id, [eventOf('Hello'), ...Array.from({ length: ordersOf(n) }, () => eventOf('Order'))]);
    const pending = await objectOf(id).pendingProjection();
    if (pending) await deliver([pending]);
    // Between them rows of customers who have become others, so that numbers of rows have gaps of unlike size.
    if (n % 10 === 0)
      for (let gap = 0; gap <= n % 3; gap++)
        await env.DB.prepare('INSERT INTO customers (id, revision, created_at, gone) VALUES (?, 1, 0, 1)')
          .bind(`a:gone-${n}-${gap}`)
          .run();
  }
});

const ask = (sample: number) =>
  estimate({ DB: env.DB, CUSTOMER: namespace() }, catalogVersion(), { if: CONDITION, sample });

it('SG11 everybody asked, the number is the truth', async () => {
  expect(await ask(CUSTOMERS)).toEqual({
    ...{ customers: CUSTOMERS, sampled: CUSTOMERS, matched: matches, share: matches / CUSTOMERS },
    ...{ interval: null, estimate: matches, exact: true },
  });
});

it('SG11 by a sample, the truth is in the interval about as often as it says, and nobody is preferred', async () => {
  let [within, sum] = [0, 0];
  for (let draw = 0; draw < DRAWS; draw++) {
    const { sampled, exact, share, interval, estimate: about } = await ask(SAMPLE);
    expect([sampled, exact, about]).toEqual([SAMPLE, false, Math.round((share ?? 0) * CUSTOMERS)]);
    const truth = matches / CUSTOMERS;
    if (interval && interval.low <= truth && truth <= interval.high) within++;
    sum += share ?? 0;
  }
  // With 95% each, fewer than 12 of 20 happen less than once in a million times; the mean is within five of its standard errors.
  expect(within).toBeGreaterThanOrEqual(12);
  const truth = matches / CUSTOMERS;
  expect(Math.abs(sum / DRAWS - truth)).toBeLessThan(5 * Math.sqrt((truth * (1 - truth)) / (SAMPLE * DRAWS)));
});
