// What one command of `waymark` is. Each stands in a file of its own in commands/.

import { parseArgs } from 'node:util';

/** Exit codes: what was asked is fine; it is not (findings, failing cases, a refused publish); it was asked wrongly. */
export const EXIT = { fine: 0, failed: 1, misused: 2 } as const;

export interface Command {
  /** One line in the list of commands. */
  readonly summary: string;
  /** What `waymark NAME --help` says. */
  readonly usage: string;
  /** @returns the exit code, see EXIT; what is wrong with the use is thrown as a `Misuse` */
  readonly run: (args: string[]) => Promise<number>;
}

/** The command was called in a way it does not know; the message says which. */
export class Misuse extends Error {}

type Config = NonNullable<Parameters<typeof parseArgs>[0]>;

/** Node's parseArgs, its complaints turned into a `Misuse`. */
export function readArgs<C extends Config>(config: C): ReturnType<typeof parseArgs<C>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new Misuse(error instanceof Error ? error.message : String(error));
  }
}
