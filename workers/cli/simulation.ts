// A simulation's report as text for a terminal.

import type { JourneyReport, Report } from '../simulate/report.ts';

export function renderReport(report: Report): string {
  const { messages } = report;
  const seed = report.seed === null ? 'recorded events' : `seed ${report.seed}`;
  const parts = [
    `${count(report.customers)} customers, ${count(report.events)} events, ${count(report.timersFired)} timers, ${report.from.slice(0, 10)} to ${report.until.slice(0, 10)}, ${seed}, digest ${report.digest}`,
    ...report.journeys.map(renderJourney),
    `Messages: ${count(messages.sent)} sent, ${messages.perCustomerAndWeek} a customer and week${list(messages.templates)}`,
    ...(Object.keys(messages.suppressed).length > 0 ? [`Not sent${list(messages.suppressed)}`] : []),
    ...(messages.weeks.length > 0 ? [renderWeeks(report)] : []),
    ...(Object.keys(report.outcomes).length > 0 ? [`Also recorded${list(report.outcomes)}`] : []),
    renderStuck(report),
    ...(report.faults.length > 0
      ? [
          `Faults:\n${report.faults.map(({ journey, pointer, detail, times }) => `  ${journey} ${pointer} ${detail} (${count(times)} times)`).join('\n')}`,
        ]
      : []),
  ];
  return parts.join('\n\n');
}

const count = (value: number): string => value.toLocaleString('en-GB');

const list = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, value]) => `\n  ${name}: ${count(value)}`)
    .join('');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`;
  return [head, ...rows].map(line).join('\n');
}

function renderJourney({ journey, runs, ended, stages }: JourneyReport): string {
  const rows = stages.map(({ stage, customers, entered, now, hours }) => [
    stage,
    count(customers),
    count(entered),
    count(now),
    hours === null ? '-' : `${hours}`,
  ]);
  const head = ['stage', 'customers', 'entered', 'now', 'mean hours'];
  return `${journey}: ${count(runs)} runs, ${count(ended)} over\n${table(head, rows)}`;
}

function renderWeeks({ messages: { weeks } }: Report): string {
  const rows = weeks.map(({ week, messages, customers, most }) => [
    `${week}`,
    count(messages),
    count(customers),
    count(most),
  ]);
  return `Messages by week\n${table(['week', 'messages', 'customers', 'most to one'], rows)}`;
}

function renderStuck({ stuck }: Report): string {
  if (stuck.length === 0) return 'Nobody is stuck.';
  const lines = stuck.map(
    ({ journey, stage, reason, customers, examples }) =>
      `  ${journey} ${stage}, ${reason}: ${count(customers)}, such as ${examples.map(({ customer }) => customer).join(', ')}`,
  );
  return `Stuck:\n${lines.join('\n')}`;
}
