// What a run of events found, as a table of medians with their range and as ratios. A ratio is taken within each round
// and the median of the rounds' ratios is reported, so that a machine that grows slower during the run shifts neither
// side. The last line of a subject is its throughput ratio, in a form that scripts can read.

import type { Figures } from './round.ts';
import { type Column, renderSummary, renderTable, type Summary, summarizeRatio } from './table.ts';
import type { Results } from './turns.ts';

type Ratios = Record<'cpu' | 'memory' | 'cold' | 'warm' | 'throughput', Summary>;

const MIB = 2 ** 20;
const columns: Column<Figures>[] = [
  { title: 'events/s', value: (figures) => figures.eventsPerSecond, digits: 0 },
  { title: 'cold/s', value: (figures) => figures.coldEventsPerSecond, digits: 0 },
  { title: 'warm/s', value: (figures) => figures.warmEventsPerSecond, digits: 0 },
  { title: 'p50 ms', value: (figures) => figures.p50Ms, digits: 1 },
  { title: 'p99 ms', value: (figures) => figures.p99Ms, digits: 1 },
  { title: 'settle ms', value: (figures) => figures.settleMs, digits: 0 },
  { title: 'CPU us/event', value: (figures) => figures.cpuUsPerEvent, digits: 0 },
  { title: 'RSS MiB', value: (figures) => figures.residentBytes / MIB, digits: 0 },
  { title: 'peak MiB', value: (figures) => figures.peakBytes / MIB, digits: 0 },
  { title: 'repeats', value: (figures) => figures.repeats, digits: 0 },
];

export function renderText(results: Results<Figures>, floorName: string): string {
  const blocks = Object.entries(computeRatios(results, floorName)).map(([name, ratios]) => renderRatios(name, ratios));
  return [renderTable(results, columns), ...blocks].join('\n\n');
}

/** Of every subject but the floor, against the floor's round of the same number. */
export function computeRatios(results: Results<Figures>, floorName: string): Record<string, Ratios> {
  const floor = results[floorName] ?? [];
  const others = Object.entries(results).filter(([name]) => name !== floorName);
  return Object.fromEntries(
    others.map(([name, rounds]) => {
      const ratio = (value: (figures: Figures) => number): Summary => summarizeRatio(rounds, floor, value);
      const ratios = {
        cpu: ratio((figures) => figures.cpuUsPerEvent),
        memory: ratio((figures) => figures.peakBytes),
        cold: ratio((figures) => figures.coldEventsPerSecond),
        warm: ratio((figures) => figures.warmEventsPerSecond),
        throughput: ratio((figures) => figures.eventsPerSecond),
      };
      return [name, ratios];
    }),
  );
}

function renderRatios(name: string, { throughput, ...others }: Ratios): string {
  const ranges = Object.entries({ ...others, throughput }).map(([title, summary]) => {
    return `${title} ${renderSummary(summary, 2)}`;
  });
  // Scripts read the last line of a subject; the CPU and memory lines bear its name where there are two subjects.
  const prefix = name === 'event' ? '' : `${name} `;
  return [
    `${name} against the floor: ${ranges.join(', ')}`,
    `${prefix}cpu ratio ${others.cpu.median.toFixed(2)}`,
    `${prefix}memory ratio ${others.memory.median.toFixed(2)}`,
    `${name} ratio ${throughput.median.toFixed(2)}`,
  ].join('\n');
}
