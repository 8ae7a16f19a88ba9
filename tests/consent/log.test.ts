// SPEC.md of consent, group CL: the log cannot be changed unseen.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type LogLine, nextLine, readLine, verifyLog } from '../../workers/consent/log.ts';
import type { Statement } from '../../workers/consent/state.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const members = {
  purpose: fc.option(fc.string()),
  channel: fc.option(fc.string()),
  granted: fc.boolean(),
  at: fc.integer(),
  source: fc.option(fc.string()),
  wording: fc.option(fc.string()),
  confirmed: fc.boolean(),
};
const statement = fc.oneof(fc.record(members), fc.record({ ...members, until: fc.integer() }));

function logOf(of: string, statements: readonly Statement[]): LogLine[] {
  const lines: LogLine[] = [];
  for (const each of statements) lines.push(nextLine(of, lines.at(-1) ?? null, each, sha256));
  return lines;
}

const log = fc.array(statement, { minLength: 1, maxLength: 8 }).map((statements) => logOf('u:anna', statements));

it('CL1 a log that nobody touched is whole, in whatever order its lines come, and as JSON', () => {
  fc.assert(
    fc.property(log, (lines) => {
      const read = JSON.parse(JSON.stringify(lines.toReversed())).flatMap((line: unknown) => readLine(line) ?? []);
      expect(verifyLog(read, sha256)).toEqual([]);
      expect(read).toHaveLength(lines.length);
    }),
  );
});

it('CL1 whoever changes a member of a line breaks the chain', () => {
  fc.assert(
    fc.property(log, fc.nat(), statement, (lines, place, other) => {
      const index = place % lines.length;
      const line = lines[index] as LogLine;
      fc.pre(JSON.stringify(line.statement) !== JSON.stringify(other));
      const forged = { ...line, statement: other };
      expect(verifyLog(lines.with(index, forged), sha256)).toMatchObject([{ of: 'u:anna', n: index + 1 }]);
      // With a hash of its own it no longer fits the next line, and the last hash is another one.
      const rehashed = nextLine('u:anna', lines[index - 1] ?? null, other, sha256);
      const changed = lines.with(index, rehashed);
      expect(verifyLog(changed, sha256)).toHaveLength(index === lines.length - 1 ? 0 : 1);
      expect(changed.at(-1)?.hash === lines.at(-1)?.hash).toBe(index !== lines.length - 1);
    }),
  );
});

it('CL1 whoever removes, doubles, moves a line or passes it off as another customer’s breaks the chain', () => {
  fc.assert(
    fc.property(log, fc.nat(), (lines, place) => {
      fc.pre(lines.length > 1);
      const index = place % (lines.length - 1);
      const line = lines[index] as LogLine;
      expect(verifyLog(lines.toSpliced(index, 1), sha256)).not.toEqual([]);
      expect(verifyLog([...lines, line], sha256)).not.toEqual([]);
      expect(
        verifyLog(
          lines.map((each) => ({ ...each, of: 'u:bert' })),
          sha256,
        ),
      ).not.toEqual([]);
      const next = lines[index + 1] as LogLine;
      const swapped = lines.with(index, { ...line, n: next.n }).with(index + 1, { ...next, n: line.n });
      expect(verifyLog(swapped, sha256)).not.toEqual([]);
    }),
  );
});

it('CL2 a log that goes on for another names its last hash, and that one may no longer be cut', () => {
  const said = {
    purpose: 'marketing',
    channel: null,
    granted: true,
    at: 1,
    source: null,
    wording: null,
    confirmed: true,
  };
  const visitor = logOf('a:1', [said, { ...said, at: 2, granted: false }]);
  const last = visitor[1] as LogLine;
  const own = logOf('u:anna', [said]);
  const joins = nextLine('u:anna', own[0] ?? null, { joins: 'a:1', n: last.n, hash: last.hash }, sha256);
  expect(verifyLog([...own, joins, ...visitor], sha256)).toEqual([]);
  expect(verifyLog([...own, joins, visitor[0] as LogLine], sha256)).toMatchObject([{ of: 'u:anna', n: 2 }]);
  // After the merge was undone the other’s lines stand with the other.
  expect(verifyLog([...own, joins], sha256)).toEqual([]);
});

it('what is no line is none', () => {
  for (const value of [null, 1, 'x', [], {}, { of: 'a', n: '1', previous: '', hash: '', statement: {} }])
    expect(readLine(value)).toBeNull();
});
