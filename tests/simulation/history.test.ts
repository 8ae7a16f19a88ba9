// The history in memory answers what the plain list of facts.ts answers, whatever is asked and however late events come.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { factsOf, type HistoryEntry } from '../../workers/engine/facts.ts';
import { newHistory } from '../../workers/simulate/history.ts';

const at = fc.nat({ max: 30 });
const entry: fc.Arbitrary<HistoryEntry> = fc.record({
  name: fc.constantFrom('a', 'b'),
  at,
  properties: fc.dictionary(fc.constantFrom('p', 'q'), fc.constantFrom<number | string | null>(1, 2, 2.5, 'x', null)),
});

describe('the history in memory', () => {
  it('C5 C6 C7 answers what the plain list answers', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), at, at, (entries, from, to) => {
        const history = newHistory();
        for (const [index, { name, at: when, properties }] of entries.entries())
          expect(history.add(name, `m${index}`, when, { properties })).toBe(true);
        const traits = { known: true };
        const quick = history.facts({ id: 'u:1', traits, lastActivityAt: 7, known: null });
        const plain = factsOf(entries, traits, 7);
        expect(quick.traits).toBe(traits);
        expect(quick.lastActivityAt).toBe(7);
        for (const name of ['a', 'b', 'none'])
          for (const start of [from, -Infinity]) {
            expect(quick.count(name, start, to)).toBe(plain.count(name, start, to));
            expect(quick.lastAt(name, to)).toBe(plain.lastAt(name, to));
            expect(quick.nextAt(name, start)).toBe(plain.nextAt(name, start));
            const times = [quick, plain].map((facts) => [...facts.each(name, start, to)].map((each) => each.at));
            expect(times[0]).toEqual(times[1]);
            for (const property of ['p', 'q'])
              for (const ask of ['sum', 'distinct', 'first', 'last'] as const)
                expect([ask, quick[ask](name, property, start, to)]).toEqual([
                  ask,
                  plain[ask](name, property, start, to),
                ]);
          }
      }),
    );
  });

  it('a message id that is there already changes nothing', () => {
    const history = newHistory();
    expect(history.add('a', 'm1', 1, { properties: { n: 1 } })).toBe(true);
    expect(history.add('a', 'm1', 2, { properties: { n: 2 } })).toBe(false);
    const facts = history.facts({ id: 'u:1', traits: {}, lastActivityAt: null, known: null });
    expect([facts.count('a', -Infinity, 9), facts.sum('a', 'n', -Infinity, 9), facts.lastActivityAt]).toEqual([
      1,
      1,
      -Infinity,
    ]);
  });

  it('gives the latest first, and of one instant the one that came later', () => {
    const history = newHistory();
    for (const [id, when] of [
      ['one', 5],
      ['two', 3],
      ['three', 5],
    ] as const)
      history.add('a', id, when, { id });
    expect([...history.latest('a')].map((message) => message['id'])).toEqual(['three', 'one', 'two']);
    expect(history.byMessage('two')).toEqual({ id: 'two' });
    expect(history.byMessage('four')).toBeNull();
  });
});
