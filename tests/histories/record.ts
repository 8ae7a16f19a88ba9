// Records histories for tests/histories: a synthetic population lives sixty days on a system that was just started and has
// no customers, its clock moved from event to event; one more customer is imported. Run once for each released version:
//   npm start, then: node tests/histories/record.ts
// What is written is replayed by histories.test.ts from then on, whatever the code has become. Never change such a file.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventDeclarations } from '../../schema/catalog.ts';
import { readSources } from '../../workers/cli/files.ts';
import { callAdmin, systemFromEnvironment } from '../../workers/cli/http.ts';
import { JOURNEYS } from '../../workers/cli/publish.ts';
import { fetchHistory } from '../../workers/cli/record.ts';
import type { SimulatedEvent } from '../../workers/simulate/customer.ts';
import { lifeOf } from '../../workers/simulate/population.ts';
import { prepareSetting } from '../../workers/simulate/setting.ts';
import { spokenIn } from '../../workers/simulate/vocabulary.ts';
import type { KeptHistories } from './kept.ts';

const DAY = 86_400_000;
const CUSTOMERS = 6;
const DAYS = 60;
const system = systemFromEnvironment();

const iso = (at: number): string => new Date(at).toISOString();
const clock = async (): Promise<number> =>
  Date.parse((await callAdmin<{ now: string }>(system, 'GET', '/admin/clock')).now);
const moveClock = (ms: number): Promise<unknown> =>
  callAdmin(system, 'POST', '/admin/clock', JSON.stringify({ advance: `PT${(ms / 1_000).toFixed(3)}S` }));

async function send(message: object): Promise<void> {
  const response = await fetch(`${system.address}/v1/batch`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('wk_local:')}` },
    body: JSON.stringify({ batch: [message] }),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
}

const { sources } = readSources(JOURNEYS);
const documents = (kind: string) => sources.filter((source) => source.kind === kind).map(({ document }) => document);
const [events] = documents('events');
const prepared = prepareSetting({ events, journeys: documents('journey'), messages: [] });
if (!prepared.ok) throw new Error(JSON.stringify(prepared.faults));
const declarations = EventDeclarations.parse(events);
const spoken = spokenIn(prepared.setting.machines.values(), prepared.vocabulary.resolve, declarations);
const from = await clock();
const plan = { seed: 'histories', from, until: from + DAYS * DAY, spoken, declarations };

/** In order of time over all customers. */
const said: SimulatedEvent[] = Array.from({ length: CUSTOMERS }, (_, number) => [...lifeOf(plan, number + 1)])
  .flat()
  .sort((one, other) => one.at - other.at);
for (const { at, message } of said) {
  const ahead = at - (await clock());
  if (ahead > 0) await moveClock(ahead);
  await send(message);
}

const imported = [...lifeOf({ ...plan, from: from - 400 * DAY, until: from - 300 * DAY }, CUSTOMERS + 1)];
const lines = imported.slice(0, 300).map(({ at, message }) => JSON.stringify({ ...message, timestamp: iso(at) }));
await callAdmin(system, 'POST', '/admin/import', lines.join('\n'));
await callAdmin(system, 'POST', '/admin/import/finish');

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
const customers = [...new Set([...said, ...imported].map(({ message }) => `u:${message['userId']}`))];
const kept: KeptHistories = { version, journeys: [], declarations: [], customers: [] };
for (const id of customers) {
  const { journeys, declarations: declared, ...one } = await fetchHistory(system, id);
  kept.customers.push(one);
  Object.assign(kept, { journeys, declarations: declared });
}
const file = join(import.meta.dirname, `${version}.json`);
writeFileSync(file, `${JSON.stringify(kept)}\n`);
console.log(`${kept.customers.length} histories of version ${version}: ${file}`);
