// Many random lives, and what they come to; alone or shared among threads, each with a part of the settings. As a thread of
// its own this file lives the part it is given and posts the sum.

import { availableParallelism } from 'node:os';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { drawsOf } from '../../workers/simulate/random.ts';
import { type Drawn, drawMachines } from './journeys.ts';
import { Broken, live } from './life.ts';

export interface Part {
  readonly seed: string;
  /** Settings from `first` to below `end`. */
  readonly first: number;
  readonly end: number;
  readonly livesEach: number;
  readonly inputs: number;
  /** Every so many lives are lived a second time with runs that go through JSON. */
  readonly againEvery: number;
}

export interface Sum {
  lives: number;
  steps: number;
  transitions: number;
  effects: number;
  /** How often each construct was drawn. */
  drawn: Drawn;
}

/** @throws a `Broken` at the first invariant that does not hold */
export function liveAll({ seed, first, end, livesEach, inputs, againEvery }: Part): Sum {
  const sum: Sum = { lives: 0, steps: 0, transitions: 0, effects: 0, drawn: new Map() };
  for (let setting = first; setting < end; setting++) {
    const machines = drawMachines(drawsOf(`${seed}/${setting}`), sum.drawn);
    for (let number = 0; number < livesEach; number++) {
      const name = `${seed}/${setting}/${number}`;
      const twice = number % againEvery === 0;
      const lived = live(machines, name, { inputs, digest: twice });
      sum.lives++;
      for (const count of ['steps', 'transitions', 'effects'] as const) sum[count] += lived[count];
      if (!twice) continue;
      const again = live(machines, name, { inputs, digest: true, throughJson: true });
      if (JSON.stringify(again) !== JSON.stringify(lived)) throw new Broken(`P2 ${name} is another life through JSON`);
    }
  }
  return sum;
}

/** The same, shared among as many threads as there are processors. */
export async function liveInThreads(part: Part): Promise<Sum> {
  const threads = availableParallelism();
  const share = Math.ceil((part.end - part.first) / threads);
  const sums = await Promise.all(
    Array.from({ length: threads }, (_, index) => {
      const first = part.first + index * share;
      return inThread({ ...part, first, end: Math.min(part.end, first + share) });
    }),
  );
  return sums.reduce((sum, more) => {
    for (const count of ['lives', 'steps', 'transitions', 'effects'] as const) sum[count] += more[count];
    for (const [construct, times] of more.drawn) sum.drawn.set(construct, (sum.drawn.get(construct) ?? 0) + times);
    return sum;
  });
}

const inThread = (part: Part): Promise<Sum> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(import.meta.filename, { workerData: part });
    worker.once('message', resolve);
    worker.once('error', reject);
  });

if (parentPort && isPart(workerData)) parentPort.postMessage(liveAll(workerData));

/** The test runner may have threads of its own, with data of its own. */
function isPart(given: unknown): given is Part {
  return typeof given === 'object' && given !== null && 'livesEach' in given;
}
