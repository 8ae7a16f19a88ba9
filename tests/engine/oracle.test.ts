// The two ways of running a condition, held against each other: the closures and the CEL library must agree on the
// value and on whether there is an error, whatever the expression and whatever the data (C1 to C4).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../schema/json.ts';
import { compileClosure, isFault } from '../../workers/engine/closures.ts';
import { compileCondition, declaredMembers } from '../../workers/engine/conditions.ts';
import { factsOf, type HistoryEntry } from '../../workers/engine/facts.ts';
import { compileByLibrary, parseCondition } from '../../workers/engine/library.ts';
import type { Scope } from '../../workers/engine/scope.ts';
import { DAY, eventOf } from './driver.ts';
import { expressions, members, words } from './expressions.ts';

const NOW = 100 * DAY;

function scopeOf(properties: JsonObject, traits: JsonObject, past: readonly HistoryEntry[] = []): Scope {
  return {
    event: eventOf('Go', properties),
    traits,
    stages: { lifecycle: 'usage' },
    facts: factsOf(past, traits),
    now: NOW,
  };
}

const histories = fc.array(
  fc.record({ name: fc.constantFrom('Go', 'Other'), at: fc.integer({ min: 85 * DAY, max: NOW }), properties: members }),
  { maxLength: 4 },
);

/** Null where the expression is refused or the closures decline it. */
function bothWays(source: string, event: string | null) {
  const context = { declarations: words.declarations, event, resolve: words.resolve };
  if (!compileCondition(source, '', context, 'any').ok) return null;
  const parsed = parseCondition(source);
  const declared = declaredMembers(parsed.ast, context);
  const closure = compileClosure(parsed.ast, { ...declared, resolve: words.resolve });
  return closure && { closure, library: compileByLibrary(parsed, declared, words.resolve) };
}

/** -0 and 0 are one number in JSON. */
const same = (a: Json, b: Json): boolean =>
  typeof a === 'number' && typeof b === 'number'
    ? a === b || (Number.isNaN(a) && Number.isNaN(b))
    : JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value === 0 ? 0 : value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}

describe('closures and the CEL library', () => {
  it('C1 C2 C3 C4 agree on random expressions over random data', () => {
    const counts = { compared: 0, values: 0, errors: 0, declined: 0 };
    fc.assert(
      fc.property(
        expressions,
        fc.constantFrom('Go', null),
        fc.array(fc.tuple(members, members, histories), { minLength: 1, maxLength: 4 }),
        (source, event, situations) => {
          const ways = bothWays(source, event);
          if (!ways) {
            counts.declined++;
            return;
          }
          for (const [properties, traits, past] of situations) {
            const scope = scopeOf(properties, traits, past);
            const value = ways.closure(scope);
            const expected = ways.library(scope);
            counts.compared++;
            counts[expected.ok ? 'values' : 'errors']++;
            if (isFault(value) ? expected.ok : !expected.ok || !same(value, expected.value))
              throw new Error(`${source}: closure ${JSON.stringify(value)}, library ${JSON.stringify(expected)}`);
          }
        },
      ),
      { numRuns: 4_000 },
    );
    expect(counts.values, JSON.stringify(counts)).toBeGreaterThan(1_000);
    expect(counts.errors, JSON.stringify(counts)).toBeGreaterThan(1_000);
  });
});
