// The exporters: what the shipped journeys become, kept as golden files, and what every diagram owes its journey whatever
// signs its names hold. That XState moves as the engine does: tests/engine/xstate.test.ts.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import { Journey } from '../../schema/journey.ts';
import { mermaidOf } from '../../workers/export/mermaid.ts';
import { xstateOf } from '../../workers/export/xstate.ts';
import { runCommand } from '../cli/command.ts';

const ROOT = join(import.meta.dirname, '../..');
const GOLDEN = join(import.meta.dirname, 'golden');
const shipped = (id: string): Journey =>
  Journey.parse(JSON.parse(readFileSync(join(ROOT, `journeys/${id}.json`), 'utf8')));

const SHIPPED = readdirSync(join(ROOT, 'journeys'))
  .filter(
    (file) =>
      file.endsWith('.json') &&
      !file.endsWith('.cases.json') &&
      !['events.json', 'placements.json', 'site.json', 'policies.json'].includes(file),
  )
  .map((file) => shipped(file.replace(/\.json$/, '')));

const hostile = Journey.parse({
  id: 'hostile',
  name: 'A: "name"; with #signs <b> {x}',
  entry: [{ event: 'a;b: c' }, { api: true, if: 'event.properties["x"] == "y"' }],
  exit: [{ event: 'Stop.*' }],
  goal: { event: 'G', within: 'P9D', ends: true },
  initial: 'end',
  stages: {
    end: {
      steps: [
        { send: 'x', channel: 'email', purpose: 'service' },
        { waitFor: { event: 'E: f' }, timeout: 'P1D', onTimeout: [{ goto: 'élan --> b' }] },
        { branch: [{ if: "traits.x == '}'", steps: [{ exit: 'x:y' }] }], else: [{ wait: 'PT1S' }] },
      ],
      on: [
        { event: '%%{init}%%', to: 'note' },
        { event: 'Say \\ "hi"\n', to: 'end' },
      ],
      always: [{ if: 'traits.x == 1', to: '1.a' }],
      at: [{ date: 'traits.birthday', offset: '-P1D', every: 'year', to: '1.a' }],
    },
    note: { name: 'Note\nwell' },
    '1.a': { final: true },
    'élan --> b': { after: [{ delay: 'P1D', since: 'activity', if: 'traits.y', to: 'end' }] },
  },
});

/** The statements of Mermaid's grammar that a diagram may consist of, with nothing in their texts that ends one. */
const TEXT = '(?:[^#:;<>"%{}\\\\]|#\\d+;|<br/>)+';
const STATEMENTS = [
  `state "${TEXT}" as \\w+( \\{)?`,
  `\\w+ : ${TEXT}`,
  `(\\w+|\\[\\*\\]) --> (\\w+|\\[\\*\\])( : ${TEXT})?`,
  'note right of \\w+',
  'end note',
  '\\}',
].map((statement) => new RegExp(`^ +${statement}$`));

interface Drawn {
  readonly states: readonly string[];
  readonly arrows: readonly (readonly string[])[];
}

/** Reads a diagram back, and fails on a line that is no statement. */
function drawnOf(diagram: string): Drawn {
  const [open, title, close, kind, ...lines] = diagram.trimEnd().split('\n');
  expect([open, close, kind]).toEqual(['---', '---', 'stateDiagram-v2']);
  expect(title).toMatch(/^title: ".*"$/);
  let inNote = false;
  for (const line of lines) {
    const isNote: boolean = inNote && line.trim() !== 'end note';
    inNote = isNote || line.includes('note right of');
    const fits = isNote ? new RegExp(`^ +${TEXT}$`).test(line) : STATEMENTS.some((each) => each.test(line));
    expect([line, fits]).toEqual([line, true]);
  }
  return {
    states: lines.flatMap((line) => /state "(.*)" as (\w+)$/.exec(line)?.[2] ?? []),
    arrows: lines.flatMap((line) => {
      const found = /^ +(\S+) --> (\S+)/.exec(line);
      return found ? [[found[1] ?? '', found[2] ?? '']] : [];
    }),
  };
}

