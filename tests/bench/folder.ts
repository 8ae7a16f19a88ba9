// How much a folder of state takes: all its files by their length, because a log may have its blocks before it has its
// bytes, and its SQLite files alone after their logs were taken in, which is what the platform bills.

import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const lengthOf = (file: string): number => lstatSync(file, { throwIfNoEntry: false })?.size ?? 0;

export const diskBytes = (folder: string): number => filesBelow(folder).reduce((sum, file) => sum + lengthOf(file), 0);

/** Of all databases below the folder; of closed ones with what still stood in their logs, which is taken in. */
export function databaseBytes(folder: string, state: 'open' | 'closed'): number {
  let bytes = 0;
  for (const file of filesBelow(folder).filter((name) => name.endsWith('.sqlite'))) {
    if (state === 'closed') takeLogIn(file);
    bytes += lengthOf(file);
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
