// `npm run bench -- event decide ...`: throughput, latency, CPU and memory of whole events (round.ts), as a ratio to the
// floor; and, when Restate runs too, our events against the better of its two.

import type { Measure } from './measure.ts';
import { computeRatios, renderText } from './report.ts';
import { type Figures, measureEvents } from './round.ts';
import { RESTATES } from './subjects.ts';
import { renderSummary, summarizeRatio } from './table.ts';
import { type Results, takeTurns } from './turns.ts';

const FLOOR = 'floor';

export const events: Measure = {
  name: 'events',
  subjects: [FLOOR, 'event', 'decide'],
  sizes: {},
  run: async (subjects, settings) => {
    const results = await takeTurns(
      subjects,
      settings,
      measureEvents,
      ({ eventsPerSecond, cpuUsPerEvent }) =>
        `${eventsPerSecond.toFixed(0)} events/s, ${cpuUsPerEvent.toFixed(0)} us CPU/event`,
    );
    const text = [renderText(results, FLOOR), ...againstRestate(results)].join('\n\n');
    return { text, rounds: { ratios: computeRatios(results, FLOOR), rounds: results } };
  },
};

function againstRestate(results: Results<Figures>): string[] {
  const ours = results['event'];
  const best = bestOf(results, RESTATES, ({ eventsPerSecond }) => eventsPerSecond);
  if (ours === undefined || best.length === 0) return [];
  const ratio = summarizeRatio(ours, best, ({ eventsPerSecond }) => eventsPerSecond);
  return [
    `event against the better Restate: ${renderSummary(ratio, 2)}\nevent/restate ratio ${ratio.median.toFixed(2)}`,
  ];
}

/** In each round the figures of whichever of the named subjects did best. */
export function bestOf<F>(results: Results<F>, names: string[], value: (figures: F) => number): F[] {
  const there = names.map((name) => results[name] ?? []).filter((rounds) => rounds.length > 0);
  const [first = [], ...others] = there;
  return first.map((figures, round) =>
    others.reduce((best, rounds) => {
      const other = rounds[round];
      return other !== undefined && value(other) > value(best) ? other : best;
    }, figures),
  );
}
