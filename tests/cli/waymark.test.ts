// The command `waymark` itself: help, exit codes, and what each command owes; the types it gives the sites' developers
// hold what they should in TypeScript's own judgement.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Command } from '../../workers/cli/command.ts';
import { type Ran, runCommand } from './command.ts';

const ROOT = join(import.meta.dirname, '../..');
const COMMANDS = readdirSync(join(ROOT, 'workers/cli/commands')).map((file) => file.replace(/\.ts$/, ''));

describe('waymark', () => {
  it('lists every command, and without one that is wrong use', async () => {
    const [asked, bare] = await Promise.all([runCommand(['--help']), runCommand([])]);
    expect([asked.code, bare.code]).toEqual([0, 2]);
    for (const name of COMMANDS) expect(asked.output).toMatch(new RegExp(`^  ${name} `, 'm'));
  });

  it('names a command or an option it does not know, with the help, and exits with 2', async () => {
    const [command, option] = await Promise.all([runCommand(['chek']), runCommand(['types', '--nix'])]);
    expect([command.code, option.code]).toEqual([2, 2]);
    expect(command.errors).toContain('There is no command chek.');
    expect(option.errors).toMatch(/--nix[\s\S]*waymark types \[FOLDER\]/);
  });

  it.each(COMMANDS)('%s says what it does', async (name) => {
    const { command }: { command: Command } = await import(`../../workers/cli/commands/${name}.ts`);
    expect(command.summary.length).toBeGreaterThan(10);
    expect(command.usage).toMatch(new RegExp(`^waymark ${name}\\b`));
    expect(command.usage).toContain('--json');
  });

  it('exits with 1 where a system does not answer, and says so', async () => {
    const { code, errors } = await runCommand(['publish'], { WAYMARK_URL: 'http://127.0.0.1:9' });
    expect(code).toBe(1);
    expect(errors).toContain('Nothing answers at http://127.0.0.1:9');
  });
});

describe('check', () => {
  const journey = {
    id: 'alone',
    entry: [{ event: 'Order Completd' }],
    initial: 'only',
    stages: { only: { final: true } },
  };
  const checked = async (events: object | null): Promise<Ran> => {
    const folder = mkdtempSync(join(tmpdir(), 'waymark-check-'));
    mkdirSync(join(folder, 'drafts'));
    writeFileSync(join(folder, 'drafts', 'alone.json'), JSON.stringify(journey));
    if (events) writeFileSync(join(folder, 'events.json'), JSON.stringify(events));
    const ran = await runCommand(['check', join(folder, 'drafts', 'alone.json')]);
    rmSync(folder, { recursive: true });
    return ran;
  };

  it('looks names up in the events.json above, and where there is none says so once', async () => {
    const [with_, without] = await Promise.all([checked({ events: { 'Order Completed': {} } }), checked(null)]);
    expect(with_.output).toMatch(/alone\.json:1:\d+ warning unknown-event[\s\S]*Order Completed/);
    expect(with_.errors).not.toContain('events.json');
    expect([without.code, without.output]).toEqual([0, expect.stringContaining('0 errors, 0 warnings')]);
    expect(without.errors.match(/There is no events\.json/g)).toHaveLength(1);
  });
});

describe('check of templates', () => {
  const locales = (field: string, source: string) => ({ en: { subject: 'x', text: 'x', [field]: source } });
  const page = { placements: ['home'], stages: [] };
  const sent = { channel: 'email', purpose: 'service' };
  const FOLDER: readonly (readonly [string, object])[] = [
    ['events.json', { events: { page: {} }, traits: { firstName: { type: 'string' } } }],
    ['site.json', { languages: ['en', 'de'] }],
    ['content/a.json', { id: 'a', kind: 'tip', ...page, locales: locales('title', '{{ traits.fristName }}') }],
    ['offers/b.json', { id: 'b', benefit: { kind: 'gift' }, ...page, locales: locales('title', '{{ 1 | mony }}') }],
    ['messages/c.json', { id: 'c', ...sent, locales: locales('html', '{% render "fotter" %}') }],
    ['fragments/d.json', { id: 'footer', locales: { en: { text: '{{ 1 | money: "Euro" }}' } } }],
  ];

  it('names file, line, code and remedy in content, offers, messages and fragments', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'waymark-templates-'));
    for (const [file, document] of FOLDER) {
      mkdirSync(join(folder, file, '..'), { recursive: true });
      writeFileSync(join(folder, file), JSON.stringify(document, null, 2));
    }
    const { code, output } = await runCommand(['check', folder, '--json']);
    rmSync(folder, { recursive: true });
    expect(code).toBe(1);
    const { findings }: { findings: { file: string; line: number; code: string; remedy: string }[] } =
      JSON.parse(output);
    const told = (part: string) => findings.filter(({ file }) => file.endsWith(part));
    expect(told('content/a.json')).toMatchObject([
      { code: 'unknown-variable', line: 12, remedy: expect.stringContaining('Did you mean firstName?') },
    ]);
    expect(told('offers/b.json')).toMatchObject([
      { code: 'unknown-filter', line: 14, remedy: expect.stringContaining('Did you mean money?') },
    ]);
    expect(told('messages/c.json')).toMatchObject([
      { code: 'unknown-fragment', line: 9, remedy: expect.stringContaining('Did you mean footer?') },
    ]);
    expect(told('fragments/d.json')).toMatchObject([{ code: 'filter-argument', line: 5 }]);
  });
});

describe('types', () => {
  it('hold for what is declared, and for nothing else', async () => {
    const { code, output } = await runCommand(['types']);
    expect(code).toBe(0);
    const folder = mkdtempSync(join(tmpdir(), 'waymark-types-'));
    writeFileSync(join(folder, 'waymark.ts'), output);
    writeFileSync(
      join(folder, 'site.ts'),
      `import type { EventName, EventProperties, Placement, Segment, Stages, Traits } from './waymark.ts';
export const order: EventProperties['Order Completed'] = { revenue: 12.5, order_id: 'o-1' };
export const alias: EventProperties['purchase'] = order;
export const traits: Traits = { email: 'anna@example.com', address: { city: 'Graz' }, interests: ['garden'] };
export const stage: Stages = { lifecycle: 'usage' };
export const placement: Placement = 'hero';
export const segment: Segment = 'regulars';
export const name: EventName = 'Product Viewed';
waymark.track('Order Completed', order);
waymark.identify('anna', traits, { token: 'x' });
waymark.consent(true);
export const shown = waymark.decide(['hero']).then(({ decisions }) => decisions.hero?.[0]?.fields);
// @ts-expect-error nobody declared this event
waymark.track('Order Complete', order);
// @ts-expect-error nor this placement
waymark.decide(['heroes']);
// @ts-expect-error a number it is
export const words: EventProperties['Order Completed'] = { revenue: 'much' };
// @ts-expect-error nobody declared it
export const spelled: EventProperties['Order Completed'] = { revenu: 1 };
// @ts-expect-error no such segment
export const group: Segment = 'regular';
// @ts-expect-error no such stage
export const lost: Stages = { lifecycle: 'usag' };
`,
    );
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    const options = ['--noEmit', '--strict', '--target', 'esnext', '--module', 'nodenext', '--types', ''];
    const run = () =>
      execFileSync(tsc, [...options, '--allowImportingTsExtensions', 'site.ts'], { cwd: folder, encoding: 'utf8' });
    expect(run()).toBe('');
    rmSync(folder, { recursive: true });
  });
});
