// The microbenchmark itself: that every subject does what is measured. How fast they are is no matter of a test.

import { expect, it } from 'vitest';
import { benchEngine, renderEngine } from '../bench/engine.ts';
import { benchSizes, renderSizes } from '../bench/sizes.ts';

it('every subject moves on half of the events, and the report names its speed', () => {
  const figures = benchEngine(1, 2);
  for (const figure of Object.values(figures)) expect(figure).toBeGreaterThan(0);
  expect(figures.runBytes).toBeLessThan(300);
  expect(renderEngine({ ...figures, memory: 1_234_567.4, json: 100_000 })).toMatch(
    /^engine step 1,234,567\/s in memory.*\nengine step 100,000\/s with JSON.*MISSED/,
  );
});

it('what size costs is measured on journeys of that size, and the report gives the ratio', () => {
  const { stages, journeys } = benchSizes(1, 2);
  expect([stages.length, journeys.length]).toEqual([3, 3]);
  for (const pace of [...stages, ...journeys]) expect(pace).toBeGreaterThan(0);
  expect(
    renderSizes({ stages: [200, 150, 100], journeys: [110, 100, 100], stagesRatio: 2, journeysRatio: 1.1 }),
  ).toMatch(/^steps 200\/s with 5, 150\/s with 50, 100\/s with 500 stages: 2\.00 .*\n.*journeys: 1\.10 /);
});
