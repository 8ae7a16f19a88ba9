// How much a folder of state takes: on disk, as du(1) counts, and as SQLite files after their logs were taken in, which
// is what the platform bills.

import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** lstat(2): st_blocks counts blocks of 512 bytes whatever the file system's own. */
const BLOCK_BYTES = 512;

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

export const diskBytes = (folder: string): number =>
  filesBelow(folder).reduce((sum, file) => sum + (lstatSync(file, { throwIfNoEntry: false })?.blocks ?? 0), 0) *
  BLOCK_BYTES;

/** Of all databases below the folder; of closed ones with what still stood in their logs, which is taken in. */
export function databaseBytes(folder: string, state: 'open' | 'closed'): number {
  let bytes = 0;
  for (const file of filesBelow(folder).filter((name) => name.endsWith('.sqlite'))) {
    if (state === 'closed') takeLogIn(file);
    bytes += lstatSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

function takeLogIn(file: string): void {
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } finally {
    database.close();
  }
}
