// `node schema/generate.ts`: writes generated/*.schema.json from the Zod schemas, for editors (draft-07, what an author
// writes, so members with a default are optional). Deterministic; tests/schema proves that the files are current.
// What a shape cannot say (targets, conditions, templates) is not in them: publishing checks that.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Cases } from './cases.ts';
import { Content, EventDeclarations, Message, Offer } from './catalog.ts';
import { Experiment } from './experiment.ts';
import { Fragment } from './fragment.ts';
import { Journey } from './journey.ts';
import { Placements } from './placements.ts';
import { Policies } from './policies.ts';
import { Segment } from './segment.ts';
import { Site } from './site.ts';

const SOURCES = {
  journey: Journey,
  content: Content,
  offer: Offer,
  message: Message,
  events: EventDeclarations,
  cases: Cases,
  experiment: Experiment,
  placements: Placements,
  fragment: Fragment,
  site: Site,
  policies: Policies,
  segment: Segment,
};

export const GENERATED = join(import.meta.dirname, 'generated');

/** File names and texts. */
export function generateSchemas(): Map<string, string> {
  return new Map(
    Object.entries(SOURCES).map(([name, source]) => {
      const schema = z.toJSONSchema(source, { target: 'draft-07', io: 'input' });
      return [`${name}.schema.json`, `${JSON.stringify(schema, null, 2)}\n`];
    }),
  );
}

if (import.meta.main) {
  mkdirSync(GENERATED, { recursive: true });
  for (const [name, text] of generateSchemas()) writeFileSync(join(GENERATED, name), text);
}
