// Retention on paper: what may go of a history, and when somebody has to look, against a reference that asks every line
// every hour.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkDocuments } from '../../workers/check/catalog.ts';
import { EMPTY_VOCABULARY, vocabularyOf } from '../../workers/engine/compile.ts';
import { compilePolicies } from '../../workers/policies/policies.ts';
import {
  DAY_MS,
  earlier,
  endOf,
  lookAt,
  lowers,
  type Numbered,
  type RetentionRules,
  retentionRules,
  sift,
} from '../../workers/privacy/retention.ts';
import { often } from '../prove.ts';

const HOUR_MS = DAY_MS / 24;
const NAMES = ['page', 'Order', 'Seen', 'Consent Updated', null] as const;

const rulesDrawn = fc
  .record({
    defaultDays: fc.option(fc.integer({ min: 7, max: 60 })),
    page: fc.option(fc.integer({ min: 7, max: 40 })),
    order: fc.option(fc.integer({ min: 7, max: 90 })),
    consent: fc.option(fc.integer({ min: 7, max: 10 })),
  })
  .map(({ defaultDays, page, order, consent }) => ({
    ...(defaultDays === null ? {} : { default: `P${defaultDays}D` }),
    events: {
      ...(page === null ? {} : { page: `P${page}D` }),
      ...(order === null ? {} : { Order: `PT${order * 24}H` }),
      ...(consent === null ? {} : { 'Consent Updated': `P${consent}D` }),
    },
  }));

const arrivals = fc.array(
  fc.record({
    afterHours: fc.integer({ min: 0, max: 24 * 12 }),
    lateHours: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 24 * 80 })),
    name: fc.constantFrom(...NAMES),
  }),
  { minLength: 1, maxLength: 25 },
);

/** Days each line is kept, read off the policy as it is written; null: for ever. */
function daysIn(policy: { default?: string; events: Record<string, string | undefined> }, name: string | null) {
  if (name === 'Consent Updated') return null;
  const text = (name === null ? undefined : policy.events[name]) ?? policy.default;
  if (text === undefined) return null;
  const [, days, hours] = /^P(?:(\d+)D|T(\d+)H)$/.exec(text) ?? [];
  return days === undefined ? Number(hours) / 24 : Number(days);
}

interface Life {
  lines: Numbered[];
  nextAt: number | null;
}

/** As the object does: looks when it is time, and again each hour after as long as that is so. */
function look(life: Life, rules: RetentionRules, now: number): number {
  let looks = 0;
  for (let due = lookAt(life.nextAt); due !== null && due <= now; due = lookAt(life.nextAt)) {
    const sifted = sift(rules, life.lines, due);
    life.lines = life.lines.filter(({ seq }) => !sifted.ranges.some(([from, to]) => seq >= from && seq <= to));
    life.nextAt = sifted.nextAt;
    looks++;
  }
  return looks;
}

it('PV9 PV11 a line goes within two days after its time and never before, and nobody looks twice a day', () => {
  let gone = 0;
  fc.assert(
    fc.property(rulesDrawn, arrivals, (policy, events) => {
      const rules = retentionRules(policy, (name) => name);
      if (rules === null) return events.every(({ name }) => daysIn(policy, name) === null);
      const life: Life = { lines: [], nextAt: rules.shortestMs };
      const all: Numbered[] = [];
      let now = 0;
      let looks = 0;
      const check = (): void => {
        looks += look(life, rules, now);
        for (const line of all) {
          const days = daysIn(policy, line.name);
          const over = days === null ? Infinity : line.at + days * DAY_MS;
          const kept = life.lines.some(({ seq }) => seq === line.seq);
          // Late lines count from when they came.
          const since = Math.max(over, line.seq);
          if (now < over) expect(kept).toBe(true);
          if (now >= since + 2 * DAY_MS) expect(kept).toBe(false);
          if (!kept) gone++;
        }
      };
      for (const { afterHours, lateHours, name } of events) {
        now += afterHours * HOUR_MS + 1;
        check();
        const line = { seq: now, at: now - lateHours * HOUR_MS, kind: name === null ? 'transition' : 'event', name };
        all.push(line);
        life.lines.push(line);
        const end = endOf(rules, line);
        if (lowers(end, life.nextAt)) life.nextAt = end;
      }
      for (let day = 0; day < 120; day++) {
        now += DAY_MS;
        check();
      }
      expect(looks).toBeLessThanOrEqual(now / DAY_MS + events.length);
      expect(life.nextAt).toBe(life.lines.map((line) => endOf(rules, line)).reduce(earlier, null));
    }),
    { numRuns: often(150, 10_000) },
  );
  expect(gone).toBeGreaterThan(100);
});

it('PV9 ranges hold what goes and nothing that stays, however the numbers lie', () => {
  const lines = fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { minLength: 0, maxLength: 40 });
  fc.assert(
    fc.property(lines, fc.infiniteStream(fc.integer({ min: 0, max: 30 })), (numbers, ages) => {
      const rules = retentionRules({ default: 'P14D', events: { page: 'P7D' } }, (name) => name);
      if (!rules) throw new Error('there are rules');
      const history = numbers
        .sort((one, other) => one - other)
        .map((seq): Numbered => {
          const name = seq % 3 === 0 ? 'page' : null;
          return { seq, at: -Number(ages.next().value) * DAY_MS, kind: name ? 'event' : 'decision', name };
        });
      const stays = history.filter(({ at, name }) => at + (name === 'page' ? 7 : 14) * DAY_MS > 0);
      const { ranges, gone, goneEvents } = sift(rules, history, 0);
      const inside = (seq: number) => ranges.some(([from, to]) => from <= seq && seq <= to);
      expect(history.filter(({ seq }) => !inside(seq))).toEqual(stays);
      expect(gone).toBe(history.length - stays.length);
      expect(goneEvents).toBe(history.filter(({ seq, kind }) => inside(seq) && kind === 'event').length);
    }),
    { numRuns: often(200, 20_000) },
  );
});

