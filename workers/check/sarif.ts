// Findings as SARIF 2.1.0 (OASIS), which code hosts and editors read: one run, a rule a code, a result a finding.

import { CODES } from './codes.ts';
import type { Graded } from './look.ts';

/** A finding with its file and, counted from 1, its line and column. */
export interface Located extends Graded {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export function sarifOf(findings: readonly Located[]): object {
  const codes = [...new Set(findings.map(({ code }) => code))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'waymark check', rules: codes.map(ruleOf) } },
        results: findings.map(({ code, severity, message, remedy, pointer, file, line, column }) => ({
          ruleId: code,
          ruleIndex: codes.indexOf(code),
          level: severity,
          message: { text: `${pointer} ${message}. ${remedy}`.trim() },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: encodeURI(file) },
                region: { startLine: line, startColumn: column },
              },
              logicalLocations: [{ fullyQualifiedName: pointer }],
            },
          ],
        })),
      },
    ],
  };
}

function ruleOf(code: string): object {
  const text = Object.entries(CODES).find(([name]) => name === code)?.[1][1];
  return { id: code, ...(text === undefined ? {} : { shortDescription: { text } }) };
}
