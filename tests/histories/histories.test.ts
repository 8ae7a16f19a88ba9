// What customers of released versions went through, replayed by the code as it is: their runs must come out as they are
// stored, for nobody migrates them. Recorded by record.ts.

import { describe, expect, it } from 'vitest';
import { replay } from '../../workers/simulate/replay.ts';
import { readHistories } from './kept.ts';

const histories = readHistories();

describe('recorded histories', () => {
  it('are there, and long enough to mean something', () => {
    expect(histories.length).toBeGreaterThanOrEqual(7);
    const lines = histories.reduce((sum, { history }) => sum + history.entries.length, 0);
    expect(lines).toBeGreaterThan(300);
    const journeys = new Set(histories.flatMap(({ history }) => history.runs.map(({ journey }) => journey)));
    expect([...journeys]).toEqual(expect.arrayContaining(['lifecycle', 'cart-recovery']));
  });

  it.each(histories)('$name is rebuilt byte for byte', ({ history }) => {
    const { outcome, differences } = replay(history);
    expect([outcome, differences]).toEqual(['identical', []]);
  });
});
