// Checks a folder of documents as `waymark check` does: what is not JSON, then every document with all others beside it,
// each finding with its file, line and column.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'jsonc-parser';
import { EventDeclarations } from '../../schema/catalog.ts';
import { checkDocuments } from '../check/catalog.ts';
import type { Located } from '../check/sarif.ts';
import { EMPTY_VOCABULARY, type Vocabulary, vocabularyOf } from '../engine/compile.ts';
import { readSources } from './files.ts';
import { locatorOf } from './locate.ts';

export interface Checked {
  /** Files of the folder, by their paths below it. */
  readonly files: readonly string[];
  /** In order of file and line; `file` is a path below the folder. */
  readonly findings: readonly Located[];
  /** Whether events, traits and properties could be looked up: an events.json stands there or in a folder above. */
  readonly declared: boolean;
}

/** @throws where the folder cannot be read */
export function checkFolder(folder: string): Checked {
  const { sources, faults } = readSources(folder);
  const own = [...sources, ...faults].some(({ path }) => path === EVENTS);
  const declared = own ? EMPTY_VOCABULARY : declaredAbove(folder);
  const checked = checkDocuments(sources, declared);
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
  return { files: [...sources, ...faults].map(({ path }) => path), findings, declared: declared !== null };
}

const EVENTS = 'events.json';

/** The vocabulary of the nearest sound events.json above a folder, or in a `journeys` folder on the way; null where there is none. */
function declaredAbove(folder: string): Vocabulary | null {
  for (let above = resolve(folder); ; above = dirname(above)) {
    for (const file of [join(above, EVENTS), join(above, 'journeys', EVENTS)]) {
      const parsed = existsSync(file) ? EventDeclarations.safeParse(parse(readFileSync(file, 'utf8'))) : null;
      if (parsed?.success) return vocabularyOf(parsed.data);
    }
    if (above === dirname(above)) return null;
  }
}
