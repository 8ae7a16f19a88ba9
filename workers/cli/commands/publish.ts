// `waymark publish`: everything a designer edits, to a running system, as one version or not at all.

import { resolve } from 'node:path';
import { type Command, EXIT, Misuse, readArgs } from '../command.ts';
import { systemFromEnvironment } from '../http.ts';
import { JOURNEYS, postTo, publishFolder, showRefusals } from '../publish.ts';

export const command: Command = {
  summary: 'publishes all of journeys/ to a running system, or explains why not',
  usage: `waymark publish [FOLDER] [--dry-run] [--json]

Publishes the journeys, content, offers, messages and events.json below FOLDER (default: journeys/) as one version, or
refuses all of it and names each place. To WAYMARK_URL with WAYMARK_ADMIN_KEY; without them to the local system.

  --dry-run   checks everything there and shows what would change and each finding; nothing is written
  --json      the answer, or the findings, as JSON`,
  run: async (args) => {
    const { values, positionals } = readArgs({
      args,
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false }, 'dry-run': { type: 'boolean', default: false } },
    });
    if (positionals.length > 1) throw new Misuse('One folder at most.');
    const dryRun = values['dry-run'];
    const system = systemFromEnvironment();
    const folder = positionals[0] === undefined ? JOURNEYS : resolve(positionals[0]);
    const outcome = await publishFolder(folder, postTo(system), dryRun).catch((error: unknown) => {
      const cause = error instanceof Error ? error.message : String(error);
      throw new Error(`Nothing answers at ${system.address} (${cause}). Is the system running?`);
    });
    if (values.json) console.log(JSON.stringify(outcome, null, 2));
    else if (outcome.ok) {
      showRefusals(outcome.warnings);
      const { documents, changed } = outcome;
      if (dryRun) for (const { document, version } of changed) console.log(`${document} would be version ${version}`);
      const told = dryRun ? 'can be published' : 'published';
      const verb = dryRun ? 'would change' : 'changed';
      console.log(`${documents} documents ${told} to ${system.address}, ${changed.length} of them ${verb}.`);
    } else showRefusals(outcome.refusals);
    return outcome.ok ? EXIT.fine : EXIT.failed;
  },
};
