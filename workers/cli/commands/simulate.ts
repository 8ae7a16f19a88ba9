// `waymark simulate`: a population, synthetic or recorded, through the journeys of the folder on a virtual clock. Nothing is
// sent and no system is asked.

import { createReadStream } from 'node:fs';
import { basename, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { durationMs } from '../../engine/durations.ts';
import { readRecorded } from '../../simulate/recorded.ts';
import type { Report, Span } from '../../simulate/report.ts';
import { prepareSetting } from '../../simulate/setting.ts';
import { type Life, simulate, syntheticLives } from '../../simulate/simulate.ts';
import { spokenIn } from '../../simulate/vocabulary.ts';
import { type Command, EXIT, Misuse, readArgs } from '../command.ts';
import { readSources } from '../files.ts';
import { startProgress } from '../progress.ts';
import { JOURNEYS } from '../publish.ts';
import { renderReport } from '../simulation.ts';

const DAY = 86_400_000;
const CUSTOMERS_MAX = 1_000_000;
const DAYS_MAX = 3_653;

export const command: Command = {
  summary: 'lives customers through the journeys on a virtual clock: funnel, messages, who gets stuck',
  usage: `waymark simulate [FOLDER] [--customers N] [--days D] [--seed S] [--events FILE] [--journey FILE]...

Lives a population through the journeys, messages and events.json of FOLDER (default: journeys/), with consent and exits
applied; effects are recorded, nothing is sent. The same seed gives the same bytes.

  --customers N    how many synthetic customers (default 1000)
  --days D         how long (default 90); with --events, how long after the last event (default 0)
  --seed S         any text (default 1)
  --from DATE      the first day (default 2026-01-01)
  --events FILE    recorded events instead: one message of the tracking API a line, each with its timestamp
  --journey FILE   simulate this journey alone; may be given more than once
  --stuck P        a run that stands longer than this is reported as stuck (default P90D)
  --json           the report as JSON`,
  run: async (args) => {
    const { values, positionals } = readArgs({
      args,
      allowPositionals: true,
      options: {
        customers: { type: 'string', default: '1000' },
        days: { type: 'string' },
        seed: { type: 'string', default: '1' },
        from: { type: 'string', default: '2026-01-01' },
        events: { type: 'string' },
        journey: { type: 'string', multiple: true, default: [] },
        stuck: { type: 'string', default: 'P90D' },
        json: { type: 'boolean', default: false },
      },
    });
    if (positionals.length > 1) throw new Misuse('One folder at most.');
    const stuckAfterMs = durationMs(values.stuck);
    if (stuckAfterMs === null) throw new Misuse('--stuck takes a duration such as P30D or PT12H.');
    const from = Date.parse(values.from);
    if (Number.isNaN(from)) throw new Misuse('--from takes a date such as 2026-01-01.');
    const { setting, vocabulary } = loadSetting(positionals[0] ?? JOURNEYS, values.journey);
    const customers = whole('--customers', values.customers, CUSTOMERS_MAX);

    let span: Span;
    let lives: Iterable<Life>;
    let total = customers;
    if (values.events === undefined) {
      const until = from + whole('--days', values.days ?? '90', DAYS_MAX) * DAY;
      span = { seed: values.seed, from, until, stuckAfterMs };
      const { declarations, resolve: declared } = vocabulary;
      const spoken = spokenIn(setting.machines.values(), declared, declarations);
      lives = syntheticLives({ seed: values.seed, from, until, spoken, declarations }, customers);
    } else {
      const recorded = readRecorded(await linesOf(values.events), vocabulary.resolve);
      if (!recorded.ok) {
        for (const { line, pointer, detail } of recorded.faults)
          console.error(`${values.events}:${line} ${pointer} ${detail}`);
        return EXIT.failed;
      }
      const after = whole('--days', values.days ?? '0', DAYS_MAX) * DAY;
      span = { seed: null, from: recorded.first ?? from, until: (recorded.last ?? from) + after, stuckAfterMs };
      lives = recorded.lives;
      total = recorded.lives.length;
    }
    const progress = startProgress('Customers', total);
    const report = simulate(setting, lives, span, { onCustomer: () => progress.advance(1) });
    progress.done();
    console.log(values.json ? JSON.stringify(report, null, 2) : renderReport(report));
    return exitOf(report);
  },
};

/** A condition that errs is a fault of the journey; a customer who is stuck is what the report is for. */
const exitOf = (report: Report): number => (report.faults.length > 0 ? EXIT.failed : EXIT.fine);

function whole(option: string, text: string, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > most) throw new Misuse(`${option} takes a whole number up to ${most}.`);
  return value;
}

/** @throws where a document does not compile; each place is named */
function loadSetting(folder: string, journeys: readonly string[]) {
  const { sources, faults } = readSources(resolve(folder));
  const [fault] = faults;
  if (fault) throw new Error(`${fault.path}:${fault.line} is not JSON: ${fault.detail}`);
  const wanted = new Set(journeys.map((file) => basename(file, '.json')));
  const of = (kind: string) => sources.filter((source) => source.kind === kind);
  const chosen = of('journey').filter(({ path }) => wanted.size === 0 || wanted.has(basename(path, '.json')));
  if (chosen.length < wanted.size) throw new Misuse(`There is no such journey in ${folder}.`);
  const prepared = prepareSetting({
    events: of('events')[0]?.document,
    journeys: chosen.map(({ document }) => document),
    messages: of('message').map(({ document }) => document),
    fragments: of('fragment').map(({ document }) => document),
    site: of('site')[0]?.document,
    policies: of('policies')[0]?.document,
    segments: of('segment').map(({ document }) => document),
  });
  if (prepared.ok) return prepared;
  const [first] = prepared.faults;
  throw new Error(
    `${first?.document} ${first?.pointer} ${first?.code}: ${first?.message}. \`waymark check\` names each place.`,
  );
}

async function linesOf(file: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) lines.push(line);
  return lines;
}
