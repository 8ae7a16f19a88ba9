// Random journeys, random lives, and every invariant after every input. `npm run prove` lives 100,000 of them.

import { describe, expect, it } from 'vitest';
import { drawsOf } from '../../workers/simulate/random.ts';
import { often, PROVE } from '../prove.ts';
import { CONSTRUCTS, drawMachines } from './journeys.ts';
import { Broken, type Lived, live, type Tamper } from './life.ts';
import { liveAll, liveInThreads } from './lives.ts';

const SEED = process.env['WAYMARK_SEED'] ?? 'waymark';
const INPUTS = 200;
const SETTINGS = often(60, 2_000);
const LIVES_EACH = often(3, 50);

describe('simulations', () => {
  it(`${SETTINGS * LIVES_EACH} lives of ${INPUTS} inputs break no invariant (seed ${SEED})`, async () => {
    const started = performance.now();
    const part = {
      seed: SEED,
      first: 0,
      end: SETTINGS,
      livesEach: LIVES_EACH,
      inputs: INPUTS,
      againEvery: often(3, 25),
    };
    const { drawn, ...total } = PROVE ? await liveInThreads(part) : liveAll(part);
    if (PROVE) console.info(JSON.stringify({ ...total, seconds: (performance.now() - started) / 1_000 }));
    // It was worth something.
    expect(CONSTRUCTS.filter((construct) => !drawn.has(construct))).toEqual([]);
    expect(total.lives).toBe(SETTINGS * LIVES_EACH);
    expect(total.transitions / total.lives).toBeGreaterThan(10);
    expect(total.effects / total.lives).toBeGreaterThan(5);
  });
});

/** Engines broken on purpose, and what notices. */
const PLANTED: readonly [string, RegExp, Tamper][] = [
  [
    'forgets to count an effect',
    /S5/,
    (_, { run, effects }) => ({ run: run && run.sequence === 2 ? { ...run, sequence: 1 } : run, effects }),
  ],
  [
    'lets a run that is over live on',
    /E5|K1/,
    (before, { run, effects }) => {
      if (!run || run.endedAt === undefined || before?.endedAt !== undefined) return { run, effects };
      const { endedAt: _, ...rest } = run;
      return { run: rest, effects };
    },
  ],
  [
    'sets a timer in the past',
    /A5|E2|L1/,
    (_, { run, effects }) => ({
      run: run?.wakeAt === undefined ? run : { ...run, enteredAt: run.startedAt, wakeAt: run.wakeAt - 9e9 },
      effects,
    }),
  ],
  ['gives an effect twice', /S5/, (_, { run, effects }) => ({ run, effects: [...effects, ...effects] })],
  ['loses its way', /V2|no stage/, (_, { run, effects }) => ({ run: run && { ...run, stage: 'nowhere' }, effects })],
  [
    'changes what a run is',
    /P2/,
    (before, { run, effects }) => ({ run: before && run ? { ...run, startedAt: run.startedAt - 1 } : run, effects }),
  ],
];

describe('a planted fault', () => {
  it.each(PLANTED)('that %s is found, and its seed replays identically', (_, expected, tamper) => {
    const found = firstBroken(tamper);
    expect(found?.message).toMatch(expected);
    expect(found && again(found, tamper)).toBe(found?.message);
    // The engine as it is breaks nothing there.
    expect(found && again(found, undefined)).toBe('sound');
  });
});

interface Found {
  readonly setting: string;
  readonly life: string;
  readonly message: string;
}

function firstBroken(tamper: Tamper): Found | null {
  for (let setting = 0; setting < 20; setting++) {
    const machines = drawMachines(drawsOf(`planted/${setting}`), new Map());
    for (let number = 0; number < 5; number++) {
      const life = `planted/${setting}/${number}`;
      const message = outcomeOf(() => live(machines, life, { inputs: INPUTS, tamper }));
      if (message !== 'sound') return { setting: `planted/${setting}`, life, message };
    }
  }
  return null;
}

/** From the two seeds alone, as somebody would who reads them in a report. */
const again = ({ setting, life }: Found, tamper: Tamper | undefined): string =>
  outcomeOf(() =>
    live(drawMachines(drawsOf(setting), new Map()), life, { inputs: INPUTS, ...(tamper ? { tamper } : {}) }),
  );

function outcomeOf(work: () => Lived): string {
  try {
    work();
    return 'sound';
  } catch (error) {
    if (error instanceof Broken) return error.message;
    throw error;
  }
}
