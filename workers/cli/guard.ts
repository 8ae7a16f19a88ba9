// Ends workerd when the process that started it is gone, however that ended. Runs as a process of its own whose input
// is a pipe from the one it watches: the pipe closes with it. Whom to end is told by a mark in their environment, which
// workerd has from its very first moment; a list of process ids would come too late and could name somebody else.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

const NAME = 'WAYMARK_HOST';

/** What processes of one run on a folder carry in their environment. */
const markOf = (run: string, state: string): string => `${run} ${state}`;

/** Marks what this process starts from now on, and has it ended when this process ends. @returns ends the guard */
export function guardRun(state: string): () => void {
  const mark = markOf(randomUUID(), state);
  process.env[NAME] = mark;
  const guard = spawn(process.execPath, [import.meta.filename, mark], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.unref();
  return () => guard.kill();
}

/** Ends what a run before this one has left behind on a folder; its caller holds the folder. */
export function endOrphans(state: string): void {
  endMarked((mark) => mark === markOf(mark.slice(0, mark.indexOf(' ')), state));
}

function endMarked(isMeant: (mark: string) => boolean): void {
  for (const pid of processIds()) {
    const [command = ''] = read(`/proc/${pid}/cmdline`).split('\0');
    if (basename(command) !== 'workerd') continue;
    const entry = read(`/proc/${pid}/environ`)
      .split('\0')
      .find((text) => text.startsWith(`${NAME}=`));
    if (entry === undefined || !isMeant(entry.slice(NAME.length + 1))) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** Linux only: elsewhere there is no such folder, and nobody is ended. */
function processIds(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

if (import.meta.main) {
  const [, , watched = ''] = process.argv;
  process.stdin.resume().on('close', () => endMarked((mark) => mark === watched));
}
