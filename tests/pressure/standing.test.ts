// SPEC.md of contact pressure, CP15: how it stands with each rule, by example and against the reference.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { wishOf } from '../../workers/pressure/policy.ts';
import type { Contact } from '../../workers/pressure/room.ts';
import { standingOf } from '../../workers/pressure/standing.ts';
import { often } from '../prove.ts';
import {
  allowed,
  begins,
  DAY,
  HOUR,
  MINUTE,
  type Policy,
  periodOf,
  pressureRule,
  rulesOf,
  zones,
} from './reference.ts';

const contact = (at: number, more: object = {}): Contact => ({
  ...{ key: `k${at}`, at, channel: 'email', purpose: 'marketing', tags: [] },
  ...more,
});

it('CP15 says of each rule, and of the own wish, what is used and left, and when there is room again', () => {
  const now = Date.parse('2026-11-23T22:30:00Z');
  const rules = rulesOf({
    rules: [
      { id: 'week', most: { count: 2, per: 'week' } },
      { id: 'days', applies: { channels: ['sms'] }, most: { count: 1, within: 'P3D' } },
      { id: 'night', quiet: { from: '21:00', to: '08:00' } },
    ],
  });
  const contacts = [contact(now - HOUR), contact(now - 2 * DAY), contact(now - DAY, { channel: 'sms' })];
  const found = standingOf(rules, wishOf('monthly'), contacts, 'Europe/Berlin', now);
  const iso = (at: number): string => new Date(at).toISOString();
  expect(found.map(({ rule, most, used, room, freeAt }) => [rule, most, used, room, iso(freeAt)])).toEqual([
    ['week', 2, 1, 1, iso(now)],
    ['days', 1, 1, 0, iso(now + 2 * DAY)],
    ['night', null, null, null, '2026-11-24T07:00:00.000Z'],
    ['own-wish', 1, 3, 0, '2026-11-30T23:00:00.000Z'],
  ]);
  expect(found.map(({ window }) => window && [iso(window.from), iso(window.to)])[0]).toEqual([
    '2026-11-22T23:00:00.000Z',
    '2026-11-29T23:00:00.000Z',
  ]);
});

it('CP15 counts what the reference counts, and the instant it names is the first one the reference allows', () => {
  const STEP = 15 * MINUTE;
  fc.assert(
    fc.property(
      pressureRule,
      begins,
      fc.uniqueArray(fc.integer({ min: 0, max: 6 * 96 }), { maxLength: 6 }),
      zones,
      (written, begin, steps, zone) => {
        const policy: Policy = { rules: [{ id: 'r', ...written }] };
        const now = Date.parse(begin) + 6 * DAY;
        const contacts = steps.map((step) => contact(Date.parse(begin) + step * STEP));
        const [found] = standingOf(rulesOf(policy), null, contacts, zone, now);
        const most = 'most' in written ? written.most : null;
        const inside = contacts.filter(({ at }) => {
          if (!most) return false;
          if ('per' in most) return periodOf(at, most.per, zone) === periodOf(now, most.per, zone);
          return now - at < Number(most.within.slice(1, -1)) * DAY;
        });
        expect(found?.used ?? 0).toBe(inside.length);
        expect(found?.room ?? null).toBe(most && Math.max(0, most.count - inside.length));
        let walked = now;
        while (walked < now + 50 * DAY && !allowed(policy, contacts, zone, walked)) walked += STEP;
        expect(found?.freeAt).toBe(walked);
      },
    ),
    { numRuns: often(150, 10_000) },
  );
});
