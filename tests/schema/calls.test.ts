// The envelopes of a site's calls: what is recognised directly is what the schema would have given.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { DecideCall, EventsCall, plainDecideCall, plainEventsCall } from '../../workers/api/calls.ts';

/** Most members are as they should be, so that every outcome comes about. */
const mostly = <T extends Json>(sound: fc.Arbitrary<T>, other: fc.Arbitrary<Json>): fc.Arbitrary<Json> =>
  fc.oneof({ weight: 6, arbitrary: sound }, { weight: 1, arbitrary: other });
const odd = fc.constantFrom<Json>(null, 5, true, '', 'x', {}, [], [1], 'y'.repeat(LIMITS.idCharsMax + 1));
const json = fc.jsonValue({ maxDepth: 2 }).map((value): Json => JSON.parse(JSON.stringify(value)));
const placements = mostly(
  fc.array(fc.constantFrom('hero', 'sidebar', 'p'.repeat(LIMITS.nameCharsMax)), { maxLength: 3 }),
  fc.constantFrom<Json>(
    [''],
    ['p'.repeat(LIMITS.nameCharsMax + 1)],
    Array(LIMITS.placementsMax).fill('hero'),
    Array(LIMITS.placementsMax + 1).fill('hero'),
    ['hero', null],
  ),
);
const context = mostly(fc.dictionary(fc.string(), json), odd);
const record = mostly(fc.constantFrom<Json>('decision', 'impression', 'nothing'), odd);
const id = mostly(fc.constantFrom<Json>('ada', 'i'.repeat(LIMITS.idCharsMax), 7), odd);
const token = mostly(fc.constantFrom<Json>('t'), fc.oneof(fc.constant('t'.repeat(8_193)), odd));
const decide = mostly(
  fc.record({ placements, context, record, more: json }, { requiredKeys: ['placements'] }),
  fc.oneof(fc.record({ context }), odd),
);
const bodies = (known: Record<string, fc.Arbitrary<Json>>): fc.Arbitrary<JsonObject> =>
  fc.record({ ...known, unknown: json }, { requiredKeys: [] });

describe('what is recognised directly is what the schema gives', () => {
  it('of a read', () => {
    const counts = { plain: 0, asked: 0, refused: 0 };
    fc.assert(
      fc.property(
        bodies({ userId: id, anonymousId: id, customerToken: fc.option(token), placements, context, record }),
        (body) => {
          const parsed = DecideCall.safeParse(body);
          const plain = plainDecideCall(body);
          counts[plain ? 'plain' : parsed.success ? 'asked' : 'refused']++;
          if (plain) expect(parsed).toEqual({ success: true, data: plain });
        },
      ),
      { numRuns: 3_000, seed: 3 },
    );
    for (const count of Object.values(counts)) expect(count, JSON.stringify(counts)).toBeGreaterThan(50);
  });

  it('of events', () => {
    const counts = { plain: 0, asked: 0, refused: 0 };
    const events = mostly(fc.array(json, { minLength: 1, maxLength: 3 }), odd);
    fc.assert(
      fc.property(bodies({ events, decide, customerToken: fc.option(token), sentAt: json }), (body) => {
        const parsed = EventsCall.safeParse(body);
        const plain = plainEventsCall(body);
        counts[plain ? 'plain' : parsed.success ? 'asked' : 'refused']++;
        if (plain) expect(parsed).toEqual({ success: true, data: plain });
      }),
      { numRuns: 3_000, seed: 3 },
    );
    for (const count of Object.values(counts)) expect(count, JSON.stringify(counts)).toBeGreaterThan(50);
  });

  it('takes the common shapes', () => {
    expect(plainDecideCall({ userId: 'ada', placements: [] })).not.toBeNull();
    expect(plainEventsCall({ events: [{}], decide: { placements: ['hero'] } })).not.toBeNull();
  });
});
