// `waymark export`: a journey for other tools, on standard output. What a format cannot say goes to standard error.

import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { EventDeclarations } from '../../../schema/catalog.ts';
import { compileJourney, vocabularyOf } from '../../engine/compile.ts';
import { mermaidOf } from '../../export/mermaid.ts';
import { xstateOf } from '../../export/xstate.ts';
import { type Command, EXIT, Misuse, readArgs } from '../command.ts';
import { readSources } from '../files.ts';

export const command: Command = {
  summary: 'a journey as a Mermaid diagram or an XState machine',
  usage: `waymark export FILE --to mermaid|xstate [--json]

Writes the journey of FILE to standard output.

  --to mermaid   a state diagram in Mermaid's notation (stateDiagram-v2)
  --to xstate    a machine configuration for XState v5: events, delays since entry, standing conditions, exits and final
                 stages of one run. Conditions are guards { type: "condition", params: { cel } }; give XState that guard.
                 What XState cannot say is named on standard error. Its default clock takes delays up to 24.8 days.
  --json         one JSON object with everything: format, output, unsaid`,
  run: async (args) => {
    const { values, positionals } = readArgs({
      args,
      allowPositionals: true,
      options: { to: { type: 'string' }, json: { type: 'boolean', default: false } },
    });
    const [file] = positionals;
    if (file === undefined || positionals.length > 1) throw new Misuse('Name one journey file.');
    if (values.to !== 'mermaid' && values.to !== 'xstate') throw new Misuse('--to takes mermaid or xstate.');
    const { journey, resolve } = readJourney(file);
    const { config, unsaid } =
      values.to === 'xstate' ? xstateOf(journey, resolve) : { config: mermaidOf(journey), unsaid: [] };
    if (values.json) console.log(JSON.stringify({ format: values.to, output: config, unsaid }, null, 2));
    else {
      process.stdout.write(typeof config === 'string' ? config : `${JSON.stringify(config, null, 2)}\n`);
      for (const { pointer, detail } of unsaid) console.error(`Not in it: ${pointer} ${detail}`);
    }
    return EXIT.fine;
  },
};

/** @throws where the file cannot be read or is no journey that compiles; each place is named */
function readJourney(file: string) {
  // Read alone first, so that a file that is not there says so by its own name.
  readFileSync(file);
  const folder = dirname(file);
  const { sources, faults } = readSources(folder);
  const source = sources.find(({ path }) => path === basename(file));
  const fault = faults.find(({ path }) => path === basename(file));
  if (fault) throw new Error(`${join(folder, fault.path)}:${fault.line} is not JSON: ${fault.detail}`);
  const declared = EventDeclarations.safeParse(
    sources.find(({ kind }) => kind === 'events')?.document ?? { events: {} },
  );
  if (!declared.success)
    throw new Error(
      `${join(folder, 'events.json')} does not declare events as it should; \`waymark check\` says where.`,
    );
  const vocabulary = vocabularyOf(declared.data);
  const compiled = compileJourney(source?.document, 1, vocabulary);
  if (compiled.ok) return { journey: compiled.machine.journey, resolve: vocabulary.resolve };
  const lines = compiled.findings.map(({ pointer, message, remedy }) => `${file} ${pointer} ${message}. ${remedy}`);
  throw new Error(lines.join('\n'));
}
