// How every measurement on servers is taken: in rounds, and within a round every subject in turn gets a fresh process on
// fresh state and the same customers. So a machine that grows slower meets all subjects alike, and a ratio is one of
// figures from the same round. What is measured in a turn is not decided here.

import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { makeMix, type Shopper } from './mix.ts';
import type { Server, Subject } from './subject.ts';

export interface Settings {
  rounds: number;
  customers: number;
  eventsPerCustomer: number;
  connections: number;
  seed: number;
  /** On the disk to measure; every turn's own folder is made in it, and removed at the turn's end. */
  workFolder: string;
}

export interface Turn {
  subject: Subject;
  server: Server;
  shoppers: Shopper[];
  connections: number;
  /** Where the state of this turn lies. */
  folder: string;
  showPhase: (phase: string, done: number) => void;
}

export type Results<F> = Record<string, F[]>;

/** `describe` makes the line that is shown when a turn is over. */
export async function takeTurns<F>(
  subjects: Subject[],
  settings: Settings,
  measure: (turn: Turn) => Promise<F>,
  describe: (figures: F) => string,
): Promise<Results<F>> {
  const results: Results<F> = {};
  for (let round = 1; round <= settings.rounds; round++) {
    for (const subject of subjects) {
      const where = `round ${round} of ${settings.rounds}, ${subject.name}`;
      const figures = await takeTurn(subject, settings, where, measure);
      results[subject.name] = [...(results[subject.name] ?? []), figures];
      showProgress('');
      process.stderr.write(`${where}: ${describe(figures)}\n`);
    }
  }
  return results;
}

async function takeTurn<F>(
  subject: Subject,
  settings: Settings,
  where: string,
  measure: (turn: Turn) => Promise<F>,
): Promise<F> {
  const folder = await mkdtemp(join(settings.workFolder, `${subject.name}-`));
  try {
    const server = await subject.start(folder);
    try {
      await subject.greet(server);
      const figures = await measure({
        subject,
        server,
        folder,
        shoppers: makeMix({ ...settings, endsAtMs: Date.now() }),
        connections: settings.connections,
        showPhase: (phase, done) => showProgress(`${where}: ${phase} ${done > 0 ? done : ''}`),
      });
      if (server.complaints() !== '') {
        process.stderr.write(`\n${where}: the server complained: ${server.complaints()}\n`);
      }
      return figures;
    } catch (cause) {
      throw new Error(`the turn of ${subject.name} failed; its server said: ${server.complaints()}`, { cause });
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
