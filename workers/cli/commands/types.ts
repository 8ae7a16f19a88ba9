// `waymark types`: TypeScript declarations of events, traits, stages, placements and segments for the developers of the sites.

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EventDeclarations } from '../../../schema/catalog.ts';
import { Journey } from '../../../schema/journey.ts';
import { Segment } from '../../../schema/segment.ts';
import { type Command, EXIT, Misuse, readArgs } from '../command.ts';
import { readSources } from '../files.ts';
import { JOURNEYS } from '../publish.ts';
import { renderTypes, type Vocabulary } from '../types.ts';

const CLIENT = join(import.meta.dirname, '../../browser/client.ts');

export const command: Command = {
  summary: "TypeScript types of events, traits, stages, placements and segments, for the site's developers",
  usage: `waymark types [FOLDER] > waymark.d.ts

Writes declarations for what FOLDER (default: journeys/) declares: EventProperties by event name, aliases included, Traits,
Stages by journey, Placement and Segment; and \`waymark\`, the script of a page, in these words.

  --json   the vocabulary itself, as JSON`,
  run: async (args) => {
    const { values, positionals } = readArgs({
      args,
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false } },
    });
    if (positionals.length > 1) throw new Misuse('One folder at most.');
    const vocabulary = readVocabulary(positionals[0] === undefined ? JOURNEYS : resolve(positionals[0]));
    process.stdout.write(
      values.json ? `${JSON.stringify(vocabulary, null, 2)}\n` : renderTypes(vocabulary, readFileSync(CLIENT, 'utf8')),
    );
    return EXIT.fine;
  },
};

/** @throws where a document is not what it should be; `waymark check` says more of it */
function readVocabulary(folder: string): Vocabulary {
  const { sources, faults } = readSources(folder);
  const [fault] = faults;
  if (fault) throw new Error(`${fault.path}:${fault.line} is not JSON: ${fault.detail}`);
  const of = (kind: string) => sources.filter((source) => source.kind === kind);
  const events = EventDeclarations.safeParse(of('events')[0]?.document ?? { events: {} });
  if (!events.success) throw new Error('events.json is not valid; `waymark check` names each place.');
  const journeys = of('journey').map(({ path, document }) => {
    const journey = Journey.safeParse(document);
    if (!journey.success) throw new Error(`${path} is not valid; \`waymark check\` names each place.`);
    return journey.data;
  });
  const placements = [...of('content'), ...of('offer')].flatMap(({ document }) => {
    const named: unknown = Reflect.get(Object(document), 'placements');
    return Array.isArray(named) ? named.filter((name) => typeof name === 'string') : [];
  });
  const segments = of('segment').map(({ path, document }) => {
    const segment = Segment.safeParse(document);
    if (!segment.success) throw new Error(`${path} is not valid; \`waymark check\` names each place.`);
    return segment.data.id;
  });
  return {
    events: events.data,
    stages: Object.fromEntries(journeys.map(({ id, stages }) => [id, Object.keys(stages)])),
    placements: [...new Set(placements)].sort(),
    segments: segments.sort(),
  };
}
