// Checks a folder of documents as `waymark check` does: what is not JSON, then every document with all others beside it,
// each finding with its file, line and column.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkDocuments } from '../check/catalog.ts';
import type { Located } from '../check/sarif.ts';
import { readSources } from './files.ts';
import { locatorOf } from './locate.ts';

export interface Checked {
  /** Files of the folder, by their paths below it. */
  readonly files: readonly string[];
  /** In order of file and line; `file` is a path below the folder. */
  readonly findings: readonly Located[];
}

/** @throws where the folder cannot be read */
export function checkFolder(folder: string): Checked {
  const { sources, faults } = readSources(folder);
  const checked = checkDocuments(sources);
  const found = sources.flatMap(({ path }, index): Located[] => {
    const findings = checked[index] ?? [];
    if (findings.length === 0) return [];
    const locate = locatorOf(readFileSync(join(folder, path), 'utf8'));
    return findings.map((finding) => ({ ...finding, file: path, ...locate(finding.pointer) }));
  });
  const broken = faults.map(
    ({ path, line, detail }): Located => ({
      ...{ code: 'json', severity: 'error', pointer: '', message: `is not JSON: ${detail}` },
      ...{ remedy: 'Correct the file at this line.', file: path, line, column: 1 },
    }),
  );
  const findings = [...broken, ...found].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
  return { files: [...sources, ...faults].map(({ path }) => path), findings };
}
