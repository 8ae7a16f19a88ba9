// `npm run prove`: the same tests with every long proof in full. Arguments go to Vitest.

import { spawnSync } from 'node:child_process';

const vitest = ['vitest', 'run', '--testTimeout', '1800000', ...process.argv.slice(2)];
const { status } = spawnSync('npx', ['--no-install', ...vitest], {
  stdio: 'inherit',
  env: { ...process.env, WAYMARK_PROVE: '1' },
});
process.exitCode = status ?? 1;
