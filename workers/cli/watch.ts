// Watches a folder of documents while a designer works on it. A change is heard once the files have rested for a moment,
// because editors write in several steps; one publish runs at a time, and what changes meanwhile is published after it.

import { type FSWatcher, watch } from 'node:fs';

/** How long the files have to rest, milliseconds. */
const REST_MS = 150;

export interface Watch {
  readonly stop: () => void;
}

/** Calls `onChange` after each change of a JSON file below `folder`; its failures are its own to tell. */
export function watchFolder(folder: string, onChange: () => Promise<void>): Watch {
  let resting: NodeJS.Timeout | undefined;
  let running = false;
  let again = false;
  const run = async (): Promise<void> => {
    if (running) {
      again = true;
      return;
    }
    running = true;
    do {
      again = false;
      await onChange().catch(() => undefined);
    } while (again);
    running = false;
  };
  const watcher: FSWatcher = watch(folder, { recursive: true }, (_event, file) => {
    if (file !== null && !file.endsWith('.json')) return;
    clearTimeout(resting);
    resting = setTimeout(() => void run(), REST_MS);
  });
  return {
    stop: () => {
      clearTimeout(resting);
      watcher.close();
    },
  };
}
