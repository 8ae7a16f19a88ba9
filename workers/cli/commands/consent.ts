// `waymark consent`: the log of what a customer has said about consent, read or saved before, and whether anybody changed it.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { type LogLine, readLine, verifyLog } from '../../consent/log.ts';
import { type Command, EXIT, Misuse, readArgs } from '../command.ts';
import { callAdmin, type System, systemFromEnvironment } from '../http.ts';

const PAGE = 200;

export const command: Command = {
  summary: 'checks that the log of a customer’s consent is whole and that nobody has changed it',
  usage: `waymark consent CUSTOMER [--save FILE] [--json]
waymark consent --file FILE [--json]

CUSTOMER is u:<userId> or a:<anonymousId>; the log is read from WAYMARK_URL with WAYMARK_ADMIN_KEY (without them: from the local
system). Each line has the hash of the one before. Who keeps the last hash elsewhere can prove later that nothing before it
was changed, removed or added.

  --save FILE   also writes what was read
  --file FILE   checks what was saved
  --end HASH    a hash that was once the last one: it has to be there
  --json        the outcome as JSON`,
  run: async (args) => {
    const { values, positionals } = readArgs({
      args,
      allowPositionals: true,
      options: {
        save: { type: 'string' },
        file: { type: 'string' },
        end: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const [customer, ...more] = positionals;
    if (more.length > 0 || (customer === undefined) === (values.file === undefined))
      throw new Misuse('Name one customer, or a file.');
    const { lines, end } =
      values.file === undefined ? await fetchLog(systemFromEnvironment(), customer ?? '') : readLog(values.file);
    if (values.save !== undefined) writeFileSync(values.save, `${JSON.stringify({ lines }, null, 1)}\n`);
    const faults = verifyLog(lines, (text) => createHash('sha256').update(text).digest('hex'), values.end ?? end);
    const last = lines.at(-1)?.hash ?? null;
    if (values.json) console.log(JSON.stringify({ lines: lines.length, last, faults }, null, 2));
    else {
      for (const { of, n, detail } of faults) console.log(`${of}, line ${n}: ${detail}.`);
      if (faults.length === 0) console.log(`${lines.length} lines, whole. The last hash is ${last ?? 'none'}.`);
    }
    return faults.length > 0 ? EXIT.failed : EXIT.fine;
  },
};

interface Log {
  readonly lines: LogLine[];
  /** The hash of the last line, as the system knows it; null where nobody said. */
  readonly end: string | null;
}

async function fetchLog(system: System, customer: string): Promise<Log> {
  const lines: LogLine[] = [];
  let end: string | null = null;
  for (let cursor: number | null = 0; cursor !== null; ) {
    const path = `/admin/customers/${encodeURIComponent(customer)}/consent-log?limit=${PAGE}&cursor=${cursor}`;
    const page: { lines: unknown[]; end: string | null; next: number | null } = await callAdmin(system, 'GET', path);
    lines.push(...page.lines.map(lineOf));
    cursor = page.next;
    end = page.end;
  }
  return { lines, end };
}

/** @throws where the file holds no log */
function readLog(file: string): Log {
  const read: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const lines: unknown = Reflect.get(Object(read), 'lines');
  if (!Array.isArray(lines)) throw new Error(`${file} is no saved log: it has no lines.`);
  return { lines: lines.map(lineOf), end: null };
}

function lineOf(value: unknown, index: number): LogLine {
  const line = readLine(value);
  if (!line) throw new Error(`What should be line ${index + 1} of the log is none.`);
  return line;
}
