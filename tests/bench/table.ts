// Medians with their range, and ratios of two subjects in the same round. Pure.

import type { Results } from './turns.ts';

export interface Summary {
  median: number;
  min: number;
  max: number;
}

export interface Column<F> {
  title: string;
  value: (figures: F) => number;
  digits: number;
}

/** One line a subject, one column a figure: the median of the rounds, the lowest and the highest. */
export function renderTable<F>(results: Results<F>, columns: Column<F>[]): string {
  const header = ['median (min-max)', ...columns.map(({ title }) => title)];
  const rows = Object.entries(results).map(([name, rounds]) => [
    name,
    ...columns.map(({ value, digits }) => renderSummary(summarize(rounds.map(value)), digits)),
  ]);
  const widths = header.map((title, index) => Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)));
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
        .join('  '),
    )
    .join('\n');
}

/** Of one subject's figure to another's in the round of the same number. */
export function summarizeRatio<F>(rounds: F[], bases: F[], value: (figures: F) => number): Summary {
  return summarize(
    rounds.flatMap((figures, index) => {
      const base = bases[index];
      return base === undefined ? [] : [value(figures) / value(base)];
    }),
  );
}

export function renderSummary({ median, min, max }: Summary, digits: number): string {
  const [middle, low, high] = [median, min, max].map((value) => value.toFixed(digits));
  return `${middle} (${low}-${high})`;
}

export function summarize(values: number[]): Summary {
  const median = (quantile(values, 0.5) + quantile(values, 0.5 + Number.EPSILON)) / 2;
  return { median, min: Math.min(...values), max: Math.max(...values) };
}

/** The nearest-rank quantile; 0 of nothing, as when every customer sends one event only. */
export function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
