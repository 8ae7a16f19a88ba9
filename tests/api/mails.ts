// The mails a local system has sent, from the file it keeps them in: read now, or once enough have arrived.

import { existsSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Server } from './server.ts';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
  readonly key: string;
  readonly unsubscribe: string | null;
}

export interface Mails {
  /** All of them, in the order sent. */
  readonly all: () => Mail[];
  /** One turn now, and one whenever a mail is kept. */
  readonly changes: () => AsyncGenerator<void>;
  /** All of them, once there are so many that are meant. */
  readonly arrived: (isMeant: (mail: Mail) => boolean, count: number) => Promise<Mail[]>;
}

export function mailsOf(server: Pick<Server, 'state'>): Mails {
  const all = (): Mail[] => {
    const file = join(server.state, 'mail.ndjson');
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  };

  async function* changes(): AsyncGenerator<void> {
    const queue: (() => void)[] = [];
    let changed = true;
    const watcher = watch(server.state, () => {
      changed = true;
      queue.shift()?.();
    });
    try {
      for (;;) {
        if (!changed) await new Promise<void>((resolve) => queue.push(resolve));
        changed = false;
        yield;
      }
    } finally {
      watcher.close();
    }
  }

  const arrived = async (isMeant: (mail: Mail) => boolean, count: number): Promise<Mail[]> => {
    const meant = () => all().filter(isMeant);
    for await (const _ of changes()) if (meant().length >= count) break;
    return meant();
  };

  return { all, changes, arrived };
}