describe('Mermaid', () => {
  it.each(['lifecycle', 'cart-recovery'])('%s is drawn as it was', async (id) => {
    await expect(mermaidOf(shipped(id))).toMatchFileSnapshot(join(GOLDEN, `${id}.mmd`));
  });

  it.each([...SHIPPED, hostile])('$id: every stage and every way is in it', (journey) => {
    const { states, arrows } = drawnOf(mermaidOf(journey));
    const names = Object.keys(journey.stages);
    expect(new Set(states).size).toBe(names.length);
    const id = (name: string) => states[names.indexOf(name)] ?? '';
    expect(arrows).toContainEqual(['[*]', id(journey.initial)]);
    for (const [name, { on = [], after = [], at = [], always = [], final }] of Object.entries(journey.stages)) {
      for (const { to } of [...on, ...after, ...at, ...always]) expect(arrows).toContainEqual([id(name), id(to)]);
      if (final) expect(arrows).toContainEqual([id(name), '[*]']);
    }
    if (journey.exit?.length) expect(arrows).toContainEqual(['whole_journey', '[*]']);
  });

  it('says conditions, delays, dates, steps and what ends the run', () => {
    const diagram = mermaidOf(hostile);
    for (const said of [
      'after P1D without activity [traits.y]',
      'at traits.birthday -P1D each year<br/>as soon as [traits.x == 1]',
      ' : its steps lead on',
      ' : its steps end here, x#58;y',
      'end_0 : send x by email',
      'end_0 : · timed out',
      'Stop.*<br/>goal G within P9D',
    ])
      expect(diagram).toContain(said);
  });
});

describe('XState', () => {
  it.each(['lifecycle', 'cart-recovery'])('%s is the machine it was, and XState takes it', async (id) => {
    const { config, unsaid } = xstateOf(shipped(id));
    expect(() => createMachine(JSON.parse(JSON.stringify(config)))).not.toThrow();
    await expect(`${JSON.stringify({ config, unsaid }, null, 2)}\n`).toMatchFileSnapshot(
      join(GOLDEN, `${id}.xstate.json`),
    );
  });

  it.each(SHIPPED)('$id: XState takes what is exported', (journey) => {
    const { config } = xstateOf(journey);
    expect(() => createMachine(JSON.parse(JSON.stringify(config)))).not.toThrow();
    expect(Object.keys(config.states)).toEqual(expect.arrayContaining(Object.keys(journey.stages)));
  });

  it('names with dots and signs are targets like others; what it cannot say is named with its place', () => {
    const { config, unsaid } = xstateOf(hostile);
    expect(() => createMachine(JSON.parse(JSON.stringify(config)))).not.toThrow();
    expect(unsaid.map(({ pointer }) => pointer)).toEqual([
      '/goal',
      '/exit/0/event',
      '/stages/end/steps',
      '/stages/end/at',
      '/stages/élan --> b/after/0',
    ]);
  });
});

describe('waymark export', () => {
  it('writes the diagram or the machine to standard output, and what is not in it to standard error', async () => {
    const file = join(ROOT, 'journeys/lifecycle.json');
    const [mermaid, xstate, json] = await Promise.all([
      runCommand(['export', file, '--to', 'mermaid']),
      runCommand(['export', file, '--to', 'xstate']),
      runCommand(['export', file, '--to', 'xstate', '--json']),
    ]);
    expect([mermaid.code, xstate.code, json.code]).toEqual([0, 0, 0]);
    expect(mermaid.output).toBe(mermaidOf(shipped('lifecycle')));
    const { config, unsaid } = xstateOf(shipped('lifecycle'));
    expect(JSON.parse(xstate.output)).toEqual(config);
    expect(xstate.errors).toContain('Not in it: /stages/awareness/after/0 a delay since the last activity');
    expect(JSON.parse(json.output)).toEqual({ format: 'xstate', output: config, unsaid });
  });

  it('refuses another format, and a file that is no journey, with its place', async () => {
    const [format, journey] = await Promise.all([
      runCommand(['export', join(ROOT, 'journeys/lifecycle.json'), '--to', 'dot']),
      runCommand(['export', join(ROOT, 'journeys/events.json'), '--to', 'mermaid']),
    ]);
    expect([format.code, journey.code]).toEqual([2, 1]);
    expect(format.errors).toContain('--to takes mermaid or xstate.');
    expect(journey.errors).toContain('/entry is missing');
  });
});
