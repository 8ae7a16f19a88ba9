// What the measurements compute from what they saw: ratios, prices, counted calls; and that Restate's side of the bench
// does the same work as ours, without being installed.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bestOf } from './events.ts';
import { expectStage } from './lifecycle.ts';
import { makeMix } from './mix.ts';
import { PRICES, priceEvents, type Unit } from './prices.ts';
import { advance, type Customer, newCustomer } from './restate/customer.ts';
import { summarizeRatio } from './table.ts';
import { isSync } from './trace.ts';

const same = (value: number): number => value;

test('a ratio is taken within each round, against the better of the others', () => {
  const results = { ours: [30, 10], slow: [5, 20], fast: [10, 2] };
  expect(bestOf(results, ['slow', 'fast', 'absent'], same)).toEqual([10, 20]);
  expect(bestOf(results, ['absent'], same)).toEqual([]);
  expect(summarizeRatio(results.ours, bestOf(results, ['slow', 'fast'], same), same)).toEqual({
    median: 1.75,
    min: 0.5,
    max: 3,
  });
});

test('a call that another thread interrupts is counted once', () => {
  const lines = [
    '[pid 12] fdatasync(41)            = 0',
    '[pid 13] fsync(7 <unfinished ...>',
    '[pid 13] <... fsync resumed>)      = 0',
    'strace: Process 14 attached',
  ];
  expect(lines.filter(isSync)).toHaveLength(2);
});

test('a million events cost a million times what one costs', () => {
  const nothing = Object.fromEntries(Object.keys(PRICES).map((unit) => [unit, 0])) as Record<Unit, number>;
  expect(priceEvents(nothing).dollars).toBe(0);
  const { dollars, lines } = priceEvents({ ...nothing, workerRequests: 1, objectRowsWritten: 4, objectRowsRead: 10 });
  expect(dollars).toBeCloseTo(0.3 + 4 + 0.01);
  expect(lines.map((line) => line.dollars).reduce((sum, part) => sum + part)).toBeCloseTo(dollars);
});

test('what is billed for memory is what an active second of 128 MB costs', () => {
  expect(PRICES.objectGbSeconds.perMillion * 0.128).toBeCloseTo(1.6);
});

describe("Restate's side", () => {
  const shoppers = makeMix({ seed: 3, customers: 200, eventsPerCustomer: 10, endsAtMs: Date.UTC(2026, 10, 20) });

  test('comes to the stages that the lifecycle says, and to every event once', () => {
    for (const { events } of shoppers) {
      const end = events.reduce<Customer>((customer, event) => advance(customer, event) ?? customer, newCustomer());
      expect(end.stage).toBe(expectStage(events) ?? null);
      expect(end.events).toBe(events.length);
      for (const event of events) expect(advance(end, event)).toBeNull();
    }
  });

  test('is pinned, and its lock file names no host', () => {
    const read = (name: string): string => readFileSync(join(import.meta.dirname, 'restate', name), 'utf8');
    const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(read('package.json'));
    for (const version of Object.values(dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(read('package-lock.json')).not.toMatch(/"resolved"|https?:\/\/[^"]*regist/);
  });
});
