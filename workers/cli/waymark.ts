#!/usr/bin/env node
// The command `waymark`: chooses one of commands/ by its first word. Help goes to standard output when it is asked for and
// to standard error when the call was wrong. What the commands do stands in their own files.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, EXIT, Misuse } from './command.ts';

const FOLDER = join(import.meta.dirname, 'commands');

const names = (): string[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();

async function load(name: string): Promise<Command> {
  const module: { command: Command } = await import(join(FOLDER, `${name}.ts`));
  return module.command;
}

async function overview(): Promise<string> {
  const commands = await Promise.all(names().map(async (name) => ({ name, summary: (await load(name)).summary })));
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `waymark COMMAND [arguments]

${lines.join('\n')}

waymark COMMAND --help says more. Exit codes: 0 fine, 1 findings or failures, 2 wrong use.
Commands that ask a running system find it by WAYMARK_URL and WAYMARK_ADMIN_KEY; without them it is the local one.`;
}

/** @returns the exit code */
export async function runWaymark(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    console.log(await overview());
    return name === undefined ? EXIT.misused : EXIT.fine;
  }
  if (!names().includes(name)) {
    console.error(`There is no command ${name}.\n\n${await overview()}`);
    return EXIT.misused;
  }
  const command = await load(name);
  if (rest.includes('--help') || rest.includes('-h')) {
    console.log(command.usage);
    return EXIT.fine;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (error instanceof Misuse) {
      console.error(`${error.message}\n\n${command.usage}`);
      return EXIT.misused;
    }
    console.error(error instanceof Error ? error.message : String(error));
    return EXIT.failed;
  }
}

if (import.meta.main) process.exitCode = await runWaymark(process.argv.slice(2));
