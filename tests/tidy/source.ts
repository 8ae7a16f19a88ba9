// Reads the project's own files for the tests of style: which exist, what each imports, what is code and what is text.
// By regular expressions, not by a compiler: enough for files that Biome has formatted.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');
const SKIPPED = new Set(['node_modules', '.git', '.wrangler', 'dist', 'fixtures', 'meta']);

/** Paths of files below a folder, relative to the project, in order of name; none below a folder that is not there yet. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => !SKIPPED.has(entry.name))
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)]))
    .sort();
}

export const codeBelow = (...folders: string[]): string[] =>
  folders.flatMap(filesBelow).filter((file) => /\.tsx?$/.test(file));

export const readText = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

export interface Import {
  /** As written. */
  readonly from: string;
  /** For a relative one, the path in the project; else null. */
  readonly file: string | null;
  readonly typeOnly: boolean;
}

const IMPORT = /^(import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gms;

export function importsOf(file: string): Import[] {
  return [...readText(file).matchAll(IMPORT)].flatMap(([statement, keyword, type, named, called]) => {
    const from = named ?? called;
    if (from === undefined || (keyword === 'export' && !/\sfrom\s/.test(statement))) return [];
    const path = from.startsWith('.') ? normalize(join(file, '..', from)) : null;
    const names =
      /\{([^}]*)\}/s
        .exec(statement)?.[1]
        ?.split(',')
        .filter((name) => name.trim() !== '') ?? [];
    const allTypes = names.length > 0 && names.every((name) => /^\s*type\s/.test(name));
    return [{ from, file: path, typeOnly: type !== undefined || allTypes }];
  });
}

/** The package of a bare import: `@scope/name` or `name`. */
export const packageOf = (from: string): string =>
  from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/');

/** Everything that a file brings into a bundle: what it imports, and what that imports. */
export function reachableFrom(start: string): Set<string> {
  const reached = new Set<string>();
  const waiting = [start];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    for (const imported of importsOf(file))
      if (imported.file !== null && !imported.typeOnly) waiting.push(imported.file);
  }
  return reached;
}

/** The code without comments and without the text of quoted strings; templates stay, there is code in them. */
export function codeOf(text: string): string {
  return text.replaceAll(/\/\*.*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|(?<![:'"\\])\/\/[^\n]*/gs, (match) =>
    match.startsWith('/') ? '' : "''",
  );
}
