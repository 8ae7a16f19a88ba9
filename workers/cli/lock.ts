// One system a folder, also when two are started at the same moment and when the last one was killed.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Holds a folder by a lock that the operating system takes back when the process ends, however it ends, so that it
 * can neither be left behind nor be mistaken for that of another process.
 * @returns lets go of it
 */
export function holdState(state: string): () => void {
  const lock = new DatabaseSync(join(state, 'lock.sqlite'), { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch {
    lock.close();
    throw new Error(`The system already runs on ${state}. Stop it first, or choose another WAYMARK_STATE.`);
  }
  return () => lock.close();
}
