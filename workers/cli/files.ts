// Reads what designers edit: the documents below journeys/, each with the file it came from, and finds files by name.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser';

/** Paths of all files called `name` below a folder. */
export function filesBelow(folder: string, name: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name === name)
    .map((entry) => join(entry.parentPath, entry.name));
}

export interface SourceFile {
  readonly kind:
    | 'journey'
    | 'content'
    | 'offer'
    | 'message'
    | 'experiment'
    | 'fragment'
    | 'placements'
    | 'site'
    | 'policies'
    | 'segment'
    | 'events';
  /** Relative to the folder of all documents. */
  readonly path: string;
  readonly document: unknown;
}

export interface SourceFault {
  readonly path: string;
  readonly line: number;
  readonly detail: string;
}

/** Every document below `folder`, and every file that is not JSON. Comments are allowed, as editors write them. */
export function readSources(folder: string): { sources: SourceFile[]; faults: SourceFault[] } {
  const sources: SourceFile[] = [];
  const faults: SourceFault[] = [];
  const read = (path: string, kind: SourceFile['kind']) => {
    const text = readFileSync(path, 'utf8');
    const errors: ParseError[] = [];
    const document: unknown = parse(text, errors, { allowTrailingComma: true });
    const first = errors[0];
    const shown = relative(folder, path);
    if (first)
      faults.push({
        path: shown,
        line: text.slice(0, first.offset).split('\n').length,
        detail: printParseErrorCode(first.error),
      });
    else sources.push({ kind, path: shown, document });
  };
  for (const path of jsonFiles(folder)) read(path, SINGLE[basename(path)] ?? 'journey');
  for (const path of jsonFiles(join(folder, 'content'))) read(path, 'content');
  for (const path of jsonFiles(join(folder, 'offers'))) read(path, 'offer');
  for (const path of jsonFiles(join(folder, 'messages'))) read(path, 'message');
  for (const path of jsonFiles(join(folder, 'experiments'))) read(path, 'experiment');
  for (const path of jsonFiles(join(folder, 'fragments'))) read(path, 'fragment');
  for (const path of jsonFiles(join(folder, 'segments'))) read(path, 'segment');
  return { sources, faults };
}

/** Files of which there is one. */
const SINGLE: { readonly [file: string]: SourceFile['kind'] } = {
  'events.json': 'events',
  'placements.json': 'placements',
  'site.json': 'site',
  'policies.json': 'policies',
};

function jsonFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json') && !entry.name.endsWith('.cases.json'))
    .map((entry) => join(folder, entry.name))
    .sort();
}
