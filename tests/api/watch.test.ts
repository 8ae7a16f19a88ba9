// A designer at work: `npm start` watches the folder of journeys. A valid change is published by itself, an invalid one is
// explained with its place while the version before stays in force, and what is not JSON is told with its line.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runCommand } from '../cli/command.ts';
import { fresh, track, useServer } from './server.ts';

const folder = mkdtempSync(join(tmpdir(), 'waymark-journeys-'));
cpSync(join(import.meta.dirname, '../../journeys'), folder, { recursive: true });
const server = useServer({ WAYMARK_JOURNEYS: folder });
afterAll(() => rmSync(folder, { recursive: true }));

const FILE = join(folder, 'lifecycle.json');
const original = readFileSync(FILE, 'utf8');
const buy = async () => {
  const userId = fresh('buyer');
  await server.ingest([track({ userId }, 'Order Completed')]);
  return (await server.describe(`u:${userId}`)).timers;
};
const dueDays = (timers: readonly { dueAt: string }[], now: number): number =>
  Math.round((Date.parse(timers[0]?.dueAt ?? '') - now) / 86_400_000);

test('a valid change is published, and new customers travel by it', async () => {
  const heard = server.hears('Published: journey/lifecycle.');
  writeFileSync(FILE, original.replace('"P14D"', '"P3D"'));
  await heard;
  expect(dueDays(await buy(), await server.now())).toBe(3);
});

test('an invalid change is explained with its place, and the version before stays', async () => {
  const heard = server.hears('Not published; what was published before goes on.');
  writeFileSync(FILE, original.replace('"to": "usage"', '"to": "usag"'));
  await heard;
  expect(server.said()).toMatch(/lifecycle\.json:\d+:\d+ \/stages\/purchase\/after\/0\/to .*unknown-stage/);
  expect(dueDays(await buy(), await server.now())).toBe(3);
});

test('a file that is no JSON is told with its line', async () => {
  const heard = server.hears('is not JSON');
  writeFileSync(FILE, original.replace('"stages": {', '"stages": {,'));
  await heard;
  expect(server.said()).toMatch(/lifecycle\.json:\d+ .*is not JSON/);
});

test('waymark publish does the same to a running system, and exits with 1 where it is refused', async () => {
  const environment = { WAYMARK_URL: server.address(), WAYMARK_ADMIN_KEY: 'sk_local' };
  writeFileSync(FILE, original);
  const done = await runCommand(['publish', folder], environment);
  expect([done.code, done.errors]).toEqual([0, '']);
  expect(done.output).toMatch(/^\d+ documents published to http:.*, [01] of them changed\.\n$/);
  writeFileSync(FILE, original.replace('"to": "usage"', '"to": "usag"'));
  const refused = await runCommand(['publish', folder, '--json'], environment);
  expect(refused.code).toBe(1);
  expect(JSON.parse(refused.output)).toMatchObject({
    ok: false,
    refusals: [{ pointer: '/stages/purchase/after/0/to', code: 'unknown-stage' }],
  });
});
