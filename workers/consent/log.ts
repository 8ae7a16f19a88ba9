// The log of consent: every statement with the hash of the line before (CL1), so that whoever keeps a copy of the last
// hash can prove that nothing before it was changed. The hash function is the caller's: SHA-256, hexadecimal.

import { z } from 'zod';
import type { Statement } from './state.ts';

export type Hash = (text: string) => string;

/** A line as it stands in the timeline. */
export interface LogLine {
  /** Whose log it is: the id of the customer who began it. */
  readonly of: string;
  /** Counted from 1. */
  readonly n: number;
  readonly previous: string;
  readonly hash: string;
  readonly statement: Statement | Joined;
}

/** CL2: the log of another customer ends here, and this one goes on for both. */
export interface Joined {
  readonly joins: string;
  readonly n: number;
  readonly hash: string;
}

/** What stands before the first line. */
const beginning = (of: string, hash: Hash): string => hash(`waymark consent log of ${of}`);

function textOf(of: string, n: number, statement: Statement | Joined): string {
  if ('joins' in statement) return JSON.stringify([of, n, 'joins', statement.joins, statement.n, statement.hash]);
  const { purpose, channel, granted, at, source, wording, confirmed, until } = statement;
  const ends = until === undefined ? [] : [until];
  return JSON.stringify([of, n, purpose, channel, granted, at, source, wording, confirmed, ...ends]);
}

/** The next line of the log of `of`, after `last`. */
export function nextLine(
  of: string,
  last: { readonly n: number; readonly hash: string } | null,
  statement: Statement | Joined,
  hash: Hash,
): LogLine {
  const n = (last?.n ?? 0) + 1;
  const previous = last?.hash ?? beginning(of, hash);
  return { of, n, previous, hash: hash(`${previous}\n${textOf(of, n, statement)}`), statement };
}

export interface Fault {
  readonly of: string;
  readonly n: number;
  readonly detail: string;
}

/**
 * Whether the lines, in whatever order, are whole logs that nobody has changed. The first fault of each log.
 * @param end a hash that is known to have been in it, such as that of its last line
 */
export function verifyLog(lines: readonly LogLine[], hash: Hash, end: string | null = null): Fault[] {
  const logs = new Map<string, LogLine[]>();
  for (const line of lines) logs.set(line.of, [...(logs.get(line.of) ?? []), line]);
  const faults: Fault[] = [];
  for (const [of, log] of logs) {
    let previous = beginning(of, hash);
    for (const [index, line] of log.sort((one, other) => one.n - other.n).entries()) {
      const detail =
        line.n !== index + 1
          ? `line ${index + 1} is missing or there twice`
          : line.previous !== previous
            ? 'it does not follow from the line before'
            : line.hash !== hash(`${previous}\n${textOf(of, line.n, line.statement)}`)
              ? 'it was changed'
              : null;
      if (detail) {
        faults.push({ of, n: index + 1, detail });
        break;
      }
      previous = line.hash;
    }
  }
  for (const { of, n, statement } of lines) {
    if (!('joins' in statement)) continue;
    const last = logs.get(statement.joins)?.at(-1);
    // None of its lines: the merge was undone, and they stand with the customer they are of.
    if (last && (last.n !== statement.n || last.hash !== statement.hash))
      faults.push({ of, n, detail: `the log of ${statement.joins} does not end as it did when the two were joined` });
  }
  if (end !== null && !lines.some((line) => line.hash === end))
    faults.push({
      of: lines[0]?.of ?? 'the customer',
      n: lines.length + 1,
      detail: 'the line with the hash that is known is missing',
    });
  return faults;
}

/** The shape of a line, for whoever reads an export. */
export const Line = z.object({
  of: z.string(),
  n: z.number(),
  previous: z.string(),
  hash: z.string(),
  statement: z.union([
    z.object({ joins: z.string(), n: z.number(), hash: z.string() }),
    z.object({
      purpose: z.string().nullable(),
      channel: z.string().nullable(),
      granted: z.boolean(),
      at: z.number(),
      source: z.string().nullable(),
      wording: z.string().nullable(),
      confirmed: z.boolean(),
      until: z.number().exactOptional(),
    }),
  ]),
});

/** A line of the log as JSON has it; null for anything else. */
export const readLine = (value: unknown): LogLine | null => Line.safeParse(value).data ?? null;
