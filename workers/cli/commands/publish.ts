// `waymark publish`: everything a designer edits, to a running system, as one version or not at all.

import { resolve } from 'node:path';
import { type Command, EXIT, Misuse, readArgs } from '../command.ts';
import { systemFromEnvironment } from '../http.ts';
import { JOURNEYS, postTo, publishFolder, showRefusals } from '../publish.ts';

export const command: Command = {
  summary: 'publishes all of journeys/ to a running system, or explains why not',
  usage: `waymark publish [FOLDER] [--json]

Publishes the journeys, content, offers, messages and events.json below FOLDER (default: journeys/) as one version, or
refuses all of it and names each place. To WAYMARK_URL with WAYMARK_ADMIN_KEY; without them to the local system.

  --json   the answer, or the findings, as JSON`,
  run: async (args) => {
    const { values, positionals } = readArgs({
      args,
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false } },
    });
    if (positionals.length > 1) throw new Misuse('One folder at most.');
    const system = systemFromEnvironment();
    const folder = positionals[0] === undefined ? JOURNEYS : resolve(positionals[0]);
    const outcome = await publishFolder(folder, postTo(system)).catch((error: unknown) => {
      const cause = error instanceof Error ? error.message : String(error);
      throw new Error(`Nothing answers at ${system.address} (${cause}). Is the system running?`);
    });
    if (values.json) console.log(JSON.stringify(outcome, null, 2));
    else if (outcome.ok)
      console.log(
        `${outcome.documents} documents published to ${system.address}, ${outcome.changed.length} of them changed.`,
      );
    else showRefusals(outcome.refusals);
    return outcome.ok ? EXIT.fine : EXIT.failed;
  },
};
