// `waymark check`: what is wrong with the documents designers write, before anything is published.

import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { type Located, sarifOf } from '../../check/sarif.ts';
import { checkFolder } from '../check.ts';
import { type Command, EXIT, Misuse, readArgs } from '../command.ts';
import { JOURNEYS } from '../publish.ts';

/** Folders of documents that are no journeys: their parent is the folder of all. */
const KINDS: readonly string[] = ['content', 'offers', 'messages', 'experiments', 'fragments', 'segments'];

export const command: Command = {
  summary: 'checks journeys and what they use: unreachable stages, loops, conditions that never hold, unknown names',
  usage: `waymark check [FOLDER | FILE...] [--json | --sarif]

Checks the journeys, content, offers, messages, experiments and events.json below FOLDER (default: journeys/), or the files named,
each with the documents of its folder beside it. An error keeps a document from being published, a warning does not.
workers/check/CODES.md explains every code. Exit code 1 if there is an error.

  --json    the findings as JSON: code, severity, file, pointer, line, column, message, remedy
  --sarif   the findings as SARIF 2.1.0, for code hosts and editors`,
  run: async (args) => {
    const { values, positionals } = readArgs({
      args,
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false }, sarif: { type: 'boolean', default: false } },
    });
    if (values.json && values.sarif) throw new Misuse('Either --json or --sarif.');
    const { files, findings, undeclared } = checkAll(positionals.length > 0 ? positionals : [JOURNEYS]);
    if (values.sarif) console.log(JSON.stringify(sarifOf(findings), null, 2));
    else if (values.json) console.log(JSON.stringify({ files: files.length, findings }, null, 2));
    else show(files.length, findings);
    if (undeclared)
      console.error(
        'There is no events.json here or above: names of events, properties and traits were not looked up.',
      );
    return findings.some(({ severity }) => severity === 'error') ? EXIT.failed : EXIT.fine;
  },
};

/** Findings of what was named; files by their paths from here. */
function checkAll(named: readonly string[]): { files: string[]; findings: Located[]; undeclared: boolean } {
  let undeclared = false;
  const files: string[] = [];
  const findings: Located[] = [];
  for (const name of named) {
    const path = resolve(name);
    if (!existsSync(path)) throw new Misuse(`There is no ${name}.`);
    const whole = statSync(path).isDirectory();
    const folder = whole ? path : folderOf(path);
    const asked = (file: string): boolean => whole || join(folder, file) === path;
    const checked = checkFolder(folder);
    undeclared ||= !checked.declared;
    const chosen = checked.files.filter(asked);
    if (!whole && chosen.length === 0)
      throw new Misuse(`${name} is no document: it ends with .json and is no cases file.`);
    const shown = (file: string): string => relative(process.cwd(), join(folder, file));
    files.push(...chosen.map(shown));
    findings.push(
      ...checked.findings
        .filter(({ file }) => asked(file))
        .map((finding) => ({ ...finding, file: shown(finding.file) })),
    );
  }
  return { files, findings, undeclared };
}

const folderOf = (path: string): string =>
  KINDS.includes(basename(dirname(path))) ? dirname(dirname(path)) : dirname(path);

function show(files: number, findings: readonly Located[]): void {
  for (const { file, line, column, severity, code, pointer, message, remedy } of findings)
    console.log(`${file}:${line}:${column} ${severity} ${code}\n  ${pointer} ${message}.\n  ${remedy}`);
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  console.log(`${files} documents: ${count(errors, 'error')}, ${count(findings.length - errors, 'warning')}.`);
}

const count = (amount: number, what: string): string => `${amount} ${what}${amount === 1 ? '' : 's'}`;
