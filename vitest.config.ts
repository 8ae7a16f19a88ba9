import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

// Three rooms: pure functions in Node, the customer's object in workerd, and a few tests that start the real server.
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
        test: {
          name: 'server',
          include: ['tests/{api,bench,browser,contract}/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
