// Word to the customer index, gathered for a moment over all objects of this isolate: many changes of stage travel as one
// message and stand in D1 after one batch. Memory only: an object that is not sure of its word tells it again (outbound.ts).

import { GATHER_MS } from '../../schema/limits.ts';
import type { Projection } from './messages.ts';
import { inParts } from './parts.ts';

/** Milliseconds. A test sets them to nothing. */
export const pace = {
  /** How long word is gathered before it is sent. */
  gather: GATHER_MS,
  /** The pauses between attempts when the queue does not take it. */
  retries: [250, 1_000],
};

/** Projections of one message, which the queue takes up to 128 KB of and counts by 64 KB. */
const TOGETHER_MOST = { members: 100, chars: 60_000 };
/** A gathering that is not over by then died with the object that began it. */
const GRACE_MS = 1_000;

interface Word {
  readonly projection: Projection;
  readonly chars: number;
  readonly onTaken: () => void;
}

const waiting = new Map<string, Word>();
let gatheringUntil = 0;

/**
 * Sends a projection before long, and only the newest of a customer. `onTaken` is called once the queue has it; if that
 * never happens, nothing is.
 */
export function tellIndex(
  queue: Pick<Queue<readonly Projection[]>, 'send'>,
  projection: Projection,
  onTaken: () => void,
  afterwards: (work: Promise<void>) => void,
): void {
  waiting.set(projection.customerId, { projection, chars: JSON.stringify(projection).length, onTaken });
  const at = Date.now();
  if (at < gatheringUntil) return;
  gatheringUntil = at + pace.gather + GRACE_MS;
  afterwards(gather(queue));
}

async function gather(queue: Pick<Queue<readonly Projection[]>, 'send'>): Promise<void> {
  if (pace.gather > 0) await scheduler.wait(pace.gather);
  gatheringUntil = 0;
  const words = [...waiting.values()];
  waiting.clear();
  for (const part of inParts(words, charsOf, TOGETHER_MOST)) await sendPatiently(queue, part);
}

const charsOf = (word: Word) => word.chars;

async function sendPatiently(queue: Pick<Queue<readonly Projection[]>, 'send'>, words: readonly Word[]): Promise<void> {
  for (const pause of [...pace.retries, null]) {
    try {
      await queue.send(
        words.map((word) => word.projection),
        { contentType: 'json' },
      );
      for (const word of words) word.onTaken();
      return;
    } catch {
      if (pause !== null) await scheduler.wait(pause);
    }
  }
}
