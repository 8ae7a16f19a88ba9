import { existsSync, statfsSync } from 'node:fs';
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { ROOMS } from './tests/rooms.ts';

const REAL_SERVER = { testTimeout: 120_000, hookTimeout: 120_000 };

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

export default defineConfig({
  test: {
    maxWorkers: 3, // Two cores do the work of three: a test of the real server waits more than it computes.
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'pure',
          ...ROOMS.pure,
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
                LINK_SECRET: 'platform tests',
                PUBLIC_URL: 'https://waymark.test',
                D1_MIGRATIONS: await readD1Migrations('schema/migrations'),
                WAYMARK_PROVE: process.env['WAYMARK_PROVE'] ?? '',
              },
            },
          })),
        ],
        test: { name: 'platform', ...ROOMS.platform, testTimeout: 30_000 },
      },
      {
        test: { name: 'server', ...ROOMS.server, ...REAL_SERVER },
      },
      {
        test: { name: 'edge', ...ROOMS.edge, ...REAL_SERVER },
      },
    ],
  },
});
