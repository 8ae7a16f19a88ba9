// A designer at work: `npm start` watches the folder of journeys. A valid change is published by itself, an invalid one is
// explained with its place while the version before stays in force, and what is not JSON is told with its line.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runCommand } from '../cli/command.ts';
import { fresh, track, useServer } from './server.ts';

const SHIPPED = join(import.meta.dirname, '../../journeys');
const folder = mkdtempSync(join(tmpdir(), 'waymark-journeys-'));
cpSync(SHIPPED, folder, { recursive: true });
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

test('waymark publish --dry-run says what would change and with which version, and changes nothing', async () => {
  // Beside the folder that is watched, which would be published.
  const drafts = mkdtempSync(join(tmpdir(), 'waymark-drafts-'));
  cpSync(SHIPPED, drafts, { recursive: true });
  const tip = join(drafts, 'content', 'battery-care.json');
  writeFileSync(tip, readFileSync(tip, 'utf8').replace('"priority": 60', '"priority": 61'));
  const environment = { WAYMARK_URL: server.address(), WAYMARK_ADMIN_KEY: 'sk_local' };
  const publish = (...args: string[]) => runCommand(['publish', drafts, ...args], environment);
  const tried = await publish('--dry-run', '--json');
  expect(tried.code).toBe(0);
  const { changed }: { changed: { document: string }[] } = JSON.parse(tried.output);
  expect(changed).toContainEqual({ document: 'content/battery-care', version: 2 });
  const again = await publish('--dry-run');
  expect(again.output).toMatch(/^content\/battery-care would be version 2$/m);
  expect(again.output).toMatch(/^\d+ documents can be published to http:.*, \d+ of them would change\.$/m);
  expect((await server.admin<{ priority: number }>('GET', '/admin/content/battery-care')).body.priority).toBe(60);
  rmSync(drafts, { recursive: true });
});
