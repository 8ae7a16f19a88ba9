
import { defineConfig } from 'vitest/config';

// Three rooms: pure functions in Node, the customer's object in workerd, and a few tests that start the real server.
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'pure', include: ['tests/{engine,decide,journeys,schema,simulation,tidy}/**/*.test.ts'] } },
      {
        test: {
          name: 'server',
          include: ['tests/{api,contract}/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