it('PV10 what proves a consent, and what erasing goes by, has no end', () => {
  const rules = retentionRules({ default: 'P7D', events: { 'Consent Updated': 'P7D' } }, (name) => name);
  if (!rules) throw new Error('there are rules');
  expect(endOf(rules, { at: 0, kind: 'event', name: 'Consent Updated' })).toBeNull();
  expect(endOf(rules, { at: 0, kind: 'consent', name: 'consent:log' })).toBeNull();
  expect(endOf(rules, { at: 0, kind: 'event', name: 'Account Joined' })).toBeNull();
  expect(endOf(rules, { at: 0, kind: 'event', name: 'Other' })).toBe(7 * DAY_MS);
});

describe('a policy', () => {
  const compiled = (privacy: object, vocabulary = EMPTY_VOCABULARY) => compilePolicies({ privacy }, vocabulary);

  it.each([
    [{ retention: { default: 'P6D' } }, '/privacy/retention/default'],
    [{ retention: { default: 'P3654D' } }, '/privacy/retention/default'],
    [{ retention: { events: { 'a/b': 'PT167H' } } }, '/privacy/retention/events/a~1b'],
    [{ accessLog: 'PT23H' }, '/privacy/accessLog'],
  ])('PV9 PV15 %j is refused where it stands', (privacy, pointer) => {
    const result = compiled(privacy);
    expect(result.ok ? [] : result.findings).toMatchObject([{ code: 'duration', pointer }]);
  });

  it('PV9 PV15 holds from the least it may say, for an event under each of its names; of two the shorter', () => {
    const vocabulary = vocabularyOf({ events: { Order: { aliases: ['Bought'] } }, traits: {} });
    const result = compiled(
      { accessLog: 'P1D', retention: { events: { Bought: 'P7D', Order: 'P3653D' } } },
      vocabulary,
    );
    if (!result.ok) throw new Error('it is right');
    const { retention, accessLogMs } = result.policies.privacy;
    expect([accessLogMs, retention?.shortestMs, [...(retention?.events ?? [])], retention?.defaultMs]).toEqual([
      DAY_MS,
      7 * DAY_MS,
      [['Order', 7 * DAY_MS]],
      null,
    ]);
    expect(compiled({ retention: {} })).toMatchObject({ ok: true, policies: { privacy: { retention: null } } });
  });
});

describe('PV14 a window longer than the retention of its event', () => {
  const policies = {
    kind: 'policies',
    document: { privacy: { retention: { default: 'P60D', events: { Seen: 'P30D' } } } },
  };
  const events = (window: string) => ({
    kind: 'events',
    document: {
      events: { Seen: { aliases: ['Looked'] }, Order: {} },
      traits: { seen: { type: 'integer', computed: { count: 'Seen', window } } },
    },
  });
  const found = (document: { kind: string; document: object }, window = 'P30D') =>
    (checkDocuments([document, policies, events(window)] as Parameters<typeof checkDocuments>[0])[0] ?? [])
      .filter(({ code }) => code === 'window-beyond-retention')
      .map(({ pointer, severity }) => `${severity} ${pointer}`);
  const journey = (condition: string) => ({
    kind: 'journey',
    document: {
      id: 'one',
      entry: [{ event: 'Order', if: condition }],
      initial: 'kept',
      stages: { kept: {} },
    },
  });

  it.each([
    ["count('Seen', 'P30D') > 1", 0],
    ["count('Seen', 'P31D') > 1", 1],
    ["count('Looked', 'P31D') > 1 && count('Looked', 'P31D') < 9", 1],
    ["count('Order', 'P60D') > 1", 0],
    ["sum('Order', 'total', 'P61D') > 1", 1],
    ["count('Seen') > 1", 0],
  ])('of a journey, a segment, content and an offer: %s', (condition, times) => {
    expect(found(journey(condition))).toEqual(Array(times).fill('warning /entry/0/if'));
    expect(found({ kind: 'segment', document: { id: 'one', if: condition } })).toEqual(
      Array(times).fill('warning /if'),
    );
    const content = {
      ...{ id: 'one', kind: 'banner', placements: ['hero'], stages: [], priority: 1, audience: condition },
      locales: { en: { title: 'One' } },
    };
    expect(found({ kind: 'content', document: content })).toEqual(Array(times).fill('warning /audience'));
  });

  it('of a computed trait', () => {
    expect(found(events('P30D'), 'P30D')).toEqual([]);
    expect(checkDocuments([policies, events('P31D')] as Parameters<typeof checkDocuments>[0])[1]).toMatchObject([
      { code: 'window-beyond-retention', severity: 'warning', pointer: '/traits/seen/computed/window' },
    ]);
  });
});
