// `npm run demo`: a fresh system with its clock in July 1998 imports real purchases and shows where the customers stand.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cdnowEvents, type ImportEvent } from './cdnow.ts';
import { callAdmin, type System } from './http.ts';
import { importLines } from './import.ts';
import { startSystem } from './system.ts';

const FILE = join(import.meta.dirname, '../../tests/fixtures/CDNOW_sample.txt');
const CLOCK = '1998-07-01T00:00:00Z';

const state = mkdtempSync(join(tmpdir(), 'waymark-demo-'));
const { host, port } = await startSystem({ state, port: 0 });
try {
  const system: System = { address: `http://127.0.0.1:${port}`, adminKey: 'sk_local' };
  await callAdmin(system, 'POST', '/admin/clock', JSON.stringify({ set: CLOCK }));
  const events = cdnowEvents(readFileSync(FILE, 'utf8'));
  const startedAt = performance.now();
  const result = await importLines(
    system,
    events.map((event) => JSON.stringify(event)),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(
    `\n${result.accepted} purchases of ${result.customers} customers imported, ${result.timersFired} timers fired, ${seconds.toFixed(1)} s`,
  );
  const { journeys } = await callAdmin<{ journeys: Record<string, Record<string, number>> }>(
    system,
    'GET',
    '/admin/funnel',
  );
  console.log(`\nCustomers by stage on ${CLOCK.slice(0, 10)}`);
  for (const [stage, customers] of Object.entries(journeys['lifecycle'] ?? {}).sort((a, b) => b[1] - a[1]))
    console.log(`  ${stage.padEnd(12)}${String(customers).padStart(6)}`);
  printMonths(events);
} finally {
  await host.stop();
  rmSync(state, { recursive: true, force: true });
}

/** Orders a month, and how many of them came from customers who had ordered before. */
function printMonths(events: readonly ImportEvent[]): void {
  const known = new Set<string>();
  const months = new Map<string, { orders: number; repeat: number }>();
  for (const event of [...events].sort((a, b) =>
    a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0,
  )) {
    const month = event.timestamp.slice(0, 7);
    const counts = months.get(month) ?? { orders: 0, repeat: 0 };
    counts.orders++;
    if (known.has(event.userId)) counts.repeat++;
    known.add(event.userId);
    months.set(month, counts);
  }
  console.log('\nOrders by month      orders  repeat');
  for (const [month, { orders, repeat }] of [...months].sort())
    console.log(`  ${month}          ${String(orders).padStart(7)} ${String(repeat).padStart(7)}`);
}
