// `npm run import -- FILE`: loads history into a running system. FILE is NDJSON, one event a line, each customer's
// events in order of time. Shows progress, names every refused line, and goes on where it was interrupted.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cdnowEvents } from './cdnow.ts';
import { callAdmin, type System, systemFromEnvironment } from './http.ts';
import { startProgress } from './progress.ts';

export interface ImportResult {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly { line: number; errors: readonly { pointer: string; detail: string }[] }[];
  readonly customers: number;
  readonly timersFired: number;
}

/** Events a call and bytes a call, below the contract's limits. */
const LINES_A_CALL = 500;
const BYTES_A_CALL = 3_000_000;

interface Call {
  readonly firstLine: number;
  readonly lines: readonly string[];
}

/** Splits into calls that keep the order of the lines. */
function callsOf(lines: readonly string[]): Call[] {
  const calls: Call[] = [];
  let from = 0;
  let bytes = 0;
  lines.forEach((line, index) => {
    const size = Buffer.byteLength(line) + 1;
    if (index > from && (index - from >= LINES_A_CALL || bytes + size > BYTES_A_CALL)) {
      calls.push({ firstLine: from + 1, lines: lines.slice(from, index) });
      from = index;
      bytes = 0;
    }
    bytes += size;
  });
  if (from < lines.length) calls.push({ firstLine: from + 1, lines: lines.slice(from) });
  return calls;
}

/** Imports lines and finishes. `from` skips lines that an interrupted import has done; `onDone` hears how far it is. */
export async function importLines(
  system: System,
  lines: readonly string[],
  from = 0,
  onDone: (lines: number) => void = () => undefined,
): Promise<ImportResult> {
  let accepted = 0;
  let duplicates = 0;
  const rejected: { line: number; errors: readonly { pointer: string; detail: string }[] }[] = [];
  const progress = startProgress('importing', lines.length);
  progress.advance(from);
  for (const call of callsOf(lines.slice(from))) {
    const answer = await callAdmin<Omit<ImportResult, 'customers' | 'timersFired'>>(
      system,
      'POST',
      '/admin/import',
      call.lines.join('\n'),
    );
    accepted += answer.accepted;
    duplicates += answer.duplicates;
    for (const fault of answer.rejected)
      rejected.push({ line: from + call.firstLine - 1 + fault.line, errors: fault.errors });
    progress.advance(call.lines.length);
    onDone(from + call.firstLine - 1 + call.lines.length);
  }
  progress.done();
  let customers = 0;
  let timersFired = 0;
  for (;;) {
    const finished = await callAdmin<{ customers: number; timersFired: number; remaining?: number }>(
      system,
      'POST',
      '/admin/import/finish',
    );
    customers += finished.customers;
    timersFired += finished.timersFired;
    if (!finished.remaining) return { accepted, duplicates, rejected, customers, timersFired };
  }
}

/** Where an interrupted import keeps how far it came: beside the file, for this very content and system. */
function bookmarkOf(
  file: string,
  text: string,
  system: System,
): { read: () => number; write: (lines: number) => void; clear: () => void } {
  const path = `${file}.progress`;
  const mark = createHash('sha256').update(system.address).update(text).digest('hex');
  return {
    read: () => {
      if (!existsSync(path)) return 0;
      const kept: { mark?: string; lines?: number } = JSON.parse(readFileSync(path, 'utf8'));
      return kept.mark === mark ? (kept.lines ?? 0) : 0;
    },
    write: (lines) => writeFileSync(path, JSON.stringify({ mark, lines })),
    clear: () => rmSync(path, { force: true }),
  };
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { format: { type: 'string', default: 'ndjson' }, help: { type: 'boolean', default: false } },
  });
  const [file] = positionals;
  if (values.help || !file || !['ndjson', 'cdnow'].includes(values.format)) {
    console.error(
      'Usage: npm run import -- FILE [--format ndjson|cdnow]\nThe system is WAYMARK_URL with WAYMARK_ADMIN_KEY, else the local one (PORT, sk_local).',
    );
    process.exit(values.help ? 0 : 2);
  }
  if (!existsSync(file)) {
    console.error(`There is no file ${file}.`);
    process.exit(2);
  }
  const text = readFileSync(file, 'utf8');
  const lines =
    values.format === 'cdnow'
      ? cdnowEvents(text).map((event) => JSON.stringify(event))
      : text.split('\n').filter((line) => line.trim() !== '');
  const system = systemFromEnvironment();
  const bookmark = bookmarkOf(file, text, system);
  const from = bookmark.read();
  if (from > 0) console.error(`Going on after line ${from}.`);
  const result = await importLines(system, lines, from, bookmark.write);
  bookmark.clear();
  for (const { line, errors } of result.rejected)
    for (const error of errors) console.error(`line ${line} ${error.pointer}: ${error.detail}`);
  console.log(
    `${result.accepted} accepted, ${result.duplicates} duplicates, ${result.rejected.length} rejected; ${result.customers} customers, ${result.timersFired} timers fired`,
  );
  if (result.rejected.length > 0) process.exitCode = 1;
}

if (import.meta.main) await main();
