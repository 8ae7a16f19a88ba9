// `waymark replay`: a customer's recorded inputs once more through this version of the code, compared with what is stored.

import { readFileSync, writeFileSync } from 'node:fs';
import { RecordedHistory } from '../../simulate/record.ts';
import { type Replayed, replay } from '../../simulate/replay.ts';
import { type Command, EXIT, Misuse, readArgs } from '../command.ts';
import { systemFromEnvironment } from '../http.ts';
import { fetchHistory } from '../record.ts';

export const command: Command = {
  summary: 'rebuilds the runs of a customer from its recorded inputs and compares them with what is stored',
  usage: `waymark replay CUSTOMER [--save FILE] [--json]
waymark replay --file FILE [--json]

CUSTOMER is u:<userId> or a:<anonymousId>. Its events, the instants they were applied at and the journeys published then are
read from WAYMARK_URL with WAYMARK_ADMIN_KEY (without them: from the local system) and go through this code once more. Every
run, every line its steps left and the traits are compared byte for byte.

  --save FILE   also writes what was read, to be replayed again later
  --file FILE   replays what was saved
  --json        the outcome as JSON`,
  run: async (args) => {
    const { values, positionals } = readArgs({
      args,
      allowPositionals: true,
      options: { save: { type: 'string' }, file: { type: 'string' }, json: { type: 'boolean', default: false } },
    });
    const [customer, ...more] = positionals;
    if (more.length > 0 || (customer === undefined) === (values.file === undefined))
      throw new Misuse('Name one customer, or a file.');
    const history =
      values.file === undefined
        ? await fetchHistory(systemFromEnvironment(), customer ?? '')
        : readHistory(values.file);
    if (values.save !== undefined) writeFileSync(values.save, `${JSON.stringify(history, null, 1)}\n`);
    const replayed = replay(history);
    console.log(values.json ? JSON.stringify(replayed, null, 2) : render(history.customer.id, replayed));
    return replayed.outcome === 'different' ? EXIT.failed : EXIT.fine;
  },
};

/** @throws where the file holds no history */
function readHistory(file: string): RecordedHistory {
  const read = RecordedHistory.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!read.success) throw new Error(`${file} is no recorded history: ${read.error.issues[0]?.message}`);
  return read.data;
}

function render(customer: string, { outcome, events, runs, lines, differences }: Replayed): string {
  switch (outcome) {
    case 'identical':
      return `${customer}: ${events} events give the same ${runs} runs and ${lines} lines, byte for byte.`;
    case 'merged':
      return `${customer} took over what another customer had: its own inputs do not tell all, so nothing is compared.`;
    case 'different':
      return [
        `${customer}: ${events} events give something else than what is stored.`,
        ...differences.map(
          ({ where, stored, replayed }) =>
            `${where}\n  stored    ${stored ?? 'nothing'}\n  replayed  ${replayed ?? 'nothing'}`,
        ),
      ].join('\n');
  }
}
