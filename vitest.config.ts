import { existsSync, statfsSync } from 'node:fs';
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const REAL_SERVER = { testTimeout: 120_000, hookTimeout: 120_000 };
const UNDER_PRESSURE = ['tests/api/{pressure,told,timers,logs}.test.ts'];
const OF_ONE_FEATURE = ['tests/api/{idempotency,library,mail,replay,simulate,watch}.test.ts'];

// What tests write lives in memory where there is room: nothing here proves what survives a loss of power, and a disk
// would make their time the time of its fsyncs. Sizes in bytes.
const MEMORY = '/dev/shm';
const ROOM_MIN = 4e9;
const room = existsSync(MEMORY) ? statfsSync(MEMORY) : undefined;
if (room && room.bavail * room.bsize >= ROOM_MIN) process.env['TMPDIR'] = MEMORY;

/** The longest first, so that they do not run alone at the end. */
const LONGEST = ['crash.test.ts', 'cdnow.test.ts', '/tests/api/', '/tests/'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = (file: TestSpecification) => LONGEST.findIndex((part) => file.moduleId.includes(part));
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

// Four rooms: pure functions in Node, the customer's object in workerd, tests that start the real server, and those that
// set hostile input, browsers and failures upon it or start it for one feature. `npm test` runs the first three, `npm run
// check` and CI all.
export default defineConfig({
  test: {
    maxWorkers: 3, // Two cores do the work of three: a test of the real server waits more than it computes.
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'pure',
          include: ['tests/{check,decide,engine,experiments,histories,journeys,schema,simulation,tidy}/**/*.test.ts'],
          isolate: false, // Pure functions share their modules without harm.
          testTimeout: 30_000,
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              // Nobody empties the queue by itself: a test hands its batch to the consumer when it wants to.
              queueConsumers: {},
              // What is a text becomes a member of process.env there, which tests/prove.ts reads.
              bindings: {
                D1_MIGRATIONS: await readD1Migrations('schema/migrations'),
                WAYMARK_PROVE: process.env['WAYMARK_PROVE'] ?? '',
              },
            },
          })),
        ],
        test: { name: 'platform', include: ['tests/{customer,delivery}/**/*.test.ts'], testTimeout: 30_000 },
      },
      {
        test: {
          name: 'server',
          include: ['tests/{api,bench}/**/*.test.ts'],
          exclude: [...UNDER_PRESSURE, ...OF_ONE_FEATURE],
          ...REAL_SERVER,
        },
      },
      {
        test: {
          name: 'edge',
          include: ['tests/{browser,cli,contract}/**/*.test.ts', ...UNDER_PRESSURE],
          ...REAL_SERVER,
        },
      },
    ],
  },
});
