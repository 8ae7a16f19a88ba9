// Where findings stand: pointers become lines and columns of the file, and SARIF carries them.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkJourney } from '../../workers/check/check.ts';
import { sarifOf } from '../../workers/check/sarif.ts';
import { checkFolder } from '../../workers/cli/check.ts';
import { locatorOf } from '../../workers/cli/locate.ts';
import { vocabularyOf } from '../../workers/engine/compile.ts';

describe('places', () => {
  it('are those of the member, or of what lacks it', () => {
    const locate = locatorOf('{\n  // A comment.\n  "a/b": [1,\n    { "c": 2 }]\n}');
    expect(locate('/a~1b/1/c')).toEqual({ line: 4, column: 7 });
    expect(locate('/a~1b/1/missing')).toEqual({ line: 4, column: 5 });
    expect(locate('')).toEqual({ line: 1, column: 1 });
  });

  it('stand in the findings of a folder and in SARIF, broken files too', () => {
    const folder = mkdtempSync(join(tmpdir(), 'waymark-check-'));
    writeFileSync(
      join(folder, 'lost.json'),
      '{ "id": "lost", "entry": [{ "event": "page" }],\n  "initial": "one",\n  "stages": { "one": { "final": true },\n    "two": { "final": true } } }',
    );
    writeFileSync(join(folder, 'events.json'), '{ "events": {} }');
    writeFileSync(join(folder, 'broken.json'), '{\n  "id": }');
    const { findings } = checkFolder(folder);
    rmSync(folder, { recursive: true });
    expect(findings).toMatchObject([
      { file: 'broken.json', code: 'json', line: 2 },
      { file: 'lost.json', code: 'unknown-event', line: 1 },
      { file: 'lost.json', code: 'unreachable-stage', line: 4, column: 5, pointer: '/stages/two' },
    ]);
    expect(sarifOf(findings)).toMatchObject({
      version: '2.1.0',
      runs: [{ results: [{ level: 'error' }, { level: 'warning' }, { ruleId: 'unreachable-stage' }] }],
    });
  });
});

describe('declarations without traits', () => {
  it('declare none: journeys are checked, and their traits are unknown', () => {
    const around = {
      vocabulary: vocabularyOf({ events: { page: {} } }),
      journeys: null,
      messages: null,
      offers: null,
      segments: null,
      retention: null,
    };
    const journey = {
      id: 'one',
      entry: [{ event: 'page', if: 'traits.seen > 1' }],
      initial: 'only',
      stages: { only: { final: true } },
    };
    expect(checkJourney(journey, around).map(({ code }) => code)).toEqual(['unknown-trait']);
  });
});
