// Every test has a room, and one only: a test that none of them names would be skipped without a word.

import { globSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOMS, type Room } from '../rooms.ts';

const ROOT = join(import.meta.dirname, '../..');
const filesOf = ({ include, exclude = [] }: Room): string[] => globSync(include, { cwd: ROOT, exclude });

it('every test file runs in exactly one room', () => {
  const all = globSync('tests/**/*.test.ts', { cwd: ROOT });
  expect(all.length).toBeGreaterThan(100);
  expect(Object.values<Room>(ROOMS).flatMap(filesOf).sort()).toEqual(all.sort());
});
