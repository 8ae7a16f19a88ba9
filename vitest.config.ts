import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

const REAL_SERVER = { testTimeout: 120_000, hookTimeout: 120_000 };
const UNDER_PRESSURE = ['tests/api/{pressure,told,timers,logs}.test.ts'];

// Four rooms: pure functions in Node, the customer's object in workerd, tests that start the real server, and those that
// set hostile input, browsers and failures upon it. `npm test` runs the first three, `npm run check` and CI all.
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'pure', include: ['tests/{engine,decide,journeys,schema,simulation,tidy}/**/*.test.ts'] } },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              // Nobody empties the queue by itself: a test hands its batch to the consumer when it wants to.
              queueConsumers: {},
              bindings: { D1_MIGRATIONS: await readD1Migrations('schema/migrations') },
            },
          })),
        ],
        test: { name: 'platform', include: ['tests/{customer,delivery}/**/*.test.ts'], testTimeout: 30_000 },
      },
      {
        test: { name: 'server', include: ['tests/{api,bench}/**/*.test.ts'], exclude: UNDER_PRESSURE, ...REAL_SERVER },
      },
      { test: { name: 'edge', include: ['tests/{browser,contract}/**/*.test.ts', ...UNDER_PRESSURE], ...REAL_SERVER } },
    ],
  },
});
