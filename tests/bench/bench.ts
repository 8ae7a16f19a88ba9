// `npm run bench`: what an event costs, as a ratio to the floor (floor.ts), measured on raw workerd.
//   node tests/bench/bench.ts [engine] [floor] [event] [decide] [--rounds 3] [--customers 500] [--events 10] [--connections 32]
//                             [--seed 1] [--folder DIR] [--json]
// Without names: engine, event and decide. With event or decide the floor runs too; engine is engine.ts. Every round each subject gets a fresh process and fresh
// state, one after the other, under the same load. `--folder` says on which disk the state lies (default: the system's
// temporary folder); on a disk in memory the cost of fsync vanishes. Progress goes to the error output.

import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchEngine, renderEngine } from './engine.ts';
import { makeMix } from './mix.ts';
import { type Results, renderJson, renderText } from './report.ts';
import { runRound } from './round.ts';
import { makeFloor, type Subject } from './subject.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    customers: { type: 'string', default: '500' },
    events: { type: 'string', default: '10' },
    connections: { type: 'string', default: '32' },
    seed: { type: 'string', default: '1' },
    folder: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
});

const settings = {
  rounds: readCount(values.rounds),
  customers: readCount(values.customers),
  eventsPerCustomer: readCount(values.events),
  connections: readCount(values.connections),
  seed: readCount(values.seed),
};
const asked = new Set(positionals.length > 0 ? positionals : ['engine', 'event', 'decide']);
const names = new Set(['floor', ...[...asked].filter((name) => name !== 'engine')]);

function readCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`not a number above zero: ${text}`);
  return count;
}

async function makeSubject(name: string): Promise<Subject> {
  if (name === 'floor') return makeFloor();
  if (name !== 'event' && name !== 'decide') throw new Error(`there is no subject ${name}`);
  const { makeWaymark } = await import('./waymark.ts');
  return makeWaymark(name);
}

function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

async function run(workFolder: string): Promise<Results> {
  const subjects = await Promise.all([...names].map(makeSubject));
  for (const subject of subjects) {
    showProgress(`preparing ${subject.name}`);
    await subject.prepare(workFolder);
  }
  const results: Results = {};
  for (let round = 1; round <= settings.rounds; round++) {
    for (const subject of subjects) {
      const where = `round ${round} of ${settings.rounds}, ${subject.name}`;
      const figures = await runRound({
        subject,
        shoppers: makeMix({ ...settings, endsAtMs: Date.now() }),
        connections: settings.connections,
        workFolder,
        onProgress: (phase, done) => showProgress(`${where}: ${phase} ${done > 0 ? done : ''}`),
        onComplaint: (text) => process.stderr.write(`\n${where}: the server complained: ${text}\n`),
      });
      results[subject.name] = [...(results[subject.name] ?? []), figures];
      const { eventsPerSecond, cpuUsPerEvent } = figures;
      showProgress('');
      process.stderr.write(
        `${where}: ${eventsPerSecond.toFixed(0)} events/s, ${cpuUsPerEvent.toFixed(0)} us CPU/event\n`,
      );
    }
  }
  return results;
}

if (asked.has('engine') && !values.json) console.log(`${renderEngine(benchEngine())}\n`);
if (asked.size === 1 && asked.has('engine')) process.exit(0);
const workFolder = await mkdtemp(join(values.folder, 'waymark-bench-'));
process.once('exit', () => rmSync(workFolder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const results = await run(workFolder);
console.log(values.json ? renderJson(results, 'floor', settings) : renderText(results, 'floor'));
