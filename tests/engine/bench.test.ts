// The microbenchmark itself: that every subject does what is measured. How fast they are is no matter of a test.

import { expect, it } from 'vitest';
import { benchEngine, renderEngine } from '../bench/engine.ts';

it('every subject moves on half of the events, and the report names its speed', () => {
  const figures = benchEngine(1, 2);
  for (const figure of Object.values(figures)) expect(figure).toBeGreaterThan(0);
  expect(figures.runBytes).toBeLessThan(300);
  expect(renderEngine({ ...figures, memory: 1_234_567.4, json: 100_000 })).toMatch(
    /^engine step 1,234,567\/s in memory.*\nengine step 100,000\/s with JSON.*MISSED/,
  );
});
