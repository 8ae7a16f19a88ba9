// `npm run bench`: what the system costs and how it compares, measured on raw workerd. Reads what is asked for from the
// command line (usage.ts) and runs one measurement after the other; each is a file of its own.

import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cost } from './cost.ts';
import { decisions } from './decisions.ts';
import { disk } from './disk.ts';
import { benchEngine, renderEngine } from './engine.ts';
import { events } from './events.ts';
import { fsyncs } from './fsyncs.ts';
import { identity } from './identity.ts';
import type { Measure } from './measure.ts';
import { memory } from './memory.ts';
import { reads } from './reads.ts';
import { benchSizes, renderSizes } from './sizes.ts';
import type { Subject } from './subject.ts';
import { makeSubject, RESTATES, SUBJECTS } from './subjects.ts';
import { type Settings, showProgress } from './turns.ts';
import { USAGE } from './usage.ts';
import { visible } from './visible.ts';

const MEASURES: Measure[] = [events, decisions, reads, identity, memory, fsyncs, visible, disk, cost];
const ENGINE = 'engine';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    customers: { type: 'string' },
    events: { type: 'string' },
    connections: { type: 'string' },
    seed: { type: 'string', default: '1' },
    folder: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const unknown = positionals.filter(
  (name) => name !== ENGINE && !SUBJECTS.includes(name) && !MEASURES.some((measure) => measure.name === name),
);
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(', ')}\n\n${USAGE}`);
  process.exit(2);
}

const namedSubjects = withCompany(SUBJECTS.filter((name) => positionals.includes(name)));
const namedMeasures = MEASURES.filter(({ name }) => positionals.includes(name));
const measures =
  namedMeasures.length > 0 ? namedMeasures : positionals.every((name) => name === ENGINE) ? [] : [events];
const withEngine = positionals.length === 0 || positionals.includes(ENGINE);
if (positionals.length === 0) measures.push(events);

/** Whoever names Restate means it as shipped and with one partition. */
function withCompany(names: string[]): string[] {
  return names.includes('restate') ? [...new Set([...names, ...RESTATES])] : names;
}

/** Events are always measured beside the floor, and Restate's beside ours. */
function subjectsOf(measure: Measure): string[] {
  if (namedSubjects.length === 0) return measure.subjects;
  if (measure === cost) return measure.subjects;
  if (measure !== events) return namedSubjects;
  const compared = namedSubjects.some((name) => RESTATES.includes(name)) ? ['floor', 'event'] : ['floor'];
  return [...new Set([...compared, ...namedSubjects])];
}

function readCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`not a number above zero: ${text}`);
  return count;
}

function settingsOf(measure: Measure, workFolder: string): Settings {
  const { customers, events: eventsPerCustomer, connections } = values;
  return {
    customers: 500,
    eventsPerCustomer: 10,
    connections: 32,
    ...measure.sizes,
    ...(customers === undefined ? {} : { customers: readCount(customers) }),
    ...(eventsPerCustomer === undefined ? {} : { eventsPerCustomer: readCount(eventsPerCustomer) }),
    ...(connections === undefined ? {} : { connections: readCount(connections) }),
    rounds: readCount(values.rounds),
    seed: readCount(values.seed),
    workFolder,
  };
}

const prepared = new Map<string, Subject>();
async function prepare(name: string, workFolder: string): Promise<Subject> {
  const ready = prepared.get(name);
  if (ready !== undefined) return ready;
  showProgress(`preparing ${name}`);
  const subject = await makeSubject(name);
  await subject.prepare(workFolder);
  prepared.set(name, subject);
  return subject;
}

async function run(measure: Measure, workFolder: string): Promise<void> {
  const settings = settingsOf(measure, workFolder);
  const subjects: Subject[] = [];
  for (const name of subjectsOf(measure)) subjects.push(await prepare(name, workFolder));
  const { text, rounds } = await measure.run(subjects, settings);
  const { workFolder: _folder, ...shown } = settings;
  console.log(values.json ? JSON.stringify({ measure: measure.name, settings: shown, rounds }, null, 2) : `${text}\n`);
}

if (withEngine && !values.json) console.log(`${renderEngine(benchEngine())}\n${renderSizes(benchSizes())}\n`);
if (measures.length > 0) {
  const workFolder = await mkdtemp(join(values.folder, 'waymark-bench-'));
  process.once('exit', () => rmSync(workFolder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  for (const measure of measures) await run(measure, workFolder);
}
