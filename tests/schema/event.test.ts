// schema/event.ts: one touchpoint as tracking clients send it, with everything they get wrong.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  customerIdOf,
  EVENT_TYPES,
  Event,
  eventNameOf,
  happenedAt,
  mergedIdsOf,
  plainEvent,
  readEvent,
} from '../../schema/event.ts';
import { findJsonFault, type Json, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';

const whole = { type: 'track', event: 'Order Completed', userId: 'u1' };
const parse = (change: object) => Event.parse({ ...whole, ...change });
/** Places of the faults, or null. */
const faults = (change: object) =>
  Event.safeParse({ ...whole, ...change }).error?.issues.map(({ path }) => path.join('/')) ?? null;

const NOW = Date.parse('2026-11-22T12:00:00Z');
const iso = (ms: number) => new Date(ms).toISOString();

describe('ids', () => {
  it.each([
    [42, '42'],
    [0, '0'],
    [-1.5, '-1.5'],
    ['42', '42'],
    [' spaced ', ' spaced '],
    ['ünïcødé \u{1f600}', 'ünïcødé \u{1f600}'],
    ['', undefined],
    [null, undefined],
    [undefined, undefined],
  ])('%j is the id %j', (written, id) => {
    for (const member of ['messageId', 'anonymousId', 'groupId', 'previousId'])
      expect(parse({ [member]: written })).toMatchObject(id === undefined ? {} : { [member]: id });
    expect(parse({ anonymousId: 'a', userId: written }).userId).toBe(id);
  });

  it('are bounded', () => {
    const id = (length: number) => faults({ userId: 'x'.repeat(length) });
    expect(id(LIMITS.idCharsMax - 1)).toBeNull();
    expect(id(LIMITS.idCharsMax)).toBeNull();
    expect(id(LIMITS.idCharsMax + 1)).toEqual(['userId']);
  });

  it.each(['a\u0000b', 'a\nb', '\u007f', '\u009f', true, ['u'], { id: 1 }])('%j is no id', (userId) =>
    expect(faults({ userId })).toEqual(['userId']),
  );

  it('a customer is named by one of them', () => {
    for (const userId of ['', null, undefined]) expect(faults({ userId })).toEqual(['userId']);
    expect(faults({ userId: '', anonymousId: 'a' })).toBeNull();
    expect(faults({ userId: null, anonymousId: '' })).toEqual(['userId']);
  });

  it('the user id is the customer, else the anonymous one, and the two never meet', () => {
    expect(customerIdOf(parse({ anonymousId: 'a' }))).toBe('u:u1');
    expect(customerIdOf(parse({ userId: null, anonymousId: 'u1' }))).toBe('a:u1');
    expect(customerIdOf({})).toBeNull();
  });
});

describe('the message', () => {
  it.each(EVENT_TYPES)('%s is a type', (type) => {
    expect(faults({ type, event: 'x', previousId: 'p' })).toBeNull();
    expect(eventNameOf(parse({ type, event: 'Order', previousId: 'p' }))).toBe(type === 'track' ? 'Order' : type);
  });

  it.each(['Track', 'delete', '', null, undefined, 5])('%j is no type', (type) =>
    expect(faults({ type })).toContain('type'),
  );

  it.each([undefined, null, '', '   '])('a track call with the name %j has none', (event) =>
    expect(faults({ event })).toEqual(['event']),
  );

  it('a name loses the blanks around it', () =>
    expect(eventNameOf(parse({ event: ' Order Completed ' }))).toBe('Order Completed'));

  it('a name is bounded', () => {
    const named = (length: number) => faults({ event: 'x'.repeat(length) });
    expect(named(LIMITS.nameCharsMax)).toBeNull();
    expect(named(LIMITS.nameCharsMax + 1)).toEqual(['event']);
  });

  it('unknown fields are kept, at every depth', () => {
    const sent = {
      ...whole,
      integrations: { All: true },
      _metadata: { nodeVersion: '24' },
      channel: 'server',
      properties: { a: { b: [1] } },
      context: { library: { name: 'x' } },
    };
    expect(Event.parse(sent)).toMatchObject(sent);
  });

  it('null for properties, traits or context is absent', () => {
    const event = parse({ properties: null, traits: null, context: null });
    expect([event.properties, event.traits, event.context]).toEqual([undefined, undefined, undefined]);
  });

  it.each(['properties', 'traits', 'context'])('%s is an object', (member) => {
    for (const value of ['x', 5, true, [1]]) expect(faults({ [member]: value })).toEqual([member]);
  });

  it('an alias names both ids', () => {
    expect(faults({ type: 'alias', previousId: 'a' })).toBeNull();
    expect(faults({ type: 'alias' })).toEqual(['previousId']);
    expect(faults({ type: 'alias', userId: null, anonymousId: 'a', previousId: 'p' })).toEqual(['userId']);
  });

  it('is an object', () => {
    for (const value of [null, [], 'x', 5]) expect(Event.safeParse(value).success).toBe(false);
  });
});

describe('who becomes whom', () => {
  it('M1 identify with both ids merges the anonymous customer', () => {
    expect(mergedIdsOf(parse({ type: 'identify', anonymousId: 'a1' }))).toEqual(['a:a1']);
    expect(mergedIdsOf(parse({ type: 'identify' }))).toBeNull();
    expect(mergedIdsOf(parse({ type: 'identify', userId: null, anonymousId: 'a1' }))).toBeNull();
  });

  it('M1 alias merges the previous id, unless it is the same', () => {
    expect(mergedIdsOf(parse({ type: 'alias', previousId: 'p1' }))).toEqual(['a:p1', 'u:p1']);
    expect(mergedIdsOf(parse({ type: 'alias', previousId: 'u1' }))).toBeNull();
    expect(mergedIdsOf(parse({ type: 'alias', previousId: 'p1', anonymousId: 'a1' }))).toEqual(['a:p1', 'u:p1']);
  });

  it.each(['track', 'page', 'screen', 'group'])('M1 %s merges nobody', (type) =>
    expect(mergedIdsOf(parse({ type, anonymousId: 'a1', previousId: 'p1' }))).toBeNull(),
  );
});

describe('when it happened', () => {
  it.each([
    ['2026-11-22T09:30:00Z', Date.UTC(2026, 10, 22, 9, 30)],
    ['2026-11-22T09:30:00.123+01:00', Date.UTC(2026, 10, 22, 8, 30, 0, 123)],
    ['2026-11-22', Date.UTC(2026, 10, 22)],
    [1_700_000_000_000, 1_700_000_000_000],
    [0, 0],
    [null, undefined],
    ['', undefined],
  ])('%j is %j', (written, ms) => {
    for (const member of ['timestamp', 'sentAt', 'originalTimestamp'] as const)
      expect(parse({ [member]: written })[member]).toBe(ms);
  });

  it.each(['yesterday', '2026-13-45T00:00:00Z', '99999999', {}, true, 1e300, -1e300])('%j is no instant', (timestamp) =>
    expect(faults({ timestamp })).toEqual(['timestamp']),
  );

  it('without a timestamp it happened when it was received', () => {
    expect(happenedAt(parse({}), NOW, undefined)).toBe(NOW);
    expect(happenedAt(parse({ sentAt: iso(NOW - 5_000) }), NOW, NOW)).toBe(NOW);
  });

  it('without sentAt its timestamp counts', () => {
    expect(happenedAt(parse({ timestamp: iso(NOW - 5_000) }), NOW, undefined)).toBe(NOW - 5_000);
  });

  it('a sender whose clock is wrong is corrected by sentAt', () => {
    for (const skew of [-86_400_000, -1, 0, 1, 3_600_000, 10 * 365 * 86_400_000]) {
      const sent = { timestamp: iso(NOW - 60_000 + skew), sentAt: iso(NOW + skew) };
      expect(happenedAt(parse(sent), NOW, undefined)).toBe(NOW - 60_000);
    }
  });

  it('the sentAt of the batch counts where the event has none', () => {
    expect(happenedAt(parse({ timestamp: iso(NOW + 100_000) }), NOW, NOW + 130_000)).toBe(NOW - 30_000);
    expect(happenedAt(parse({ timestamp: iso(NOW + 100_000), sentAt: iso(NOW + 110_000) }), NOW, NOW + 130_000)).toBe(
      NOW - 10_000,
    );
  });

  it('originalTimestamp counts before timestamp, as clients that correct it themselves mean it', () => {
    expect(happenedAt(parse({ timestamp: iso(NOW - 1), originalTimestamp: iso(NOW - 9_000) }), NOW, undefined)).toBe(
      NOW - 9_000,
    );
  });

  it('nothing happens after it was received', () => {
    expect(happenedAt(parse({ timestamp: iso(NOW + 5_000) }), NOW, undefined)).toBe(NOW);
    expect(happenedAt(parse({ timestamp: iso(NOW + 5_000), sentAt: iso(NOW) }), NOW, undefined)).toBe(NOW);
  });

  it('whatever a sender says, the instant is one that a delay can be added to', () => {
    const any = fc.option(fc.integer({ min: -8_000_000_000_000_000, max: 8_000_000_000_000_000 }), { nil: undefined });
    fc.assert(
      fc.property(any, any, any, (timestamp, sentAt, batchSentAt) => {
        const at = happenedAt(parse({ timestamp, sentAt }), NOW, batchSentAt);
        expect(Number.isSafeInteger(at)).toBe(true);
        expect(at).toBeLessThanOrEqual(NOW);
        expect(Math.abs(at) + LIMITS.delayMsMax).toBeLessThan(8_640_000_000_000_000);
      }),
    );
  });
});

describe('the direct way of reading a message', () => {
  const id = fc.constantFrom<Json>(
    'u1',
    'a1',
    '',
    42,
    null,
    'x'.repeat(256),
    'x'.repeat(257),
    'a\u0000',
    '\u0085',
    '\ud800',
    '\u{1f600}',
    true,
  );
  const text = fc.constantFrom<Json>(
    'Order Completed',
    ' page ',
    '   ',
    '',
    null,
    5,
    'x'.repeat(200),
    'x'.repeat(201),
    'x'.repeat(16_384),
    'x'.repeat(16_385),
  );
  const instant = fc.oneof(
    fc.constantFrom<Json>('2026-11-22T09:30:00Z', '2026-11-22', 'yesterday', '', null, 0, 1.5, -1, 1e300, true, {}),
    fc.constantFrom<Json>(
      '+275760-09-13T00:00:00Z',
      '+255000-01-01T00:00:00Z',
      '-271821-04-20T00:00:00Z',
      8e15,
      8.1e15,
    ),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  );
  const members = fc.oneof(
    fc.dictionary(
      fc.string(),
      fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value))),
    ),
    fc.constantFrom<Json>(null, [], 'x', {}),
  );
  const known = {
    type: fc.oneof(fc.constantFrom(...EVENT_TYPES), fc.constantFrom<Json>('delete', null, 5, 'constructor')),
    ...{ event: text, name: text, properties: members, traits: members, context: members },
    ...{ messageId: id, userId: id, anonymousId: id, previousId: id, groupId: id },
    ...{ timestamp: instant, originalTimestamp: instant, sentAt: instant, integrations: members, unknown: text },
  };
  /** A sound message with a few of its members replaced or gone. */
  const messages: fc.Arbitrary<JsonObject> = fc
    .tuple(
      fc.constantFrom(...EVENT_TYPES),
      fc.record(known, { requiredKeys: [] }),
      fc.subarray(Object.keys(known), { maxLength: 4 }),
    )
    .map(([type, odd, replaced]) => ({
      ...{
        type,
        event: 'Order',
        userId: 'u1',
        previousId: 'p1',
        properties: { a: 1 },
        timestamp: '2026-11-22T09:30:00Z',
        strange: 1,
      },
      ...Object.fromEntries(Object.entries(odd).filter(([name]) => replaced.includes(name))),
    }));

  it('gives what the schema gives, or leaves the message to it', () => {
    const counts = { plain: 0, asked: 0, refused: 0 };
    fc.assert(
      fc.property(messages, (message) => {
        // Refused before any schema sees it (json.ts).
        fc.pre(findJsonFault(message) === null);
        const parsed = Event.safeParse(message);
        const plain = plainEvent(message);
        counts[plain ? 'plain' : parsed.success ? 'asked' : 'refused']++;
        if (plain) expect(parsed).toEqual({ success: true, data: plain });
        const read = readEvent(message);
        expect(read.ok).toBe(parsed.success);
        if (read.ok) expect(read.event).toEqual(parsed.data);
      }),
      { numRuns: 3_000 },
    );
    for (const count of Object.values(counts)) expect(count, JSON.stringify(counts)).toBeGreaterThan(200);
  });

  it('takes the common shape', () => {
    const common = {
      messageId: 'm',
      type: 'track',
      event: 'Order',
      anonymousId: 'a',
      properties: {},
      context: {},
      timestamp: '2026-11-22T09:30:00Z',
    };
    expect(plainEvent(common)).not.toBeNull();
  });
});
